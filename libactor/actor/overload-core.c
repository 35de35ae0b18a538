/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/overload-core.h"

#include <errno.h>
#include <stdio.h>

#define NS_PER_MS         INT64_C(1000000)
#define CODEL_INTERVAL_MS 100 /* the paper's */
#define RETRY_MIN_MS      1
#define RETRY_MAX_MS      30000
#define RETRY_UNKNOWN_MS  100 /* used while no message has left the mailbox */
/* while the queue stands, messages that waited longer than this are shed; the paper's */
#define TIMES_TARGET 2

/* ---- limits ---- */

static bool is_time(int64_t ms)
{
	return ms >= 0 && ms <= OVERLOAD_WAIT_MAX_MS;
}

int overload_read(struct actor_overload *limits, uint32_t messages, uint32_t bytes)
{
	if ((unsigned)limits->overflow > ACTOR_DROP_OLDEST || !is_time(limits->max_wait_ms) ||
		!is_time(limits->codel_target_ms) || !is_time(limits->codel_interval_ms))
		return -EINVAL;
	/* A part without the whole is a mistake: the intended limit would not exist. */
	if ((limits->rate_burst && !limits->rate_per_s) ||
		(limits->codel_interval_ms && !limits->codel_target_ms))
		return -EINVAL;
	if (!limits->max_messages)
		limits->max_messages = messages;
	if (!limits->max_bytes)
		limits->max_bytes = bytes;
	if (!limits->codel_interval_ms)
		limits->codel_interval_ms = CODEL_INTERVAL_MS;
	if (limits->rate_per_s && !limits->rate_burst)
		limits->rate_burst = 1;
	return 0;
}

void overload_set(struct overload *o, const struct actor_overload *limits, int64_t now_ns)
{
	bool rate_is_new =
		limits->rate_per_s != o->limits.rate_per_s || limits->rate_burst != o->limits.rate_burst;

	o->limits = *limits;
	if (rate_is_new) /* otherwise repeated calls that set other limits would never let anything in */
		bucket_init(&o->bucket, limits->rate_per_s, limits->rate_burst, limits->rate_burst, now_ns);
	o->stands = false;
	o->interval_ends_ns = now_ns;
	o->least_wait_ns = 0;
}

bool overload_is_timed(const struct overload *o)
{
	return o->limits.max_wait_ms || o->limits.codel_target_ms || o->limits.rate_per_s;
}

/* ---- coming ---- */

bool overload_is_full(const struct overload *o)
{
	return o->n_queued >= o->limits.max_messages || o->queued_bytes >= o->limits.max_bytes;
}

enum actor_loss overload_comes(struct overload *o, int64_t now_ns, bool *ret_make_room, int64_t *ret_retry_ms)
{
	enum actor_loss why = OVERLOAD_TAKEN;
	int64_t wait_ns;

	o->received++;
	*ret_make_room = false;
	*ret_retry_ms = 0;
	if (!bucket_take(&o->bucket, now_ns, &wait_ns)) {
		o->lost[ACTOR_LOST_LIMITED]++;
		*ret_retry_ms = (wait_ns + NS_PER_MS - 1) / NS_PER_MS;
		return ACTOR_LOST_LIMITED;
	}
	if (!overload_is_full(o))
		return OVERLOAD_TAKEN;
	switch (o->limits.overflow) {
	case ACTOR_BLOCK: /* senders are held back earlier; what was under way is taken */
		return OVERLOAD_TAKEN;
	case ACTOR_DROP_OLDEST:
		*ret_make_room = true;
		return OVERLOAD_TAKEN;
	case ACTOR_DROP_NEWEST:
		why = ACTOR_LOST_NEWEST;
		break;
	case ACTOR_REFUSE:
		why = ACTOR_LOST_REFUSED;
		break;
	}
	o->lost[why]++;
	*ret_retry_ms = overload_retry_ms(o, now_ns);
	return why;
}

void overload_queued(struct overload *o, uint32_t bytes)
{
	o->n_queued++;
	o->queued_bytes += bytes;
}

void overload_found(struct overload *o, uint32_t bytes)
{
	o->received++;
	overload_queued(o, bytes);
}

/* ---- leaving ---- */

static void overload_unqueue(struct overload *o, uint32_t bytes)
{
	o->n_queued--;
	o->queued_bytes -= bytes;
}

void overload_oldest_lost(struct overload *o, uint32_t bytes)
{
	overload_unqueue(o, bytes);
	o->lost[ACTOR_LOST_OLDEST]++;
}

/* True: the queue stands, and this message has waited for too long. */
static bool codel_sheds(struct overload *o, int64_t wait_ns, int64_t now_ns)
{
	int64_t target_ns = o->limits.codel_target_ms * NS_PER_MS;
	int64_t interval_ns = o->limits.codel_interval_ms * NS_PER_MS;

	if (now_ns >= o->interval_ends_ns) {
		o->stands = o->least_wait_ns > target_ns;
		o->interval_ends_ns = now_ns + interval_ns;
		o->least_wait_ns = wait_ns;
	} else if (wait_ns < o->least_wait_ns) {
		o->least_wait_ns = wait_ns;
	}
	return o->stands && wait_ns > TIMES_TARGET * target_ns;
}

enum actor_loss overload_leaves(
	struct overload *o, uint32_t bytes, int64_t came_ns, int64_t deadline_ns, int64_t now_ns)
{
	int64_t wait_ns = now_ns > came_ns ? now_ns - came_ns : 0;
	bool sheds = o->limits.codel_target_ms && codel_sheds(o, wait_ns, now_ns);
	enum actor_loss why = OVERLOAD_TAKEN;

	overload_unqueue(o, bytes);
	if (!o->n_queued)
		o->least_wait_ns =
			0; /* a queue that was empty does not stand, however long its last message waited */
	o->last_wait_ns = wait_ns;
	o->last_left_ns = now_ns;
	if (deadline_ns != OVERLOAD_NO_DEADLINE && now_ns > deadline_ns)
		why = ACTOR_LOST_EXPIRED;
	else if (o->limits.max_wait_ms && wait_ns > o->limits.max_wait_ms * NS_PER_MS)
		why = ACTOR_LOST_LATE;
	else if (sheds)
		why = ACTOR_LOST_CODEL;
	if (why == OVERLOAD_TAKEN)
		o->handled++;
	else
		o->lost[why]++;
	return why;
}

/* ---- telling ---- */

int64_t overload_retry_ms(const struct overload *o, int64_t now_ns)
{
	int64_t wait_ns = o->last_wait_ns, ms;

	if (!o->last_left_ns)
		return RETRY_UNKNOWN_MS;
	/* An actor that is busy with one message for longer is slower than the last wait says. */
	if (o->n_queued && now_ns - o->last_left_ns > wait_ns)
		wait_ns = now_ns - o->last_left_ns;
	ms = wait_ns / 2 / NS_PER_MS;
	return ms < RETRY_MIN_MS ? RETRY_MIN_MS : ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
}

bool overload_is_news(struct overload *o, int64_t now_ns)
{
	bool is_news = !o->last_lost_ns || now_ns - o->last_lost_ns >= OVERLOAD_QUIET_NS;

	o->last_lost_ns = now_ns;
	return is_news;
}

void overload_stats(const struct overload *o, struct actor_overload_stats *ret)
{
	*ret = (struct actor_overload_stats){
		.overflow = o->limits.overflow,
		.max_messages = o->limits.max_messages,
		.max_bytes = o->limits.max_bytes,
		.queued = o->n_queued,
		.queued_bytes = o->queued_bytes,
		.waited_us = (uint64_t)o->last_wait_ns / 1000,
		.received = o->received,
		.handled = o->handled,
	};
	for (unsigned i = 0; i < ACTOR_LOSSES; i++)
		ret->lost[i] = o->lost[i];
}

void overload_stats_since(const struct actor_overload_stats *all, const struct actor_overload_stats *before,
	struct actor_overload_stats *ret)
{
	*ret = *all;
	ret->received -= before->received;
	ret->handled -= before->handled;
	for (unsigned i = 0; i < ACTOR_LOSSES; i++)
		ret->lost[i] -= before->lost[i];
}

const char *overload_policy_word(enum actor_overflow overflow)
{
	static const char *const words[] = {"block", "refuse", "drop_newest", "drop_oldest"};

	return words[overflow];
}

static const struct {
	const char *word, *text;
} losses[ACTOR_LOSSES] = {
	[ACTOR_LOST_NOT] = {"not", "it is not lost"},
	[ACTOR_LOST_REFUSED] = {"refused", "its mailbox is full"},
	[ACTOR_LOST_NEWEST] = {"newest", "its mailbox is full"},
	[ACTOR_LOST_OLDEST] = {"oldest", "its mailbox is full, and a younger message took the place"},
	[ACTOR_LOST_LATE] = {"late", "it waited for too long"},
	[ACTOR_LOST_CODEL] = {"codel", "it waited for too long, as all do"},
	[ACTOR_LOST_LIMITED] = {"limited", "more come than are let in"},
	[ACTOR_LOST_EXPIRED] = {"expired", "its caller waits no longer"},
	[ACTOR_LOST_NOBODY] = {"nobody", "there is no such actor"},
	[ACTOR_LOST_ENDED] = {"ended", "the actor ended before it came to it"},
};

const char *overload_loss_word(enum actor_loss why)
{
	return (unsigned)why < ACTOR_LOSSES && losses[why].word ? losses[why].word : NULL;
}

const char *overload_text(char text[OVERLOAD_TEXT_MAX], enum actor_loss why, int64_t retry_ms)
{
	snprintf(text, OVERLOAD_TEXT_MAX, "retry_ms=%lld; %s", (long long)retry_ms, losses[why].text);
	return text;
}
