/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/loop/timer.h"

#include "actor/actor.h"
#include "libactor/loop/loop.h"

/*
 * The largest number of timers that fire before tasks run. The messages of more timers would need more memory
 * at once, and would be out of the cache before they are handled.
 */
#define BATCH_TIMERS 256

int timer_init(struct loop *loop, struct timer *timer, void (*fire)(struct loop *loop, struct timer *timer))
{
	loop->n_timers++;
	*timer = (struct timer){.fire = fire};
	return 0;
}

void timer_deinit(struct loop *loop, struct timer *timer)
{
	if (!timer->fire)
		return;
	wheel_remove(&loop->timers, &timer->node);
	timer->fire = NULL;
	loop->n_timers--;
}

void timer_arm(struct loop *loop, struct timer *timer, int64_t deadline_ns)
{
	if (deadline_ns == NEVER_NS)
		timer_disarm(loop, timer);
	else
		wheel_insert(&loop->timers, &timer->node, deadline_ns < 0 ? 0 : (uint64_t)deadline_ns);
}

void timer_disarm(struct loop *loop, struct timer *timer)
{
	if (timer_is_armed(timer))
		wheel_remove(&loop->timers, &timer->node);
}

int64_t timers_next_ns(struct loop *loop)
{
	uint64_t key = wheel_next(&loop->timers);

	return key > INT64_MAX ? NEVER_NS : (int64_t)key;
}

void timers_fire(struct loop *loop)
{
	struct wheel_node *node;

	for (int i = 0; i < BATCH_TIMERS && (node = wheel_take(&loop->timers, (uint64_t)loop->now_ns)); i++) {
		struct timer *timer = container_of(node, struct timer, node);

		timer->fire(loop, timer);
	}
}

int64_t deadline_after_ms(int64_t now_ns, int64_t ms)
{
	int64_t ns;

	if (ms < 0 || __builtin_mul_overflow(ms, MS_NS, &ns) || __builtin_add_overflow(now_ns, ns, &ns))
		return NEVER_NS;
	return ns;
}

int64_t deadline_of_timeout_ms(int64_t timeout_ms)
{
	if (timeout_ms == ACTOR_TIMEOUT_DEFAULT)
		timeout_ms = CALL_TIMEOUT_DEFAULT_MS;
	return deadline_after_ms(clock_now_ns(), timeout_ms);
}

int64_t deadline_left_ms(int64_t deadline_ns)
{
	int64_t left_ns = deadline_ns - clock_now_ns();

	return deadline_ns == NEVER_NS ? ACTOR_FOREVER : left_ns > 0 ? (left_ns + MS_NS - 1) / MS_NS : 0;
}
