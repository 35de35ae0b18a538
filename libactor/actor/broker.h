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

/* What becomes of a request whose link is lost before the answer. */
enum ask_again {
	ASK_AGAIN,         /* the request is sent again on the next link */
	ASK_WHILE_AWAITED, /* likewise, unless whoever waited has given up: then the request ends */
	/* the request ends with -ECONNRESET: the announcement on the next link says as much */
	ASK_ONCE,
};

/* What the runtime itself asks of the broker. It is idempotent, so it can be asked again. */
struct broker_request {
	struct list link;
	actor_group *group;
	struct call call;
	bool in_flight;
	enum ask_again again;
	struct timer timer;
	struct buf args;
	char method[24];
	/*
	 * Called exactly once; the request is freed after that. @reply is borrowed, and NULL unless @error is
	 * 0 or -EREMOTEIO. -ETIMEDOUT: no answer; -ENOTCONN: no link; else as of call_start() or an error
	 * name.
	 */
	void (*done)(struct broker_request *request, int error, actor_msg *reply);
	void *arg;
};

/* @take_args: an args array; it is taken if this succeeds. */
int broker_ask(actor_group *group, const char *method, struct buf *take_args, int64_t timeout_ms,
	void (*done)(struct broker_request *request, int error, actor_msg *reply), void *arg);
/*
 * Tells the broker something that it must know even if it is away now: a call, made again until it is
 * answered. So the broker may hear it late, and twice.
 */
void broker_tell_surely(actor_group *group, const char *method, const char *format, ...);
/*
 * As broker_ask(), and waits for the answer: parks @self, or pumps if it is NULL. -EEXIST: in_use; -EINVAL:
 * bad_args; -EPERM: permission; -EMSGSIZE: too_big; -EDQUOT: overloaded; else as actor_call().
 */
int broker_ask_wait(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, actor_msg **ret_msg);
/*
 * The same. @answered is called with an answer that is no error when it comes, before anything that the
 * broker says later is read. The waiting actor runs only after that.
 */
typedef void ask_answered(struct broker_request *request, const actor_msg *reply);
int broker_ask_wait_with(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, ask_answered *answered, actor_msg **ret_msg);
/* The same, for what is not simply asked again. */
int broker_ask_wait_as(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, enum ask_again again, actor_msg **ret_msg);
/*
 * @self ends: tells the broker what it gives back, and waits for the answer, however long it takes and
 * whoever kills @self meanwhile. Ends early with the link: the next broker hears of nothing that was given
 * back, and what the present one had not read it never reads. @take_args is the caller's to free in any case.
 */
void broker_give_back(struct actor *self, const char *method, struct buf *take_args);
/*
 * A list that the broker tells in parts: asks for all of them. @head: the @n_head arguments of @method before
 * max and after. *ret: one array. 0 or as broker_ask_wait(); -EPROTO: the parts do not go on.
 */
int broker_list_wait(actor_group *group, struct actor *self, const char *method, const struct buf *head,
	uint32_t n_head, int64_t timeout_ms, actor_msg **ret);
/* Of unanswered requests with this @arg: their answers are dropped. */
void requests_drop(actor_group *group, const void *arg);
void asks_discard(struct actor *self);     /* it is freed where it waits: nobody hears the answers */
void requests_give_up(actor_group *group); /* ends all with -ENOTCONN: nobody will answer them */
/*
 * Moves all unanswered requests to @ret. requests_take_up() moves them back and sends those not sent on this
 * link.
 */
void requests_put_aside(actor_group *group, struct list *ret);
void requests_forget(struct list *aside, const char *method); /* ends those with -ECANCELED */
void requests_take_up(actor_group *group, struct list *aside);
