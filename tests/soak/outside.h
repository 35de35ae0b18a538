/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For programs that stand outside of what they try: a directory, a broker and other processes of their own,
 * none of which outlives them, and one way to fail. ACTOR_BROKER: the broker's program.
 */
#pragma once

#include <sys/types.h>

#include "actor/actor.h"

extern pid_t outside_broker;
extern char outside_log[96]; /* where stderr of all processes goes; empty: to ours */

/* Makes a runtime directory. @name begins all messages. */
void outside_open(const char *name);
/* Kills all that were started and removes the directory. */
void outside_close(void);
/* Says what failed, closes, and exits with 1. */
__attribute__((format(printf, 1, 2), noreturn)) void outside_fail(const char *format, ...);
/* @argv ends with NULL. */
pid_t outside_start(const char *const *argv);
/* Waits until @pid has ended, and forgets it. */
void outside_reap(pid_t pid);
void outside_broker_start(void);
/* Waits until the broker answers. */
actor_client *outside_client(enum actor_join_mode mode);
/* Waits until somebody has the name. */
void outside_find(actor_client *client, const char *name, actor_ref *ret);
