/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/pg-world.h"

#include <string.h>
#include <unistd.h>

struct seen members_of(int i, const char *group)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "members", "s", group);
	struct seen seen;

	assert_int_equal(actor_msg_unpack(reply, "[iirrrr]", &seen.n, &seen.n_local, &seen.refs[0],
				 &seen.refs[1], &seen.refs[2], &seen.refs[3]),
		0);
	actor_msg_free(reply);
	return seen;
}

int64_t notes_of(int i, int64_t *ret_total)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "notes", "");
	int64_t own, all;

	assert_int_equal(actor_msg_unpack(reply, "[II]", &own, &all), 0);
	actor_msg_free(reply);
	if (ret_total)
		*ret_total = all;
	return own;
}

void expect_notes(int i, int64_t own, int64_t all)
{
	int64_t now_all = -1, now = -1;

	for (int tries = 0; tries < LONG_MS && (now < own || now_all < all); tries++) {
		now = notes_of(i, &now_all);
		usleep(1000);
	}
	now = notes_of(i, &now_all);
	assert_int_equal(now, own);
	assert_int_equal(now_all, all);
}

int64_t events_of(int i, char text[4096])
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "events", "");
	const char *s;
	int64_t n;

	assert_int_equal(actor_msg_unpack(reply, "[Is]", &n, &s), 0);
	strcat(text, s);
	actor_msg_free(reply);
	return n;
}

void expect_events(int i, int64_t n, char text[4096])
{
	int64_t got = 0;

	text[0] = 0;
	for (int tries = 0; tries < LONG_MS && got < n; tries++) {
		got += events_of(i, text);
		usleep(1000);
	}
	got += events_of(i, text);
	assert_int_equal(got, n);
}

void expect_members(int i, const char *group, int n)
{
	int seen = -1;

	for (int tries = 0; tries < LONG_MS && seen != n; tries++) {
		seen = members_of(i, group).n;
		usleep(1000);
	}
	assert_int_equal(seen, n);
}
