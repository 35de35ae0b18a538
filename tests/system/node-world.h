/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory with a real broker, and processes beside it. The fact starts and ends these processes, and
 * fails if a process is left over. ACTOR_BROKER is the broker's program.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "actor/actor.h"

#define LONG_MS 20000 /* nothing takes that long, so a wait of that length fails the test */

extern char node_dir[64];
extern pid_t broker_pid;

int node_setup(void **state);
int node_teardown(void **state);
/* The same without a broker: there is only the directory. */
int node_dir_setup(void **state);
int node_dir_teardown(void **state);

/* argv[0] is the program's path. The new process is killed when this process ends. */
pid_t process_start(const char *const *argv);
/* As process_start(). Descriptor @as of the new process is our @fd. */
pid_t process_start_to(const char *const *argv, int fd, int as);
/* Sends the signal to the process (0: none) and waits until it has ended. */
void reap(pid_t pid, int signo);

/* Starts the next broker, which has the next group id, and waits until it answers. */
void broker_start(void);
void broker_kill(void);
actor_client *client_new(enum actor_join_mode mode);
/* The log of the clients that client_new() makes; NULL: stderr. */
extern void (*client_log)(const char *line, void *arg);
/* Waits until an actor has @name. */
actor_ref find(actor_client *client, const char *name);
