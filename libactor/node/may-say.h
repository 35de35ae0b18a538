/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct peer;
struct wire_frame;

/* NULL: @peer may say @frame. Else: what it claims without a right, for the log and for its last bye. */
const char *peer_may_not_say(const struct peer *peer, const struct wire_frame *frame);
