/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/actor/call.h"
#include "libactor/loop/timer.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

struct actor;

/* Something asked of the broker by the runtime itself; idempotent, so it is asked again after a lost link. */
struct broker_request {
	struct list link;
	actor_group *group;
	struct call call;
	bool in_flight;
	struct timer timer;
	struct buf args;
	char method[24];
	/* Exactly once, then freed. error 0 or -EREMOTEIO: reply is borrowed. -ETIMEDOUT, -ENOTCONN */
	void (*done)(struct broker_request *request, int error, actor_msg *reply);
	void *arg;
};

/* take_args: an args array. */
int broker_ask(actor_group *group, const char *method, struct buf *take_args, int64_t timeout_ms,
	void (*done)(struct broker_request *request, int error, actor_msg *reply), void *arg);
/*
 * What the broker must know even if it is away now: a call, made again until it is answered. So it may come
 * late, and twice.
 */
void broker_tell_surely(actor_group *group, const char *method, const char *format, ...);
/* Same, and waits (parks @self or pumps). -EEXIST for in_use, else as actor_call. */
int broker_ask_wait(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, actor_msg **ret_msg);
void requests_give_up(actor_group *group); /* nobody will answer them */
/* Those that are unanswered; when they are taken up again, those that were not sent on this link are. */
void requests_put_aside(actor_group *group, struct list *ret);
void requests_take_up(actor_group *group, struct list *aside);
