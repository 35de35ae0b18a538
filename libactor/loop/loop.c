/*
 * The loop, and waiting inside handlers.
 *
 * One turn: run some runnable actors, take what the links brought, fire timers, flush what was written, sleep if nothing is left to do.
 * The loop keeps nothing on its stack between the steps. That is what makes parking cheap: a handler that waits simply keeps the stack
 * it is on (the loop's frames below it included) and the loop is entered afresh on another; when the actor is woken, the stack the loop
 * was on at that moment is abandoned and goes back to the pool, and the handler's return leads into the loop frames it had kept.
 *
 * A caller's stack never carries a handler: actor_group_run and actor_group_dispatch switch to a pool stack and back.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/base/base.h"
#include "libactor/loop/fd.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/stack.h"
#include "libactor/loop/timer.h"
#include "libactor/node/flush.h"
#include "libactor/node/inbound.h"
#include "libactor/node/peer.h"
#include "libactor/node/uplink.h"
#include "libactor/transport/transport.h"
#include "libactor/util/list.h"

#define BATCH_ACTORS 64     /* actors run before links and timers are looked at */
#define POLL_EVERY_TURNS 16 /* a busy loop looks at its file descriptors this often */
#define DISPATCH_TURNS_MAX 64 /* then actor_group_dispatch returns, however much there is to do */

void scheduler_make_runnable(struct actor *self)
{
	if (self->stack && !self->woken)
		return; /* parked: only its wake makes it run */
	if (!list_is_linked(&self->run_link))
		list_append(&self->group->runnable, &self->run_link);
}

void scheduler_wake(struct actor *self, int result)
{
	if (!self->stack || self->woken)
		return;
	self->woken = true;
	self->wake_result = result;
	timer_disarm(self->group, &self->wake_timer);
	list_remove(&self->blocked_link);
	scheduler_make_runnable(self);
}

/* Leaves the loop for the caller's stack. */
static void loop_leave(actor_group *group, int result)
{
	group->pump_result = result;
	context_switch(&group->stack->context, &group->caller, true);
}

static void loop_wait(actor_group *group, int64_t until_ns)
{
	struct epoll_event events[64];
	struct timespec timeout = {0}, *timeoutp = &timeout;
	int n;

	if (until_ns == NEVER_NS) {
		timeoutp = NULL;
	} else if (until_ns > group->now_ns) {
		timeout.tv_sec = (until_ns - group->now_ns) / 1000000000;
		timeout.tv_nsec = (until_ns - group->now_ns) % 1000000000;
	}
	n = epoll_pwait2(group->epoll_fd, events, 64, timeoutp, NULL);
	group_now(group);
	for (int i = 0; i < n; i++) {
		uint64_t drained;

		if (events[i].data.ptr == &group->wake_fd || events[i].data.ptr == &group->timer_fd)
			(void)!read(*(int *)events[i].data.ptr, &drained, sizeof(drained));
		else if (events[i].data.ptr != &group->transport)
			fd_watch_ready(events[i].data.ptr, events[i].events);
	}
}

static void loop_arm_timerfd(actor_group *group)
{
	int64_t next = timers_next_ns(group);
	struct itimerspec at = {0};

	if (next != NEVER_NS) {
		at.it_value.tv_sec = next / 1000000000;
		at.it_value.tv_nsec = next % 1000000000;
		if (!at.it_value.tv_sec && !at.it_value.tv_nsec)
			at.it_value.tv_nsec = 1;
	}
	timerfd_settime(group->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Leaves what embeds us a descriptor that is readable when there is something to do. */
static void loop_leave_poll(actor_group *group)
{
	uint64_t one = 1;

	if (group->embedded) {
		loop_arm_timerfd(group);
		if (!list_is_empty(&group->runnable))
			(void)!write(group->wake_fd, &one, sizeof(one));
	}
	loop_leave(group, 0);
}

static void loop_entry(void *arg);

/* Enters the loop afresh on a stack that is large enough for @self, which comes next. Returns only when there is none. */
static void loop_move(actor_group *group, struct actor *self)
{
	struct stack *next;

	if (stack_get(&group->stacks, self->stack_bytes, loop_entry, group, &next) < 0)
		return;
	list_prepend(&group->runnable, &self->run_link);
	group->retiring = group->stack;
	group->stack = next;
	group->entered_from = &group->retiring->context;
	context_switch(&group->retiring->context, &next->context, true);
}

static void loop_turn(actor_group *group, unsigned *turns)
{
	struct list *node;
	int64_t next;

	for (int i = 0; i < BATCH_ACTORS && (node = list_pop(&group->runnable)); i++) {
		struct actor *self = container_of(node, struct actor, run_link);

		if (!self->stack) {
			if (self->stack_bytes > group->stack->size_bytes) {
				loop_move(group, self);
				actor_request_kill(self); /* its code would run over the end of this one */
				group_log(group, "out of memory for the stack of an actor (%s): killed", self->behavior->name ? self->behavior->name : "?");
				self->stack_bytes = 0;
			}
			actor_run(self);
		} else if (self->woken) {
			group->retiring = group->stack;
			group->stack = self->stack;
			group->current = self;
			self->stack = NULL;
			context_switch(&group->retiring->context, &group->stack->context, true);
		}
		group->current = NULL;
	}

	group_now(group);
	if (group->transport)
		inbound_transport(group);
	timers_fire(group);
	if (atomic_load_explicit(&group->stop_requested, memory_order_relaxed) && !group->stop_begun) {
		group->stop_begun = true;
		actors_stop_all(group, "shutdown");
	}
	uplink_turn(group);
	peers_flush(group);
	if (!list_is_empty(&group->flushes))
		flushes_turn(group);
	peers_free_over(group);

	if (group->until && group->until(group->until_arg))
		loop_leave(group, 0);
	if (!list_is_empty(&group->runnable)) {
		if (++*turns % POLL_EVERY_TURNS == 0)
			loop_wait(group, group->now_ns);
		if (group->poll_only && *turns >= DISPATCH_TURNS_MAX)
			loop_leave_poll(group);
		return;
	}
	if (group->poll_only) {
		loop_wait(group, group->now_ns);
		if (list_is_empty(&group->runnable) && transport_is_idle(group))
			loop_leave_poll(group);
		return;
	}
	if (group->now_ns >= group->until_ns)
		loop_leave(group, -ETIMEDOUT);
	next = timers_next_ns(group);
	loop_wait(group, next < group->until_ns ? next : group->until_ns);
}

static void loop_entry(void *arg)
{
	actor_group *group = arg;
	unsigned turns = 0;

	context_entered(group->entered_from);
	if (group->retiring) {
		stack_put(&group->stacks, group->retiring);
		group->retiring = NULL;
	}
	for (;;)
		loop_turn(group, &turns);
}

int scheduler_park(struct actor *self, int64_t deadline_ns)
{
	actor_group *group = self->group;
	struct stack *stack, *next;
	int r;

	assert(group->current == self);
	if (self->cancelled) {
		list_remove(&self->blocked_link);
		return -ECANCELED;
	}
	stack = group->stack;
	r = stack_get(&group->stacks, 0, loop_entry, group, &next);
	if (r < 0) {
		list_remove(&self->blocked_link);
		return r;
	}
	self->stack = stack;
	self->woken = false;
	list_remove(&self->run_link);
	timer_arm(group, &self->wake_timer, deadline_ns);

	group->stack = next;
	group->current = NULL;
	group->entered_from = &stack->context;
	context_switch(&stack->context, &next->context, false);

	/* woken: group->stack and group->current are ours again; the stack the loop was on is done with */
	stack_put(&group->stacks, group->retiring);
	group->retiring = NULL;
	return self->wake_result;
}

int scheduler_pump(actor_group *group, bool (*done)(void *arg), void *arg, int64_t deadline_ns)
{
	struct stack *stack;
	int r;

	if (group->in_loop)
		return -EDEADLK;
	r = stack_get(&group->stacks, 0, loop_entry, group, &stack);
	if (r < 0)
		return r;
	group->in_loop = true;
	group->until = done;
	group->until_arg = arg;
	group->until_ns = deadline_ns;
	group->stack = stack;
	group->entered_from = &group->caller;
	context_switch(&group->caller, &stack->context, false);

	stack_put(&group->stacks, group->stack);
	group->stack = NULL;
	group->until = NULL;
	group->in_loop = false;
	return group->pump_result;
}

void scheduler_poll(actor_group *group)
{
	group->poll_only = true;
	(void)scheduler_pump(group, NULL, NULL, NEVER_NS);
	group->poll_only = false;
}

static int scheduler_add_fd(actor_group *group, int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};

	return epoll_ctl(group->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int scheduler_init(actor_group *group)
{
	int r;

	list_init(&group->runnable);
	group->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (group->epoll_fd < 0)
		return -errno;
	group->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (group->wake_fd < 0)
		return -errno;
	group->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (group->timer_fd < 0)
		return -errno;
	r = scheduler_add_fd(group, group->wake_fd, &group->wake_fd);
	if (r == 0)
		r = scheduler_add_fd(group, group->timer_fd, &group->timer_fd);
	if (r == 0 && group->transport)
		r = scheduler_add_fd(group, transport_fd(group->transport), &group->transport);
	return r;
}

void scheduler_deinit(actor_group *group)
{
	if (group->epoll_fd >= 0)
		close(group->epoll_fd);
	if (group->wake_fd >= 0)
		close(group->wake_fd);
	if (group->timer_fd >= 0)
		close(group->timer_fd);
	stack_pool_deinit(&group->stacks);
}
