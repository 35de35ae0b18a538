/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACTOR_BACKOFF_H
#define ACTOR_BACKOFF_H

/*
 * The arithmetic of restarts: how long to wait before the next one, and when there were too many. No clock,
 * no I/O.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * The delays of a series of failures: min, min*factor, min*factor^2 ... max, each +- jitter_pct percent. So
 * at the cap a delay may exceed max_ms by that much; if the jitter were cut off there, all children would
 * start at the same times again. All zero = no delay at all, as in OTP.
 */
struct backoff_spec {
	uint32_t min_ms;
	uint32_t max_ms;
	uint32_t factor;     /* >= 1 */
	uint32_t jitter_pct; /* 0..100 */
	/* a child that served this long begins a new series with its failure; 0 = never */
	uint32_t reset_after_ms;
	/*
	 * For a child that was killed while it served: the longest delay; the series does not grow. 0 = like
	 * any failure.
	 */
	uint32_t killed_max_ms;
};

/* The values that `actorctl spawn` gives a child. */
#define BACKOFF_DEFAULT                                                                                      \
	((struct backoff_spec){                                                                              \
		.min_ms = 100, .max_ms = 30000, .factor = 2, .jitter_pct = 20, .reset_after_ms = 60000})

/*
 * step 0: no series; step n: the next delay is the n-th of the series. Plain data that can be saved and
 * restored.
 */
struct backoff {
	uint32_t step;
};

/* Returns NULL if @spec makes sense, else one sentence for people that says why not. */
const char *backoff_spec_check(const struct backoff_spec *spec);

/* The n-th (from 0) delay of a series without jitter; `explain` prints it. */
uint64_t backoff_base_ms(const struct backoff_spec *spec, uint32_t n);

/*
 * backoff_next_ns() - a child failed: how long until its next start?
 * @backoff:    the series, which moves on
 * @served:     the child had begun to serve (it was ready, or up if it has no readiness)
 * @killed:     its end was a SIGKILL, which says nothing about the child itself
 * @served_ns:  how long it had served
 * @random:     64 random bits for the jitter
 *
 * After the first failure of a child that had served, returns 0: the cause may have been a single bad
 * message.
 */
uint64_t backoff_next_ns(struct backoff *backoff, const struct backoff_spec *spec, bool served, bool killed,
	uint64_t served_ns, uint64_t random);

static inline void backoff_reset(struct backoff *backoff)
{
	backoff->step = 0;
}

/*
 * Restart intensity: at most @intensity restarts in any @period. The ring has the last intensity+1 times, so
 * it is exact and O(1). OTP truncates to whole seconds, so its window is up to a second longer. In both the
 * edge counts as inside (a restart exactly @period ago still counts).
 */
struct intensity_window {
	uint64_t *times_ns;
	uint32_t n_slots; /* intensity + 1 */
	uint32_t n;       /* slots in use */
	uint32_t next;    /* where the next time goes; when the ring is full, the oldest */
	uint64_t period_ns;
};

#define INTENSITY_MAX 1000000u

/* Returns 0; -EINVAL (intensity > INTENSITY_MAX); -ENOMEM. */
int intensity_window_init(struct intensity_window *window, uint32_t intensity, uint64_t period_ns);
void intensity_window_deinit(struct intensity_window *window);

/* Counts one more restart at @now_ns. Returns false when there are too many now. */
bool intensity_window_add(struct intensity_window *window, uint64_t now_ns);

/* Forgets every restart. */
void intensity_window_clear(struct intensity_window *window);

/*
 * How many restarts still count at @now_ns. They are the latest ones: intensity_window_time() gives them from
 * @i = 0, the oldest of these, on.
 */
uint32_t intensity_window_recent(const struct intensity_window *window, uint64_t now_ns);
uint64_t intensity_window_time(const struct intensity_window *window, uint32_t n_recent, uint32_t i);

#endif
