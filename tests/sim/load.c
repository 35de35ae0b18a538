/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the actors do: each has a timer, and does something by chance each time. What they ask of libactor,
 * and what libactor answers, is told to the truth.
 */
#include <errno.h>
#include <inttypes.h>

#include "tests/sim/load.h"

#define BODY_MAX 700
/* A burst is more than a pipe, or a bound on the way, has room for. */
#define BURST_MAX (100u << 10)
#define BURST_N   240
#define REFS_MAX  256

const char *const load_names[NAMES_N] = {"ant", "bee", "cat", "dog", "elk", "fox"};
const char *const load_pgs[PGS_N] = {"north", "east", "south", "west"};

/* ---- casts ---- */

static void cast_some(actor *self)
{
	static const uint8_t body[BURST_MAX];
	struct sim_actor *from = worker_of(self)->truth, *to = truth_pick();
	unsigned n = sim_chance(8) ? 40 : 1 + sim_random(3), body_max = BODY_MAX;
	actor_ref ref;

	if (!to || !to->ref.serial)
		return;
	ref = to->ref;
	if (sim_chance(30)) {
		n = BURST_N;
		body_max = BURST_MAX;
	}
	while (n--) {
		int r = actor_cast(self, actor_to(ref), "count", "Uy#", truth_cast_next(from, ref),
			(const void *)body, (size_t)sim_random(body_max));

		STOP_IF_DEAD();
		if (r < 0)
			return;
		truth_cast_sent(from, ref);
	}
	sim_event("casts to <%" PRIx64 ".%" PRIx64 ">", ref.group, ref.serial);
}

static int on_count(actor *self, const actor_msg *msg)
{
	const void *body;
	size_t body_bytes;
	uint64_t number;

	if (process_is_dead())
		return 0;
	if (actor_msg_unpack(msg, "Uy#", &number, &body, &body_bytes) < 0)
		sim_fail("a cast that nobody sent");
	truth_cast_came(actor_msg_sender(msg), worker_of(self)->truth, number);
	return 0;
}

static void cast_all(actor *self)
{
	unsigned pg = sim_random(PGS_N);
	uint64_t id = truth_many_begins(worker_of(self)->truth, pg);
	int r = actor_cast(self, actor_to_pg_all(NULL, load_pgs[pg]), "all", "U", id);

	STOP_IF_DEAD();
	truth_many_sent(id, r);
}

static int on_all(actor *self, const actor_msg *msg)
{
	uint64_t id;

	if (process_is_dead())
		return 0;
	if (actor_msg_unpack(msg, "U", &id) < 0)
		sim_fail("a cast that nobody sent");
	truth_many_came(id, worker_of(self)->truth);
	return 0;
}

/* ---- names ---- */

static void do_register(actor *self)
{
	struct sim_actor *who = worker_of(self)->truth;
	unsigned i = sim_random(NAMES_N);
	int r;

	if (who->single)
		/* A new broker does not wait for a group with a single link, and may give its names away. */
		return;
	truth_registering(who, i);
	r = actor_register(self, load_names[i]);
	STOP_IF_DEAD();
	truth_registered(who, i, r);
}

static void do_unregister(actor *self)
{
	struct sim_actor *who = worker_of(self)->truth;
	unsigned i = sim_random(NAMES_N);

	if (!truth_owns(who, i))
		return;
	truth_unregistering(who, i);
	(void)actor_unregister(self, load_names[i]);
	STOP_IF_DEAD();
	truth_unregistered(who, i);
}

static void do_whereis(actor *self)
{
	unsigned i = sim_random(NAMES_N);
	int64_t begun_ns = sim.now_ns;
	actor_ref ref = ACTOR_NOBODY;
	int r;

	if (sim_chance(4))
		r = actor_whereis_wait(self, load_names[i], 200, &ref);
	else
		r = actor_whereis(self, load_names[i], &ref);
	STOP_IF_DEAD();
	truth_found(worker_of(self)->truth, i, r, ref, begun_ns);
}

/* ---- monitors ---- */

static void do_monitor(actor *self)
{
	struct sim_actor *who = truth_pick();
	actor_ref ref;
	uint64_t monitor;
	int r;

	if (!who)
		return;
	ref = who->ref;
	r = actor_monitor(self, ref, &monitor);
	STOP_IF_DEAD();
	if (r == 0)
		truth_monitors(worker_of(self)->truth, monitor, ref);
	sim_event("monitors <%" PRIx64 ".%" PRIx64 ">: %d", ref.group, ref.serial, r);
}

static void do_demonitor(actor *self)
{
	struct sim_actor *who = worker_of(self)->truth;
	uint64_t monitor = truth_pick_monitor(who);

	if (monitor)
		truth_demonitored(who, monitor, actor_demonitor(self, monitor));
}

static int on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	if (!process_is_dead())
		truth_down(worker_of(self)->truth, monitor, who, cause->reason);
	return 0;
}

/* ---- process groups ---- */

static void do_join(actor *self)
{
	unsigned i = sim_random(PGS_N);
	int r = actor_pg_join(self, NULL, load_pgs[i]);

	STOP_IF_DEAD();
	if (r == 0)
		truth_joined(worker_of(self)->truth, i);
}

static void do_leave(actor *self)
{
	unsigned i = sim_random(PGS_N);
	int r;

	truth_leaving(worker_of(self)->truth, i);
	r = actor_pg_leave(self, NULL, load_pgs[i]);
	STOP_IF_DEAD();
	if (r < 0 && r != -ESRCH)
		sim_event("leaves process group %u: %d", i, r);
}

static void do_pg_monitor(actor *self)
{
	unsigned i = sim_random(PGS_N);
	uint64_t monitor;
	int r = actor_pg_monitor(self, NULL, load_pgs[i], &monitor, NULL);

	STOP_IF_DEAD();
	if (r == 0)
		truth_pg_monitors(worker_of(self)->truth, monitor, i);
}

static int on_pg(actor *self, uint64_t monitor, const struct actor_pg_event *event)
{
	if (!process_is_dead())
		truth_pg_event(worker_of(self)->truth, monitor, event);
	return 0;
}

/* ---- ends and starts ---- */

static void do_end(actor *self)
{
	struct sim_actor *who = sim_chance(2) ? worker_of(self)->truth : truth_pick();

	if (!who || !who->ref.serial)
		return;
	truth_may_end(who);
	sim_event("ends <%" PRIx64 ".%" PRIx64 ">", who->ref.group, who->ref.serial);
	(void)(sim_chance(2) ? actor_stop(self, who->ref, NULL) : actor_kill(self, who->ref));
}

static void do_spawn(actor *self)
{
	if (!actor_stopping(self))
		(void)actor_spawn(self, &worker_behavior, NULL, NULL);
}

static void do_flush(actor *self)
{
	(void)actor_flush(self, 100);
}

static void terminate(actor *self, const struct actor_cause *cause)
{
	if (!process_is_dead())
		truth_may_end(worker_of(self)->truth);
}

/* ---- the timer ---- */

static const struct {
	unsigned weight;
	void (*fn)(actor *self);
} deeds[] = {
	{20, cast_some},
	{16, call_ref},
	{6, call_name},
	{4, call_pg},
	{3, call_many},
	{4, cast_all},
	{5, do_register},
	{2, do_unregister},
	{6, do_whereis},
	{6, do_monitor},
	{2, do_demonitor},
	{5, do_join},
	{4, do_leave},
	{2, do_pg_monitor},
	{1, do_end},
	{2, do_spawn},
	{1, do_flush},
};

static void do_something(actor *self)
{
	unsigned all = 0, at;

	for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++)
		all += deeds[i].weight;
	at = sim_random(all);
	for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
		if (at < deeds[i].weight) {
			deeds[i].fn(self);
			return;
		}
		at -= deeds[i].weight;
	}
}

static void audit(actor *self)
{
	struct sim_actor *who = worker_of(self)->truth;
	actor_ref refs[REFS_MAX], ref;
	int r;

	for (unsigned i = 0; i < PGS_N; i++) {
		r = actor_pg_members(self, NULL, load_pgs[i], refs, REFS_MAX);
		STOP_IF_DEAD();
		truth_audit_members(who, i, refs, r < REFS_MAX ? r : REFS_MAX);
	}
	for (unsigned i = 0; i < NAMES_N; i++) {
		ref = ACTOR_NOBODY;
		r = actor_whereis(self, load_names[i], &ref);
		STOP_IF_DEAD();
		truth_audit_name(who, i, r, ref);
	}
	who->audits = sim.n_quiets;
}

static int act_again(actor *self)
{
	return actor_send_after(
		self, sim.quiet ? 1500 : 1 + sim_random(sim_chance(4) ? 200 : 20), "act", NULL, "");
}

static int on_act(actor *self, const actor_msg *msg)
{
	if (process_is_dead())
		return 0;
	if (worker_of(self)->truth->audits != sim.n_quiets && sim.audit)
		audit(self);
	else if (!sim.quiet)
		do_something(self);
	if (process_is_dead())
		return 0;
	answer_kept(self);
	return act_again(self);
}

static int worker_init(actor *self, const void *arg)
{
	if (process_is_dead())
		return -ECANCELED;
	worker_of(self)->truth = truth_born(process_current(), actor_self(self));
	worker_of(self)->truth->audits = sim.n_quiets;
	return act_again(self);
}

static const struct actor_method worker_methods[] = {
	{.name = "act", .on_cast = on_act},
	{.name = "ask", .on_call = on_ask},
	{.name = "asked", .on_call = on_asked},
	{.name = "count", .on_cast = on_count},
	{.name = "all", .on_cast = on_all},
	{0},
};
const struct actor_behavior worker_behavior = {
	.name = "worker",
	.state_size = sizeof(struct worker),
	.mailbox_max_messages = 16, /* the mailbox holds so few that senders are held back */
	.methods = worker_methods,
	.init = worker_init,
	.terminate = terminate,
	.on_down = on_down,
	.on_pg = on_pg,
};
