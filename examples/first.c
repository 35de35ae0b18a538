/* SPDX-License-Identifier: Apache-2.0 */
#include <actor/actor.h>

struct counter {
	int64_t total;
};

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

static const struct actor_method methods[] = {
	{.name = "add", .on_call = counter_add, .args = "n:int", .doc = "adds n, answers the new total"},
	{0},
};

static const struct actor_behavior behavior = {
	.name = "counter",
	.state_size = sizeof(struct counter),
	.methods = methods,
};

int main(int argc, char **argv)
{
	return actor_main(&behavior, NULL, argc > 1 ? argv[1] : "first");
}
