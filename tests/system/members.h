/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node (node-world.h), members beside its broker, and a client that asks them. A member is the test program
 * again, run as `member NAME`: an actor of that name, which does what its methods say and answers with the
 * result. So the program's main() must run that actor.
 */
#pragma once

#include "tests/system/node-world.h"

#include <errno.h>

#define STILL_MS  1500 /* longer than any time-out that might be taken for an answer */
#define NAMES_MAX 8

extern actor_client *client; /* the client with direct links */
extern pid_t pids[NAMES_MAX];
extern actor_ref refs[NAMES_MAX];

/* Makes a directory, a broker and the client. Afterwards all of them are gone, and so are the members. */
int members_setup(void **state);
int members_teardown(void **state);

/* A member is called "m0", "m1" …: its number is what the facts use. */
void member_start(int i);
void member_start_as(int i, const char *role); /* runs the program as `ROLE NAME` */
/*
 * What a program does that was run so: a group of the name @name, with an actor of that name. @role "single":
 * its only link is to the broker. Returns the exit status of the program.
 */
int member_run(const struct actor_behavior *behavior, const char *role, const char *name);
void member_end(int i, int signo);

/* Calls a method that must answer. Its value is the reply. */
#define ask_reply(to, method, ...)                                                                           \
	({                                                                                                   \
		actor_msg *reply_ = NULL;                                                                    \
		assert_int_equal(actor_client_call(client, to, method, LONG_MS, &reply_, __VA_ARGS__), 0);   \
		reply_;                                                                                      \
	})

/* Calls a method of member @i that answers an int. Its value is that int. */
#define ask_int(i, method, ...)                                                                              \
	({                                                                                                   \
		actor_msg *answer_ = ask_reply(actor_to(refs[i]), method, __VA_ARGS__);                      \
		int int_ = -EPROTO;                                                                          \
		assert_int_equal(actor_msg_unpack(answer_, "i", &int_), 0);                                  \
		actor_msg_free(answer_);                                                                     \
		int_;                                                                                        \
	})
