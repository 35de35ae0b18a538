/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/supervision/backoff.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define NS_PER_MS UINT64_C(1000000)

static bool backoff_is_off(const struct backoff_spec *spec)
{
	return spec->max_ms == 0;
}

const char *backoff_spec_check(const struct backoff_spec *spec)
{
	if (spec->jitter_pct > 100)
		return "the jitter of a backoff is a percentage, at most 100";
	if (spec->min_ms > spec->max_ms)
		return "the shortest delay of a backoff is longer than the longest";
	if (backoff_is_off(spec))
		return NULL;
	if (spec->min_ms == 0)
		return "a backoff that begins with 0 never grows; begin with 1 ms, or set both ends to 0";
	if (spec->factor == 0)
		return "the factor of a backoff is at least 1";
	return NULL;
}

uint64_t backoff_base_ms(const struct backoff_spec *spec, uint32_t n)
{
	uint64_t delay_ms = spec->min_ms;

	if (spec->factor > 1 && spec->min_ms)
		while (n-- && delay_ms < spec->max_ms)
			delay_ms *= spec->factor; /* cannot overflow: both are below 2^32 */
	return delay_ms < spec->max_ms ? delay_ms : spec->max_ms;
}

uint64_t backoff_next_ns(struct backoff *backoff, const struct backoff_spec *spec, bool served, bool killed,
	uint64_t served_ns, uint64_t random)
{
	bool blameless = served && killed && spec->killed_max_ms;
	uint64_t delay_ns, span_ns;

	if (backoff_is_off(spec))
		return 0;
	if (served && spec->reset_after_ms && served_ns >= spec->reset_after_ms * NS_PER_MS)
		backoff_reset(backoff);

	if (backoff->step == 0) {
		backoff->step = 1;
		if (served)
			return 0;
	}
	delay_ns = backoff_base_ms(spec, backoff->step - 1) * NS_PER_MS;
	if (blameless && delay_ns > spec->killed_max_ms * NS_PER_MS)
		delay_ns = spec->killed_max_ms * NS_PER_MS;
	if (!blameless && backoff->step < UINT32_MAX)
		backoff->step++;

	span_ns = delay_ns / 100 * spec->jitter_pct;
	return delay_ns - span_ns + random % (2 * span_ns + 1);
}

int intensity_window_init(struct intensity_window *window, uint32_t intensity, uint64_t period_ns)
{
	uint64_t *times_ns;

	if (intensity > INTENSITY_MAX)
		return -EINVAL;
	times_ns = calloc((size_t)intensity + 1, sizeof(*times_ns));
	if (!times_ns)
		return -ENOMEM;
	*window = (struct intensity_window){
		.times_ns = times_ns,
		.n_slots = intensity + 1,
		.period_ns = period_ns,
	};
	return 0;
}

void intensity_window_deinit(struct intensity_window *window)
{
	free(window->times_ns);
	*window = (struct intensity_window){};
}

bool intensity_window_add(struct intensity_window *window, uint64_t now_ns)
{
	uint64_t oldest_ns;

	window->times_ns[window->next] = now_ns;
	window->next = (window->next + 1) % window->n_slots;
	if (window->n < window->n_slots)
		window->n++;
	if (window->n < window->n_slots)
		return true;
	oldest_ns = window->times_ns
			    [window->next]; /* the oldest of the last intensity+1 times, this one included */
	return now_ns > oldest_ns && now_ns - oldest_ns > window->period_ns;
}

void intensity_window_clear(struct intensity_window *window)
{
	window->n = window->next = 0;
}

/* The time of the restart that is @back restarts before the latest one. */
static uint64_t window_time_back(const struct intensity_window *window, uint32_t back)
{
	return window->times_ns[(window->next + window->n_slots - 1 - back) % window->n_slots];
}

uint32_t intensity_window_recent(const struct intensity_window *window, uint64_t now_ns)
{
	uint32_t n = 0;

	while (n < window->n) {
		uint64_t at_ns = window_time_back(window, n);

		if (now_ns > at_ns && now_ns - at_ns > window->period_ns)
			break;
		n++;
	}
	return n;
}

uint64_t intensity_window_time(const struct intensity_window *window, uint32_t n_recent, uint32_t i)
{
	return window_time_back(window, n_recent - 1 - i);
}
