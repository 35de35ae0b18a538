/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/throttle.h"

static bool slot_has_room(const struct throttle_slot *slot, int64_t now_ns, int64_t rate_ns, int64_t burst_n)
{
	return slot->due_ns - now_ns <= (burst_n - 1) * rate_ns;
}

static void slot_take(struct throttle_slot *slot, int64_t now_ns, int64_t rate_ns)
{
	slot->due_ns = (slot->due_ns > now_ns ? slot->due_ns : now_ns) + rate_ns;
}

bool throttle_take(struct throttle *throttle, uint64_t who, int64_t now_ns, uint64_t *ret_n_missed)
{
	struct throttle_slot *slot =
		&throttle->peers[(who * UINT64_C(0x9e3779b97f4a7c15) >> 32) % THROTTLE_PEERS_N];

	if (slot->who != who) {
		throttle->all.n_missed += slot->n_missed;
		*slot = (struct throttle_slot){.who = who};
	}
	if (!slot_has_room(slot, now_ns, THROTTLE_RATE_NS, THROTTLE_BURST_N) ||
		!slot_has_room(&throttle->all, now_ns, THROTTLE_ALL_RATE_NS, THROTTLE_ALL_BURST_N)) {
		slot->n_missed++;
		return false;
	}
	slot_take(slot, now_ns, THROTTLE_RATE_NS);
	slot_take(&throttle->all, now_ns, THROTTLE_ALL_RATE_NS);
	*ret_n_missed = slot->n_missed + throttle->all.n_missed;
	slot->n_missed = throttle->all.n_missed = 0;
	return true;
}
