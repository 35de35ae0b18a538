/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group is stalled if it is congested and its pipe has taken nothing during the stall time-out. Then the
 * casts and calls that others have sent to it are dropped: calls are answered `overloaded`, and casts are
 * counted. The senders that were paused go on, and what they send from then on is refused at once. The group
 * itself keeps its link and its names. Answers to it and frames of the broker go on waiting. Once its pipe
 * takes a byte, the group is no longer stalled.
 */
#pragma once

#include <stdint.h>

struct broker;

void stalls_tick(struct broker *broker);
int64_t stalls_deadline_ns(const struct broker *broker);
