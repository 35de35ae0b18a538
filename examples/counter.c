/* SPDX-License-Identifier: Apache-2.0 */
/* counter [--name NAME]: an actor with state, calls, a cast and a timer. */
#include <actor/actor.h>
#include <stdio.h>
#include <string.h>

#define TICK_MS 1000

struct counter {
	int64_t total;
	uint64_t ticks;
};

static int counter_init(actor *self, const void *arg)
{
	return actor_send_after(self, TICK_MS, "tick", NULL, "");
}

static int counter_add(actor *self, const actor_msg *msg, actor_from *from)
{
	struct counter *counter = actor_state(self);
	int64_t n, total;

	if (actor_msg_unpack(msg, "I", &n) < 0)
		return actor_reply_error(from, "bad_args", "add wants one integer");
	if (__builtin_add_overflow(counter->total, n, &total))
		return actor_reply_error(from, "counter.overflow", "the total does not fit in 64 bits");
	counter->total = total;
	return actor_reply(from, "I", total);
}

static int counter_get(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", ((struct counter *)actor_state(self))->total);
}

static int counter_uptime(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "U", ((struct counter *)actor_state(self))->ticks * TICK_MS / 1000);
}

static int counter_reset(actor *self, const actor_msg *msg)
{
	struct counter *counter = actor_state(self);

	counter->total = 0;
	return 0;
}

/* A timer is a cast of the actor to itself, and waits in the mailbox like any other message. */
static int counter_tick(actor *self, const actor_msg *msg)
{
	struct counter *counter = actor_state(self);

	counter->ticks++;
	return actor_send_after(self, TICK_MS, "tick", NULL, "");
}

/* `actorctl inspect counter` shows this. */
static int counter_status(actor *self, actor_msg *ret)
{
	const struct counter *counter = actor_state(self);

	return actor_msg_pack(ret, "{s:I,s:U}", "total", counter->total, "ticks", counter->ticks);
}

static const struct actor_method counter_methods[] = {
	{.name = "add", .on_call = counter_add, .args = "n:int", .doc = "adds n, answers the new total"},
	{.name = "get", .on_call = counter_get, .doc = "answers the total"},
	{.name = "uptime", .on_call = counter_uptime, .doc = "answers how many seconds it has been up"},
	{.name = "reset", .on_cast = counter_reset, .doc = "back to zero"},
	{.name = "tick", .on_cast = counter_tick},
	{0},
};

static const struct actor_behavior counter = {
	.name = "counter",
	.state_size = sizeof(struct counter),
	.methods = counter_methods,
	.init = counter_init,
	.format_status = counter_status,
};

int main(int argc, char **argv)
{
	const char *name = argc == 3 && !strcmp(argv[1], "--name") ? argv[2] : "counter";

	if (argc != 1 && name != argv[2])
		return fprintf(stderr, "usage: counter [--name NAME]\n"), 2;
	return actor_main(&counter, NULL, name);
}
