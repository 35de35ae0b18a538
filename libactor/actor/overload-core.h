/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of messages that are too many for an actor: which are taken, which are lost and why. Pure:
 * what happens and the time go in, a verdict comes out. The mailbox itself is intake.c's.
 *
 * By age it sheds as "Fail at Scale" describes it (B. Maurer, ACM Queue 13-8, 2015): the shortest wait of an
 * interval tells a queue that stands from a burst. While it stands, whatever waited for more than twice the
 * target is shed, so that what is left is answered in time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/overload.h"
#include "libactor/util/bucket.h"

#define OVERLOAD_WAIT_MAX_MS (24 * 3600 * INT64_C(1000)) /* the longest time of an option */
#define OVERLOAD_QUIET_NS    (10 * INT64_C(1000000000))  /* without a loss for so long, the next is news */
#define OVERLOAD_TEXT_MAX    96
#define OVERLOAD_TAKEN       ACTOR_LOST_NOT
#define OVERLOAD_NO_DEADLINE 0

struct overload {
	struct actor_overload limits; /* without zeroes that stand for a default */
	struct bucket bucket;
	/* what waits and may be shed */
	uint32_t n_queued;
	uint64_t queued_bytes;
	/* CoDel */
	int64_t interval_ends_ns;
	int64_t least_wait_ns; /* of what has left in this interval; 0: it was empty in it */
	bool stands;           /* all that left in the interval before had waited for more than the target */

	int64_t last_wait_ns, last_left_ns; /* of what left last; 0: nothing has */
	int64_t last_lost_ns;               /* 0: nothing is lost so far */
	uint64_t received, handled, lost[ACTOR_LOSSES];
};

/* 0; -EINVAL: these limits make no sense. Zeroes become the defaults: @messages and @bytes for those two. */
int overload_read(struct actor_overload *limits, uint32_t messages, uint32_t bytes);
/* Other limits from now on (as overload_read() left them); at first, all of @o is zero. Counters go on. */
void overload_set(struct overload *o, const struct actor_overload *limits, int64_t now_ns);
/* Is there a limit for which the clock has to be read for each message? */
bool overload_is_timed(const struct overload *o);

/*
 * A message comes. TAKEN: overload_queued() is next; else it is lost for that reason. *ret_make_room: the
 * oldest is to be taken out first, which overload_oldest_lost() is told of, for as long as
 * overload_is_full().
 */
enum actor_loss overload_comes(
	struct overload *o, int64_t now_ns, bool *ret_make_room, int64_t *ret_retry_ms);
bool overload_is_full(const struct overload *o);
void overload_queued(struct overload *o, uint32_t bytes);
/* It waited already when the limits were set. */
void overload_found(struct overload *o, uint32_t bytes);
void overload_oldest_lost(struct overload *o, uint32_t bytes);
/*
 * A message is at its turn, which came at @came_ns. TAKEN: it is handled. @deadline_ns: of its caller, or
 * OVERLOAD_NO_DEADLINE.
 */
enum actor_loss overload_leaves(
	struct overload *o, uint32_t bytes, int64_t came_ns, int64_t deadline_ns, int64_t now_ns);
/* When it is worth while to ask again: about when half of what waits will be done. 1 to 30,000. */
int64_t overload_retry_ms(const struct overload *o, int64_t now_ns);
/* Something is lost. Is that news, after a time in which nothing was? */
bool overload_is_news(struct overload *o, int64_t now_ns);

void overload_stats(const struct overload *o, struct actor_overload_stats *ret);
/* The numbers of @all that came after @before; those that are no counters as they are in @all. */
void overload_stats_since(const struct actor_overload_stats *all, const struct actor_overload_stats *before,
	struct actor_overload_stats *ret);

const char *overload_policy_word(enum actor_overflow overflow);
const char *overload_loss_word(enum actor_loss why); /* a key: "oldest" */
/* "retry_ms=N; why, for people" (docs/protocol.md §3). Returns @text. */
const char *overload_text(char text[OVERLOAD_TEXT_MAX], enum actor_loss why, int64_t retry_ms);
