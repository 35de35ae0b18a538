/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "libactor/util/heap.h"

#define NEVER_NS                INT64_MAX
#define MS_NS                   INT64_C(1000000)
#define CALL_TIMEOUT_DEFAULT_MS 5000
#define SEND_BLOCK_MAX_MS       5000
/*
 * As a deadline: SEND_BLOCK_MAX_MS after the wait begins. So the clock is read only by those who have to
 * wait.
 */
#define SEND_BLOCK_MAX INT64_C(0)

struct loop;

struct timer {
	struct heap_node node;
	void (*fire)(struct loop *loop, struct timer *timer);
};

/* Room for a timer is reserved with timer_init, so that arming cannot fail. */
int timer_init(struct loop *loop, struct timer *timer, void (*fire)(struct loop *loop, struct timer *timer));
void timer_deinit(struct loop *loop, struct timer *timer);
void timer_arm(struct loop *loop, struct timer *timer, int64_t deadline_ns); /* NEVER_NS: disarms */
void timer_disarm(struct loop *loop, struct timer *timer);
int64_t timers_next_ns(const struct loop *loop);
void timers_fire(struct loop *loop);
/* now + ms without overflow; negative ms: never */
int64_t deadline_after_ms(int64_t now_ns, int64_t ms);
/* of what the API calls a time-out, from now on */
int64_t deadline_of_timeout_ms(int64_t timeout_ms);
int64_t deadline_left_ms(int64_t deadline_ns); /* ACTOR_FOREVER for NEVER_NS */
