/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps. The broker tells us which frames somebody wants to be shown. Of those that come to us directly we
 * send it copies. What we route through it, it sees itself.
 *
 * A tap of one trace is shown more: what we send, so that it is seen even if nobody gets it, and what stays
 * within this process.
 */
#pragma once

#include "actor/actor.h"
#include "libactor/base/base.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/tap.h"
#include "libactor/protocol/wire.h"

void told_tap(actor_group *group, struct mp_reader *r, uint32_t n);
void told_untap(actor_group *group, struct mp_reader *r, uint32_t n);
/* A frame that came directly. Only called while group->taps is not NULL. */
void taps_copy(actor_group *group, const struct wire_frame *frame);
/* Is a message of @trace to be shown? */
static inline bool taps_look(const actor_group *group, const struct wire_trace *trace)
{
	return __builtin_expect(trace && group->taps, 0);
}
/* What this process sends, or one of its actors to another one: for taps of its trace. After taps_look(). */
void taps_show(actor_group *group, enum tap_path path, const struct wire_frame *frame);
/* The link to the broker ended, and its taps with it. */
void taps_drop(actor_group *group);
