/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actors in other processes: a counter is spawned by whoever asks for one, in this process or in another one
 * that runs this program.
 *
 *	$ actorctl spawn guest left
 *	$ actorctl spawn guest right
 *	$ actorctl call left make right 5       # left spawns it, in the process of right
 *	"<4d.7.2>"
 *	$ actorctl call '<4d.7.2>' add 1
 *	6
 *
 * A crash of right's process takes the counter with it, and left is told: it has monitored the counter.
 */
#include <actor/actor.h>
#include <errno.h>
#include <stdio.h>

struct counter {
	int64_t total;
};

static int counter_init(actor *self, const void *arg) /* as a guest: the arguments of who spawned it */
{
	struct counter *counter = actor_state(self);

	return actor_msg_unpack(arg, "I", &counter->total) < 0 ? -EINVAL : 0;
}

static int counter_add(actor *self, const actor_msg *msg, actor_from *from)
{
	struct counter *counter = actor_state(self);
	int64_t n;

	if (actor_msg_unpack(msg, "I", &n) < 0)
		return actor_reply_error(from, "bad_args", "add wants one integer");
	counter->total += n;
	return actor_reply(from, "I", counter->total);
}

static const struct actor_method counter_methods[] = {
	{.name = "add", .on_call = counter_add, .args = "n:int", .doc = "adds n, answers the new total"},
	{0},
};

static const struct actor_behavior counter_behavior = {
	.name = "counter",
	.state_size = sizeof(struct counter),
	.methods = counter_methods,
	.init = counter_init,
};

static int guest_init(actor *self, const void *arg)
{
	return actor_behavior_register(actor_group_of(self), "counter", &counter_behavior);
}

static int guest_make(actor *self, const actor_msg *msg, actor_from *from)
{
	struct actor_cause why;
	const char *where;
	actor_ref counter;
	int64_t start;
	int r;

	if (actor_msg_unpack(msg, "sI", &where, &start) < 0)
		return actor_reply_error(from, "bad_args", "make wants a name and an integer");
	r = actor_spawn_at_monitor(
		self, actor_named(where), "counter", 2000, &counter, NULL, &why, "I", start);
	if (r < 0)
		return actor_reply_error(
			from, "guest.refused", "%s: %s %s", actor_strerror(r), why.reason, why.text);
	return actor_reply(from, "r", counter);
}

static int guest_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	char text[ACTOR_REF_TEXT_MAX];

	printf("%s has ended: %s\n", actor_ref_format(who, text), cause->reason);
	fflush(stdout);
	return 0;
}

static const struct actor_method methods[] = {
	{.name = "make",
		.on_call = guest_make,
		.args = "where:str start:int",
		.doc = "spawns a counter there"},
	{0},
};

static const struct actor_behavior behavior = {
	.name = "guest",
	.methods = methods,
	.init = guest_init,
	.on_down = guest_down,
};

int main(int argc, char **argv)
{
	return actor_main(&behavior, NULL, argc > 1 ? argv[1] : "guest");
}
