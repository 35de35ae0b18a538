/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that wait because the broker cannot decide them yet. Each frame waits in the queue of the recovery
 * window or of a name. It is charged to the group that sent it. When its wait is over, the frame is handled
 * as if it came only now. A call that waits for something that may never happen has a deadline, and is
 * answered nil then.
 */
#pragma once

#include <stdbool.h>

#include "libactor/protocol/wire.h"
#include "libactor/util/heap.h"
#include "libactor/util/list.h"

struct broker;
struct member;
struct wait;

struct waits {
	struct list due;       /* their wait is over; they are handled after the current event */
	size_t n;              /* number of frames in all queues */
	struct list left;      /* struct wait.by_member: frames of senders that have ended */
	struct heap deadlines; /* deadlines of the frames that have one, in ns */
	size_t left_bytes;
};

void waits_init(struct waits *waits);
/* 0, -EDQUOT, -ENOMEM. @routed: @frame is for another group, so later frames must not overtake it. */
int waits_add(struct member *member, struct list *queue, const struct wire_frame *frame, bool routed);
/* The same for a call that is not routed. If it still waits at @deadline_ns, it is answered nil. */
int waits_add_until(
	struct member *member, struct list *queue, const struct wire_frame *frame, int64_t deadline_ns);
void waits_tick(struct broker *broker);
int64_t waits_deadline_ns(const struct broker *broker);
/* the frames in @queue need not wait any more */
void waits_release(struct broker *broker, struct list *queue);
/*
 * Takes the next frame whose wait is over. NULL: there is none. *ret_member is its sender, NULL if the sender
 * has ended. *ret is valid until wait_free().
 */
struct wait *waits_take(struct broker *broker, struct member **ret_member, struct wire_frame *ret);
void wait_free(struct wait *wait);
void waits_forget(struct member *member); /* frees all its frames that wait */
/*
 * @member has ended. Its routed frames that need no answer (casts, stops, kills, exits, unlinks) go on
 * waiting, at most 16 MiB of all ended groups together. Its other frames are freed.
 */
void waits_leave(struct member *member);
void waits_deinit(struct waits *waits);
