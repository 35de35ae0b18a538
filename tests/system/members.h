/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node (node-world.h), members beside its broker, and a client that asks them. A member is the test program
 * again, run as `member NAME`: an actor of that name, which does what its methods say and answers with what
 * came of it. So the program's main() must run that actor.
 */
#pragma once

#include "tests/system/node-world.h"

#include <errno.h>

#define STILL_MS  1500 /* longer than what was once taken for an answer */
#define NAMES_MAX 8

extern actor_client *client; /* with direct links */
extern pid_t pids[NAMES_MAX];
extern actor_ref refs[NAMES_MAX];

/* A directory, a broker and the client; all of them are gone afterwards, and so are the members. */
int members_setup(void **state);
int members_teardown(void **state);

/* "m0", "m1" …: the number is what the facts call it. */
void member_start(int i);
void member_start_as(int i, const char *role); /* the program is run as `ROLE NAME` */
void member_end(int i, int signo);

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
