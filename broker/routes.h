/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from one group to another through the broker, and what is open because of them: a call until it is
 * answered, a monitor until it fired. A reply or down that nothing is open for goes nowhere, so nobody is
 * answered twice; one for what somebody else was asked ends its sender's pipe.
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
	struct heap deadlines; /* of calls that have one, in CLOCK_MONOTONIC us */
	size_t n_calls, n_monitors;
};

void routes_init(struct routes *routes);
void routes_deinit(struct routes *routes);

/* A frame of @member. False: it is for the broker itself, and nothing was done. */
bool routes_frame(struct broker *broker, struct member *member, const struct wire_frame *frame);
/* One that needs no answer, whose sender has ended meanwhile. */
void routes_frame_of_ended(struct broker *broker, const struct wire_frame *frame);
/* @member lost its pipe: calls that went over it are answered `noconnection`, monitors are set again. */
void routes_relink(struct member *member);
/*
 * @member ended: all that is owed by it is answered, all that it asked is forgotten. Marks the groups that
 * were told with the broker's current mark and casts `group_down` to each of them once.
 */
void routes_end(struct member *member, const struct actor_cause *cause, const struct buf *group_down);
void routes_forget(struct member *member); /* the same without a word */
/* Calls whose deadline is past are forgotten: their callers have given up by themselves. */
void routes_tick(struct broker *broker);
int64_t routes_deadline_ns(const struct broker *broker);
