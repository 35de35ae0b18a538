/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A congested member: its pipe does not take more now, so frames for it are parked, and their senders are
 * told to pause.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/protocol/wire.h"

struct buf;
struct hold;
struct member;

/*
 * From now on frames for @target are parked. The pipe has its megabyte, and the shell says when the pipe has
 * sent it.
 */
void congestion_begin(struct member *target);
void congestion_end(struct member *target);
/*
 * The pipe has room. Parked frames are written as far as there is room. When none is left, the senders may go
 * on.
 */
void congestion_go_on(struct member *target);
/*
 * Writes @frames, which were held for @target and come before all that is parked for it. If they are more
 * than the pipe should have at once, they are parked in front. @passes: from there they go to the pipe
 * although their actor is paused.
 */
void congestion_write(struct member *target, const struct buf *frames, size_t n_frames, bool passes);
/*
 * @target is told an end in @group, see pauses_end_is_told(). The messages of @group are held no longer,
 * although the actors that get them are still paused. Who sent them goes on waiting, and stays charged.
 * False: no message of @group was held there.
 */
bool congestion_let_pass(struct member *target, const actor_ref *to, uint64_t group);
