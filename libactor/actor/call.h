/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/overload.h"
#include "libactor/loop/timer.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"

struct actor;
struct peer;

struct call;

/* What only a call for a stream has (docs/protocol.md §3, Streams). */
struct call_stream {
	void (*item)(struct call *call, actor_msg *take_item);
	struct wire_credit credit; /* all credit that the callee was told of */
	struct wire_credit came;
};

struct call {
	uint64_t id;
	actor_group *group;
	struct actor *caller; /* the waiting actor; NULL: the runtime, or the program outside of a handler */
	/*
	 * Only the group of the callee may answer, in the callee's name. ACTOR_NOBODY: the call was made by
	 * name, so only the daemon at the other end of the uplink may answer.
	 */
	actor_ref callee;
	enum actor_loss why;        /* for a call within this group: why the target did not take it */
	int64_t retry_ms;           /* after that: when the caller should ask again */
	bool said_noproc;           /* the callee itself answered `noproc`, so it has handled the call */
	bool keeps_errors;          /* done() gets the reply of every named error */
	struct call_stream *stream; /* NULL: it takes no items */
	struct wire_trace trace;    /* the trace of the call; id 0: none */
	struct list peer_link;      /* struct peer.calls */
	struct timer timer;
	/*
	 * Called exactly once. @reply is NULL unless @error is 0 or -EREMOTEIO (see keeps_errors); done() has
	 * to free it.
	 */
	void (*done)(struct call *call, int error, actor_msg *reply);
	void *arg;
};

/* Returns NULL when the call belongs to no trace. */
static inline const struct wire_trace *call_trace(const struct call *call)
{
	return call->trace.id ? &call->trace : NULL;
}

/*
 * Sends the call and does not wait. The caller must have called send_ready() before it packed the arguments.
 * @to: a ref, or (in modes with one link) a name that the daemon at the other end resolves.
 */
int call_start(struct call *call, actor_group *group, struct actor *caller, const struct wire_dest *to,
	struct wire_str method, const void *args, size_t args_bytes, int64_t deadline_ns);
/* As call_start(), for a call that takes items. @stream->credit is the first credit. */
int call_start_stream(struct call *call, struct call_stream *stream, actor_group *group, struct actor *caller,
	const struct wire_dest *to, struct wire_str method, const void *args, size_t args_bytes,
	int64_t deadline_ns);
/* Ends the call and tells the callee. done() does not run; a late answer is dropped. */
void call_cancel(struct call *call);
void call_give_up(struct call *call, int error); /* tells the callee; the call ends with @error */
void call_give_credit(struct call *call, struct wire_credit credit);
/* Gives an item that has come to @call. */
void call_item(struct call *call, actor_msg *take_item);
/* True if @call takes items, and has credit for one. */
bool call_takes_item(const struct call *call);
void call_finish(struct call *call, int error, actor_msg *take_reply);
/*
 * Whether @to waits, directly or through other calls, for an actor that waits for this call. Such calls could
 * never end.
 */
bool call_closes_circle(struct actor *to, const struct wire_frame *frame);
void calls_end_by_peer(struct peer *peer, int error); /* @peer is gone */
/* An answer came and cannot be used (out of memory): the call ends with @error. */
void call_fail(actor_group *group, uint64_t id, int error);
/* Ends the call with this answer. If the id is unknown, the reply is late, and is freed. */
void call_answered(actor_group *group, uint64_t id, actor_msg *take_reply);
int call_error_number(const char *error_name);
/*
 * Parks @self (or pumps, outside a handler) until the answer has come. -ESRCH: the call reached no actor.
 * -ENXIO: the callee handled the call and answered `noproc`; the program gets -ESRCH for that, too.
 */
int call_wait(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes, int64_t deadline_ns, actor_msg **ret_msg);
/* The same, but *ret_msg is set for every reply, also if the error's name is one of the runtime's. */
int call_wait_keeping_errors(actor_group *group, struct actor *self, const struct wire_dest *to,
	struct wire_str method, const void *args, size_t args_bytes, int64_t deadline_ns, bool *ret_sent,
	actor_msg **ret_msg);
