/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness of test-pg*: members (members.h) that join process groups, send to them and monitor them.
 * main() of each program begins with member_main() where is_member() says so. The number of a member is @i.
 */
#pragma once

#include "tests/system/members.h"

/* What main() was called for. */
bool is_member(int argc, char **argv);
/* The life of a member: the exit status. */
int member_main(char **argv);

/* The members of a process group, as one of them sees it. */
struct seen {
	int n, n_local;
	actor_ref refs[4];
};

struct seen members_of(int i, const char *group);
/* Asks until there are as many as that. */
void expect_members(int i, const char *group, int n);
/* How many notes it got itself, and all of its process. */
int64_t notes_of(int i, int64_t *ret_total);
/* Asks until it has as many as it should; what is too much is seen afterwards. */
void expect_notes(int i, int64_t own, int64_t all);
/* How many events it had since it was last asked; they are appended to @text. */
int64_t events_of(int i, char text[4096]);
/* Asks until it has had @n events; what is too much is seen afterwards. */
void expect_events(int i, int64_t n, char text[4096]);

/* A fact with a node of its own. */
#define fact(name) cmocka_unit_test_setup_teardown(name, members_setup, members_teardown)
