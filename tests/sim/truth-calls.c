/* SPDX-License-Identifier: Apache-2.0 */
/* Calls end once, in time, and with a true answer. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "libactor/util/hash.h"
#include "tests/sim/sim.h"

/* This long after a death all actors that wait for the dead one have heard of its end. */
#define TOLD_NS (4 * SECOND)
/* A process that was not stopped ends a call no later than this after its time-out. */
#define LATE_NS (1500 * MS)

struct handled {
	struct hash_node node;
	uint64_t id;
};
static struct hash handled;
static uint64_t last_call;

static struct handled *handled_find(uint64_t id)
{
	struct hash_node *node = handled.n_buckets ? hash_first(&handled, hash_of_u64(&handled, id)) : NULL;

	for (; node; node = hash_next(node))
		if (container_of(node, struct handled, node)->id == id)
			return container_of(node, struct handled, node);
	return NULL;
}

void truth_call_begins(struct sim_call *call)
{
	call->id = ++last_call;
	call->begun_ns = sim.now_ns;
	call->epoch = broker_epoch;
	sim.n_calls++;
}

void truth_call_handled(uint64_t id)
{
	struct handled *entry = calloc(1, sizeof(*entry));

	if (handled_find(id))
		sim_fail("call %" PRIu64 " is handled twice", id);
	if (!handled.n_buckets)
		hash_init(&handled);
	entry->id = id;
	(void)hash_insert(&handled, &entry->node, hash_of_u64(&handled, id));
}

/* Whether the end of the target, or a name without an owner, may have made the call fail. */
static bool call_may_fail(const struct sim_call *call)
{
	struct sim_actor *target = truth_actor(call->target);

	if (call->name >= 0)
		return truth_name_may_fail((unsigned)call->name, call->begun_ns) ||
		       broker_epoch != call->epoch || truth_way_broke(call->caller, NULL, call->epoch);
	if (actor_ref_is_nobody(call->target))
		return true;
	return !truth_lives(target) || truth_way_broke(call->caller, target, call->epoch);
}

static void call_check_answer(const struct sim_call *call, uint64_t answer, actor_ref by)
{
	if (answer != call->id || !handled_find(call->id))
		sim_fail("call %" PRIu64 " was answered with %" PRIu64 ", and nobody handled it", call->id,
			answer);
	if (!actor_ref_is_nobody(call->target) && !actor_ref_equal(by, call->target))
		sim_fail("call %" PRIu64 " was answered by somebody else", call->id);
}

/*
 * Whether the target's process died so long ago that the caller must have heard of it, with no broker away.
 */
static bool call_should_have_failed(const struct sim_call *call)
{
	const struct sim_actor *target = truth_actor(call->target);
	int64_t since_ns = call->begun_ns;

	if (!target || target->process || call->caller->single || target->single)
		return false;
	if (target->may_end_ns > since_ns)
		since_ns = target->may_end_ns;
	return sim.now_ns - since_ns > TOLD_NS && truth_awake_ns(call->caller) < since_ns &&
	       (!broker_epoch || sim.now_ns - broker_died_ns > BACK_NS);
}

void truth_call_ended(const struct sim_call *call, int r, uint64_t answer, actor_ref by)
{
	int64_t due_ns = call->begun_ns + call->timeout_ms * MS, late_ns = sim.now_ns - due_ns;

	sim_event("call %" PRIu64 " has ended: %d", call->id, r);
	if (late_ns > LATE_NS && truth_awake_ns(call->caller) < due_ns)
		sim_fail("call %" PRIu64 " ended %lld ms after its time-out", call->id,
			(long long)(late_ns / MS));
	switch (r) {
	case 0:
		call_check_answer(call, answer, by);
		break;
	case -EREMOTEIO: /* an error that the callee named */
		if (!handled_find(call->id) && call_may_fail(call) == false && !call->caller->single)
			sim_fail("call %" PRIu64 " was answered with an error, and nobody handled it",
				call->id);
		break;
	case -ETIMEDOUT:
		if (late_ns < 0 && call->name < 0 && !actor_ref_is_nobody(call->target))
			sim_fail("call %" PRIu64 " ended before its time-out", call->id);
		if (call_should_have_failed(call))
			sim_fail(
				"call %" PRIu64 " ended with its time-out, and its target is dead", call->id);
		break;
	case -EDEADLK:
		break;
	case -ECANCELED:
		if (truth_lives(call->caller))
			sim_fail("call %" PRIu64 " was cancelled, and nobody ended its caller", call->id);
		break;
	case -ESRCH:
		if (!call_may_fail(call))
			sim_fail("call %" PRIu64 " ended with noproc, and the target lives", call->id);
		if (handled_find(call->id) &&
			!truth_way_broke(call->caller, truth_actor(call->target), call->epoch))
			sim_fail("call %" PRIu64 " ended with noproc, and was handled", call->id);
		break;
	case -ECONNRESET:
		if (!call_may_fail(call))
			sim_fail("call %" PRIu64 " ended with its target, which lives", call->id);
		break;
	case -ENOTCONN: /* the broker was away until the time-out */
		if (late_ns < 0 && !call->caller->single)
			sim_fail("call %" PRIu64 " ended with no node before its time-out", call->id);
		break;
	default:
		if (truth_lives(call->caller) && !call->caller->single)
			sim_fail("call %" PRIu64 " ended with %d", call->id, r);
	}
}

void truth_forget_calls(void)
{
	struct hash_node *node;

	while (handled.n_items && (node = hash_any(&handled))) {
		hash_remove(&handled, node);
		free(container_of(node, struct handled, node));
	}
}
