/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is a member of which process group, what the monitors of process groups were told, and who must get
 * what is cast to all members.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

#define SETTLED_NS (10 * SECOND) /* an actor that has been a member for so long is known to all */

/* ---- members ---- */

struct member {
	struct list link;
	struct sim_actor *who;
	unsigned pg;
	int64_t joined_ns, left_ns; /* left_ns: SIM_NEVER while it is a member */
};
static struct list members = {&members, &members};

static bool member_is_now(const struct member *member, unsigned pg)
{
	return member->pg == pg && member->left_ns == SIM_NEVER && truth_lives(member->who);
}

void truth_joined(struct sim_actor *who, unsigned pg)
{
	struct member *member = calloc(1, sizeof(*member));

	sim_event("joins process group %u", pg);
	member->who = who;
	member->pg = pg;
	member->joined_ns = sim.now_ns;
	member->left_ns = SIM_NEVER;
	list_append(&members, &member->link);
}

void truth_leaving(struct sim_actor *who, unsigned pg)
{
	struct member *last = NULL;

	sim_event("leaves process group %u", pg);
	list_for_each(it, &members) {
		struct member *member = container_of(it, struct member, link);

		if (member->who == who && member->pg == pg && member->left_ns == SIM_NEVER)
			last = member;
	}
	if (last)
		last->left_ns = sim.now_ns;
}

static unsigned count(const struct sim_actor *who, unsigned pg)
{
	unsigned n = 0;

	list_for_each(it, &members) {
		struct member *member = container_of(it, struct member, link);

		n += member_is_now(member, pg) && (!who || member->who == who);
	}
	return n;
}

unsigned truth_count_members(void)
{
	unsigned n = 0;

	for (unsigned pg = 0; pg < PGS_N; pg++)
		n += count(NULL, pg);
	return n;
}

bool truth_pg_may_be_empty(unsigned pg, int64_t begun_ns)
{
	list_for_each(it, &members) {
		struct member *member = container_of(it, struct member, link);

		if (member_is_now(member, pg) && member->joined_ns < begun_ns - SETTLED_NS)
			return false;
	}
	return true;
}

void truth_audit_members(struct sim_actor *asker, unsigned pg, const actor_ref *refs, int n)
{
	for (int i = 0; i < n && (unsigned)n != count(NULL, pg); i++)
		sim_event("sees member <%" PRIx64 ".%" PRIx64 "> of %u", refs[i].group, refs[i].serial, pg);
	if (n < 0 || (unsigned)n != count(NULL, pg))
		sim_fail("process group %u has %u members, and <%" PRIx64 ".%" PRIx64 "> sees %d", pg,
			count(NULL, pg), asker->ref.group, asker->ref.serial, n);
	for (int i = 0; i < n; i++) {
		const struct sim_actor *who = truth_actor(refs[i]);
		unsigned seen = 0;

		for (int j = 0; j < n; j++)
			seen += actor_ref_equal(refs[i], refs[j]);
		if (!who || seen != count(who, pg))
			sim_fail("process group %u: <%" PRIx64 ".%" PRIx64 "> is seen %u times", pg,
				refs[i].group, refs[i].serial, seen);
	}
}

/* ---- monitors of process groups ---- */

struct seen {
	struct list link;
	actor_ref ref;
	uint64_t id;
};

struct pg_watch {
	struct list link;
	struct sim_actor *watcher;
	uint64_t monitor;
	unsigned pg;
	struct list seen;
	unsigned n_seen;
};
static struct list pg_watches = {&pg_watches, &pg_watches};

void truth_pg_monitors(struct sim_actor *watcher, uint64_t monitor, unsigned pg)
{
	struct pg_watch *watch = calloc(1, sizeof(*watch));

	watch->watcher = watcher;
	watch->monitor = monitor;
	watch->pg = pg;
	list_init(&watch->seen);
	list_append(&pg_watches, &watch->link);
}

static struct pg_watch *pg_watch_find(const struct sim_actor *watcher, uint64_t monitor)
{
	list_for_each(it, &pg_watches) {
		struct pg_watch *watch = container_of(it, struct pg_watch, link);

		if (watch->watcher == watcher && watch->monitor == monitor)
			return watch;
	}
	return NULL;
}

void truth_pg_event(struct sim_actor *watcher, uint64_t monitor, const struct actor_pg_event *event)
{
	struct pg_watch *watch = pg_watch_find(watcher, monitor);
	struct seen *seen = NULL;

	sim.n_pg_events++;
	if (!watch)
		sim_fail("an event of a process group that nobody asked for");
	sim_event("sees <%" PRIx64 ".%" PRIx64 "> %s process group %u", event->who.group, event->who.serial,
		event->joined ? "join" : "leave", watch->pg);
	list_for_each(it, &watch->seen) {
		struct seen *old = container_of(it, struct seen, link);

		if (actor_ref_equal(old->ref, event->who) && old->id == event->id)
			seen = old;
	}
	if (event->joined && seen)
		sim_fail("process group %u: a membership is joined twice", watch->pg);
	if (!event->joined && !seen)
		sim_fail("process group %u: a membership that was not there is left", watch->pg);
	if (event->joined) {
		seen = calloc(1, sizeof(*seen));
		seen->ref = event->who;
		seen->id = event->id;
		list_append(&watch->seen, &seen->link);
		watch->n_seen++;
	} else {
		list_remove(&seen->link);
		free(seen);
		watch->n_seen--;
	}
}

static void pg_watch_check(struct pg_watch *watch)
{
	if (watch->n_seen != count(NULL, watch->pg))
		sim_fail("process group %u has %u members, and a monitor of <%" PRIx64 ".%" PRIx64
			 "> saw %u come",
			watch->pg, count(NULL, watch->pg), watch->watcher->ref.group,
			watch->watcher->ref.serial, watch->n_seen);
	list_for_each(it, &watch->seen) {
		struct seen *seen = container_of(it, struct seen, link);

		if (!count(truth_actor(seen->ref), watch->pg))
			sim_fail("process group %u: a monitor still has <%" PRIx64 ".%" PRIx64 ">", watch->pg,
				seen->ref.group, seen->ref.serial);
	}
}

/* ---- casts to all ---- */

struct due {
	struct list link;
	struct sim_actor *who;
	/* The actor had long been a member when the cast was made, so the cast must come to it. */
	bool certain;
	bool came;
};

struct many {
	struct list link;
	uint64_t id, epoch;
	int64_t begun_ns;
	struct sim_actor *from;
	unsigned pg;
	bool sent;
	struct list dues;
};
static struct list manies = {&manies, &manies};
static uint64_t last_many;

static struct due *due_get(struct many *many, struct sim_actor *who)
{
	struct due *due;

	list_for_each(it, &many->dues) {
		due = container_of(it, struct due, link);
		if (due->who == who)
			return due;
	}
	due = calloc(1, sizeof(*due));
	due->who = who;
	list_append(&many->dues, &due->link);
	return due;
}

uint64_t truth_many_begins(struct sim_actor *from, unsigned pg)
{
	struct many *many = calloc(1, sizeof(*many));

	many->id = ++last_many;
	many->epoch = broker_epoch;
	many->begun_ns = sim.now_ns;
	many->from = from;
	many->pg = pg;
	list_init(&many->dues);
	list_append(&manies, &many->link);
	list_for_each(it, &members) {
		struct member *member = container_of(it, struct member, link);

		if (member_is_now(member, pg) && member->joined_ns < sim.now_ns - SETTLED_NS &&
			!truth_way_broke(from, member->who, broker_epoch))
			due_get(many, member->who)->certain = true;
	}
	return many->id;
}

static struct many *many_find(uint64_t id)
{
	list_for_each(it, &manies) {
		struct many *many = container_of(it, struct many, link);

		if (many->id == id)
			return many;
	}
	return NULL;
}

void truth_many_sent(uint64_t id, int r)
{
	struct many *many = many_find(id);

	if (many)
		many->sent = r == 0;
}

void truth_many_came(uint64_t id, struct sim_actor *to)
{
	struct many *many = many_find(id);
	struct due *due;

	if (!many)
		sim_fail("a cast to all that nobody sent, or long ago");
	due = due_get(many, to);
	if (due->came)
		sim_fail("a cast to all %" PRIu64 " came twice", id);
	due->came = true;
}

static bool was_member_throughout(const struct sim_actor *who, const struct many *many)
{
	list_for_each(it, &members) {
		struct member *member = container_of(it, struct member, link);

		if (member->who == who && member_is_now(member, many->pg) &&
			member->joined_ns < many->begun_ns)
			return true;
	}
	return false;
}

static void many_check(struct many *many)
{
	if (!many->sent || many->from->killed || many->from->single)
		return;
	list_for_each(it, &many->dues) {
		struct due *due = container_of(it, struct due, link);

		if (due->certain && !due->came && was_member_throughout(due->who, many) &&
			!truth_way_broke(due->who, NULL, many->epoch))
			sim_fail("cast %" PRIu64 " of <%" PRIx64 ".%" PRIx64
				 "> to all of process group %u never came to <%" PRIx64 ".%" PRIx64 ">",
				many->id, many->from->ref.group, many->from->ref.serial, many->pg,
				due->who->ref.group, due->who->ref.serial);
	}
}

/* ---- the quiet ---- */

void truth_check_pgs(void)
{
	list_for_each(it, &pg_watches) {
		struct pg_watch *watch = container_of(it, struct pg_watch, link);

		if (truth_lives(watch->watcher))
			pg_watch_check(watch);
	}
	list_for_each(it, &manies)
		many_check(container_of(it, struct many, link));
	while (!list_is_empty(&manies)) {
		struct many *many = container_of(list_pop(&manies), struct many, link);

		while (!list_is_empty(&many->dues))
			free(container_of(list_pop(&many->dues), struct due, link));
		free(many);
	}
}

void truth_forget_pgs(const struct sim_actor *who)
{
	list_for_each_safe(it, &members) {
		struct member *member = container_of(it, struct member, link);

		if (member->who != who)
			continue;
		list_remove(&member->link);
		free(member);
	}
	list_for_each_safe(it, &pg_watches) {
		struct pg_watch *watch = container_of(it, struct pg_watch, link);

		if (watch->watcher != who)
			continue;
		while (!list_is_empty(&watch->seen))
			free(container_of(list_pop(&watch->seen), struct seen, link));
		list_remove(&watch->link);
		free(watch);
	}
}
