/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from one group to another through the broker. The broker keeps a call open until it is answered, and
 * a monitor until it has fired. An answer to a call or monitor that is not open is dropped, so nobody is
 * answered twice. A group that answers in place of another group has its pipe cut.
 */
#pragma once

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/heap.h"
#include "libactor/util/list.h"

struct broker;
struct member;
struct buf;
struct actor_cause;

struct routes {
	struct hash open;
	struct heap deadlines; /* deadlines of the calls that have one, in CLOCK_MONOTONIC us */
	size_t n_calls, n_monitors;
	struct list spare; /* closed routes, for the next ones */
	size_t n_spare;
};

void routes_init(struct routes *routes);
void routes_deinit(struct routes *routes);

/* Handles a frame of @member. False: the frame is for the broker itself, and nothing was done. */
bool routes_frame(struct broker *broker, struct member *member, const struct wire_frame *frame);
/* Handles a frame that needs no answer and whose sender has ended while it waited. */
void routes_frame_of_ended(struct broker *broker, const struct wire_frame *frame);
/*
 * @frame, a cast or a call on its way to @target, is dropped. The caller of a call is answered `overloaded`.
 */
void routes_shed(struct member *target, const struct wire_frame *frame);
/*
 * @member has a new pipe. Calls that went over an old pipe are answered `noconnection`. Monitors are sent
 * again.
 */
void routes_relink(struct member *member);
/*
 * @member ended. Calls to its actors and monitors of them are answered. Its own calls and monitors are
 * forgotten. Each group on the other side gets the cast @group_down once, and is marked with the broker's
 * current mark.
 */
void routes_end(struct member *member, const struct actor_cause *cause, const struct buf *group_down);
void routes_forget(struct member *member); /* the same, but nobody is told */
/* Forgets calls whose deadline is past, and tells their targets. Their callers know it by themselves. */
void routes_tick(struct broker *broker);
int64_t routes_deadline_ns(const struct broker *broker);
