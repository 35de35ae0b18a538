/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/actor/call.h"
#include "libactor/util/list.h"

struct actor;

struct call_request;

/*
 * What a request to one of several keeps, so that it can be made to another one if it came to nobody: as a
 * call is, but its caller does not wait for that (request.c).
 */
struct request_again {
	/* False: there is no seeking, and *r is the answer. */
	bool (*seek)(struct call_request *request, int *r);
	actor_dest to; /* its words are in bytes */
	int64_t deadline_ns;
	unsigned n_tries;
	const char *method;
	const uint8_t *args;
	size_t args_bytes;
	uint8_t bytes[];
};

/* A call that its caller does not wait in. It is open until its answer is taken, or handled. */
struct call_request {
	struct call call;
	struct actor *owner;
	uint64_t id;          /* in actor_group.requests */
	struct list by_owner; /* actor.requests */
	bool done;            /* the answer is here, or no call was made */
	uint64_t seeker;      /* serial of the internal actor that seeks another target: no call is open */
	struct request_again *again; /* NULL: it is made once */
	bool counts_for_least;       /* pg_call_begin() was called for answer.who */
	struct actor_answer answer;
	actor_msg *token; /* for the owner's on_reply; NULL: it is queued, or the owner has no on_reply */
	/* actor_call_and_forward(): where the result goes; NULL: to the owner */
	char *forward_method;
	actor_ref forward_to;
};

/* Makes a request that is in the table and has no call yet. */
int call_request_new(struct actor *owner, struct call_request **ret);
/* Its answer: takes @take_reply. May free it. */
void call_request_end(struct call_request *request, int error, actor_msg *take_reply);
/* Ends its call, if it is open; a queued token finds nothing. */
void call_request_free(struct call_request *request);
int call_request_handle(
	struct actor *self, const actor_msg *token); /* calls on_reply, unless the answer was taken */
void call_requests_end(struct actor *self);
