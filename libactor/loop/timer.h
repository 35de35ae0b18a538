#pragma once

#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/heap.h"

#define NEVER_NS INT64_MAX
#define MS_NS INT64_C(1000000)
#define CALL_TIMEOUT_DEFAULT_MS 5000

struct timer {
	struct heap_node node;
	void (*fire)(struct timer *timer);
};

/* Room for a timer is reserved with timer_init, so that arming cannot fail. */
int timer_init(actor_group *group, struct timer *timer, void (*fire)(struct timer *timer));
void timer_deinit(actor_group *group, struct timer *timer);
void timer_arm(actor_group *group, struct timer *timer, int64_t deadline_ns); /* NEVER_NS: disarms */
void timer_disarm(actor_group *group, struct timer *timer);
int64_t timers_next_ns(const actor_group *group);
void timers_fire(actor_group *group);
/* now + ms without overflow; negative ms: never */
int64_t deadline_after_ms(int64_t now_ns, int64_t ms);
/* of what the API calls a time-out, from now on */
int64_t deadline_of_timeout_ms(int64_t timeout_ms);
int64_t deadline_left_ms(int64_t deadline_ns); /* ACTOR_FOREVER for NEVER_NS */
