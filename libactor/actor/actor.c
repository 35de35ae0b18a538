/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An actor's life: init, one message at a time, the end.
 *
 * The steps of the end (OTP's order): no message is delivered any more → terminate → queued and kept calls
 * are answered → timers, inlets, descriptors, monitors are dropped → the children that it owns have ended →
 * the names are free → the memberships end → monitors and links of others are told. So an actor that gets a
 * DOWN can take the name, and every message that the ended actor sent is before its DOWN on every link.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/behavior.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/call.h"
#include "libactor/actor/cancel.h"
#include "libactor/actor/dead-letters.h"
#include "libactor/actor/drain.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/family.h"
#include "libactor/actor/fd.h"
#include "libactor/actor/guests.h"
#include "libactor/actor/history.h"
#include "libactor/actor/inlet.h"
#include "libactor/actor/intake.h"
#include "libactor/actor/links.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/membership.h"
#include "libactor/actor/monitor.h"
#include "libactor/actor/name-watch.h"
#include "libactor/actor/name.h"
#include "libactor/actor/pg-monitor.h"
#include "libactor/actor/pg-tell.h"
#include "libactor/actor/call-request.h"
#include "libactor/actor/served.h"
#include "libactor/actor/inflow.h"
#include "libactor/actor/stash.h"
#include "libactor/actor/sys.h"
#include "libactor/actor/timers.h"
#include "libactor/actor/tracing.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/stack.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

#define BURST_MESSAGES 32 /* messages handled in a row before another actor's turn */

int actor_new(actor_group *group, const struct actor_behavior *behavior, const void *arg, bool internal,
	struct actor **ret)
{
	struct actor *self;
	uint64_t serial;
	int r;

	if (behavior->stack_size_bytes > ACTOR_STACK_MAX_BYTES)
		return -EINVAL;
	self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
	self->group = group;
	self->behavior = behavior;
	self->internal = internal;
	self->traps_exits = behavior->on_exit;
	self->init_arg = arg;
	if (behavior->state_size) {
		self->state = calloc(1, behavior->state_size);
		if (!self->state) {
			free(self);
			return -ENOMEM;
		}
	}
	mailbox_init(&self->mailbox, behavior);
	list_init(&self->monitors);
	list_init(&self->watchers);
	list_init(&self->froms);
	list_init(&self->requests);
	list_init(&self->timers);
	list_init(&self->names);
	list_init(&self->fds);
	r = task_init(&group->loop, &self->task,
		behavior->stack_size_bytes ? stack_size_bytes(behavior->stack_size_bytes) : 0);
	if (r == 0) {
		r = slots_take(&group->actors, self, &serial);
		if (r < 0)
			task_deinit(&group->loop, &self->task);
	}
	if (r < 0) {
		free(self->state);
		free(self);
		return r;
	}
	self->ref = group_ref(group, serial);
	if (!internal)
		group->n_alive++;
	actor_make_runnable(self);
	*ret = self;
	return 0;
}

/* True when its supervisor or its parent stops it, in order, at the end of the group. */
static bool actor_is_left_to_another(const struct actor *self)
{
	return actor_is_supervised(self) || (self->owned && !self->draining && family_parent(self));
}

void actor_joins_stop(struct actor *self)
{
	if (self->group->stop_begun && !self->internal && !actor_is_left_to_another(self))
		actor_request_stop(self, "shutdown");
}

static void spawn_wait_finish(struct spawn_wait *wait)
{
	if (!wait)
		return;
	wait->done = true;
	if (wait->parent)
		actor_wake(wait->parent, 0);
	if (wait->over)
		wait->over(wait);
}

static void actor_tell_spawner(struct actor *self, int r)
{
	struct spawn_wait *wait = self->spawn_wait;

	if (!wait)
		return;
	if (r < 0) {
		/*
		 * The result is set now, because actor_end() may wait long for the names, and the parent may
		 * be gone then. actor_spawn() tells the parent of the failure; no signal does.
		 */
		wait->result = r;
		if (wait->parent)
			(void)link_drop_local(self, wait->parent);
	} else if (wait->hooks) {
		wait->hooks->started(wait);
	} else {
		self->spawn_wait = NULL;
		spawn_wait_finish(wait);
	}
}

void actor_start_ends(struct actor *self, int r)
{
	self->has_started = r >= 0;
	actor_tell_spawner(self, r);
	if (self->post_start_due)
		actor_make_runnable(self);
}

/* The names are free now, so a supervisor may start another actor in this one's place. */
static void actor_tell_supervisor(struct actor *self, const struct actor_cause *cause)
{
	struct spawn_wait *wait = self->spawn_wait;

	if (!actor_is_supervised(self))
		return;
	self->spawn_wait = NULL;
	wait->hooks->ended(wait, self, cause);
}

static void actor_free(struct actor *self)
{
	actor_group *group = self->group;

	spawn_wait_finish(self->spawn_wait);
	family_leave(self);
	if (self->is_guest)
		self->group->guest_hooks->freed(self);
	if (self->owns_arg)
		free((void *)self->init_arg);
	if (self->trace)
		trace_drop(self);
	ending_drop_cause(self);
	task_deinit(&group->loop, &self->task);
	slots_give(&group->actors, self->ref.serial);
	if (!self->internal)
		group->n_alive--;
	free(self->mailbox.intake);
	if (self->has_history)
		history_drop(self);
	free(self->state);
	free(self);
}

/* Answers queued calls `down`. Queued casts and calls are dead letters, except casts of descriptors. */
static void actor_drop_messages(struct actor *self, const char *reason)
{
	actor_msg *msg;

	if (self->has_stash)
		(void)actor_unstash_all(self);
	while ((msg = mailbox_take(self))) {
		if (msg->kind == MSG_CALL) {
			struct answer_to to = {msg->sender, msg->id, msg->way, msg_trace(msg)};

			call_refuse(self->group, &to, self->ref, "down", reason);
		} else if (msg->kind == MSG_CAST || msg->kind >= MSG_TIMER) {
			self->group->stats.casts_dropped++;
		}
		if (msg->kind == MSG_CALL || (msg->kind == MSG_CAST && !msg->id))
			dead_letter_take(self->group, self->ref, ACTOR_LOST_ENDED, msg);
		else
			actor_msg_free(msg);
	}
}

/* Runs in the actor's task, like a handler: it may park. Frees @self. */
static void actor_end(struct actor *self, bool terminate)
{
	actor_group *group = self->group;
	struct actor_cause cause;

	ending_set_cause(self, "normal");
	cause = *self->cause; /* a copy, because another cause may come while this function waits below */
	self->status = ACTOR_ENDING;
	if (!self->has_started && self->spawn_wait && !self->spawn_wait->result)
		actor_start_ends(self, -ECANCELED); /* init had not ended it */
	mailbox_release(self, -ESRCH);
	self->task.cancelled = false;
	if (terminate && self->behavior->terminate) {
		self->method = "terminate";
		self->behavior->terminate(self, &cause);
	}
	if (self->group->room_of)
		mailbox_pass_on(self->group);
	actor_drop_messages(self, cause.reason);
	froms_end(self, cause.reason);
	call_requests_end(self);
	if (self->has_inflows)
		inflows_end(self);
	alarms_end(self);
	inlets_end(self);
	dead_letters_end(self);
	fd_watches_end(self);
	list_for_each_safe(it, &self->monitors) {
		struct monitor *monitor = container_of(it, struct monitor, watcher_link);

		if (!monitor->is_link) /* linked actors are told last */
			monitor_remove(group, monitor);
	}
	family_end(self);
	self->task.cancelled = false;
	names_release(self);
	memberships_release(self);
	actor_pg_end(self);
	name_watchers_end(self);
	actor_tell_supervisor(self, &cause);
	if (self->is_guest)
		group->guest_hooks->ended(self, &cause);
	watchers_fire(self, &cause);
	links_end(self, &cause);
	actor_drop_messages(self, cause.reason); /* messages that came while this end waited for the broker */
	actor_free(self);
}

void actor_discard(struct actor *self)
{
	if (self->status == ACTOR_RUNNING && self->answering && !self->answering->answered)
		served_end(self->answering); /* it is on the stack of the handler, which is given up below */
	self->status = ACTOR_ENDING;
	self->spawn_wait = NULL;
	if (self->ends_in_order)
		self->group->forget(self);
	mailbox_release(self, -ESRCH);
	actor_drop_messages(self, "shutdown");
	froms_end(self, "shutdown");
	call_requests_end(self);
	if (self->has_inflows)
		inflows_end(self);
	asks_discard(self);
	alarms_end(self);
	inlets_end(self);
	dead_letters_end(self);
	fd_watches_end(self);
	while (!list_is_empty(&self->monitors))
		monitor_remove(self->group, container_of(self->monitors.next, struct monitor, watcher_link));
	names_discard(self);
	memberships_discard(self);
	actor_pg_end(self);
	name_watchers_end(self);
	while (!list_is_empty(&self->watchers))
		watcher_free(container_of(self->watchers.next, struct watcher, target_link));
	list_remove(&self->task.blocked_link);
	if (self->task.stack)
		/* What the frames on its stack hold is leaked, because they cannot be unwound. */
		stack_put(&self->group->loop.stacks, self->task.stack);
	actor_free(self);
}

static void actor_fail(struct actor *self, int error)
{
	struct actor_cause cause = {0};

	if (self->ended_self || self->killed)
		return;
	snprintf(cause.reason, sizeof(cause.reason), "crash: %s",
		strerrorname_np(-error) ? strerrorname_np(-error) : "?");
	snprintf(cause.text, sizeof(cause.text), "%s: %s: %s",
		self->behavior->name ? self->behavior->name : "actor", self->method ? self->method : "init",
		strerror(-error));
	ending_keep_cause(self, &cause);
	self->ended_self = true;
	if (!self->group->first_failure.reason[0] && !actor_is_supervised(self))
		self->group->first_failure = cause;
}

static const struct actor_method *actor_method_find(const struct actor_behavior *behavior, const char *name)
{
	if (behavior->methods)
		for (const struct actor_method *method = behavior->methods; method->name; method++)
			if (!strcmp(method->name, name))
				return method;
	return NULL;
}

/* The most common mistake is a call of a method that is a cast, so the text says so. */
static void actor_refuse_method(struct actor_from *from, const struct actor_method *method, const char *name)
{
	char text[320];

	snprintf(text, sizeof(text), method && method->on_cast ? "%.255s is a cast, not a call" : "%.255s",
		name);
	from_refuse(from, ERROR_NO_METHOD, text);
}

/* A cast has no answer that could tell of the mistake. So the log does, once per actor. */
static void actor_drop_cast(struct actor *self, const struct actor_method *method, const char *name)
{
	self->group->stats.casts_dropped++;
	if (!method || !method->on_call || self->told_wrong_kind)
		return;
	self->told_wrong_kind = true;
	group_log(self->group,
		"dropped a cast to %s: its method '%.255s' is a call, not a cast (said once per actor)",
		self->behavior->name ? self->behavior->name : "an actor", name);
}

static int actor_handle_call(struct actor *self, actor_msg *msg)
{
	const struct actor_method *method = actor_method_find(self->behavior, msg->method);
	struct actor_from from;
	int r = 0;

	if (msg->deadline_us && clock_now_us() > msg->deadline_us) {
		self->group->stats.calls_expired++; /* the caller has given up */
		return 0;
	}
	if (self->has_cancelled && served_was_cancelled(self, msg)) {
		self->group->stats.calls_expired++; /* the caller has cancelled it */
		return 0;
	}
	/*
	 * The next job may be this process's last. What it answered before leaves first, or the pool would
	 * take the jobs that are done for those that have killed it.
	 */
	if (self->group->is_worker)
		peers_flush(self->group);
	from_init(&from, self, msg);
	self->answering = &from;
	if (method && method->on_call)
		r = method->on_call(self, msg, &from);
	else if (!strcmp(msg->method, METHOD_DESCRIBE))
		r = actor_describe(self, &from);
	else if (!strcmp(msg->method, METHOD_SYS_STATE))
		r = sys_state(self, &from);
	else if (!strcmp(msg->method, METHOD_PG_JOIN) || !strcmp(msg->method, METHOD_PG_LEAVE))
		r = membership_asked(self, msg, &from);
	else if (self->behavior->on_other)
		r = self->behavior->on_other(self, msg, &from);
	else
		actor_refuse_method(&from, method, msg->method);
	if (r < 0)
		actor_fail(self, r);
	self->answering = NULL;
	if (!from.answered)
		from_refuse(&from, r < 0 ? ERROR_DOWN : ERROR_NO_REPLY,
			r < 0 ? self->cause->reason : msg->method);
	return r;
}

static int actor_handle_cast(struct actor *self, actor_msg *msg)
{
	const struct actor_method *method = actor_method_find(self->behavior, msg->method);

	if (method && method->on_cast)
		return method->on_cast(self, msg);
	if (!strcmp(msg->method, METHOD_DRAIN)) {
		actor_request_drain(self);
		return 0;
	}
	if (self->behavior->on_other)
		return self->behavior->on_other(self, msg, NULL);
	actor_drop_cast(self, method, msg->method);
	return 0;
}

static void actor_handle(struct actor *self, actor_msg *msg)
{
	int r = 0;

	self->method = msg->method;
	self->trace = msg_trace(msg);
	self->n_handled++;
	if (__builtin_expect(self->has_history, 0))
		history_note(self, msg);
	switch (msg->kind) {
	case MSG_CALL:
		r = actor_handle_call(self, msg);
		break;
	case MSG_NEXT:
	case MSG_CAST:
		r = actor_handle_cast(self, msg);
		if (msg->id)
			fd_watch_handled(self->group, msg->id);
		break;
	case MSG_TIMER:
		self->timers_queued--;
		r = actor_handle_cast(self, msg);
		break;
	case MSG_TICK:
		alarm_taken(self->group, msg->id);
		r = actor_handle_cast(self, msg);
		break;
	case MSG_DUE:
		alarm_send(self, msg->id);
		break;
	case MSG_DOWN:
		self->method = "on_down";
		if (self->behavior->on_down)
			r = self->behavior->on_down(self, msg->id, msg->sender, msg->cause);
		break;
	case MSG_EXIT:
		self->method = "on_exit";
		if (self->behavior->on_exit)
			r = self->behavior->on_exit(self, msg->sender, msg->cause);
		break;
	case MSG_PG:
		self->method = "on_pg";
		r = actor_pg_handle(self, msg);
		break;
	case MSG_NAME:
		self->method = "on_name";
		r = actor_name_handle(self, msg);
		break;
	case MSG_OVERLOAD:
		self->method = "on_overload";
		r = intake_handle(self);
		break;
	case MSG_LETTER:
		self->method = "on_dead_letter";
		r = dead_letters_handle(self);
		break;
	case MSG_DRAINED:
		actor_request_stop(self, "normal");
		break;
	case MSG_ITEM:
		self->method = "on_item";
		r = inflow_handle(self, msg);
		break;
	case MSG_CANCEL:
	case MSG_CREDIT:
		self->method = "on_cancel";
		r = cancel_handle(self, msg);
		break;
	case MSG_REPLY: /* of a request; replies of calls are not queued */
		self->method = "on_reply";
		r = call_request_handle(self, msg);
		break;
	}
	if (r < 0)
		actor_fail(self, r);
	if (self->trace)
		trace_drop(self);
	if (self->group->room_of)
		mailbox_pass_on(self->group);
	if (__builtin_expect(self->stashes, 0))
		stash_take(self, msg);
	else
		actor_msg_free(msg);
	self->method = NULL;
}

/* True: @self has ended and is freed. */
static bool actor_check_end(struct actor *self)
{
	if (self->starved)
		actor_request_kill(self);
	if (self->killed) {
		actor_end(self, self->ends_in_order);
		return true;
	}
	if (self->ended_self || self->stopping) {
		actor_end(self, true);
		return true;
	}
	return false;
}

/* What init sends belongs to the trace of the handler that spawned the actor, which waits for init. */
static int actor_call_init(struct actor *self)
{
	const struct spawn_wait *wait = self->spawn_wait;
	const struct wire_trace *inherited = !wait ? NULL : wait->parent ? wait->parent->trace : wait->trace;
	const void *arg = self->init_arg;
	void *own = self->owns_arg ? (void *)arg : NULL;
	struct wire_trace trace;
	int r;

	self->answering = NULL; /* in its place */
	self->owns_arg = false;
	if (!self->behavior->init || ending_is_due(self)) {
		free(own);
		return 0;
	}
	if (inherited) {
		trace = *inherited;
		self->trace = &trace;
	}
	r = self->behavior->init(self, arg);
	if (self->trace)
		trace_drop(self);
	free(own);
	return r;
}

static void actor_post_start(struct actor *self)
{
	int r;

	self->post_start_due = false;
	if (ending_is_due(self) || self->stopping)
		return;
	self->method = "post_start";
	r = self->behavior->post_start(self);
	if (r < 0)
		actor_fail(self, r);
	if (self->group->room_of)
		mailbox_pass_on(self->group);
	self->method = NULL;
}

void actor_run(struct loop *loop, struct task *task)
{
	struct actor *self = container_of(task, struct actor, task);
	actor_msg *msg;
	int r;

	if (self->status == ACTOR_STARTING) {
		self->method = "init";
		r = actor_call_init(self);
		if (ending_is_due(self) && r >= 0)
			r = -ECANCELED;
		if (r < 0) {
			actor_fail(self, r);
			actor_start_ends(self, r);
			actor_end(self, self->ends_in_order);
			return;
		}
		self->status = ACTOR_RUNNING;
		self->method = NULL;
		if (self->group->room_of)
			mailbox_pass_on(self->group);
		if (!self->starts_later)
			actor_start_ends(self, 0);
		if (self->behavior->post_start) {
			self->post_start_due = true;
			if (self->has_started)
				actor_make_runnable(self);
			return; /* the spawner is told first */
		}
	}
	if (self->post_start_due && !self->has_started) {
		(void)actor_check_end(self); /* a message waits for post_start, but an end does not */
		return;
	}
	if (self->post_start_due)
		actor_post_start(self);
	for (int i = 0; i < BURST_MESSAGES; i++) {
		if (actor_check_end(self))
			return;
		if (self->suspended && !sys_comes_first(self))
			return;
		msg = self->mailbox.intake ? intake_pop(self) : mailbox_pop(self);
		if (!msg) {
			self->has_cancelled &= self->has_stash;
			if (self->idle)
				idle_begins(self);
			return;
		}
		actor_handle(self, msg);
	}
	if (actor_check_end(self))
		return;
	if (!list_is_empty(&self->mailbox.messages) || self->idle)
		actor_make_runnable(self);
}

void actor_starved(struct loop *loop, struct task *task)
{
	struct actor *self = container_of(task, struct actor, task);

	actor_request_kill(self);
	group_log(self->group, "out of memory for the stack of an actor (%s): killed",
		self->behavior->name ? self->behavior->name : "?");
}

void actors_stop_all(actor_group *group, const char *reason)
{
	struct actor *self;
	uint32_t at = 0;

	while ((self = slots_walk(&group->actors, &at)))
		if (!self->internal && !actor_is_left_to_another(self))
			actor_request_stop(self, reason);
}

/* ---- public ---- */

void *actor_state(actor *self)
{
	return self->state;
}

actor_ref actor_self(const actor *self)
{
	return self->ref;
}

actor_group *actor_group_of(actor *self)
{
	return self->group;
}

bool actor_stopping(const actor *self)
{
	return self->stopping || self->killed || self->status == ACTOR_ENDING;
}
