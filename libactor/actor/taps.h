/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps of direct frames. The broker tells us which frames somebody wants to be shown. Of those that come to
 * us directly we send it copies. What we route through it, it sees itself.
 */
#pragma once

#include "actor/actor.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"

void told_tap(actor_group *group, struct mp_reader *r, uint32_t n);
void told_untap(actor_group *group, struct mp_reader *r, uint32_t n);
/* A frame that came directly. Only called while group->taps is not NULL. */
void taps_copy(actor_group *group, const struct wire_frame *frame);
/* The link to the broker ended, and its taps with it. */
void taps_drop(actor_group *group);
