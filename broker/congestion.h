/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A congested member: its pipe does not take more now, so frames for it are parked, and their senders are
 * told to pause.
 */
#pragma once

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
