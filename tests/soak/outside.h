/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For programs that stand outside of what they try. They get a directory, a broker and other processes of
 * their own, all of which end with them, and one way to fail. ACTOR_BROKER is the broker's program.
 */
#pragma once

#include <sys/types.h>

#include "actor/actor.h"

extern pid_t outside_broker;
extern char outside_log[96]; /* stderr of all processes goes there; "": to that of this program */

/* Makes a runtime directory. All messages begin with @name. */
void outside_open(const char *name);
/* Kills all processes that were started, and removes the directory. */
void outside_close(void);
/* Says what has failed, closes, and exits with status 1. */
__attribute__((format(printf, 1, 2), noreturn)) void outside_fail(const char *format, ...);
/* Starts the program @argv[0]. @argv ends with NULL. */
pid_t outside_start(const char *const *argv);
/* Waits until @pid has ended, and forgets it. */
void outside_reap(pid_t pid);
void outside_broker_start(void);
/* Makes a client, and waits until the broker answers. */
actor_client *outside_client(enum actor_join_mode mode);
/* Waits until an actor has the name. */
void outside_find(actor_client *client, const char *name, actor_ref *ret);
