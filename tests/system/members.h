/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real broker, processes beside it, and a client that asks them. A member is the test program again, run as
 * `member NAME`: an actor of that name, which does what its methods say and answers with what came of it. So
 * the program's main() must run that actor. ACTOR_BROKER: the broker's program.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/types.h>

#include "actor/actor.h"

#define LONG_MS   20000 /* nothing takes that long; then the test fails */
#define STILL_MS  1500  /* longer than what was once taken for an answer */
#define NAMES_MAX 8

extern actor_client *client; /* with direct links */
extern pid_t pids[NAMES_MAX];
extern actor_ref refs[NAMES_MAX];
extern pid_t broker_pid;

/* A directory, a broker and the client; all of them are gone afterwards, and so are the members. */
int members_setup(void **state);
int members_teardown(void **state);

/* "m0", "m1" …: the number is what the facts call it. */
void member_start(int i);
void member_start_as(int i, const char *role); /* the program is run as `ROLE NAME` */
void member_end(int i, int signo);
void broker_start(void);
actor_client *client_new(enum actor_join_mode mode);
/* Signals the process and waits until it has ended. */
void reap(pid_t pid, int signo);

/* The reply of a call that is answered. */
#define ask_reply(to, method, ...)                                                                           \
	({                                                                                                   \
		actor_msg *reply_ = NULL;                                                                    \
		assert_int_equal(actor_client_call(client, to, method, LONG_MS, &reply_, __VA_ARGS__), 0);   \
		reply_;                                                                                      \
	})

/* An int as answer. */
#define ask_int(i, method, ...)                                                                              \
	({                                                                                                   \
		actor_msg *answer_ = ask_reply(actor_to(refs[i]), method, __VA_ARGS__);                      \
		int int_ = -EPROTO;                                                                          \
		assert_int_equal(actor_msg_unpack(answer_, "i", &int_), 0);                                  \
		actor_msg_free(answer_);                                                                     \
		int_;                                                                                        \
	})
