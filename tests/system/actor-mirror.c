/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An actor for the tests of tools: it says back what it is told, refuses, takes its time, keeps silent, dies.
 * usage: actor-mirror [NAME]
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/actor.h"

#define CROWD_GROUPS 1200  /* more than the broker tells at once if it is not asked for more */
#define CROWD_NAMES  17000 /* more than the broker ever tells at once */

struct mirror {
	int64_t n_casts;
};

static int mirror_echo(actor *self, const actor_msg *msg, actor_from *from)
{
	const void *args;
	size_t size_bytes;

	args = actor_msg_body(msg, &size_bytes);
	return actor_reply(from, "m", args, size_bytes);
}

static int mirror_count(actor *self, const actor_msg *msg)
{
	struct mirror *mirror = actor_state(self);

	mirror->n_casts++;
	return 0;
}

static int mirror_counted(actor *self, const actor_msg *msg, actor_from *from)
{
	struct mirror *mirror = actor_state(self);

	return actor_reply(from, "I", mirror->n_casts);
}

static int mirror_refuse(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply_error(from, "mirror.refused", "it never does this");
}

/* Refuses as the runtime of an actor with limits does. */
static int mirror_overload(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *text;

	if (actor_msg_unpack(msg, "s", &text) < 0)
		return actor_reply_error(from, "bad_args", "a text, please");
	return actor_reply_error(from, "overloaded", "%s", text);
}

static int mirror_sleep(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t ms;

	if (actor_msg_unpack(msg, "I", &ms))
		return actor_reply_error(from, "bad_args", "milliseconds, please");
	actor_sleep(self, ms);
	return actor_reply(from, "");
}

static int mirror_silence(actor *self, const actor_msg *msg, actor_from *from)
{
	return 0;
}

/* [group, metadata]: joins the process group with that metadata. */
static int mirror_enlist(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *metadata = NULL;
	const char *group;
	const void *value;
	size_t value_bytes;
	int r = actor_msg_unpack(msg, "sm", &group, &value, &value_bytes);

	if (!r)
		r = actor_msg_new(&metadata);
	if (!r)
		r = actor_msg_pack(metadata, "m", value, value_bytes);
	if (!r)
		r = actor_pg_join_msg(self, NULL, group, &metadata);
	actor_msg_free(metadata);
	return r ? actor_reply_error(from, "mirror.refused", "%s", actor_strerror(r)) : actor_reply(from, "");
}

/* Takes names, and joins process groups of the scope "crowd": "crowd.00000", "crowd.00001" … */
static int crowd_init(actor *self, const void *arg)
{
	static char text[CROWD_NAMES][16];
	static struct actor_name names[CROWD_NAMES];
	int r = 0;

	for (size_t i = 0; i < CROWD_NAMES; i++) {
		snprintf(text[i], sizeof(text[i]), "crowd.%05zu", i);
		names[i] = (struct actor_name){.name = text[i]};
	}
	for (size_t i = 0; i < CROWD_GROUPS && r == 0; i++)
		r = actor_pg_join(self, "crowd", text[i]);
	if (r == 0)
		r = actor_register_all(self, names, CROWD_NAMES / 2);
	return r ? r : actor_register_all(self, names + CROWD_NAMES / 2, CROWD_NAMES / 2);
}

static const struct actor_behavior crowd = {.name = "crowd", .init = crowd_init};

/* [begins]: starts the crowd, or ends it. */
static int mirror_crowd(actor *self, const actor_msg *msg, actor_from *from)
{
	static actor_ref who;
	bool begins;
	int r = actor_msg_unpack(msg, "b", &begins);

	if (!r)
		r = begins ? actor_spawn(self, &crowd, NULL, &who) : actor_stop(self, who, NULL);
	return r ? actor_reply_error(from, "mirror.refused", "%s", actor_strerror(r)) : actor_reply(from, "");
}

static int mirror_die(actor *self, const actor_msg *msg, actor_from *from)
{
	kill(getpid(), SIGKILL);
	return 0;
}

/* [n]: streams the numbers below n, and ends with n; an odd n, with an error */
static int mirror_numbers(actor *self, const actor_msg *msg, actor_from *from)
{
	int n, r = actor_msg_unpack(msg, "i", &n);

	for (int i = 0; !r && i < n; i++)
		r = actor_stream_send(self, from, ACTOR_FOREVER, "{s:i}", "number", i);
	if (r)
		return actor_reply_error(from, "mirror.refused", "%s", actor_strerror(r));
	return n % 2 ? actor_reply_error(from, "mirror.refused", "odd") : actor_reply(from, "i", n);
}

static const struct actor_method mirror_methods[] = {
	{.name = "numbers", .on_call = mirror_numbers},
	{.name = "echo", .on_call = mirror_echo},
	{.name = "count", .on_cast = mirror_count},
	{.name = "counted", .on_call = mirror_counted},
	{.name = "refuse", .on_call = mirror_refuse},
	{.name = "overload", .on_call = mirror_overload},
	{.name = "sleep", .on_call = mirror_sleep},
	{.name = "silence", .on_call = mirror_silence},
	{.name = "enlist", .on_call = mirror_enlist},
	{.name = "crowd", .on_call = mirror_crowd},
	{.name = "die", .on_call = mirror_die},
	{0},
};

static const struct actor_behavior mirror = {
	.name = "mirror", .state_size = sizeof(struct mirror), .methods = mirror_methods};

/* What the program of a group with one link does: actor_main() knows no other than direct. */
static int single_main(const char *name)
{
	struct actor_group_options options = {.name = name, .mode = ACTOR_JOIN_BROKER};
	actor_group *group;
	int r;

	r = actor_group_new(&group, &options);
	if (r == 0)
		r = actor_group_spawn(group, &mirror, NULL, name, NULL);
	if (r == 0 && getenv("ACTOR_TOKEN")) /* for our children it would be wrong */
		r = -EEXIST;
	if (r == 0)
		r = actor_group_run(group);
	if (r < 0) {
		fprintf(stderr, "mirror: %s\n", actor_strerror(r));
		return 1;
	}
	actor_group_free(group);
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc > 2 && !strcmp(argv[1], "--single"))
		return single_main(argv[2]);
	return actor_main(&mirror, NULL, argc > 1 ? argv[1] : "mirror");
}
