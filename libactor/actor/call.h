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

struct call {
	uint64_t id;
	actor_group *group;
	struct actor *caller; /* the actor that waits; NULL: the runtime, or the program, outside of one */
	/*
	 * Only its group may answer, in its name. ACTOR_NOBODY: the call was made by name, so only the daemon
	 * at the other end of the uplink may answer.
	 */
	actor_ref callee;
	enum actor_loss why;     /* a call in this group: its target did not take it */
	int64_t retry_ms;        /* then: when to ask again */
	bool said_noproc;        /* the callee itself answered `noproc`, so it has handled the call */
	bool keeps_errors;       /* done() gets the reply of every named error */
	struct wire_trace trace; /* that it belongs to; id 0: none */
	struct list peer_link;   /* struct peer.calls */
	struct timer timer;
	/*
	 * Called exactly once. @reply is NULL unless @error is 0 or -EREMOTEIO (see keeps_errors); done()
	 * then frees it.
	 */
	void (*done)(struct call *call, int error, actor_msg *reply);
	void *arg;
};

/* NULL: it belongs to none. */
static inline const struct wire_trace *call_trace(const struct call *call)
{
	return call->trace.id ? &call->trace : NULL;
}

/*
 * Sends the call and does not wait. The caller has called send_ready() before it packed the arguments.
 * @to: a ref, or (one-link modes) a name for the daemon at the other end to resolve.
 */
int call_start(struct call *call, actor_group *group, struct actor *caller, const struct wire_dest *to,
	struct wire_str method, const void *args, size_t args_bytes, int64_t deadline_ns);
void call_cancel(struct call *call); /* done() does not run; a late answer goes nowhere */
void call_finish(struct call *call, int error, actor_msg *take_reply);
/* Does @to, directly or not, wait for an actor that waits for this call? Then neither could ever end. */
bool call_closes_circle(struct actor *to, const struct wire_frame *frame);
void calls_end_by_peer(struct peer *peer, int error); /* @peer is gone */
/* An answer came and cannot be used (out of memory): the call ends with @error. */
void call_fail(actor_group *group, uint64_t id, int error);
/* Ends the call with this answer. An unknown id: the reply is late, and is freed. */
void call_answered(actor_group *group, uint64_t id, actor_msg *take_reply);
int call_error_number(const char *error_name);
/*
 * Parks @self (or pumps, outside a handler) until the answer is there. -ESRCH: the call came to nobody.
 * -ENXIO: the callee handled it and answered `noproc`; the program gets -ESRCH for that too.
 */
int call_wait(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes, int64_t deadline_ns, actor_msg **ret_msg);
/*
 * The same, and *ret_msg is set whenever there was a reply, also if the error's name is one of the runtime's.
 */
int call_wait_keeping_errors(actor_group *group, struct actor *self, const struct wire_dest *to,
	struct wire_str method, const void *args, size_t args_bytes, int64_t deadline_ns,
	actor_msg **ret_msg);
