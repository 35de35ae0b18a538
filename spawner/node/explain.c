/* SPDX-License-Identifier: Apache-2.0 */
/* Why a child is in its state, and what comes next. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "spawner/node/node.h"

#define NS_PER_MS  UINT64_C(1000000)
#define DELAYS_MAX 8u
#define WHY_BYTES  600

/* "10 s", "1.5 s", "250 ms" */
static const char *span(uint64_t ms, char text[32])
{
	if (ms < 1000)
		snprintf(text, 32, "%" PRIu64 " ms", ms);
	else if (ms % 1000)
		snprintf(text, 32, "%" PRIu64 ".%" PRIu64 " s", ms / 1000, ms % 1000 / 100);
	else
		snprintf(text, 32, "%" PRIu64 " s", ms / 1000);
	return text;
}

static uint64_t ms_until(uint64_t deadline_ns, uint64_t now_ns)
{
	return deadline_ns > now_ns ? (deadline_ns - now_ns) / NS_PER_MS : 0;
}

static void why_down(const struct child *child, char why[WHY_BYTES])
{
	const struct actor_cause *cause = &child->last_exit.cause;
	const struct child_spec *spec = &child->spec;
	char ended[CHILD_ENDED_TEXT], period[32];

	child_ended_text(child, ended);
	if (child->given_up)
		snprintf(why, WHY_BYTES,
			"it failed once more after %" PRIu64
			" restarts in %s, which is its limit (%s); a start begins a new count",
			spec->intensity, span(spec->period_ms, period), ended);
	else if (child->stopped || !child->last_exit.set)
		snprintf(why, WHY_BYTES, "somebody stopped it; a start brings it back");
	else if (spec->restart == ACTOR_TEMPORARY)
		snprintf(why, WHY_BYTES, "it ended (%s), and a temporary one is never started again", ended);
	else if (child_exits_has(&spec->fatal_on, cause))
		snprintf(why, WHY_BYTES, "it ended (%s), and its fatal_on has this end", ended);
	else if (child_exit_of(child, cause, false) == SUPERVISION_EXIT_FATAL)
		snprintf(why, WHY_BYTES, "it ended (%s), by which a program asks not to be started again",
			ended);
	else
		snprintf(why, WHY_BYTES,
			"it ended well by itself (%s), after which a transient one is not started again",
			ended);
}

static void why_of(const struct child *child, uint64_t now_ns, char why[WHY_BYTES])
{
	uint64_t deadline_ns = supervision_child_deadline(child->sup);
	char ended[CHILD_ENDED_TEXT], left[32];

	span(ms_until(deadline_ns, now_ns), left);
	switch (child->sup->state) {
	case SUPERVISION_BACKOFF:
		snprintf(why, WHY_BYTES, "it ended (%s), and is started again in %s",
			child_ended_text(child, ended), left);
		return;
	case SUPERVISION_WAITING:
	case SUPERVISION_STARTING:
		snprintf(why, WHY_BYTES, "it is being started");
		return;
	case SUPERVISION_UP:
		if (!child->sup->spec.await_ready)
			snprintf(why, WHY_BYTES, "its program runs");
		else
			snprintf(why, WHY_BYTES, "its program runs, and is not ready yet%s%s",
				heap_contains(&child->steady) ? ": it must have been up for " : "",
				heap_contains(&child->steady) ? span(child->spec.up_for_ms, left) : "");
		return;
	case SUPERVISION_READY:
		snprintf(why, WHY_BYTES, "its program runs and is ready");
		return;
	case SUPERVISION_STOPPING:
		if (deadline_ns == SUPERVISION_NEVER)
			snprintf(why, WHY_BYTES, "it was told to stop, and is being killed");
		else
			snprintf(why, WHY_BYTES, "it was told to stop, and is killed in %s", left);
		return;
	case SUPERVISION_DOWN:
	case _SUPERVISION_STATE_N:
		break;
	}
	why_down(child, why);
}

/* How many restarts its limit still allows; UINT32_MAX: any number. */
static uint32_t restarts_left(const struct child *child, uint32_t n_recent)
{
	if (!child->spec.period_ms)
		return UINT32_MAX;
	return n_recent < child->spec.intensity ? (uint32_t)child->spec.intensity - n_recent : 0;
}

/*
 * The delays of the next failures, if they follow each other before the child has served for its reset time,
 * without jitter. The list ends where the limit does, or the delays grow no more.
 */
static void put_delays(struct buf *b, const struct child *child, uint32_t n_recent, uint64_t now_ns)
{
	const struct backoff_spec *spec = &child->sup->spec.backoff;
	bool serves = child->sup->serves;
	bool goes_on = child->spec.restart != ACTOR_TEMPORARY && !child_is_down(child);
	uint32_t n = 0, step = child->sup->backoff.step, left = goes_on ? restarts_left(child, n_recent) : 0;
	uint64_t delays_ms[DELAYS_MAX];

	if (serves && spec->reset_after_ms &&
		now_ns >= child->sup->served_ns + spec->reset_after_ms * NS_PER_MS)
		step = 0;
	while (n < DELAYS_MAX && n < left) {
		uint64_t delay_ms = step == 0 && serves ? 0 : backoff_base_ms(spec, step ? step - 1 : 0);

		if (n && delay_ms == delays_ms[n - 1] && delay_ms >= spec->max_ms)
			break;
		delays_ms[n++] = delay_ms;
		step += step == 0 && !serves ? 2 : 1;
	}
	mp_put_array(b, n);
	for (uint32_t i = 0; i < n; i++)
		mp_put_uint(b, delays_ms[i]);
}

void node_put_explanation(const struct node *node, struct buf *b, const struct child *child, uint64_t now_ns)
{
	uint32_t n_recent = intensity_window_recent(&child->sup->restarts, now_ns);
	struct child_spec spec = child->spec;
	char why[WHY_BYTES];

	/* The environment may have secrets. The rest that is left out belongs to the request. */
	spec.env = NULL;
	spec.cookie = 0;
	spec.owned = spec.monitor = false;
	why_of(child, now_ns, why);
	mp_put_map(b, 5);
	mp_put_cstr(b, "child");
	node_put_child(node, b, child, now_ns, SIZE_MAX);
	mp_put_cstr(b, "why");
	mp_put_cstr(b, why);
	mp_put_cstr(b, "spec");
	child_spec_put(b, &spec);
	mp_put_cstr(b, "recent_restarts");
	mp_put_uint(b, n_recent);
	mp_put_cstr(b, "delays_ms");
	put_delays(b, child, n_recent, now_ns);
}
