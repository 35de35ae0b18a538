/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to many targets at once. Every target gets exactly one answer: its reply, or the reason why
 * there is none.
 *
 * First the targets that can be asked without waiting are asked. Then the sender waits for each of the others
 * in turn, WHILE_MS at a time, until all were asked or the time is over. So a target that is stuck delays the
 * others only a little.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/actor/pg-pick.h"
#include "libactor/actor/pg.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/multicall.h"
#include "libactor/send.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"

#define WHILE_MS 20

struct multicall;

struct target {
	struct call call;
	struct multicall *of;
	struct actor_answer *answer;
	struct send send;
	bool started, answered;
	bool tried;            /* a call came to nobody: another target is sought */
	bool counts_for_least; /* pg_call_begin() was called for answer->who */
};

struct multicall {
	actor_group *group;
	struct actor *self; /* NULL: pumps */
	struct wire_str method;
	struct buf body;
	int64_t deadline_ns;
	struct target *targets;
	size_t n, n_started, n_open;
	bool waiting; /* all targets were asked, and only answers are awaited */
};

static void target_uncount(struct target *target)
{
	if (target->counts_for_least)
		pg_call_end(target->of->group, target->answer->who);
	target->counts_for_least = false;
}

static void target_end(struct target *target, int error, actor_msg *take_reply)
{
	struct multicall *all = target->of;

	target_uncount(target);
	target->answered = true;
	target->answer->r = error;
	target->answer->msg = take_reply;
	all->n_open--;
	if (all->self && all->waiting && !all->n_open)
		actor_wake(all->self, 0);
}

/* A process group, or an awaited name, may have another one: as send_again() has it. */
static bool has_others(const actor_dest *to)
{
	return to->name && to->to.by.how != ACTOR_DEST_NAME;
}

static void target_answered(struct call *call, int error, actor_msg *reply)
{
	struct target *target = container_of(call, struct target, call);
	struct multicall *all = target->of;

	if (error != -ESRCH || call->said_noproc || !has_others(target->send.to)) {
		target_end(target, error, reply);
		return;
	}
	target->tried = true;
	target->started = false;
	all->n_started--;
	if (all->self && all->waiting)
		actor_wake(all->self, 0);
}

static bool may_come_yet(const struct multicall *all, int r)
{
	bool waits = r == -ETIMEDOUT || r == -EAGAIN || r == -EBUSY ||
		     (r == -ENOTCONN && all->group->uplink.state != UPLINK_NONE);

	return waits && clock_now_ns() < all->deadline_ns;
}

/* Returns -ECANCELED when the caller was killed. */
static int target_start(struct multicall *all, struct target *target, int64_t patience_ns)
{
	struct send *send = &target->send;
	bool tried = target->tried;
	int r = tried ? -ESRCH : 0;

	send->deadline_ns = patience_ns;
	target->tried = false;
	target->counts_for_least = false; /* send_again() takes it off */
	while (!tried || send_again(send, &r)) {
		tried = true;
		r = send_find(send);
		if (r == 0)
			r = send_ready(all->group, patience_ns ? all->self : NULL, &send->dest, patience_ns);
		if (r == 0)
			break;
	}
	if (r == -ECANCELED)
		return r;
	if (r < 0 && may_come_yet(all, r))
		return 0;
	target->started = true;
	all->n_started++;
	if (send->found)
		target->answer->who = send->dest.ref;
	target->counts_for_least = r == 0 && send->to->name && send->to->to.by.how == ACTOR_DEST_PG_LEAST;
	if (r == 0)
		r = call_start(&target->call, all->group, all->self, &send->dest, all->method, all->body.data,
			all->body.size_bytes, all->deadline_ns);
	if (r < 0)
		target_end(target, r == -EAGAIN || r == -EBUSY ? -ETIMEDOUT : r, NULL);
	return 0;
}

static bool is_known(const struct multicall *all, const actor_dest *to)
{
	return !to->name || (all->group->mode != ACTOR_JOIN_DIRECT && to->to.by.how == ACTOR_DEST_NAME);
}

static int start_known(struct multicall *all)
{
	int r = 0;

	for (size_t i = 0; i < all->n && r == 0; i++) {
		if (is_known(all, all->targets[i].send.to))
			r = target_start(all, &all->targets[i], 0);
	}
	return r;
}

static int start_others(struct multicall *all)
{
	int r = 0;

	while (r == 0 && all->n_started < all->n) {
		for (size_t i = 0; i < all->n && r == 0; i++) {
			int64_t until_ns = deadline_after_ms(clock_now_ns(), WHILE_MS);

			if (all->targets[i].started)
				continue;
			if (until_ns > all->deadline_ns)
				until_ns = all->deadline_ns;
			r = target_start(all, &all->targets[i], until_ns);
			/*
			 * The attempt may have failed without any wait. This pause keeps the loop from
			 * spinning.
			 */
			if (r == 0 && !all->targets[i].started)
				r = send_wait_until(all->group, all->self, until_ns);
		}
	}
	return r;
}

static bool is_done(void *arg)
{
	const struct multicall *all = arg;

	return !all->n_open || all->n_started < all->n;
}

static int wait_for_all(struct multicall *all)
{
	int r = 0;

	while (r == 0 && all->n_open) {
		r = start_others(all);
		if (r < 0)
			break;
		all->waiting = true;
		while (r == 0 && !is_done(all))
			r = all->self ? actor_park(all->self, NEVER_NS)
				      : loop_pump(&all->group->loop, is_done, all, NEVER_NS);
		all->waiting = false;
	}
	return all->n_open ? r : 0;
}

/* @all: has a body and a method. */
static int multicall(struct multicall *all, const actor_dest *to, size_t n, struct actor_answer *answers)
{
	int n_replies = 0;
	int r;

	memset(answers, 0, n * sizeof(*answers));
	all->targets = calloc(n ? n : 1, sizeof(*all->targets));
	if (!all->targets)
		return -ENOMEM;
	all->n = all->n_open = n;
	for (size_t i = 0; i < n; i++) {
		all->targets[i].of = all;
		all->targets[i].answer = &answers[i];
		all->targets[i].send = (struct send){all->group, all->self, &to[i]};
		all->targets[i].call.done = target_answered;
	}
	r = start_known(all);
	if (r == 0)
		r = wait_for_all(all);
	for (size_t i = 0; i < n; i++) {
		if (all->targets[i].started && !all->targets[i].answered)
			call_cancel(&all->targets[i].call);
		target_uncount(&all->targets[i]);
		n_replies += answers[i].r == 0;
	}
	free(all->targets);
	if (r == 0)
		return n_replies;
	actor_answers_clear(answers, n);
	return r;
}

int multicall_v(actor_group *group, struct actor *self, const actor_dest *to, size_t n, const char *method,
	int64_t timeout_ms, struct actor_answer *answers, const char *format, va_list args)
{
	struct multicall all = {.group = group,
		.self = self,
		.deadline_ns = deadline_of_timeout_ms(timeout_ms),
		.body = BUF_INIT};
	int r = n && (!to || !answers) ? -EINVAL : post_check_method(method);

	if (r == 0)
		r = body_vpack(&all.body, BODY_ARGS, format ? format : "", args);
	if (r == 0) {
		all.method = wire_cstr(method);
		r = multicall(&all, to, n, answers);
	}
	buf_deinit(&all.body);
	return r;
}

int multicall_pg_v(actor_group *group, struct actor *self, const char *scope, const char *name,
	const char *method, int64_t timeout_ms, struct actor_answer **ret, size_t *ret_n, const char *format,
	va_list args)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms);
	struct actor_answer *answers;
	actor_ref *refs = NULL;
	actor_dest *to;
	size_t n = 0;
	int r;

	*ret = NULL;
	*ret_n = 0;
	r = pg_actors(group, self, scope, name,
		timeout_ms == ACTOR_TIMEOUT_DEFAULT ? CALL_TIMEOUT_DEFAULT_MS : timeout_ms, &refs, &n);
	if (r < 0)
		return r;
	to = calloc(n ? n : 1, sizeof(*to));
	answers = calloc(n ? n : 1, sizeof(*answers));
	for (size_t i = 0; to && i < n; i++)
		to[i] = actor_to(refs[i]);
	free(refs);
	r = to && answers ? multicall_v(group, self, to, n, method, deadline_left_ms(deadline_ns), answers,
				    format, args)
			  : -ENOMEM;
	free(to);
	if (r < 0 || !n) {
		free(answers);
		return r;
	}
	*ret = answers;
	*ret_n = n;
	return r;
}

int actor_multicall(actor *self, const actor_dest *to, size_t n, const char *method, int64_t timeout_ms,
	struct actor_answer *answers, const char *format, ...)
{
	va_list args;
	int r;

	if (!actor_is_current(self))
		return -EINVAL;
	va_start(args, format);
	r = multicall_v(self->group, self, to, n, method, timeout_ms, answers, format, args);
	va_end(args);
	return r;
}

int actor_pg_multicall(actor *self, const char *scope, const char *group, const char *method,
	int64_t timeout_ms, struct actor_answer **ret, size_t *ret_n, const char *format, ...)
{
	va_list args;
	int r;

	if (!actor_is_current(self) || !ret || !ret_n)
		return -EINVAL;
	va_start(args, format);
	r = multicall_pg_v(self->group, self, scope, group, method, timeout_ms, ret, ret_n, format, args);
	va_end(args);
	return r;
}

void actor_answers_clear(struct actor_answer *answers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		answers[i].msg = actor_msg_free(answers[i].msg);
}

struct actor_answer *actor_answers_free(struct actor_answer *answers, size_t n)
{
	if (answers)
		actor_answers_clear(answers, n);
	free(answers);
	return NULL;
}
