/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the load, at both ends: to actors, names, members of process groups, and to many at once. */
#include <errno.h>
#include <inttypes.h>

#include "tests/sim/load.h"

#define ASKED_MAX 4 /* how many actors one multicall asks at most */

static const int64_t timeouts_ms[] = {20, 100, 1000, 5000};

static void call_end(struct sim_call *call, int r, actor_msg *reply)
{
	uint64_t answer = 0;
	actor_ref by = ACTOR_NOBODY;

	if (process_is_dead())
		return;
	if (r == 0 && actor_msg_unpack(reply, "[Ur]", &answer, &by) < 0)
		sim_fail("call %" PRIu64 " has an answer that nobody wrote", call->id);
	truth_call_ended(call, r, answer, by);
}

static void do_call(actor *self, actor_dest to, actor_ref target, int name)
{
	struct sim_call call = {.caller = worker_of(self)->truth,
		.target = target,
		.name = name,
		.timeout_ms = timeouts_ms[sim_random(4)]};
	actor_msg *reply = NULL;
	int r;

	truth_call_begins(&call);
	sim_event("call %" PRIu64 " to <%" PRIx64 ".%" PRIx64 "> or %d", call.id, target.group, target.serial,
		name);
	r = actor_call(self, to, "ask", call.timeout_ms, &reply, "U", call.id);
	call_end(&call, r, reply);
	actor_msg_free(reply);
}

void call_ref(actor *self)
{
	struct sim_actor *to = truth_pick();

	if (to && to->ref.serial)
		do_call(self, actor_to(to->ref), to->ref, -1);
}

void call_name(actor *self)
{
	unsigned i = sim_random(NAMES_N);

	do_call(self, sim_chance(3) ? actor_named_wait(load_names[i]) : actor_named(load_names[i]),
		ACTOR_NOBODY, (int)i);
}

void call_pg(actor *self)
{
	const char *pg = load_pgs[sim_random(PGS_N)];

	do_call(self, sim_chance(2) ? actor_to_pg(NULL, pg) : actor_to_pg_least(NULL, pg), ACTOR_NOBODY, -1);
}

void call_many(actor *self)
{
	struct actor_answer answers[ASKED_MAX];
	struct sim_call calls[ASKED_MAX];
	actor_dest to[ASKED_MAX];
	size_t n = 0;
	int64_t timeout_ms = timeouts_ms[sim_random(4)];
	int r;

	for (size_t i = 0; i < ASKED_MAX; i++) {
		struct sim_actor *who = truth_pick();

		if (!who || !who->ref.serial)
			continue;
		calls[n] = (struct sim_call){.caller = worker_of(self)->truth,
			.target = who->ref,
			.name = -1,
			.timeout_ms = timeout_ms};
		to[n++] = actor_to(who->ref);
	}
	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		truth_call_begins(&calls[i]);
	/* All get one body. Each callee takes the first number and adds its own place to it. */
	r = actor_multicall(self, to, n, "asked", timeout_ms, answers, "U", calls[0].id);
	if (process_is_dead()) {
		if (r >= 0)
			actor_answers_clear(answers, n);
		return;
	}
	if (r < 0) {
		for (size_t i = 0; i < n; i++)
			truth_call_ended(&calls[i], r, 0, ACTOR_NOBODY);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t answer = 0;
		actor_ref by = ACTOR_NOBODY;

		if (answers[i].r == 0 && (actor_msg_unpack(answers[i].msg, "[Ur]", &answer, &by) < 0 ||
						 answer != calls[0].id || !actor_ref_equal(by, to[i].to.ref)))
			sim_fail("an answer to many is wrong");
		if (answers[i].r == 0)
			truth_call_handled(calls[i].id);
		truth_call_ended(&calls[i], answers[i].r, calls[i].id, by);
	}
	actor_answers_clear(answers, n);
}

static void answer(actor *self, actor_from *from, uint64_t id)
{
	if (sim_chance(16))
		(void)actor_reply_error(from, "sorry", "it is not its day");
	else
		(void)actor_reply(from, "[Ur]", id, actor_self(self));
}

int on_ask(actor *self, const actor_msg *msg, actor_from *from)
{
	struct worker *worker = worker_of(self);
	unsigned i = sim_random(KEPT_MAX);
	uint64_t id;

	if (process_is_dead())
		return 0;
	if (actor_msg_unpack(msg, "U", &id) < 0)
		sim_fail("a call with arguments that nobody sent");
	truth_call_handled(id);
	sim_event("handles call %" PRIu64, id);
	if (sim_chance(8)) {
		(void)actor_sleep(self, sim_random(150));
	} else if (!sim.quiet && sim_chance(10)) {
		call_ref(self);
	} else if (!worker->kept[i] && sim_chance(6)) {
		worker->kept[i] = actor_from_keep(from);
		worker->kept_ids[i] = id;
		return 0;
	}
	if (!process_is_dead())
		answer(self, from, id);
	return 0;
}

int on_asked(actor *self, const actor_msg *msg, actor_from *from)
{
	uint64_t id;

	if (process_is_dead())
		return 0;
	if (actor_msg_unpack(msg, "U", &id) < 0)
		sim_fail("a call with arguments that nobody sent");
	return actor_reply(from, "[Ur]", id, actor_self(self));
}

void answer_kept(actor *self)
{
	struct worker *worker = worker_of(self);

	for (unsigned i = 0; i < KEPT_MAX; i++) {
		if (!worker->kept[i])
			continue;
		answer(self, worker->kept[i], worker->kept_ids[i]);
		worker->kept[i] = NULL;
	}
}
