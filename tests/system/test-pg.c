/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process groups over real processes beside a real broker. ACTOR_BROKER: the program. This program is also
 * the members: `test-pg member NAME`, which do what their methods say and answer with what came of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor/actor.h"
#include "tests/fact.h"
#include "tests/system/members.h"

/* ---- the members ---- */

struct extra {
	char scope[32], group[32];
	int64_t notes;
};

static struct extra total; /* notes: of all actors of this process */
static int64_t events_n;
static char events[4096];
static int64_t members_at_down = -1;
static char watched[32];
static uint64_t monitor;
static volatile sig_atomic_t released;
static const struct actor_behavior extra_behavior;

static void release(int signo)
{
	released = 1;
}

static int on_note(actor *self, const actor_msg *msg)
{
	struct extra *state = actor_state(self);

	state->notes++;
	total.notes++;
	return 0;
}

static int on_notes(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "[II]", ((struct extra *)actor_state(self))->notes, total.notes);
}

static int on_who(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "r", actor_self(self));
}

static int on_join(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *scope, *group;

	if (actor_msg_unpack(msg, "ss", &scope, &group) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_pg_join(self, scope, group));
}

static int on_join_with(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *metadata = NULL;
	const char *group, *text;
	int r;

	if (actor_msg_unpack(msg, "ss", &group, &text) < 0)
		return -EINVAL;
	r = actor_msg_new(&metadata);
	if (r == 0)
		r = actor_msg_pack(metadata, "s", text);
	if (r == 0)
		r = actor_pg_join_msg(self, NULL, group, &metadata);
	if ((r == 0) != !metadata)
		r = -EPROTO; /* it was not taken, or taken and refused */
	actor_msg_free(metadata);
	return actor_reply(from, "i", r);
}

/* With a str of that many bytes. */
static int on_join_fat(actor *self, const actor_msg *msg, actor_from *from)
{
	static char text[3u << 20];
	actor_msg *metadata = NULL;
	int64_t size;
	int r;

	if (actor_msg_unpack(msg, "I", &size) < 0)
		return -EINVAL;
	r = actor_msg_new(&metadata);
	if (r == 0)
		r = actor_msg_pack(metadata, "y#", text, (size_t)size);
	if (r == 0)
		r = actor_pg_join_msg(self, NULL, "fat", &metadata);
	actor_msg_free(metadata);
	return actor_reply(from, "i", r);
}

/* It is here, and says that it is not. */
static int on_deny(actor *self, const actor_msg *msg, actor_from *from)
{
	total.notes++;
	return actor_reply_error(from, "noproc", NULL);
}

static int slow_end_init(actor *self, const void *arg)
{
	return actor_pg_join(self, NULL, arg);
}

static void slow_end_terminate(actor *self, const struct actor_cause *cause)
{
	(void)actor_sleep(self, 100);
}

static const struct actor_method slow_end_methods[] = {{.name = "note", .on_cast = on_note}, {0}};
static const struct actor_behavior slow_end_behavior = {.name = "slow_end",
	.state_size = sizeof(struct extra),
	.methods = slow_end_methods,
	.init = slow_end_init,
	.terminate = slow_end_terminate,
	.mailbox_max_messages = 1};

/* A cast to all while one of this process is ending, and has a full mailbox. */
static int on_cast_while_ending(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *group;
	actor_ref ending;
	int r;

	if (actor_msg_unpack(msg, "s", &group) < 0)
		return -EINVAL;
	r = actor_spawn(self, &slow_end_behavior, group, &ending);
	if (r == 0)
		r = actor_stop(self, ending, NULL);
	if (r == 0)
		r = actor_cast(self, actor_to(ending), "note", "");
	for (int i = 0; i < 3 && r == 0; i++)
		r = actor_sleep(self, 0); /* it is in terminate */
	if (r == 0)
		r = actor_cast(self, actor_to_pg_all(NULL, group), "note", "");
	return actor_reply(from, "i", r);
}

/* Another actor of this process asks for events of a scope while this one ends the only monitor of it. */
static int on_rival_monitors(actor *self, const actor_msg *msg, actor_from *from)
{
	uint64_t mine;
	actor_ref rival;
	int r;

	r = actor_pg_monitor(self, "contested", "", &mine, NULL);
	if (r == 0)
		r = actor_spawn(self, &extra_behavior, NULL, &rival);
	if (r == 0)
		r = actor_cast(self, actor_to(rival), "monitor_contested", "");
	if (r == 0)
		r = actor_sleep(self, 0); /* it has asked, and waits */
	if (r == 0)
		(void)actor_pg_demonitor(self, mine);
	return r < 0 ? actor_reply(from, "i", r) : actor_reply(from, "r", rival);
}

static int on_monitor_contested(actor *self, const actor_msg *msg)
{
	return actor_pg_monitor(self, "contested", "", &monitor, NULL);
}

static int on_leave(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *scope, *group;

	if (actor_msg_unpack(msg, "ss", &scope, &group) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_pg_leave(self, scope, group));
}

static int on_members(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref found[4] = {{0}};
	const char *group;
	int n, local;

	if (actor_msg_unpack(msg, "s", &group) < 0)
		return -EINVAL;
	n = actor_pg_members(self, NULL, group, found, 4);
	local = actor_pg_local_members(self, NULL, group, NULL, 0);
	return actor_reply(from, "[iirrrr]", n, local, found[0], found[1], found[2], found[3]);
}

/* [groups of the scope, scopes]: as the broker answers */
static int on_groups(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *groups = NULL, *scopes = NULL;
	const void *group_body, *scope_body;
	size_t n_groups, n_scopes;
	const char *scope;
	int r;

	if (actor_msg_unpack(msg, "s", &scope) < 0)
		return -EINVAL;
	r = actor_pg_groups(self, scope, &groups);
	if (r == 0)
		r = actor_pg_scopes(self, &scopes);
	if (r < 0) {
		r = actor_reply(from, "i", r);
	} else {
		group_body = actor_msg_body(groups, &n_groups);
		scope_body = actor_msg_body(scopes, &n_scopes);
		r = actor_reply(from, "[mm]", group_body, n_groups, scope_body, n_scopes);
	}
	actor_msg_free(groups);
	actor_msg_free(scopes);
	return r;
}

/* One more actor of this process, member of nothing. */
static int on_lone(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref ref;
	int r = actor_spawn(self, &extra_behavior, NULL, &ref);

	return r < 0 ? actor_reply(from, "i", r) : actor_reply(from, "r", ref);
}

static int on_join_quietly(actor *self, const actor_msg *msg)
{
	const char *group;

	if (actor_msg_unpack(msg, "s", &group) < 0)
		return -EINVAL;
	(void)actor_pg_join(self, NULL, group);
	return 0;
}

static int on_kill(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_kill(self, who));
}

/* n more actors of this process, members of that group; the last of them. */
static int on_extra(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *group;
	actor_ref ref;
	int n, r = 0;

	if (actor_msg_unpack(msg, "si", &group, &n) < 0)
		return -EINVAL;
	for (int i = 0; i < n && r == 0; i++)
		r = actor_spawn(self, &extra_behavior, group, &ref);
	return r < 0 ? actor_reply(from, "i", r) : actor_reply(from, "r", ref);
}

static int on_cast_all(actor *self, const actor_msg *msg, actor_from *from)
{
	static char kilobytes[4096];
	const char *group;
	int n, size, r = 0;

	if (actor_msg_unpack(msg, "sii", &group, &n, &size) < 0)
		return -EINVAL;
	for (int i = 0; i < n && r == 0; i++)
		r = actor_cast(self, actor_to_pg_all(NULL, group), "note", "y#", kilobytes, (size_t)size);
	return actor_reply(from, "i", r);
}

/* What n casts to one of them come to. */
static int on_cast_one(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *group, *how;
	int n, r = 0;

	if (actor_msg_unpack(msg, "ssi", &group, &how, &n) < 0)
		return -EINVAL;
	for (int i = 0; i < n && r == 0; i++)
		r = actor_cast(self,
			!strcmp(how, "random") ? actor_to_pg_random(NULL, group)
			: !strcmp(how, "key")  ? actor_to_pg_key(NULL, group, "a key")
					       : actor_to_pg(NULL, group),
			"note", "");
	return actor_reply(from, "i", r);
}

/* Calls `who` of one of them n times: how many calls were answered. */
static int on_call_one(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *group;
	int n, n_answered = 0, r = 0;

	if (actor_msg_unpack(msg, "si", &group, &n) < 0)
		return -EINVAL;
	for (int i = 0; i < n; i++) {
		int one = actor_call(self, actor_to_pg(NULL, group), "who", LONG_MS, NULL, "");

		n_answered += one == 0;
		r = one < 0 ? one : r;
	}
	return actor_reply(from, "[ii]", n_answered, r);
}

/* Answers when this process was sent SIGUSR1. */
static int on_hold(actor *self, const actor_msg *msg, actor_from *from)
{
	((struct extra *)actor_state(self))->notes++;
	while (!released)
		actor_sleep(self, 1);
	return actor_reply(from, "r", actor_self(self));
}

static int on_hold_one(actor *self, const actor_msg *msg)
{
	const char *group;

	if (actor_msg_unpack(msg, "s", &group) < 0)
		return -EINVAL;
	return actor_call(self, actor_to_pg_least(NULL, group), "hold", LONG_MS, NULL, "");
}

/* One actor of this process keeps one member busy; whom three calls by least load go to meanwhile. */
static int on_least(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref asker, found[3] = {{0}};
	const char *group;
	int r;

	if (actor_msg_unpack(msg, "s", &group) < 0)
		return -EINVAL;
	r = actor_pg_members(self, NULL, group, found, 3);
	if (r >= 0)
		r = actor_spawn(self, &extra_behavior, NULL, &asker);
	if (r == 0)
		r = actor_cast(self, actor_to(asker), "hold_one", "s", group);
	if (r == 0)
		r = actor_sleep(self, 0); /* its turn: from its call on it is open */
	for (int i = 0; i < 3 && r == 0; i++) {
		actor_msg *reply = NULL;

		r = actor_call(self, actor_to_pg_least(NULL, group), "who", LONG_MS, &reply, "");
		if (r == 0)
			r = actor_msg_unpack(reply, "r", &found[i]);
		actor_msg_free(reply);
	}
	return actor_reply(from, "[irrr]", r, found[0], found[1], found[2]);
}

static int on_multicall(actor *self, const actor_msg *msg, actor_from *from)
{
	struct actor_answer answers[6];
	actor_ref live, dead, stuck;
	actor_dest to[6];
	int n, n_nobody = 0;

	if (actor_msg_unpack(msg, "rrr", &live, &dead, &stuck) < 0)
		return -EINVAL;
	to[0] = actor_to(live);
	to[1] = actor_to(dead);
	to[2] = actor_named("nobody-has-this");
	to[3] = actor_to(stuck);
	to[4] = actor_to(actor_self(self));
	to[5] = actor_to(live);
	n = actor_multicall(self, to, 6, "who", 300, answers, "");
	for (int i = 0; n >= 0 && i < 6; i++)
		n_nobody += actor_ref_is_nobody(answers[i].who);
	if (n < 0)
		return actor_reply(from, "i", n);
	actor_answers_clear(answers, 6);
	return actor_reply(from, "[iiiiiiii]", n, answers[0].r, answers[1].r, answers[2].r, answers[3].r,
		answers[4].r, answers[5].r, n_nobody);
}

/* How many members there were, and replied. */
static int on_multicall_all(actor *self, const actor_msg *msg, actor_from *from)
{
	struct actor_answer *answers;
	const char *group;
	size_t n;
	int r;

	if (actor_msg_unpack(msg, "s", &group) < 0)
		return -EINVAL;
	r = actor_pg_multicall(self, NULL, group, "who", LONG_MS, &answers, &n, "");
	actor_answers_free(answers, n);
	return actor_reply(from, "[iI]", r, (int64_t)n);
}

static int on_monitor_pg(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *snapshot = NULL;
	const char *scope, *group;
	const void *body;
	size_t n;
	int r;

	if (actor_msg_unpack(msg, "ss", &scope, &group) < 0)
		return -EINVAL;
	r = actor_pg_monitor(self, scope, group, &monitor, &snapshot);
	if (r < 0)
		return actor_reply(from, "i", r);
	body = actor_msg_body(snapshot, &n);
	r = actor_reply(from, "m", body, n);
	actor_msg_free(snapshot);
	return r;
}

static int on_demonitor_pg(actor *self, const actor_msg *msg, actor_from *from)
{
	bool was = actor_pg_demonitor(self, monitor);

	return actor_reply(from, "[bb]", was, actor_pg_demonitor(self, monitor));
}

static int on_pg(actor *self, uint64_t id, const struct actor_pg_event *event)
{
	size_t used = strlen(events);

	if (id != monitor)
		return -EPROTO;
	events_n++;
	snprintf(events + used, sizeof(events) - used, "%c%s/%s %llx ", event->joined ? '+' : '-',
		event->scope, event->group, (unsigned long long)event->who.group);
	return 0;
}

static int on_events(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_reply(from, "[Is]", events_n, events);

	events[0] = 0;
	events_n = 0;
	return r;
}

static int on_watch(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *group;
	actor_ref who;
	int r;

	if (actor_msg_unpack(msg, "rs", &who, &group) < 0)
		return -EINVAL;
	snprintf(watched, sizeof(watched), "%s", group);
	r = actor_monitor(self, who, NULL);
	if (r == 0)
		r = actor_call(self, actor_to(who), "who", LONG_MS, NULL, ""); /* now it is watched */
	return actor_reply(from, "i", r);
}

static int on_down(actor *self, uint64_t id, actor_ref who, const struct actor_cause *cause)
{
	size_t used = strlen(events);

	members_at_down = actor_pg_members(self, NULL, watched, NULL, 0);
	snprintf(events + used, sizeof(events) - used, "DOWN ");
	return 0;
}

static int on_at_down(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", members_at_down);
}

static int on_leave_us(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), "normal");
}

/* Computes: nothing of this process is served until SIGUSR1. */
/* It alone: its process goes on. */
static int on_wait_for_usr1(actor *self, const actor_msg *msg)
{
	while (!released)
		actor_sleep(self, 1);
	return 0;
}

static int on_compute(actor *self, const actor_msg *msg)
{
	sigset_t usr1, old;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &old);
	while (!released)
		sigsuspend(&old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return 0;
}

static int on_whereis_wait(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;
	int64_t timeout_ms;
	actor_ref ref;

	if (actor_msg_unpack(msg, "sI", &name, &timeout_ms) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_whereis_wait(self, name, timeout_ms, &ref));
}

static const struct actor_method member_methods[] = {
	{.name = "note", .on_cast = on_note},
	{.name = "notes", .on_call = on_notes},
	{.name = "who", .on_call = on_who},
	{.name = "join", .on_call = on_join},
	{.name = "join_with", .on_call = on_join_with},
	{.name = "join_fat", .on_call = on_join_fat},
	{.name = "deny", .on_call = on_deny},
	{.name = "cast_while_ending", .on_call = on_cast_while_ending},
	{.name = "rival_monitors", .on_call = on_rival_monitors},
	{.name = "monitor_contested", .on_cast = on_monitor_contested},
	{.name = "leave", .on_call = on_leave},
	{.name = "members", .on_call = on_members},
	{.name = "extra", .on_call = on_extra},
	{.name = "lone", .on_call = on_lone},
	{.name = "join_quietly", .on_cast = on_join_quietly},
	{.name = "kill", .on_call = on_kill},
	{.name = "groups", .on_call = on_groups},
	{.name = "cast_all", .on_call = on_cast_all},
	{.name = "cast_one", .on_call = on_cast_one},
	{.name = "call_one", .on_call = on_call_one},
	{.name = "hold", .on_call = on_hold},
	{.name = "hold_one", .on_cast = on_hold_one},
	{.name = "least", .on_call = on_least},
	{.name = "multicall", .on_call = on_multicall},
	{.name = "multicall_all", .on_call = on_multicall_all},
	{.name = "monitor", .on_call = on_monitor_pg},
	{.name = "demonitor", .on_call = on_demonitor_pg},
	{.name = "events", .on_call = on_events},
	{.name = "watch", .on_call = on_watch},
	{.name = "at_down", .on_call = on_at_down},
	{.name = "leave_us", .on_cast = on_leave_us},
	{.name = "compute", .on_cast = on_compute},
	{.name = "wait_for_usr1", .on_cast = on_wait_for_usr1},
	{.name = "whereis_wait", .on_call = on_whereis_wait},
	{0},
};

static int extra_init(actor *self, const void *arg)
{
	return arg ? actor_pg_join(self, NULL, arg) : 0;
}

static const struct actor_behavior member_behavior = {.name = "member",
	.methods = member_methods,
	.state_size = sizeof(struct extra),
	.on_down = on_down,
	.on_pg = on_pg};
static const struct actor_behavior extra_behavior = {.name = "extra",
	.methods = member_methods,
	.state_size = sizeof(struct extra),
	.init = extra_init,
	.on_pg = on_pg};

/* ---- asking them ---- */

struct seen {
	int n, n_local;
	actor_ref refs[4];
};

static struct seen members_of(int i, const char *group)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "members", "s", group);
	struct seen seen;

	assert_int_equal(actor_msg_unpack(reply, "[iirrrr]", &seen.n, &seen.n_local, &seen.refs[0],
				 &seen.refs[1], &seen.refs[2], &seen.refs[3]),
		0);
	actor_msg_free(reply);
	return seen;
}

/* How many notes it got itself, and all of its process. */
static int64_t notes_of(int i, int64_t *ret_total)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "notes", "");
	int64_t own, all;

	assert_int_equal(actor_msg_unpack(reply, "[II]", &own, &all), 0);
	actor_msg_free(reply);
	if (ret_total)
		*ret_total = all;
	return own;
}

/* Asks until it has as many as it should; what is too much is seen afterwards. */
static void expect_notes(int i, int64_t own, int64_t all)
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

static int64_t events_of(int i, char text[4096])
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "events", "");
	const char *s;
	int64_t n;

	assert_int_equal(actor_msg_unpack(reply, "[Is]", &n, &s), 0);
	strcat(text, s);
	actor_msg_free(reply);
	return n;
}

static void expect_events(int i, int64_t n, char text[4096])
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

static void expect_members(int i, const char *group, int n)
{
	int seen = -1;

	for (int tries = 0; tries < LONG_MS && seen != n; tries++) {
		seen = members_of(i, group).n;
		usleep(1000);
	}
	assert_int_equal(seen, n);
}

/* ---- tests ---- */

static void test_members_are_in_the_order_of_joining(void **state)
{
	struct seen seen;

	member_start(0);
	member_start(1);
	assert_int_equal(members_of(0, "pool").n, 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "join", "ss", "other scope", "pool"), 0);
	seen = members_of(0, "pool");
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.n_local, 1);
	assert_true(actor_ref_equal(seen.refs[0], refs[1]));
	assert_true(actor_ref_equal(seen.refs[1], refs[0]));
	assert_true(actor_ref_equal(seen.refs[2], refs[1]));
	seen = members_of(1, "pool");
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.n_local, 2);
	assert_true(actor_ref_equal(seen.refs[1], refs[0]));
}

static void test_who_joined_twice_leaves_twice(void **state)
{
	member_start(0);
	member_start(1);
	assert_int_equal(members_of(0, "pool").n, 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "pool"), 0);
	expect_members(0, "pool", 1);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "pool"), 0);
	expect_members(0, "pool", 0);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "pool"), -ESRCH);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "never heard of"), -ESRCH);
	assert_int_equal(ask_int(1, "join", "ss", "", "pool"), -EINVAL);
	assert_int_equal(ask_int(1, "join", "ss", "pg", ""), -EINVAL);
}

static void test_bad_input_is_refused_and_nobody_is_hurt(void **state)
{
	char name[257];

	member_start(0);
	member_start(1);
	memset(name, 'n', 256);
	name[256] = 0;
	assert_int_equal(ask_int(0, "join", "ss", "pg", name), -EINVAL);
	assert_int_equal(ask_int(0, "join", "ss", name, "pool"), -EINVAL);
	assert_int_equal(ask_int(0, "leave", "ss", "pg", name), -EINVAL);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "a\x01 b"), -EINVAL);
	assert_int_equal(ask_int(0, "join_fat", "I", (int64_t)5000), -EMSGSIZE);
	assert_int_equal(ask_int(0, "join_fat", "I", (int64_t)2 << 20), -EMSGSIZE);
	assert_int_equal(members_of(1, "fat").n, 0);
	assert_int_equal(members_of(0, "fat").n_local, 0);
	assert_int_equal(ask_int(0, "join_fat", "I", (int64_t)4000), 0);
	expect_members(1, "fat", 1);
	/* the last one dies now */
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	actor_msg_free(ask_reply(actor_to_pg(NULL, "pool"), "who", ""));
	member_end(1, SIGKILL);
	for (int r = 0; r != -ESRCH;) {
		r = actor_client_call(client, actor_to_pg(NULL, "pool"), "who", LONG_MS, NULL, "");
		assert_true(r == -ECONNRESET || r == -ESRCH);
	}
}

static void test_looking_again_asks_nobody(void **state)
{
	member_start(0);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(members_of(0, "pool").n, 1);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(members_of(0, "pool").n, 1);
	kill(broker_pid, SIGCONT);
}

static void test_an_ended_member_is_gone_before_its_down(void **state)
{
	actor_msg *reply;
	actor_ref extra;

	for (int i = 0; i < 3; i++)
		member_start(i);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[1]), "extra", "si", "pool", 1);
	assert_int_equal(actor_msg_unpack(reply, "r", &extra), 0);
	actor_msg_free(reply);
	assert_int_equal(members_of(0, "pool").n, 2);
	assert_int_equal(members_of(2, "pool").n, 2);
	assert_int_equal(ask_int(0, "watch", "rs", extra, "pool"), 0);
	assert_int_equal(actor_client_cast(client, actor_to(extra), "leave_us", ""), 0);
	for (int64_t n = -1; n < 0;) {
		reply = ask_reply(actor_to(refs[0]), "at_down", "");
		assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
		actor_msg_free(reply);
		if (n >= 0)
			assert_int_equal(n, 1);
	}
	expect_members(2, "pool", 1); /* who monitors nobody is told by the broker */
}

static int64_t at_down_of(int i)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "at_down", "");
	int64_t n = -1;

	assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
	actor_msg_free(reply);
	return n;
}

static void test_who_ends_is_a_member_of_nothing_though_the_broker_stood_still(void **state)
{
	actor_msg *reply;
	actor_ref extra;
	int64_t n;

	member_start(0);
	member_start(1);
	reply = ask_reply(actor_to(refs[1]), "extra", "si", "pool", 1);
	assert_int_equal(actor_msg_unpack(reply, "r", &extra), 0);
	actor_msg_free(reply);
	assert_int_equal(members_of(0, "pool").n, 1);
	assert_int_equal(ask_int(0, "watch", "rs", extra, "pool"), 0);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(actor_client_cast(client, actor_to(extra), "leave_us", ""), 0);
	assert_int_equal(actor_client_receive(client, STILL_MS, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	assert_int_equal(at_down_of(0), -1);
	kill(broker_pid, SIGCONT);
	while ((n = at_down_of(0)) < 0)
		usleep(1000);
	assert_int_equal(n, 0);
}

static void test_members_of_a_killed_process_are_gone_before_its_down(void **state)
{
	actor_msg *reply;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(members_of(0, "pool").n, 4);
	assert_int_equal(ask_int(0, "watch", "rs", refs[1], "pool"), 0);
	member_end(1, SIGKILL);
	for (int64_t n = -1; n < 0;) {
		reply = ask_reply(actor_to(refs[0]), "at_down", "");
		assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
		actor_msg_free(reply);
		if (n >= 0)
			assert_int_equal(n, 1);
	}
}

/*
 * m0 has an actor that m1 watches. It joins "late" while the broker stands, waits for the answer, and is
 * killed.
 */
static void kill_one_that_joins(void)
{
	actor_msg *reply;
	actor_ref lone;
	int status;

	member_start(0);
	member_start(1);
	reply = ask_reply(actor_to(refs[0]), "lone", "");
	assert_int_equal(actor_msg_unpack(reply, "r", &lone), 0);
	actor_msg_free(reply);
	actor_msg_free(ask_reply(actor_to(refs[1]), "monitor", "ss", "pg", "late"));
	assert_int_equal(ask_int(1, "watch", "rs", lone, "late"), 0);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(waitpid(broker_pid, &status, WUNTRACED), broker_pid);
	assert_int_equal(actor_client_cast(client, actor_to(lone), "join_quietly", "s", "late"), 0);
	actor_msg_free(ask_reply(actor_to(refs[0]), "who", "")); /* it has asked, and waits */
	assert_int_equal(ask_int(0, "kill", "r", lone), 0);
	actor_msg_free(ask_reply(actor_to(refs[0]), "who", "")); /* its turn has come */
}

/* What m1 hears, until it has heard DOWN. */
static void await_down(char text[4096])
{
	for (int tries = 0; tries < LONG_MS && !strstr(text, "DOWN"); tries++) {
		events_of(1, text);
		usleep(1000);
	}
	assert_non_null(strstr(text, "DOWN"));
}

/* And what it hears until the broker has handled whatever the two had said. */
static void hear_the_rest(char text[4096])
{
	actor_msg_free(ask_reply(actor_to(refs[0]), "groups", "s", "pg"));
	actor_msg_free(ask_reply(actor_to(refs[1]), "groups", "s", "pg"));
	events_of(1, text);
}

static void test_who_is_killed_while_it_joins_is_no_member_after_its_down(void **state)
{
	char text[4096] = "";

	kill_one_that_joins();
	events_of(1, text);
	assert_string_equal(text, ""); /* the broker may yet tell of the join, so the end is not told */
	kill(broker_pid, SIGCONT);
	await_down(text);
	hear_the_rest(text);
	assert_string_equal(strstr(text, "DOWN"), "DOWN ");
	assert_int_equal(members_of(1, "late").n, 0);
}

static void test_who_is_killed_while_it_joins_does_not_wait_for_a_dead_broker(void **state)
{
	char text[4096] = "";

	kill_one_that_joins();
	reap(broker_pid, SIGKILL);
	await_down(text);
	broker_start();
	hear_the_rest(text);
	assert_string_equal(text, "DOWN ");
	assert_int_equal(members_of(1, "late").n, 0);
}

static void test_a_cast_to_all_comes_to_each_once(void **state)
{
	for (int i = 0; i < 3; i++)
		member_start(i);
	actor_msg_free(ask_reply(actor_to(refs[1]), "extra", "si", "pool", 3));
	actor_msg_free(ask_reply(actor_to(refs[2]), "extra", "si", "pool", 2));
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(0, "cast_all", "sii", "pool", 10, 8), 0);
	expect_notes(0, 10, 10);
	expect_notes(1, 0, 30);
	expect_notes(2, 10, 30);
	/* and from a client, over one link and over its own */
	assert_int_equal(
		actor_client_cast(client, actor_to_pg_all(NULL, "pool"), "note", "y#", "", (size_t)0), 0);
	expect_notes(1, 0, 33);
	expect_notes(2, 11, 33);
	assert_int_equal(ask_int(0, "cast_all", "sii", "nobody", 10, 8), 0);
	assert_int_equal(
		actor_client_call(client, actor_to_pg_all(NULL, "pool"), "who", LONG_MS, NULL, ""), -EINVAL);
}

static void test_a_cast_to_all_waits_for_a_busy_member_and_loses_nothing(void **state)
{
	member_start(0);
	member_start(1);
	member_start(2);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(actor_client_cast(client, actor_to(refs[1]), "compute", ""), 0);
	assert_int_equal(actor_client_flush(client, LONG_MS), 0);
	/* more than it and the socket take: who casts is held up, and nobody gets it */
	assert_int_equal(ask_int(0, "cast_all", "sii", "pool", 100000, 1000), -EBUSY);
	kill(pids[1], SIGUSR1);
	for (int tries = 0; tries < LONG_MS; tries++) {
		int64_t one, other;

		one = notes_of(1, NULL);
		other = notes_of(2, NULL);
		if (one == other && one > 0)
			break;
		usleep(1000);
	}
	assert_int_equal(notes_of(1, NULL), notes_of(2, NULL));
}

/*
 * From a client with one link, by the broker: one member is busy, and takes nothing while its process reads
 * (how 0), or its whole process stands still (how 1).
 */
static void test_a_cast_to_all_by_the_broker_waits_for_a_busy_member_and_loses_nothing(void **state)
{
	char kilobyte[1000] = "";

	for (int i = 0; i < 3; i++)
		member_start(i);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask_int(i, "join", "ss", "pg", "pool"), 0);
	actor_client_free(client);
	client = client_new(ACTOR_JOIN_BROKER);
	for (int how = 0; how < 2; how++) {
		int64_t n_before = notes_of(2, NULL), n = 0;
		int n_refused = 0;

		if (how)
			kill(pids[0], SIGSTOP);
		else
			assert_int_equal(
				actor_client_cast(client, actor_to(refs[0]), "wait_for_usr1", ""), 0);
		while (n < 40000) {
			int r = actor_client_cast(client, actor_to_pg_all(NULL, "pool"), "note", "y#",
				(const void *)kilobyte, sizeof(kilobyte));

			if (r == 0) {
				n++;
				continue;
			}
			assert_int_equal(r, -EBUSY);
			assert_true(n_refused++ < 3);
			kill(pids[0], how ? SIGCONT : SIGUSR1);
		}
		assert_true(n_refused > 0);
		for (int i = 0; i < 3; i++)
			expect_notes(i, n_before + n, n_before + n);
	}
}

static void test_messages_to_one_of_them_go_round(void **state)
{
	struct seen seen;
	int64_t first;

	for (int i = 0; i < 3; i++)
		member_start(i);
	assert_int_equal(ask_int(0, "cast_one", "ssi", "pool", "any", 1), -ESRCH);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(0, "cast_one", "ssi", "pool", "any", 10), 0);
	expect_notes(1, 5, 5);
	expect_notes(2, 5, 5);
	assert_int_equal(ask_int(0, "cast_one", "ssi", "pool", "random", 100), 0);
	for (int tries = 0; tries < LONG_MS && notes_of(1, NULL) + notes_of(2, NULL) < 110; tries++)
		usleep(1000);
	assert_in_range(notes_of(1, NULL), 6, 104); /* one in 2^99 is wrong */
	/* a key goes to the same one, whoever sends */
	first = notes_of(1, NULL);
	assert_int_equal(ask_int(0, "cast_one", "ssi", "pool", "key", 10), 0);
	assert_int_equal(ask_int(2, "cast_one", "ssi", "pool", "key", 10), 0);
	for (int tries = 0; tries < LONG_MS && notes_of(1, NULL) + notes_of(2, NULL) < 130; tries++)
		usleep(1000);
	assert_true(notes_of(1, NULL) == first || notes_of(1, NULL) == first + 20);
	seen = members_of(0, "pool");
	assert_int_equal(seen.n, 2);
}

static void test_the_least_busy_one_is_asked(void **state)
{
	actor_ref got[3];
	actor_msg *reply;
	int r;

	for (int i = 0; i < 3; i++)
		member_start(i);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "least", "s", "pool");
	assert_int_equal(actor_msg_unpack(reply, "[irrr]", &r, &got[0], &got[1], &got[2]), 0);
	actor_msg_free(reply);
	assert_int_equal(r, 0);
	assert_true(actor_ref_equal(got[0], got[1]) && actor_ref_equal(got[1], got[2]));
	kill(pids[1], SIGUSR1);
	kill(pids[2], SIGUSR1);
}

static void test_a_call_to_a_member_that_has_ended_is_made_to_another(void **state)
{
	int n_answered, r;
	actor_msg *reply;
	actor_ref extra;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[1]), "extra", "si", "pool", 1);
	assert_int_equal(actor_msg_unpack(reply, "r", &extra), 0);
	actor_msg_free(reply);
	actor_msg_free(ask_reply(actor_to(refs[0]), "call_one", "si", "pool", 2)); /* they know each other */
	kill(broker_pid, SIGSTOP); /* nobody is told of what happens now */
	assert_int_equal(actor_client_cast(client, actor_to(extra), "leave_us", ""), 0);
	while (actor_client_call(client, actor_to(extra), "who", LONG_MS, NULL, "") == 0)
		;
	reply = ask_reply(actor_to(refs[0]), "call_one", "si", "pool", 10);
	assert_int_equal(actor_msg_unpack(reply, "[ii]", &n_answered, &r), 0);
	actor_msg_free(reply);
	kill(broker_pid, SIGCONT);
	assert_int_equal(n_answered, 10);
	assert_int_equal(r, 0);
}

static void test_a_member_that_denies_itself_is_asked_once(void **state)
{
	int64_t one, other;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(
		actor_client_call(client, actor_to_pg(NULL, "pool"), "deny", LONG_MS, NULL, ""), -ESRCH);
	(void)notes_of(0, &one);
	(void)notes_of(1, &other);
	assert_int_equal(one + other, 1);
	assert_int_equal(members_of(0, "pool").n, 2);
}

static void test_a_cast_to_all_passes_by_who_is_ending(void **state)
{
	member_start(0);
	assert_int_equal(ask_int(0, "cast_while_ending", "s", "pool"), 0);
}

static void test_a_monitor_lasts_although_the_one_before_ends_while_it_is_made(void **state)
{
	int64_t n = 0;
	char text[4096];

	member_start(0);
	member_start(1);
	actor_msg_free(ask_reply(actor_to(refs[0]), "rival_monitors", ""));
	for (int i = 0; i < LONG_MS && n < 2; i++) {
		assert_int_equal(ask_int(1, "join", "ss", "contested", "pool"), 0);
		assert_int_equal(ask_int(1, "leave", "ss", "contested", "pool"), 0);
		text[0] = 0;
		n += events_of(0, text);
		assert_true(i < 1000);
	}
}

static void test_each_of_many_asked_is_a_reply_or_a_failure(void **state)
{
	int n, r[6], n_nobody;
	actor_ref dead;
	actor_msg *reply;
	int64_t n_members;

	for (int i = 0; i < 4; i++)
		member_start(i);
	dead = refs[3];
	member_end(3, SIGKILL);
	assert_int_equal(actor_client_cast(client, actor_to(refs[2]), "compute", ""), 0);
	assert_int_equal(actor_client_flush(client, LONG_MS), 0);
	reply = ask_reply(actor_to(refs[0]), "multicall", "rrr", refs[1], dead, refs[2]);
	assert_int_equal(actor_msg_unpack(reply, "[iiiiiiii]", &n, &r[0], &r[1], &r[2], &r[3], &r[4], &r[5],
				 &n_nobody),
		0);
	actor_msg_free(reply);
	assert_int_equal(n, 2);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[1], -ESRCH);
	assert_int_equal(r[2], -ESRCH);
	assert_int_equal(r[3], -ETIMEDOUT);
	assert_int_equal(r[4], -EDEADLK);
	assert_int_equal(r[5], 0);
	assert_int_equal(n_nobody, 1);
	kill(pids[2], SIGUSR1);
	/* all members, each once */
	actor_msg_free(ask_reply(actor_to(refs[1]), "extra", "si", "pool", 5));
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "multicall_all", "s", "pool");
	assert_int_equal(actor_msg_unpack(reply, "[iI]", &n, &n_members), 0);
	actor_msg_free(reply);
	assert_int_equal(n, 6);
	assert_int_equal(n_members, 6);
	reply = ask_reply(actor_to(refs[0]), "multicall_all", "s", "nobody");
	assert_int_equal(actor_msg_unpack(reply, "[iI]", &n, &n_members), 0);
	actor_msg_free(reply);
	assert_int_equal(n, 0);
	assert_int_equal(n_members, 0);
}

static void test_who_monitors_is_told_of_each_change_once(void **state)
{
	char text[4096], expected[256];
	actor_msg *reply;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "monitor", "ss", "pg", "pool");
	{
		const char *scope, *group, *metadata = NULL;
		uint64_t id;
		actor_ref who;

		assert_int_equal(
			actor_msg_unpack(reply, "[[ss[[rUo]]]]", &scope, &group, &who, &id, &metadata), 0);
		assert_string_equal(scope, "pg");
		assert_string_equal(group, "pool");
		assert_true(actor_ref_equal(who, refs[1]));
	}
	actor_msg_free(reply);
	assert_int_equal(ask_int(1, "join_with", "ss", "pool", "metadata"), 0);
	assert_int_equal(members_of(0, "another").n, 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "another"), 0); /* nobody monitors that */
	expect_members(0, "another", 1);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "pool"), 0);
	expect_events(0, 2, text);
	snprintf(expected, sizeof(expected), "+pg/pool %llx -pg/pool %llx ",
		(unsigned long long)refs[1].group, (unsigned long long)refs[1].group);
	assert_string_equal(text, expected);
	member_end(1, SIGKILL);
	expect_events(0, 1, text);
	assert_int_equal(text[0], '-');
	actor_msg_free(ask_reply(actor_to(refs[0]), "demonitor", ""));
	member_start(2);
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	expect_events(0, 0, text);
}

static void test_the_newest_membership_is_left_first(void **state)
{
	const char *scope, *group, *metadata;
	actor_msg *reply;
	actor_ref who;
	uint64_t id;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(1, "join_with", "ss", "pool", "first"), 0);
	assert_int_equal(ask_int(1, "join_with", "ss", "pool", "second"), 0);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "monitor", "ss", "pg", "pool");
	assert_int_equal(actor_msg_unpack(reply, "[[ss[[rUs]]]]", &scope, &group, &who, &id, &metadata), 0);
	assert_string_equal(metadata, "first");
	actor_msg_free(reply);
}

static void test_a_scope_and_everything_can_be_monitored(void **state)
{
	char text[4096];

	for (int i = 0; i < 3; i++)
		member_start(i);
	actor_msg_free(ask_reply(actor_to(refs[0]), "monitor", "ss", "here", ""));
	actor_msg_free(ask_reply(actor_to(refs[1]), "monitor", "ss", "", ""));
	assert_int_equal(ask_int(2, "join", "ss", "here", "one"), 0);
	assert_int_equal(ask_int(2, "join", "ss", "there", "two"), 0);
	assert_int_equal(ask_int(2, "leave", "ss", "here", "one"), 0);
	expect_events(0, 2, text);
	expect_events(1, 3, text);
	assert_non_null(strstr(text, "+there/two"));
	actor_msg_free(ask_reply(actor_to(refs[1]), "demonitor", ""));
	assert_int_equal(ask_int(2, "leave", "ss", "there", "two"), 0);
	expect_events(1, 0, text);
}

static void test_memberships_outlive_the_broker_and_only_changes_are_told(void **state)
{
	char text[4096];

	for (int i = 0; i < 4; i++)
		member_start(i);
	for (int i = 1; i < 4; i++)
		assert_int_equal(ask_int(i, "join", "ss", "pg", "pool"), 0);
	actor_msg_free(ask_reply(actor_to(refs[0]), "monitor", "ss", "pg", "pool"));
	reap(broker_pid, SIGKILL);
	member_end(2, SIGKILL); /* while nobody is there to tell it */
	assert_in_range(members_of(0, "pool").n, 2, 3);
	broker_start();
	expect_members(0, "pool", 2);
	member_start(5);
	assert_int_equal(members_of(5, "pool").n, 2);
	assert_int_equal(ask_int(5, "join", "ss", "pg", "pool"), 0);
	expect_events(0, 2, text);
	assert_int_equal(text[0], '-');
	assert_non_null(strchr(text, '+'));
}

static void test_groups_and_scopes_are_listed_while_they_have_members(void **state)
{
	uint64_t n_members, n_groups;
	const char *group, *scope;
	actor_msg *reply;

	member_start(0);
	reply = ask_reply(actor_to(refs[0]), "groups", "s", "here");
	assert_int_equal(actor_msg_unpack(reply, "[[][]]"), 0);
	actor_msg_free(reply);
	assert_int_equal(ask_int(0, "join", "ss", "here", "pool"), 0);
	assert_int_equal(ask_int(0, "join", "ss", "here", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "groups", "s", "here");
	assert_int_equal(actor_msg_unpack(reply, "[[[sU]][[sU]]]", &group, &n_members, &scope, &n_groups), 0);
	assert_string_equal(group, "pool");
	assert_int_equal(n_members, 2);
	assert_string_equal(scope, "here");
	assert_int_equal(n_groups, 1);
	actor_msg_free(reply);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ask_int(0, "leave", "ss", "here", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "groups", "s", "here");
	assert_int_equal(actor_msg_unpack(reply, "[[][]]"), 0);
	actor_msg_free(reply);
}

static void test_a_call_waits_for_a_name(void **state)
{
	actor_ref old;

	member_start(0);
	assert_int_equal(ask_int(0, "whereis_wait", "sI", "m1", (int64_t)50), -ETIMEDOUT);
	member_start(1); /* its first call waits for its name */
	assert_int_equal(ask_int(0, "whereis_wait", "sI", "m1", (int64_t)LONG_MS), 0);
	old = refs[1];
	/* and for who is started again */
	member_end(1, SIGKILL);
	member_start(1);
	assert_false(actor_ref_equal(old, refs[1]));
	assert_int_equal(
		actor_client_call(client, actor_named_wait("nobody"), "who", 50, NULL, ""), -ETIMEDOUT);
	assert_int_equal(actor_client_call(client, actor_named_wait(""), "who", 50, NULL, ""), -EINVAL);
}

static void test_who_has_one_link_uses_the_broker(void **state)
{
	actor_msg *reply;
	actor_ref who;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	actor_client_free(client);
	client = client_new(ACTOR_JOIN_BROKER);
	assert_int_equal(actor_client_cast(client, actor_to_pg_all(NULL, "pool"), "note", ""), 0);
	expect_notes(0, 1, 1);
	expect_notes(1, 1, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(actor_client_cast(client, actor_to_pg(NULL, "pool"), "note", ""), 0);
	expect_notes(0, 3, 3);
	expect_notes(1, 3, 3);
	reply = ask_reply(actor_to_pg_key(NULL, "pool", "k"), "who", "");
	assert_int_equal(actor_msg_unpack(reply, "r", &who), 0);
	actor_msg_free(reply);
	for (int i = 0; i < 3; i++) {
		actor_ref again;

		reply = ask_reply(actor_to_pg_key(NULL, "pool", "k"), "who", "");
		assert_int_equal(actor_msg_unpack(reply, "r", &again), 0);
		actor_msg_free(reply);
		assert_true(actor_ref_equal(who, again));
	}
	assert_int_equal(
		actor_client_call(client, actor_to_pg(NULL, "nobody"), "who", LONG_MS, NULL, ""), -ESRCH);
	reply = ask_reply(actor_named_wait("m1"), "who", "");
	actor_msg_free(reply);
}

static void test_others_can_make_an_actor_join_and_leave(void **state)
{
	actor_msg *reply = NULL;

	member_start(0);
	actor_msg_free(ask_reply(actor_to(refs[0]), "$pg_join", "ss", "pg", "pool"));
	assert_int_equal(members_of(0, "pool").n, 1);
	actor_msg_free(ask_reply(actor_to(refs[0]), "$pg_leave", "ss", "pg", "pool"));
	expect_members(0, "pool", 0);
	assert_int_equal(actor_client_call(
				 client, actor_to(refs[0]), "$pg_leave", LONG_MS, &reply, "ss", "pg", "pool"),
		-EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "not_joined");
	actor_msg_free(reply);
	assert_int_equal(actor_client_call(client, actor_to(refs[0]), "$pg_join", LONG_MS, &reply, "s", "pg"),
		-EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "bad_args");
	actor_msg_free(reply);
}

#define fact(name) cmocka_unit_test_setup_teardown(name, members_setup, members_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_members_are_in_the_order_of_joining),
		fact(test_who_joined_twice_leaves_twice),
		fact(test_bad_input_is_refused_and_nobody_is_hurt),
		fact(test_looking_again_asks_nobody),
		fact(test_an_ended_member_is_gone_before_its_down),
		fact(test_who_ends_is_a_member_of_nothing_though_the_broker_stood_still),
		fact(test_members_of_a_killed_process_are_gone_before_its_down),
		fact(test_who_is_killed_while_it_joins_is_no_member_after_its_down),
		fact(test_who_is_killed_while_it_joins_does_not_wait_for_a_dead_broker),
		fact(test_a_cast_to_all_comes_to_each_once),
		fact(test_a_cast_to_all_waits_for_a_busy_member_and_loses_nothing),
		fact(test_a_cast_to_all_by_the_broker_waits_for_a_busy_member_and_loses_nothing),
		fact(test_messages_to_one_of_them_go_round),
		fact(test_the_least_busy_one_is_asked),
		fact(test_a_call_to_a_member_that_has_ended_is_made_to_another),
		fact(test_a_member_that_denies_itself_is_asked_once),
		fact(test_a_cast_to_all_passes_by_who_is_ending),
		fact(test_a_monitor_lasts_although_the_one_before_ends_while_it_is_made),
		fact(test_each_of_many_asked_is_a_reply_or_a_failure),
		fact(test_who_monitors_is_told_of_each_change_once),
		fact(test_the_newest_membership_is_left_first),
		fact(test_a_scope_and_everything_can_be_monitored),
		fact(test_memberships_outlive_the_broker_and_only_changes_are_told),
		fact(test_groups_and_scopes_are_listed_while_they_have_members),
		fact(test_a_call_waits_for_a_name),
		fact(test_who_has_one_link_uses_the_broker),
		fact(test_others_can_make_an_actor_join_and_leave),
	};

	signal(SIGUSR1, release);
	if (argc == 3 && !strcmp(argv[1], "member"))
		return actor_main(&member_behavior, NULL, argv[2]);
	return run_facts(tests);
}
