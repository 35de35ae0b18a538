/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/util/wheel.h"

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
	struct wheel_node node;
	void (*fire)(struct loop *loop, struct timer *timer);
};

/* Nothing is allocated, for any number of timers. 0 */
int timer_init(struct loop *loop, struct timer *timer, void (*fire)(struct loop *loop, struct timer *timer));
void timer_deinit(struct loop *loop, struct timer *timer);
void timer_arm(struct loop *loop, struct timer *timer, int64_t deadline_ns); /* NEVER_NS: disarms */
void timer_disarm(struct loop *loop, struct timer *timer);
static inline bool timer_is_armed(const struct timer *timer)
{
	return wheel_contains(&timer->node);
}
/* @timer is armed */
static inline int64_t timer_deadline_ns(const struct timer *timer)
{
	return (int64_t)timer->node.key;
}
/* When to call timers_fire(): at the first deadline or, if many are near it, a little earlier. */
int64_t timers_next_ns(struct loop *loop);
/* Those that are due, or as many as are good for one turn; the others are due still. */
void timers_fire(struct loop *loop);
/* now + ms without overflow; negative ms: never */
int64_t deadline_after_ms(int64_t now_ns, int64_t ms);
/* of what the API calls a time-out, from now on */
int64_t deadline_of_timeout_ms(int64_t timeout_ms);
int64_t deadline_left_ms(int64_t deadline_ns); /* ACTOR_FOREVER for NEVER_NS */
