/* SPDX-License-Identifier: Apache-2.0 */
/* The members of test-pg*: they do what their methods say, and answer with the result. */
#include "tests/system/pg-world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct extra {
	char scope[32], group[32];
	int64_t notes;
};

static struct extra total; /* the notes of all actors of this process */
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
		/*
		 * The metadata was not taken although the join succeeded, or was taken although it was
		 * refused.
		 */
		r = -EPROTO;
	actor_msg_free(metadata);
	return actor_reply(from, "i", r);
}

/* [size]: joins with a str of that many bytes as metadata. */
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

/* The actor is there, and says that it is not. */
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

/* Casts to all while a member of this process is ending and has a full mailbox. */
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
		r = actor_sleep(self, 0); /* the member is in its terminate */
	if (r == 0)
		r = actor_cast(self, actor_to_pg_all(NULL, group), "note", "");
	return actor_reply(from, "i", r);
}

/*
 * Another actor of this process asks for the events of a scope while this actor ends the only monitor of it.
 */
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
		r = actor_sleep(self, 0); /* the other actor has asked, and waits */
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

/* [scope] → [groups of the scope, scopes], as the broker answers */
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

/* Spawns an actor of this process that is a member of nothing. */
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

/* [group, n]: spawns n actors of this process that join the group. The answer is the last of them. */
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

/* [group, how, n]: casts n times to one member. The answer is the result. */
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
/* Each way to ask one of them. */
static int ask_one(actor *self, const char *how, const char *group)
{
	actor_dest to = strstr(how, "least") ? actor_to_pg_least(NULL, group) : actor_to_pg(NULL, group);
	const char *method = strstr(how, "deny") ? "deny" : "who";
	struct actor_answer answer = {.r = -EPROTO};
	int r;

	if (!strcmp(how, "call"))
		return actor_call(self, to, method, LONG_MS, NULL, "");
	if (strncmp(how, "request", 7)) {
		r = actor_multicall(self, &to, 1, method, LONG_MS, &answer, "");
	} else {
		r = actor_request(self, to, method, LONG_MS, NULL, "");
		if (r == 0)
			r = actor_request_wait(self, NULL, 0, ACTOR_FOREVER, NULL, &answer);
	}
	actor_msg_free(answer.msg);
	return r < 0 ? r : answer.r;
}

static int on_call_one(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *group, *how;
	int n, n_answered = 0, r = 0;

	if (actor_msg_unpack(msg, "sis", &group, &n, &how) < 0)
		return -EINVAL;
	for (int i = 0; i < n; i++) {
		int one = ask_one(self, how, group);

		n_answered += one == 0;
		r = one < 0 ? one : r;
	}
	return actor_reply(from, "[ii]", n_answered, r);
}

static int on_take_name(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_register(self, name));
}

static int on_ask_named(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_call(self, actor_named_wait(name), "who", LONG_MS, NULL, ""));
}

/* Asks who had the name and has ended, and when that is known gives it up: another one was awaited. */
static int on_give_up(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;
	actor_ref beside;
	uint64_t id;
	int r;

	if (actor_msg_unpack(msg, "sr", &name, &beside) < 0)
		return -EINVAL;
	r = actor_request(self, actor_named_wait(name), "who", ACTOR_FOREVER, &id, "");
	if (r == 0)
		r = actor_call(self, actor_to(beside), "who", LONG_MS, NULL, "");
	if (r == 0)
		r = actor_sleep(self, 0);
	return actor_reply(from, "[ib]", r, r == 0 && actor_request_cancel(self, id));
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

/*
 * An actor of this process keeps one member busy. The answer is to whom three calls by least load go
 * meanwhile.
 */
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
		r = actor_sleep(self, 0); /* after this the asker's call is open */
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

/* The answer is how many members there were, and how many have replied. */
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
		/* When the call is answered, @who is watched. */
		r = actor_call(self, actor_to(who), "who", LONG_MS, NULL, "");
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

/* Waits for SIGUSR1. The other actors of its process go on. */
static int on_wait_for_usr1(actor *self, const actor_msg *msg)
{
	while (!released)
		actor_sleep(self, 1);
	return 0;
}

/* Computes until SIGUSR1: its whole process does nothing else. */
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
	{.name = "take_name", .on_call = on_take_name},
	{.name = "ask_named", .on_call = on_ask_named},
	{.name = "give_up", .on_call = on_give_up},
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

bool is_member(int argc, char **argv)
{
	return argc == 3 && !strcmp(argv[1], "member");
}

int member_main(char **argv)
{
	signal(SIGUSR1, release);
	return actor_main(&member_behavior, NULL, argv[2]);
}
