/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps. The broker tells us which frames an observer wants to see. We send it copies of such frames that come
 * to us directly. Frames that we route through the broker it sees itself.
 *
 * A tap of one trace gets more copies: of what we send, so that it is seen even if it never arrives, and of
 * messages within this process.
 */
#pragma once

#include "actor/actor.h"
#include "libactor/base/base.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/tap.h"
#include "libactor/protocol/wire.h"

void told_tap(actor_group *group, struct mp_reader *r, uint32_t n);
void told_untap(actor_group *group, struct mp_reader *r, uint32_t n);
/* Copies a frame that came directly. Only called while group->taps is not NULL. */
void taps_copy(actor_group *group, const struct wire_frame *frame);
/* Whether a message of @trace is to be shown. */
static inline bool taps_look(const actor_group *group, const struct wire_trace *trace)
{
	return __builtin_expect(trace && group->taps, 0);
}
/*
 * Shows taps of its trace a message that this process sends, or that goes between two of its actors. Only
 * after taps_look().
 */
void taps_show(actor_group *group, enum tap_path path, const struct wire_frame *frame);
/* The link to the broker ended, and its taps with it. */
void taps_drop(actor_group *group);
