/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames whose answer depends on what is not known yet. Each frame waits in the queue of what it waits for:
 * the recovery window, or a name. It is charged to the group that sent it. When the wait is decided, the
 * frame is handled as if it came only now. A call that waits for what may never happen has a deadline, and is
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
	struct list due;       /* decided; handled when the event at hand is over */
	size_t n;              /* in all queues */
	struct list left;      /* struct wait.by_member: casts of senders that have ended */
	struct heap deadlines; /* of those that have one, in ns */
	size_t left_bytes;
};

void waits_init(struct waits *waits);
/* 0, -EDQUOT, -ENOMEM. @routed: for another group, so that later ones must not overtake it. */
int waits_add(struct member *member, struct list *queue, const struct wire_frame *frame, bool routed);
/* The same, but not @routed and until @deadline_ns. Then @frame, which is a call, is answered nil. */
int waits_add_until(
	struct member *member, struct list *queue, const struct wire_frame *frame, int64_t deadline_ns);
void waits_tick(struct broker *broker);
int64_t waits_deadline_ns(const struct broker *broker);
void waits_release(struct broker *broker, struct list *queue); /* what @queue waited for is decided */
/*
 * The next frame whose wait is over; NULL: there is none. *ret_member is who sent it, NULL if that group has
 * ended. The frame lives until wait_free().
 */
struct wait *waits_take(struct broker *broker, struct member **ret_member, struct wire_frame *ret);
void wait_free(struct wait *wait);
void waits_forget(struct member *member); /* its frames, wherever they wait */
/*
 * @member has ended. Its casts, stops and kills to others go on waiting, at most 16 MiB from all ended
 * groups together. Its other frames are freed.
 */
void waits_leave(struct member *member);
void waits_deinit(struct waits *waits);
