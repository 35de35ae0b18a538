/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traced NAME [NEXT] [--broker]: an actor that causes things in its process, in that of NEXT, and later. With
 * --broker its process has a single link, to the broker.
 */
#include <actor/actor.h>
#include <actor/trace.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *name, *next;

struct traced {
	actor_ref helper;
	actor_from *kept;
};

/* ---- its helper: nothing is caused by what it gets ---- */

static int helper_note(actor *self, const actor_msg *msg)
{
	return 0;
}

static int helper_born(actor *self, const void *arg)
{
	return arg ? actor_cast(self, actor_to(*(const actor_ref *)arg), "note", "s", "born") : 0;
}

static const struct actor_method helper_methods[] = {{.name = "note", .on_cast = helper_note}, {0}};
static const struct actor_behavior helper_behavior = {
	.name = "helper", .methods = helper_methods, .init = helper_born};

/* ---- the actor ---- */

static struct traced *traced_of(actor *self)
{
	return actor_state(self);
}

static int note(actor *self, const char *what)
{
	return actor_cast(self, actor_to(traced_of(self)->helper), "note", "s", what);
}

/* Asks the next actor for the same, if there is one, and answers with one more than that. */
static int ask_next(actor *self, actor_from *from, const char *method, int n)
{
	actor_msg *reply = NULL;
	int r, got = n;

	if (next) {
		r = actor_call(self, actor_named(next), method, 20000, &reply, "i", n);
		if (r == 0)
			r = actor_msg_unpack(reply, "i", &got);
		actor_msg_free(reply);
		if (r < 0)
			return actor_reply_error(from, "traced.lost", "%s: %s", next, strerror(-r));
	}
	return actor_reply(from, "i", got + 1);
}

static int number_of(const actor_msg *msg)
{
	int n = 0;

	(void)actor_msg_unpack(msg, "i", &n);
	return n;
}

static int traced_go(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = note(self, "going");

	return r < 0 ? r : ask_next(self, from, "go", number_of(msg));
}

static int traced_die(actor *self, const actor_msg *msg, actor_from *from)
{
	if (!next) {
		(void)note(self, "dying");
		(void)actor_flush(self, 1000);
		kill(getpid(), SIGKILL);
	}
	return ask_next(self, from, "die", number_of(msg));
}

/* Answers when the timer is due. */
static int traced_later(actor *self, const actor_msg *msg, actor_from *from)
{
	traced_of(self)->kept = actor_from_keep(from);
	return actor_send_after(self, 20, "due", NULL, "i", number_of(msg));
}

static int traced_due(actor *self, const actor_msg *msg)
{
	if (next)
		(void)actor_send_after_to(self, 1, actor_named(next), "note", NULL, "i", number_of(msg));
	return actor_reply(traced_of(self)->kept, "i", number_of(msg));
}

static int traced_note(actor *self, const actor_msg *msg)
{
	return 0;
}

static int traced_forward(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_call_and_forward(self, actor_named(next), "go", 20000, traced_of(self)->helper, "note",
		NULL, "i", number_of(msg));

	return r < 0 ? r : actor_reply(from, "");
}

static int traced_request(actor *self, const actor_msg *msg, actor_from *from)
{
	traced_of(self)->kept = actor_from_keep(from);
	return actor_request(self, actor_named(next), "go", 20000, NULL, "i", number_of(msg));
}

static int traced_answered(actor *self, uint64_t request, const struct actor_answer *answer)
{
	(void)note(self, "answered");
	return actor_reply(traced_of(self)->kept, "i", answer->r);
}

static int traced_all(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_cast(self, actor_to_pg_all(NULL, "traced"), "note", "s", "all");

	return r < 0 ? r : actor_reply(from, "");
}

static int traced_spawn(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref child;
	int r = actor_spawn(self, &helper_behavior, &traced_of(self)->helper, &child);

	return r < 0 ? r : actor_reply(from, "");
}

static int traced_many(actor *self, const actor_msg *msg, actor_from *from)
{
	for (int n = number_of(msg); n > 0; n--)
		(void)note(self, "one of many");
	return actor_reply(from, "");
}

/* → {id, span, parent} of this call; nil: it has no trace */
static int traced_which(actor *self, const actor_msg *msg, actor_from *from)
{
	struct actor_trace trace;

	return actor_trace_get(self, &trace) ? actor_reply(from, "[UUU]", trace.id, trace.span, trace.parent)
					     : actor_reply(from, "");
}

static int traced_init(actor *self, const void *arg)
{
	int r = actor_spawn(self, &helper_behavior, NULL, &traced_of(self)->helper);

	return r < 0 ? r : actor_pg_join(self, NULL, "traced");
}

static const struct actor_method methods[] = {
	{.name = "go", .on_call = traced_go},
	{.name = "die", .on_call = traced_die},
	{.name = "later", .on_call = traced_later},
	{.name = "due", .on_cast = traced_due},
	{.name = "note", .on_cast = traced_note},
	{.name = "forward", .on_call = traced_forward},
	{.name = "request", .on_call = traced_request},
	{.name = "all", .on_call = traced_all},
	{.name = "spawn", .on_call = traced_spawn},
	{.name = "many", .on_call = traced_many},
	{.name = "which", .on_call = traced_which},
	{0},
};

static const struct actor_behavior behavior = {.name = "traced",
	.state_size = sizeof(struct traced),
	.methods = methods,
	.init = traced_init,
	.on_reply = traced_answered};

static actor_group *group;

static void on_term(int signo)
{
	actor_group_stop(group); /* NOLINT(bugprone-signal-handler): group.h allows it there */
}

int main(int argc, char **argv)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_DIRECT};
	int r;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--broker"))
			options.mode = ACTOR_JOIN_BROKER;
		else if (!name)
			name = argv[i];
		else
			next = argv[i];
	}
	if (!name)
		return 2;
	r = actor_group_new(&group, &options);
	if (r == 0)
		r = actor_group_spawn(group, &behavior, NULL, name, NULL);
	signal(SIGTERM, on_term);
	if (r == 0)
		r = actor_group_run(group);
	if (r < 0)
		fprintf(stderr, "traced: %s: %s\n", name, strerror(-r));
	actor_group_free(group);
	return r < 0;
}
