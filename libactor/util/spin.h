/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether it pays to look again for a moment before sleeping. Waking a sleeping process costs more than many
 * of the waits last: the answer to what was just sent is often there before the processor has gone to rest.
 * But a look that finds nothing is a processor's time wasted, and nobody can tell before.
 *
 * So each wait begins with looks for at most the window. A window in which nothing came is followed by one
 * wait without looks, then by three, seven, … 63. A window in which something came is followed by another
 * one. What is wasted is less than the window for each thing that came, and a 64th of that where nothing ever
 * comes in time: also where what we wait for needs the very processor that we keep.
 *
 * No clock, no processors: the caller knows both.
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

/* A wait begins. For how long its looks may go on; 0: it sleeps at once. */
static inline int64_t spin_begin(struct spin *spin)
{
	if (!spin->rests_left)
		return spin->window_ns;
	spin->rests_left--;
	return 0;
}

/* The looks of this wait are over: had something come? */
static inline void spin_end(struct spin *spin, bool came)
{
	spin->rests = came ? 0 : spin->rests < SPIN_RESTS_MAX ? 2 * spin->rests + 1 : SPIN_RESTS_MAX;
	spin->rests_left = spin->rests;
}
