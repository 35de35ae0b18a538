#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/util/clock.h"
#include "libactor/util/heap.h"

int timer_init(actor_group *group, struct timer *timer, void (*fire)(struct timer *timer))
{
	int r;

	r = heap_reserve(&group->timers, group->n_timers + 1);
	if (r < 0)
		return r;
	group->n_timers++;
	*timer = (struct timer){.fire = fire};
	return 0;
}

void timer_deinit(actor_group *group, struct timer *timer)
{
	if (!timer->fire)
		return;
	heap_remove(&group->timers, &timer->node);
	timer->fire = NULL;
	group->n_timers--;
}

void timer_arm(actor_group *group, struct timer *timer, int64_t deadline_ns)
{
	if (deadline_ns == NEVER_NS)
		heap_remove(&group->timers, &timer->node);
	else
		(void)heap_insert(&group->timers, &timer->node, deadline_ns < 0 ? 0 : (uint64_t)deadline_ns); /* there is room */
}

void timer_disarm(actor_group *group, struct timer *timer)
{
	heap_remove(&group->timers, &timer->node);
}

int64_t timers_next_ns(const actor_group *group)
{
	uint64_t key = heap_first_key(&group->timers);

	return key > INT64_MAX ? NEVER_NS : (int64_t)key;
}

void timers_fire(actor_group *group)
{
	struct heap_node *node;

	while ((node = heap_take(&group->timers, (uint64_t)group->now_ns))) {
		struct timer *timer = container_of(node, struct timer, node);

		timer->fire(timer);
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
