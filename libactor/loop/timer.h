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
 * This value as a deadline means SEND_BLOCK_MAX_MS after the wait begins. So a sender reads the clock only
 * when it has to wait.
 */
#define SEND_BLOCK_MAX INT64_C(0)

struct loop;

struct timer {
	struct wheel_node node;
	void (*fire)(struct loop *loop, struct timer *timer);
};

/* Returns 0. Allocates nothing, for any number of timers. */
int timer_init(struct loop *loop, struct timer *timer, void (*fire)(struct loop *loop, struct timer *timer));
void timer_deinit(struct loop *loop, struct timer *timer);
void timer_arm(struct loop *loop, struct timer *timer, int64_t deadline_ns); /* NEVER_NS: disarms */
void timer_disarm(struct loop *loop, struct timer *timer);
static inline bool timer_is_armed(const struct timer *timer)
{
	return wheel_contains(&timer->node);
}
/* @timer must be armed. */
static inline int64_t timer_deadline_ns(const struct timer *timer)
{
	return (int64_t)timer->node.key;
}
/* When to call timers_fire(): at the first deadline, or a little earlier if many timers are near it. */
int64_t timers_next_ns(struct loop *loop);
/* Fires the timers that are due, but no more than one turn should take; the others stay due. */
void timers_fire(struct loop *loop);
/* now + ms without overflow; negative ms: NEVER_NS */
int64_t deadline_after_ms(int64_t now_ns, int64_t ms);
/* The deadline of a time-out of the API that begins now. */
int64_t deadline_of_timeout_ms(int64_t timeout_ms);
int64_t deadline_left_ms(int64_t deadline_ns); /* ACTOR_FOREVER for NEVER_NS */
