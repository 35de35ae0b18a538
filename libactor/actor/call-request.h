/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/actor/call.h"
#include "libactor/util/list.h"

struct actor;

/* A call whose caller does not wait in it. The request is open until its answer is taken or handled. */
struct call_request {
	struct call call;
	struct actor *owner;
	uint64_t id;           /* in actor_group.requests */
	struct list by_owner;  /* actor.requests */
	bool done;             /* the answer has come, or no call was made */
	bool counts_for_least; /* pg_call_begin() was called for answer.who */
	struct actor_answer answer;
	actor_msg *token; /* for the owner's on_reply; NULL: it is queued, or the owner has no on_reply */
	/* actor_call_and_forward(): where the result goes; NULL: to the owner */
	char *forward_method;
	actor_ref forward_to;
};

/* Makes a request that is in the table and has no call yet. */
int call_request_new(struct actor *owner, struct call_request **ret);
/* Ends the call if it is open. A queued token then finds no request. */
void call_request_free(struct call_request *request);
int call_request_handle(
	struct actor *self, const actor_msg *token); /* calls on_reply, unless the answer was taken */
void call_requests_end(struct actor *self);
