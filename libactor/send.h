/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"

struct actor;

/*
 * One message on its way to the destination @to. In ACTOR_JOIN_DIRECT a name becomes a ref; in the other
 * modes it stays a name, and the daemon at the other end of the only link gets it. The functions are used in
 * this way:
 *	do {
 *		r = send_find(&send);
 *		if (r == 0)
 *			r = … to send.dest
 *	} while (send_again(&send, &r));
 */
struct send {
	actor_group *group;
	struct actor *self; /* the actor that waits; NULL: the wait pumps the loop */
	const actor_dest *to;
	int64_t deadline_ns; /* or SEND_BLOCK_MAX */
	bool is_cast;
	/* Set by send_find(): */
	struct wire_dest dest;
	bool found;
	unsigned n_tries;
};

int send_find(struct send *send);
/*
 * True: the caller has to find and send again. The target had ended before the message came (-ESRCH), and
 * there may be another one.
 */
bool send_again(struct send *send, int *r);
/*
 * Turns -ESRCH into 0 for a cast to a dead actor or to a name that no actor has: such a cast is lost without
 * an error. -ESRCH stays if a process group has no member, or no actor got the awaited name.
 */
int send_cast_result(const struct send *send, int r);

/* The arguments of a call: a format and its list, or a message, or nothing. */
struct send_args {
	const char *format;
	va_list *list;
	const actor_msg *msg;
};

/*
 * The body of @args, which may be in the group's scratch. It is packed when the call can be sent, and again
 * for each further target.
 */
int send_args_body(actor_group *group, const struct send_args *args, const uint8_t **ret, size_t *ret_bytes);

int send_dest_of_name(
	actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, struct wire_dest *ret);
int send_vcast(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	const char *format, va_list args);
int send_cast_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	actor_msg **take_args);
int send_vcall(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	int64_t deadline_ns, actor_msg **ret_msg, const char *format, va_list args);
/* *ret_sent: the arguments have left, so the caller may free them. */
int send_call_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	int64_t deadline_ns, const actor_msg *args, bool *ret_sent, actor_msg **ret_msg);

/*
 * A call for an actor that passes answers on, as a pool does. The reply of a named error is kept even if the
 * name is one of the runtime's, because the callee may have the error from another actor. The result is still
 * the errno of that name. -ESRCH: the call reached no actor. -ENXIO: the callee has answered `noproc`.
 * *ret_sent: the call has left; -ENOMEM then means that its answer is not heard.
 */
int send_call_for_other(actor *self, actor_ref ref, const char *method, const actor_msg *args, bool *ret_sent,
	actor_msg **ret_msg);

/* Lets others run until then: parks @self, or pumps if @self is NULL. Returns 0, -ECANCELED or -EDEADLK. */
int send_wait_until(actor_group *group, struct actor *self, int64_t until_ns);

/* ---- streams (stream.c) ---- */

/* Waits until the call of @method may be sent to send->dest. */
typedef int (*stream_ready_fn)(void *arg, const struct send *send, const char *method);
/* Opens a stream of @owner; send->self is NULL for a client. */
int stream_open(struct actor *owner, struct send *send, const char *method, struct actor_stream_window window,
	const struct send_args *args, stream_ready_fn ready, void *arg, uint64_t *ret);

/* ---- to all members of a process group (send-pg.c) ---- */

bool send_is_to_all(const actor_dest *to);
/*
 * The same as send_ready(), but for every process that has members. After this the caller must send at once.
 */
int send_all_ready(actor_group *group, struct actor *self, const actor_dest *to, int64_t deadline_ns);
/* Returns -EINVAL also when the arguments are nested more than 63 deep. */
int send_all_vcast(actor_group *group, struct actor *self, const actor_dest *to, const char *method,
	const char *format, va_list args);
int send_all_cast_msg(actor_group *group, struct actor *self, const actor_dest *to, const char *method,
	actor_msg **take_args);
