/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/waits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/state.h"

#define LEFT_MAX_BYTES (16u << 20)

struct wait {
	struct list by_queue;
	struct list by_member; /* member.waits, or waits.left */
	struct member *member; /* NULL: the sender has ended */
	bool routed;
	/* it is routed and not due yet, so later frames of its sender must wait too */
	bool blocks;
	struct heap_node deadline; /* waits.deadlines */
	size_t size_bytes;
	uint8_t bytes[];
};

void waits_init(struct waits *waits)
{
	*waits = (struct waits){0};
	list_init(&waits->due);
	list_init(&waits->left);
	heap_init(&waits->deadlines);
}

int waits_add(struct member *member, struct list *queue, const struct wire_frame *frame, bool routed)
{
	struct wait *wait;

	if (!quota_take(member, QUOTA_WAITING, sizeof(*wait) + frame->raw_bytes))
		return -EDQUOT;
	wait = malloc(sizeof(*wait) + frame->raw_bytes);
	if (!wait) {
		quota_give(member, QUOTA_WAITING, sizeof(*wait) + frame->raw_bytes);
		return -ENOMEM;
	}
	*wait = (struct wait){
		.member = member, .routed = routed, .blocks = routed, .size_bytes = frame->raw_bytes};
	memcpy(wait->bytes, frame->raw, frame->raw_bytes);
	list_append(queue, &wait->by_queue);
	list_append(&member->waits, &wait->by_member);
	member->broker->waits.n++;
	if (routed) {
		member->n_waits_routed++;
		member->waits_routed_bytes += frame->raw_bytes;
		pauses_weigh(member);
	}
	return 0;
}

int waits_add_until(
	struct member *member, struct list *queue, const struct wire_frame *frame, int64_t deadline_ns)
{
	struct heap *deadlines = &member->broker->waits.deadlines;
	int r;

	if (heap_reserve(deadlines, deadlines->n + 1) < 0)
		return -ENOMEM;
	r = waits_add(member, queue, frame, false);
	if (r == 0)
		(void)heap_insert(deadlines, &container_of(queue->prev, struct wait, by_queue)->deadline,
			(uint64_t)deadline_ns);
	return r;
}

static void wait_unlink(struct wait *wait)
{
	struct member *member = wait->member;

	list_remove(&wait->by_queue);
	list_remove(&wait->by_member);
	heap_remove(&member->broker->waits.deadlines, &wait->deadline);
	member->broker->waits.n--;
	quota_give(member, QUOTA_WAITING, sizeof(*wait) + wait->size_bytes);
	member->n_waits_routed -= wait->blocks;
	member->waits_routed_bytes -= wait->routed ? wait->size_bytes : 0;
}

static void left_unlink(struct waits *waits, struct wait *wait)
{
	list_remove(&wait->by_queue);
	list_remove(&wait->by_member);
	waits->n--;
	waits->left_bytes -= sizeof(*wait) + wait->size_bytes;
}

void waits_release(struct broker *broker, struct list *queue)
{
	/* frames that are due no longer block: they are handled in order, before any new frame */
	list_for_each(it, queue) {
		struct wait *wait = container_of(it, struct wait, by_queue);

		if (wait->member)
			wait->member->n_waits_routed -= wait->blocks;
		wait->blocks = false;
	}
	list_splice(&broker->waits.due, queue);
}

void waits_tick(struct broker *broker)
{
	struct heap_node *node;

	while ((node = heap_take(&broker->waits.deadlines, (uint64_t)broker->now_ns))) {
		struct wait *wait = container_of(node, struct wait, deadline);
		struct member *member = wait->member;
		struct wire_frame frame;
		size_t used;

		wait_unlink(wait);
		if (wire_parse(wait->bytes, wait->size_bytes, &frame, &used) == 1)
			answer_done(member, &frame);
		free(wait);
	}
}

int64_t waits_deadline_ns(const struct broker *broker)
{
	uint64_t key_ns = heap_first_key(&broker->waits.deadlines);

	return key_ns > INT64_MAX ? INT64_MAX : (int64_t)key_ns;
}

struct wait *waits_take(struct broker *broker, struct member **ret_member, struct wire_frame *ret)
{
	struct wait *wait;
	size_t used;

	while (!list_is_empty(&broker->waits.due)) {
		wait = container_of(broker->waits.due.next, struct wait, by_queue);
		*ret_member = wait->member;
		if (wait->member)
			wait_unlink(wait);
		else
			left_unlink(&broker->waits, wait);
		if (wire_parse(wait->bytes, wait->size_bytes, ret, &used) == 1)
			return wait;
		free(wait);
	}
	return NULL;
}

void wait_free(struct wait *wait)
{
	free(wait);
}

void waits_forget(struct member *member)
{
	list_for_each_safe(it, &member->waits) {
		struct wait *wait = container_of(it, struct wait, by_member);

		wait_unlink(wait);
		free(wait);
	}
}

/* True for a frame that the sender counts as sent and to which it expects no answer. */
static bool wait_outlives_its_sender(const struct wait *wait)
{
	struct wire_frame frame;
	size_t used;

	if (!wait->routed || wire_parse(wait->bytes, wait->size_bytes, &frame, &used) != 1)
		return false;
	return frame.type == WIRE_CAST || frame.type == WIRE_STOP || frame.type == WIRE_KILL ||
	       frame.type == WIRE_EXIT || frame.type == WIRE_UNLINK;
}

void waits_leave(struct member *member)
{
	struct waits *waits = &member->broker->waits;
	size_t n_lost = 0;

	list_for_each_safe(it, &member->waits) {
		struct wait *wait = container_of(it, struct wait, by_member);
		size_t size_bytes = sizeof(*wait) + wait->size_bytes;

		if (!wait_outlives_its_sender(wait))
			continue;
		if (waits->left_bytes + size_bytes > LEFT_MAX_BYTES) {
			n_lost++;
			continue;
		}
		quota_give(member, QUOTA_WAITING, size_bytes);
		member->n_waits_routed -= wait->blocks;
		member->waits_routed_bytes -= wait->size_bytes;
		list_remove(&wait->by_member);
		list_append(&waits->left, &wait->by_member);
		waits->left_bytes += size_bytes;
		wait->member = NULL;
	}
	if (n_lost)
		broker_log(member->broker, LOG_WARNING,
			"%zu casts of group %" PRIu64
			" '%s', which has ended, are lost: 16 MiB of such wait already",
			n_lost, member->group, member->name);
	waits_forget(member);
}

void waits_deinit(struct waits *waits)
{
	list_for_each_safe(it, &waits->left) {
		struct wait *wait = container_of(it, struct wait, by_member);

		left_unlink(waits, wait);
		free(wait);
	}
	heap_deinit(&waits->deadlines);
}
