/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole spawner as its callers see it: the real keeper, the real supervisor, real programs. The client
 * speaks over spawner.ipc. A test waits for an answer or an event; a timeout only turns a hang into a
 * failure.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "actor/actor.h"
#include "libactor/protocol/mp.h"
#include "spawner/shared/marks.h"
#include "spawner/shared/proc.h"
#include "tests/fact.h"

#define PATIENCE_MS 30000

extern struct node {
	char root[64], dir[80], logs[80];
	pid_t keeper;
	int ready_fd;
	actor_client *client;
	uint64_t node_id;
	bool with_broker;
} node;

void nap(int ms);
uint64_t now_ms(void);
void node_start(void);
int setup(void **arg);
bool alive(pid_t pid);
int teardown(void **arg);
actor_msg *call_error(const char *method, int expect, const char *format, ...);
#define call(method, ...) call_error(method, 0, __VA_ARGS__)

void call_refused(const char *method, const char *error, const char *format, ...);
/* The value at a path of keys ("last_exit.code") of a map, as text. */
const char *look(struct mp_reader r, const char *path);
struct mp_reader body_of(const actor_msg *msg);
const char *reply_field(actor_msg *take_reply, const char *path);
const char *field(const char *name, const char *path);
uint32_t count(void);
/* Asks again until the field has that value. It is for what has no event. */
void await_field(const char *name, const char *path, const char *value);
void write_program(char path[128], const char *name, const char *text);
pid_t pid_of(const char *name);
const char *status(const char *path);
void await_dead(pid_t pid);
/* Waits until there is another process than @old there. Returns its pid. */
pid_t await_other(const char *path, pid_t old);
void reconnect(void);
void shell(const char *name, const char *restart, const char *script, const char *wait);
const char *log_of(const char *name);
/* How many processes carry this node's marker. A zombie carries none. */
int n_marked(uint64_t node_id);
int n_fds(pid_t pid);
int n_zombies(pid_t parent);

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
