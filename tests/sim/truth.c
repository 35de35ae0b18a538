/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is true of actors, casts and monitors. The truth comes from the actors' own handlers and from the
 * kills, and is compared with what libactor and the broker tell.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core.h"
#include "libactor/base/base.h"
#include "libactor/peer/peer.h"
#include "libactor/util/hash.h"
#include "tests/sim/sim.h"

static struct list actors = {&actors, &actors};
static unsigned n_actors;

/* ---- actors ---- */

struct sim_actor *truth_actor(actor_ref ref)
{
	list_for_each(it, &actors) {
		struct sim_actor *who = container_of(it, struct sim_actor, link);

		if (actor_ref_equal(who->ref, ref))
			return who;
	}
	return NULL;
}

struct sim_actor *truth_born(struct process *process, actor_ref ref)
{
	struct sim_actor *who = calloc(1, sizeof(*who));

	if (truth_actor(ref))
		sim_fail("a ref is used twice");
	who->ref = ref;
	who->process = process;
	who->single = process->kind == PROCESS_SINGLE;
	who->may_end = process->ending;
	list_append(&actors, &who->link);
	n_actors++;
	return who;
}

void truth_may_end(struct sim_actor *who)
{
	if (!who || who->may_end)
		return;
	who->may_end = true;
	who->may_end_ns = sim.now_ns;
}

void truth_process_ends(struct process *process, bool killed)
{
	list_for_each(it, &actors) {
		struct sim_actor *who = container_of(it, struct sim_actor, link);

		if (who->process != process)
			continue;
		truth_may_end(who);
		who->killed = who->killed || killed;
		if (process->dead) {
			who->process = NULL;
			who->awake_ns = process->last_stopped_ns;
		}
	}
}

struct sim_actor *truth_pick(void)
{
	uint32_t n = n_actors ? sim_random(n_actors) : 0;

	list_for_each(it, &actors)
		if (n-- == 0)
			return container_of(it, struct sim_actor, link);
	return NULL;
}

bool truth_way_broke(const struct sim_actor *who, const struct sim_actor *other, uint64_t epoch)
{
	return ((who && who->single) || (other && other->single)) &&
	       (epoch != broker_epoch || (broker_epoch && sim.now_ns - broker_died_ns < BACK_NS));
}

int64_t truth_awake_ns(const struct sim_actor *who)
{
	return who->process ? who->process->last_stopped_ns : who->awake_ns;
}

/* ---- casts ---- */

/* The casts of one actor to another. */
struct pair {
	struct hash_node node;
	struct list link;
	actor_ref from, to;
	uint64_t sent, came;
	uint64_t epoch; /* the broker's, when the first was cast */
	bool single;
	bool risky; /* some were cast before the broker knew all groups */
};
static struct hash pairs;
static struct list pair_list = {&pair_list, &pair_list};

static struct pair *pair_get(actor_ref from, actor_ref to)
{
	actor_ref key[2] = {from, to};
	struct sim_actor *ends[2] = {truth_actor(from), truth_actor(to)};
	struct hash_node *node;
	struct pair *pair;
	uint64_t hash;

	if (!pairs.n_buckets)
		hash_init(&pairs);
	hash = hash_of_bytes(&pairs, key, sizeof(key));
	for (node = hash_first(&pairs, hash); node; node = hash_next(node)) {
		pair = container_of(node, struct pair, node);
		if (actor_ref_equal(pair->from, from) && actor_ref_equal(pair->to, to))
			return pair;
	}
	pair = calloc(1, sizeof(*pair));
	pair->from = from;
	pair->to = to;
	pair->epoch = broker_epoch;
	pair->single = (ends[0] && ends[0]->single) || (ends[1] && ends[1]->single);
	list_append(&pair_list, &pair->link);
	(void)hash_insert(&pairs, &pair->node, hash);
	return pair;
}

static bool pair_may_lose(const struct pair *pair)
{
	return pair->risky || (pair->single && pair->epoch != broker_epoch);
}

uint64_t truth_cast_next(struct sim_actor *from, actor_ref to)
{
	return pair_get(from->ref, to)->sent + 1;
}

/*
 * Whether @from has a link with the broker that lives. Then that broker has, or will get, what @from sends
 * now. A new broker knows all groups that live, except those with a single link.
 */
static bool is_with_broker(const struct sim_actor *from)
{
	const actor_group *group = from->process ? from->process->actors : NULL;

	return group && broker_process && group->uplink.peer && group->uplink.peer->state == PEER_LINKED &&
	       group->uplink.service.group == broker_process->group;
}

void truth_cast_sent(struct sim_actor *from, actor_ref to)
{
	struct pair *pair = pair_get(from->ref, to);
	struct sim_actor *target = truth_actor(to);

	pair->sent++;
	pair->risky = pair->risky || (truth_way_broke(from, target, broker_epoch) &&
					     !(target && !target->single && is_with_broker(from)));
	sim.n_casts++;
}

void truth_cast_came(actor_ref from, struct sim_actor *to, uint64_t number)
{
	struct pair *pair = pair_get(from, to->ref);

	if (number <= pair->came)
		sim_fail("cast %" PRIu64 " of a pair came again, or too late: %" PRIu64 " was there", number,
			pair->came);
	if (number != pair->came + 1 && !pair_may_lose(pair))
		sim_fail("cast %" PRIu64 " of <%" PRIx64 ".%" PRIx64 "> to <%" PRIx64 ".%" PRIx64
			 "> came behind %" PRIu64 ": some are lost",
			number, pair->from.group, pair->from.serial, pair->to.group, pair->to.serial,
			pair->came);
	if (truth_was_told_of_end(to, from))
		sim_fail("a message of an actor came after its DOWN");
	pair->came = number;
}

static void pair_check_quiet(const struct pair *pair)
{
	struct sim_actor *from = truth_actor(pair->from);

	if (!truth_lives(truth_actor(pair->to)) || pair_may_lose(pair))
		return;
	if (pair->came < pair->sent && from && !from->killed)
		sim_fail("%" PRIu64 " of %" PRIu64 " casts of <%" PRIx64 ".%" PRIx64 "> to <%" PRIx64
			 ".%" PRIx64 "> never came",
			pair->sent - pair->came, pair->sent, pair->from.group, pair->from.serial,
			pair->to.group, pair->to.serial);
}

/* ---- monitors ---- */

struct watch {
	struct list link;
	struct sim_actor *watcher;
	uint64_t monitor, epoch;
	actor_ref who;
	bool fired, given_up;
};
static struct list watches = {&watches, &watches};

void truth_monitors(struct sim_actor *watcher, uint64_t monitor, actor_ref who)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	watch->watcher = watcher;
	watch->monitor = monitor;
	watch->who = who;
	watch->epoch = broker_epoch;
	list_append(&watches, &watch->link);
}

static struct watch *watch_find(const struct sim_actor *watcher, uint64_t monitor)
{
	list_for_each(it, &watches) {
		struct watch *watch = container_of(it, struct watch, link);

		if (watch->watcher == watcher && watch->monitor == monitor)
			return watch;
	}
	return NULL;
}

void truth_demonitored(struct sim_actor *watcher, uint64_t monitor, bool was_there)
{
	struct watch *watch = watch_find(watcher, monitor);

	if (watch && watch->fired && was_there)
		sim_fail("a monitor that has gone off is said not to have");
	if (watch)
		watch->given_up = true;
}

void truth_down(struct sim_actor *watcher, uint64_t monitor, actor_ref who, const char *reason)
{
	struct watch *watch = watch_find(watcher, monitor);
	struct sim_actor *target = truth_actor(who);

	sim.n_downs++;
	sim_event("DOWN of <%" PRIx64 ".%" PRIx64 ">: %s", who.group, who.serial, reason);
	if (!watch || !actor_ref_equal(watch->who, who))
		sim_fail("a DOWN that nobody asked for");
	if (watch->fired)
		sim_fail("a second DOWN of one monitor");
	if (watch->given_up)
		sim_fail("a DOWN of a monitor that was given up");
	if (truth_lives(target) && !truth_way_broke(watcher, target, watch->epoch))
		sim_fail("a DOWN (%s) of an actor that lives", reason);
	watch->fired = true;
}

bool truth_was_told_of_end(const struct sim_actor *watcher, actor_ref who)
{
	list_for_each(it, &watches) {
		struct watch *watch = container_of(it, struct watch, link);
		actor_ref process = {who.node, who.group, 0};

		if (watch->fired && watch->watcher == watcher && !truth_lives(truth_actor(watch->who)) &&
			!truth_way_broke(watcher, truth_actor(who), watch->epoch) &&
			(actor_ref_equal(watch->who, who) || actor_ref_equal(watch->who, process)))
			return true;
	}
	return false;
}

uint64_t truth_pick_monitor(const struct sim_actor *watcher)
{
	uint64_t picked = 0;
	uint32_t n = 0;

	list_for_each(it, &watches) {
		struct watch *watch = container_of(it, struct watch, link);

		if (watch->watcher == watcher && !watch->given_up && sim_chance(++n))
			picked = watch->monitor;
	}
	return picked;
}

/* ---- the quiet ---- */

void truth_settle(void)
{
	list_for_each(it, &actors) {
		struct sim_actor *who = container_of(it, struct sim_actor, link);

		if (who->may_end && who->process && !who->process->ending && who->process->actors &&
			who->ref.serial && actor_find(who->process->actors, who->ref.serial))
			/* What was to end it died before it could. */
			who->may_end = false;
	}
}

static void watch_check_quiet(const struct watch *watch)
{
	if (!truth_lives(watch->watcher) || watch->fired || watch->given_up ||
		truth_lives(truth_actor(watch->who)))
		return;
	sim_fail("<%" PRIx64 ".%" PRIx64 "> was never told that <%" PRIx64 ".%" PRIx64 "> ended",
		watch->watcher->ref.group, watch->watcher->ref.serial, watch->who.group, watch->who.serial);
}

static bool is_up(const struct process *process)
{
	return process_lives(process) && process->up && process->kind != PROCESS_BROKER;
}

static void books_check_quiet(void)
{
	struct broker_stats books;

	if (!broker_books(&books))
		sim_fail("there is no broker in the quiet");
	if (books.groups != processes_count(is_up))
		broker_say_members();
	if (books.groups != processes_count(is_up))
		sim_fail("the broker has %" PRIu64 " groups, and there are %u", books.groups,
			processes_count(is_up));
	if (books.names != truth_count_names() + 2)
		sim_fail("the broker has %" PRIu64 " names, and %u are held", books.names,
			truth_count_names() + 2);
	if (books.memberships != truth_count_members())
		sim_fail("the broker has %" PRIu64 " memberships, and there are %u", books.memberships,
			truth_count_members());
	if (books.calls || books.waiting)
		sim_fail("%" PRIu64 " calls are open at the broker, and %" PRIu64 " frames wait", books.calls,
			books.waiting);
}

void truth_check_quiet(void)
{
	list_for_each(it, &actors) {
		struct sim_actor *who = container_of(it, struct sim_actor, link);

		if (truth_lives(who) && who->ref.serial && who->audits != sim.n_quiets)
			sim_fail("<%" PRIx64 ".%" PRIx64 "> hangs", who->ref.group, who->ref.serial);
	}
	list_for_each(it, &pair_list)
		pair_check_quiet(container_of(it, struct pair, link));
	list_for_each(it, &watches)
		watch_check_quiet(container_of(it, struct watch, link));
	truth_check_pgs();
	books_check_quiet();
}

void truth_check_emptied(void)
{
	struct broker_stats books;

	if (!broker_books(&books))
		sim_fail("there is no broker at the end");
	if (books.groups != 1 || books.names != 2 || books.memberships || books.watches || books.calls ||
		books.monitors || books.pairs || books.waiting)
		sim_fail("all groups have ended, and the broker has %" PRIu64 " groups, %" PRIu64
			 " names, %" PRIu64 " memberships, %" PRIu64 " watches, %" PRIu64 " calls, %" PRIu64
			 " monitors, %" PRIu64 " pairs, %" PRIu64 " that wait",
			books.groups, books.names, books.memberships, books.watches, books.calls,
			books.monitors, books.pairs, books.waiting);
}

void truth_forget(void)
{
	list_for_each_safe(it, &watches) {
		struct watch *watch = container_of(it, struct watch, link);

		if (truth_lives(watch->watcher) && truth_lives(truth_actor(watch->who)))
			continue;
		list_remove(&watch->link);
		free(watch);
	}
	list_for_each_safe(it, &pair_list) {
		struct pair *pair = container_of(it, struct pair, link);

		pair->came = pair->sent; /* the rest was lost with a broker */
		pair->epoch = broker_epoch;
		pair->risky = false;
		if (truth_lives(truth_actor(pair->from)) && truth_lives(truth_actor(pair->to)))
			continue;
		hash_remove(&pairs, &pair->node);
		list_remove(&pair->link);
		free(pair);
	}
	truth_forget_calls();
	list_for_each_safe(it, &actors) {
		struct sim_actor *who = container_of(it, struct sim_actor, link);

		if (truth_lives(who))
			continue;
		truth_forget_names(who);
		truth_forget_pgs(who);
		list_remove(&who->link);
		n_actors--;
		free(who);
	}
}
