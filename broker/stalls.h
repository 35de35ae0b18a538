/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group whose pipe takes nothing, though more waits for it than should. After the stall time-out what
 * others have sent to it is dropped: calls are answered `overloaded`, casts are counted, and senders that
 * were paused go on; what they send from then on is refused at once. The group itself is not touched: its
 * link and its names stay, and answers to it and what the broker has to tell it wait on. Once its pipe takes
 * a byte it is a member like any other.
 */
#pragma once

#include <stdint.h>

struct broker;

void stalls_tick(struct broker *broker);
int64_t stalls_deadline_ns(const struct broker *broker);
