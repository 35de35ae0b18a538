/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/actor/call.h"
#include "libactor/util/list.h"

struct actor;

/* A call that its caller does not wait in. It is open until its answer is taken, or handled. */
struct call_request {
	struct call call;
	struct actor *owner;
	uint64_t id;           /* in actor_group.requests */
	struct list by_owner;  /* actor.requests */
	bool done;             /* the answer is here, or no call was made */
	bool counts_for_least; /* pg_call_begin() was called for answer.who */
	struct actor_answer answer;
	actor_msg *token; /* for the owner's on_reply; NULL: it is queued, or there is no on_reply */
	/* actor_call_and_forward(): where the result goes; NULL: to the owner */
	char *forward_method;
	actor_ref forward_to;
};

/* Makes a request that is in the table, without a call yet. */
int call_request_new(struct actor *owner, struct call_request **ret);
/* Ends its call, if it is open; a queued token finds nothing. */
void call_request_free(struct call_request *request);
int call_request_handle(
	struct actor *self, const actor_msg *token); /* on_reply, unless the answer was taken */
void call_requests_end(struct actor *self);
