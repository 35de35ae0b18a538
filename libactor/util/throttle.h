/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides which peer may have a log line written now. A bad peer can cause a hundred thousand lines a second:
 * it must be reported, but must not fill the disk. Each peer has a burst and then a slow rate, and so do all
 * peers together. Lines that are not written are counted. The caller passes the time in; nothing is
 * allocated.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* number of peers remembered at a time, by hash; a newer peer takes the place of an older one */
#define THROTTLE_PEERS_N     32
#define THROTTLE_BURST_N     10         /* lines of one peer at once, */
#define THROTTLE_RATE_NS     1000000000 /* then one a second */
#define THROTTLE_ALL_BURST_N 100        /* lines of all peers together at once, */
#define THROTTLE_ALL_RATE_NS 100000000  /* then ten a second */

struct throttle_slot {
	uint64_t who;
	int64_t due_ns; /* when the peer has its whole burst again */
	uint64_t n_missed;
};

struct throttle {
	struct throttle_slot all;
	struct throttle_slot peers[THROTTLE_PEERS_N];
};

/*
 * @who: a number that the peer keeps over reconnections, best its pid. @kind: the address of the line's
 * format; each kind of line has a share of its own.
 */
static inline uint64_t throttle_key(uint64_t who, const void *kind)
{
	return who * UINT64_C(0xff51afd7ed558ccd) ^ (uintptr_t)kind;
}
/*
 * Returns true when the line may be written. The line should then say that *ret_n_missed others were not
 * written.
 */
bool throttle_take(struct throttle *throttle, uint64_t who, int64_t now_ns, uint64_t *ret_n_missed);
