/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An actor that must wait until something is complete calls the gate. The gate is set to a number, and
 * answers when as many have passed. A handler can wait only for a call, so a user would also wait in this
 * way.
 */
#include <errno.h>

#include "ours.h"

static uint64_t left;
static actor_from *waiter;
static actor_ref ref;

void ours_gate_pass(void)
{
	if (--left == 0 && waiter) {
		actor_reply(waiter, "");
		waiter = NULL;
	}
}

static int gate_wait(actor *self, const actor_msg *msg, actor_from *from)
{
	if (!left)
		return actor_reply(from, "");
	waiter = actor_from_keep(from);
	return waiter ? 0 : -ENOMEM;
}

void ours_gate_start(actor *self)
{
	static const struct actor_method methods[] = {{.name = "wait", .on_call = gate_wait}, {0}};
	static const struct actor_behavior gate = {.name = "gate", .methods = methods};

	ours_check(actor_spawn(self, &gate, NULL, &ref), "spawn");
}

void ours_gate_set(uint64_t n)
{
	left = n;
}

void ours_gate_await(actor *self)
{
	ours_check(actor_call(self, actor_to(ref), "wait", ACTOR_FOREVER, NULL, ""), "wait");
}
