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

/* What happens to a request whose link is lost before the answer. */
enum ask_again {
	ASK_AGAIN,         /* the request is sent again on the next link */
	ASK_WHILE_AWAITED, /* likewise, but if no actor waits for the answer any more, the request ends */
	/* The request ends with -ECONNRESET, because the announcement on the next link says the same. */
	ASK_ONCE,
};

/* A request of the runtime itself to the broker. It is idempotent, so it may be sent again. */
struct broker_request {
	struct list link;
	actor_group *group;
	struct call call;
	bool in_flight;
	enum ask_again again;
	bool sure; /* of broker_tell_surely(): tried again when there was no memory to send it */
	struct timer timer;
	struct buf args;
	char method[24];
	/*
	 * Called exactly once; the request is freed after that. @reply is borrowed, and NULL unless @error is
	 * 0 or -EREMOTEIO. -ETIMEDOUT: no answer; -ENOTCONN: no link; other errors are those of call_start()
	 * or of an error's name.
	 */
	void (*done)(struct broker_request *request, int error, actor_msg *reply);
	void *arg;
};

/*
 * @take_args: an array of arguments; it is taken if this succeeds. -ENOMEM also while something that must be
 * told before waits for memory.
 */
int broker_ask(actor_group *group, const char *method, struct buf *take_args, int64_t timeout_ms,
	void (*done)(struct broker_request *request, int error, actor_msg *reply), void *arg);
/*
 * Tells the broker something that it must know even if it is away now. This is a call that is repeated until
 * it is answered, so the broker may hear it late, and twice. If there is no memory for the call, the words
 * are kept and tried again, and later requests wait behind them. If too many are kept, the link to the broker
 * is cut, so that the broker forgets what it believes of us. @format: up to three `U`, then perhaps one `s`.
 */
void broker_tell_surely(actor_group *group, const char *method, const char *format, ...);
/*
 * The same as broker_ask(), but waits for the answer: parks @self, or pumps if @self is NULL. -EEXIST:
 * in_use; -EINVAL: bad_args; -EPERM: permission; -EMSGSIZE: too_big; -EDQUOT: overloaded; else as
 * actor_call().
 */
int broker_ask_wait(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, actor_msg **ret_msg);
/*
 * The same, but @answered is called as soon as an answer comes that is no error. At that time nothing that
 * the broker says later was read. The waiting actor runs only afterwards.
 */
typedef void ask_answered(struct broker_request *request, const actor_msg *reply);
int broker_ask_wait_with(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, ask_answered *answered, actor_msg **ret_msg);
/* The same for a request that is not simply sent again. */
int broker_ask_wait_as(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, enum ask_again again, actor_msg **ret_msg);
/*
 * @self ends: tells the broker what the actor gives back, and waits for the answer without a time limit, even
 * if @self is killed meanwhile. The wait ends early when the link ends: then the next broker is not told of
 * what was given back, and the present one will never read it. @args: borrowed, and freed only if the group
 * ends meanwhile.
 */
void broker_give_back(struct actor *self, const char *method, struct buf *args);
/*
 * @self ends, and there was no memory for the arguments: waits a moment. Returns false when the actor should
 * not try again, since the group ends or there is not even memory to wait.
 */
bool broker_wait_for_memory(struct actor *self);
/*
 * Asks for all parts of a list that the broker tells in parts. @head: the @n_head arguments of @method before
 * max and after. *ret: one array. Returns 0, the errors of broker_ask_wait(), or -EPROTO when a part does not
 * follow the one before.
 */
int broker_list_wait(actor_group *group, struct actor *self, const char *method, const struct buf *head,
	uint32_t n_head, int64_t timeout_ms, actor_msg **ret);
/* The answers of unanswered requests with this @arg are dropped. */
void requests_drop(actor_group *group, const void *arg);
void asks_discard(struct actor *self); /* the actor is freed while it waits, so the answers are dropped */
int requests_init(actor_group *group);
void requests_deinit(actor_group *group);  /* gives up as well */
void requests_give_up(actor_group *group); /* ends all requests with -ENOTCONN: no broker will answer them */
/*
 * Moves all unanswered requests to @ret. requests_take_up() moves them back, and sends those that were not
 * sent on this link.
 */
void requests_put_aside(actor_group *group, struct list *ret);
void requests_forget(
	struct list *aside, const char *method); /* ends the requests of that method with -ECANCELED */
void requests_take_up(actor_group *group, struct list *aside);
