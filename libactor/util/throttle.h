/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which peer may have a line written now. A bad peer can cause a hundred thousand lines a second: it must be
 * reported, but may not fill the disk. Each peer has a burst and then a slow rate, and so have all of them
 * together. Lines that were not written are counted. No clock, no allocation.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* remembered at a time, by hash: a newer one takes the place of an older one */
#define THROTTLE_PEERS_N     32
#define THROTTLE_BURST_N     10         /* lines of one peer at once, */
#define THROTTLE_RATE_NS     1000000000 /* then one a second */
#define THROTTLE_ALL_BURST_N 100        /* of all together, */
#define THROTTLE_ALL_RATE_NS 100000000  /* then ten a second */

struct throttle_slot {
	uint64_t who;
	int64_t due_ns; /* when it has its whole burst again */
	uint64_t n_missed;
};

struct throttle {
	struct throttle_slot all;
	struct throttle_slot peers[THROTTLE_PEERS_N];
};

/*
 * @who: what names the peer over its reconnections, a pid best; @kind: the address of the line's format, so
 * that one kind of line does not use up what there is for another.
 */
static inline uint64_t throttle_key(uint64_t who, const void *kind)
{
	return who * UINT64_C(0xff51afd7ed558ccd) ^ (uintptr_t)kind;
}
/* True: write it, and say that *ret_n_missed others were not written. */
bool throttle_take(struct throttle *throttle, uint64_t who, int64_t now_ns, uint64_t *ret_n_missed);
