/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides whether a waiter looks again for a moment before it sleeps. To wake a sleeping process costs more
 * than many waits last: the answer to what was just sent has often come before the processor has gone to
 * sleep. But a look that finds nothing wastes a processor's time, and this cannot be known before.
 *
 * So each wait begins with looks, for at most the window. A window in which nothing came is followed by one
 * wait without looks, then by three, seven, … 63. A window in which something came is followed by another
 * window. So the waste is less than the window for each thing that came. Where nothing ever comes in time,
 * the waste is a 64th of that; this includes the case that what the waiter waits for needs the very processor
 * that the waiter keeps.
 *
 * This code reads no clock and knows no processors: the caller knows both.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SPIN_RESTS_MAX 63

struct spin {
	int64_t window_ns;   /* 0: never look */
	uint32_t rests;      /* waits without looks after the last window in which nothing came, */
	uint32_t rests_left; /* and how many of them are still to come */
};

/* A wait begins. Returns how long its looks may go on; 0: sleep at once. */
static inline int64_t spin_begin(struct spin *spin)
{
	if (!spin->rests_left)
		return spin->window_ns;
	spin->rests_left--;
	return 0;
}

/* The looks of this wait are over. @came: something had come. */
static inline void spin_end(struct spin *spin, bool came)
{
	spin->rests = came ? 0 : spin->rests < SPIN_RESTS_MAX ? 2 * spin->rests + 1 : SPIN_RESTS_MAX;
	spin->rests_left = spin->rests;
}
