/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds which name. An actor holds a name for certain from the return of register() until it gives the
 * name back or may end; shortly before and after that it may hold it. A look-up may give what was true a
 * short while ago.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

#define LAG_NS (20 * SECOND) /* no look-up may give what is older than this */

enum hold_state { HOLD_ASKED, HOLD_CERTAIN, HOLD_GIVEN_BACK };

struct hold {
	struct list link;
	struct sim_actor *who;
	actor_ref ref;
	enum hold_state state;
	int64_t since_ns, over_ns; /* over_ns: SIM_NEVER while the actor may hold it */
};
static struct list names[NAMES_N];

static struct list *holds_of(unsigned name)
{
	if (!names[name].next)
		list_init(&names[name]);
	return &names[name];
}

static bool hold_is_certain(const struct hold *hold)
{
	return hold->state == HOLD_CERTAIN && truth_lives(hold->who);
}

static bool hold_was_lately(const struct hold *hold, int64_t begun_ns)
{
	int64_t over_ns = hold->over_ns;

	if (hold->who && hold->who->may_end && hold->who->may_end_ns < over_ns)
		over_ns = hold->who->may_end_ns;
	return over_ns + LAG_NS > begun_ns;
}

static struct hold *certain_hold(unsigned name)
{
	list_for_each(it, holds_of(name)) {
		struct hold *hold = container_of(it, struct hold, link);

		if (hold_is_certain(hold))
			return hold;
	}
	return NULL;
}

static struct hold *hold_of(const struct sim_actor *who, unsigned name)
{
	list_for_each(it, holds_of(name)) {
		struct hold *hold = container_of(it, struct hold, link);

		if (hold->who == who && hold->over_ns == SIM_NEVER)
			return hold;
	}
	return NULL;
}

bool truth_owns(const struct sim_actor *who, unsigned name)
{
	const struct hold *hold = hold_of(who, name);

	return hold && hold->state == HOLD_CERTAIN;
}

void truth_registering(struct sim_actor *who, unsigned name)
{
	struct hold *hold = hold_of(who, name);

	if (hold)
		return; /* the actor has the name already */
	hold = calloc(1, sizeof(*hold));
	hold->who = who;
	hold->ref = who->ref;
	hold->since_ns = sim.now_ns;
	hold->over_ns = SIM_NEVER;
	list_append(holds_of(name), &hold->link);
}

void truth_registered(struct sim_actor *who, unsigned name, int r)
{
	struct hold *hold = hold_of(who, name);
	bool others = false;

	sim_event("registers %u: %d", name, r);
	list_for_each(it, holds_of(name)) {
		const struct hold *other = container_of(it, struct hold, link);

		if (other == hold)
			continue;
		others = others || hold_was_lately(other, hold->since_ns);
		if (r == 0 && hold_is_certain(other))
			sim_fail("name %u is held by <%" PRIx64 ".%" PRIx64 "> and by <%" PRIx64 ".%" PRIx64
				 ">",
				name, other->ref.group, other->ref.serial, who->ref.group, who->ref.serial);
	}
	if (r == -EEXIST && !others && truth_lives(who))
		sim_fail("name %u is refused, and nobody has it", name);
	if (r == 0 && hold->state == HOLD_ASKED) {
		hold->state = HOLD_CERTAIN;
		hold->since_ns = sim.now_ns;
	} else if (r < 0 && hold->state == HOLD_ASKED) {
		hold->state = HOLD_GIVEN_BACK;
		hold->over_ns = sim.now_ns;
	}
}

void truth_unregistering(struct sim_actor *who, unsigned name)
{
	hold_of(who, name)->state = HOLD_GIVEN_BACK;
}

void truth_unregistered(struct sim_actor *who, unsigned name)
{
	struct hold *hold = hold_of(who, name);

	if (hold)
		hold->over_ns = sim.now_ns;
	sim_event("gave name %u back", name);
}

void truth_found(struct sim_actor *asker, unsigned name, int r, actor_ref ref, int64_t begun_ns)
{
	const struct hold *certain = certain_hold(name);
	bool held = false;

	sim_event("looked for name %u: %d, <%" PRIx64 ".%" PRIx64 ">", name, r, ref.group, ref.serial);
	if (r == -ESRCH && certain && certain->since_ns < begun_ns)
		sim_fail("name %u is not found, and <%" PRIx64 ".%" PRIx64 "> has it", name,
			certain->ref.group, certain->ref.serial);
	if (r < 0)
		return;
	list_for_each(it, holds_of(name)) {
		const struct hold *hold = container_of(it, struct hold, link);

		held = held || (actor_ref_equal(hold->ref, ref) && hold_was_lately(hold, begun_ns));
	}
	if (!held)
		sim_fail("name %u led to somebody who did not have it", name);
	if (truth_was_told_of_end(asker, ref))
		sim_fail("name %u led to somebody whose DOWN had come", name);
}

bool truth_name_may_fail(unsigned name, int64_t begun_ns)
{
	const struct hold *certain = certain_hold(name);

	if (!certain || certain->since_ns > begun_ns)
		return true;
	list_for_each(it, holds_of(name)) {
		const struct hold *hold = container_of(it, struct hold, link);

		if (hold != certain && hold_was_lately(hold, begun_ns))
			return true;
	}
	return false;
}

unsigned truth_count_names(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NAMES_N; i++)
		n += certain_hold(i) != NULL;
	return n;
}

void truth_audit_name(struct sim_actor *asker, unsigned name, int r, actor_ref ref)
{
	const struct hold *certain = certain_hold(name);

	if (certain && (r < 0 || !actor_ref_equal(ref, certain->ref)))
		sim_fail("in the quiet, name %u of <%" PRIx64 ".%" PRIx64 "> leads to <%" PRIx64 ".%" PRIx64
			 "> (%d)",
			name, certain->ref.group, certain->ref.serial, ref.group, ref.serial, r);
	if (!certain && r != -ESRCH)
		sim_fail("in the quiet, name %u that nobody has leads <%" PRIx64 ".%" PRIx64 "> to <%" PRIx64
			 ".%" PRIx64 "> (%d)",
			name, asker->ref.group, asker->ref.serial, ref.group, ref.serial, r);
}

void truth_forget_names(const struct sim_actor *who)
{
	for (unsigned i = 0; i < NAMES_N; i++)
		list_for_each_safe(it, holds_of(i)) {
			struct hold *hold = container_of(it, struct hold, link);

			if (hold->who != who)
				continue;
			list_remove(&hold->link);
			free(hold);
		}
}
