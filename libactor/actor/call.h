/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/loop/timer.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"

struct actor;
struct peer;

struct call {
	uint64_t id;
	actor_group *group;
	struct actor *caller; /* who gets -ECANCELED at its end; NULL: the runtime itself */
	/*
	 * only its group, in its name, may answer. Nobody: asked by name, so the daemon at the end of the
	 * only link
	 */
	actor_ref callee;
	bool said_noproc;      /* the callee itself did: it has handled the call */
	struct list peer_link; /* struct peer.calls */
	struct timer timer;
	/* Exactly once. reply is NULL unless error is 0 or -EREMOTEIO, and then taken. */
	void (*done)(struct call *call, int error, actor_msg *reply);
	void *arg;
};

/*
 * Does not wait and does not ask whether there is room: send_ready() does that before the arguments are
 * packed.
 * @to: a ref, or (one-link modes) a name for the daemon at the other end to resolve.
 */
int call_start(struct call *call, actor_group *group, struct actor *caller, const struct wire_dest *to,
	struct wire_str method, const void *args, size_t args_bytes, int64_t deadline_ns);
void call_cancel(struct call *call); /* done() does not run; a late answer goes nowhere */
void call_finish(struct call *call, int error, actor_msg *take_reply);
/* Would this call to an actor of ours never end, because its caller is waited for? */
bool call_closes_circle(struct actor *to, const struct wire_frame *frame);
void calls_end_by_peer(struct peer *peer, int error); /* it is gone */
/* It cannot be answered any more, though somebody tried. */
void call_fail(actor_group *group, uint64_t id, int error);
/* Does @peer speak for whom the call was made to? An id that is not open is a late reply, and anybody's. */
bool call_may_be_answered(actor_group *group, uint64_t id, const struct peer *peer, actor_ref from);
/* An answer came. Unknown ids are late replies. */
void call_answered(actor_group *group, uint64_t id, actor_msg *take_reply);
int call_error_number(const char *error_name);
/*
 * Parks @self (or pumps, outside a handler) until the answer is there. -ESRCH: it came to nobody; -ENXIO: the
 * callee handled it and answered `noproc`, which is -ESRCH for who called.
 */
int call_wait(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes, int64_t deadline_ns, actor_msg **ret_msg);
