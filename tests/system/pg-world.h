/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness of test-pg*: members (members.h) join process groups, send to them and monitor them. main() of
 * each program begins with member_main() if is_member() says so. @i is the number of a member.
 */
#pragma once

#include "tests/system/members.h"

/* Whether main() was called for a member. */
bool is_member(int argc, char **argv);
/* Runs a member. Returns its exit status. */
int member_main(char **argv);

/* The members of a process group as one of them sees them. */
struct seen {
	int n, n_local;
	actor_ref refs[4];
};

struct seen members_of(int i, const char *group);
/* Asks again until there are @n. */
void expect_members(int i, const char *group, int n);
/* How many notes the member got itself; *ret_total: all actors of its process. */
int64_t notes_of(int i, int64_t *ret_total);
/* Asks again until it has had that many. A note too many is seen when it is asked later. */
void expect_notes(int i, int64_t own, int64_t all);
/* How many events it has had since the last call. They are appended to @text. */
int64_t events_of(int i, char text[4096]);
/* Asks again until it has had @n events. An event too many is seen when it is asked later. */
void expect_events(int i, int64_t n, char text[4096]);

/* This fact has a node of its own. */
#define fact(name) cmocka_unit_test_setup_teardown(name, members_setup, members_teardown)
