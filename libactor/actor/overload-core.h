/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides what happens to messages when an actor gets too many: which are taken, which are lost, and why.
 * Pure: the functions get events and the time, and return a verdict. The mailbox itself belongs to intake.c.
 *
 * Shedding by age is as in "Fail at Scale" (B. Maurer, ACM Queue 13-8, 2015). The shortest wait of an
 * interval tells whether a queue stands or is only a burst. While the queue stands, messages that waited for
 * more than twice the target are shed, so that the others are answered in time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/overload.h"
#include "libactor/util/bucket.h"

#define OVERLOAD_WAIT_MAX_MS (24 * 3600 * INT64_C(1000)) /* the longest time of an option */
/* after so long without a loss, the next loss is news */
#define OVERLOAD_QUIET_NS    (10 * INT64_C(1000000000))
#define OVERLOAD_TEXT_MAX    96
#define OVERLOAD_TAKEN       ACTOR_LOST_NOT
#define OVERLOAD_NO_DEADLINE 0

struct overload {
	struct actor_overload limits; /* with defaults in place of zeroes */
	struct bucket bucket;
	/* messages that wait and may be shed */
	uint32_t n_queued;
	uint64_t queued_bytes;
	/* CoDel */
	int64_t interval_ends_ns;
	int64_t least_wait_ns; /* of the messages that left in this interval; 0: the queue was empty in it */
	bool stands; /* all messages that left in the last interval had waited longer than the target */

	int64_t last_wait_ns, last_left_ns; /* of the last message that left; 0: none has left */
	int64_t last_lost_ns;               /* 0: nothing was lost so far */
	uint64_t received, handled, lost[ACTOR_LOSSES];
};

/*
 * Returns 0, or -EINVAL for limits that make no sense. Zeroes become the defaults, for those two fields
 * @messages and @bytes.
 */
int overload_read(struct actor_overload *limits, uint32_t messages, uint32_t bytes);
/*
 * Sets other limits (checked by overload_read()). Before the first call, all of @o is zero. Counters keep
 * their values.
 */
void overload_set(struct overload *o, const struct actor_overload *limits, int64_t now_ns);
/* Whether a limit needs the clock for each message. */
bool overload_is_timed(const struct overload *o);

/*
 * A message comes. TAKEN: the caller has to call overload_queued(). Otherwise the message is lost for that
 * reason. *ret_make_room: while overload_is_full(), the caller first takes out the oldest message and calls
 * overload_oldest_lost().
 */
enum actor_loss overload_comes(
	struct overload *o, int64_t now_ns, bool *ret_make_room, int64_t *ret_retry_ms);
bool overload_is_full(const struct overload *o);
void overload_queued(struct overload *o, uint32_t bytes);
/* The message waited already when the limits were set. */
void overload_found(struct overload *o, uint32_t bytes);
void overload_oldest_lost(struct overload *o, uint32_t bytes);
/*
 * It is the turn of a message that came at @came_ns. TAKEN: the message is handled. @deadline_ns: of the
 * message's caller, or OVERLOAD_NO_DEADLINE.
 */
enum actor_loss overload_leaves(
	struct overload *o, uint32_t bytes, int64_t came_ns, int64_t deadline_ns, int64_t now_ns);
/*
 * After how many ms a caller should ask again: about when half of the waiting messages will be done. 1 to
 * 30,000.
 */
int64_t overload_retry_ms(const struct overload *o, int64_t now_ns);
/* A message is lost. Returns whether that is news, after a time without losses. */
bool overload_is_news(struct overload *o, int64_t now_ns);

void overload_stats(const struct overload *o, struct actor_overload_stats *ret);
/* The counters of @all minus those of @before; the other numbers are those of @all. */
void overload_stats_since(const struct actor_overload_stats *all, const struct actor_overload_stats *before,
	struct actor_overload_stats *ret);

const char *overload_policy_word(enum actor_overflow overflow);
const char *overload_loss_word(enum actor_loss why); /* a key: "oldest" */
/* Writes "retry_ms=N; why, for people" (docs/protocol.md §3). Returns @text. */
const char *overload_text(char text[OVERLOAD_TEXT_MAX], enum actor_loss why, int64_t retry_ms);
