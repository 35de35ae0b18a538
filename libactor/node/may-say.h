/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct peer;
struct wire_frame;

/*
 * Returns NULL when @peer may say @frame. Otherwise returns what the peer has no right to say, for the log
 * and its bye.
 */
const char *peer_may_not_say(const struct peer *peer, const struct wire_frame *frame);
