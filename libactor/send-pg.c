/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cast to all members of a process group: one frame to each process, which hands the message to its
 * members. The sender waits for all processes before it writes the first frame. So after an error of the wait
 * no member has got the cast. After an error of the sending itself (-ENOMEM) some members may have got it.
 */
#include <errno.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/intake.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/membership.h"
#include "libactor/actor/pg.h"
#include "libactor/actor/post.h"
#include "libactor/actor/taps.h"
#include "libactor/actor/tracing.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/send.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"

bool send_is_to_all(const actor_dest *to)
{
	return to->name && to->to.by.how == ACTOR_DEST_PG_ALL;
}

static const char *scope_of(const actor_dest *to)
{
	return to->to.by.scope ? to->to.by.scope : ACTOR_PG_SCOPE;
}

static struct own_pg *own_pg_of(actor_group *group, const actor_dest *to)
{
	return own_pg_find(group, wire_cstr(scope_of(to)), wire_cstr(to->name));
}

/* A group with a single link sends the cast to the broker, which passes it on to all members. */
static struct wire_dest broker_of(const actor_group *group)
{
	return group->mode == ACTOR_JOIN_SPAWNER ? (struct wire_dest){.name = wire_cstr(NAME_BROKER)}
						 : (struct wire_dest){.ref = group->uplink.service};
}

/* ---- waiting ---- */

/* A member, or a process, for which the sender has to wait. */
struct busy {
	actor_group *group;
	const struct actor *sender;
	bool found;
	actor_ref who;
	int error;
};

static void look_at_own(struct actor *self, void *arg)
{
	struct busy *busy = arg;

	if (busy->found || self == busy->sender || self->status == ACTOR_ENDING ||
		!mailbox_holds_back(&self->mailbox))
		return;
	busy->found = true;
	busy->who = self->ref;
}

static bool is_busy(struct busy *busy, actor_ref who)
{
	int r = send_ready(busy->group, NULL, &(struct wire_dest){.ref = who}, 0);

	if (r == -EAGAIN) {
		busy->found = true;
		busy->who = who;
	} else if (r < 0 && r != -ESRCH) {
		busy->error = r;
	}
	return busy->found || busy->error;
}

static void look_at_process(struct hash_node *node, void *arg)
{
	const struct pg_process *process = container_of(node, struct pg_process, node);
	struct busy *busy = arg;
	const struct roll_member *member;
	const struct peer *peer;
	struct list *at = NULL;

	if (busy->found || busy->error || process->id == busy->group->id)
		return;
	/*
	 * If no single actor of this process is paused, or if there is no peer for it yet, the first member
	 * stands for all of them.
	 */
	peer = peer_find(busy->group, process->id);
	if (peer && peer->state == PEER_ROUTED) { /* only the broker knows what it holds back */
		if (is_busy(busy, (actor_ref){busy->group->node, process->id, 0}))
			return;
		peer = busy->group->uplink.peer;
	}
	while ((member = pg_process_next(process, &at))) {
		if (is_busy(busy, member->ref) || !peer || !peer->n_paused_refs)
			return;
	}
}

int send_all_ready(actor_group *group, struct actor *self, const actor_dest *to, int64_t deadline_ns)
{
	const char *scope = to->to.by.scope;
	struct pg_copy *copy;
	int r;

	if (group->mode != ACTOR_JOIN_DIRECT) {
		r = pg_check_names(&scope, to->name);
		if (r < 0)
			return r;
		return group->mode == ACTOR_JOIN_NONE ? -ENOTCONN
						      : send_all_ready_by_broker(group, self, deadline_ns);
	}
	if (deadline_ns == SEND_BLOCK_MAX)
		deadline_ns = deadline_after_ms(clock_now_ns(), SEND_BLOCK_MAX_MS);
	for (;;) {
		struct busy busy = {.group = group, .sender = self};
		struct own_pg *own;

		r = pg_know(group, self, scope, to->name, deadline_left_ms(deadline_ns), &copy);
		if (r < 0)
			return r;
		own = own_pg_of(group, to);
		if (own)
			own_pg_each(own, look_at_own, &busy);
		hash_each(&copy->processes, look_at_process, &busy);
		if (!busy.found)
			return busy.error;
		r = send_ready(group, self, &(struct wire_dest){.ref = busy.who}, deadline_ns);
		if (r < 0 && r != -ESRCH)
			return r == -ETIMEDOUT ? -EBUSY : r;
	}
}

/* ---- sending ---- */

struct broadcast {
	actor_group *group;
	actor_ref from;
	struct wire_str method;
	const uint8_t *args;
	size_t args_bytes;
	const struct buf *body; /* scope, name, method, args */
	const struct wire_trace *trace;
	int error;
};

/* @to: a member, or its process. */
static void broadcast_show(const struct broadcast *broadcast, enum tap_path path, actor_ref to)
{
	if (taps_look(broadcast->group, broadcast->trace))
		taps_show(broadcast->group, path,
			&(struct wire_frame){.type = WIRE_CAST,
				.to.ref = to,
				.from = broadcast->from,
				.method = broadcast->method,
				.body = broadcast->args,
				.body_bytes = broadcast->args_bytes,
				.trace = *broadcast->trace});
}

static void hand_to_own(struct actor *self, void *arg)
{
	struct broadcast *broadcast = arg;
	int64_t retry_ms;
	actor_msg *msg;
	int r;

	if (self->status == ACTOR_ENDING || self->draining)
		return;
	r = msg_new_traced(&msg, broadcast->from, broadcast->method, broadcast->args, broadcast->args_bytes,
		broadcast->trace);
	if (r < 0) {
		broadcast->error = r;
		return;
	}
	msg->kind = MSG_CAST;
	(void)mailbox_offer(self, msg, &retry_ms);
	broadcast_show(broadcast, TAP_LOCAL, self->ref);
}

static void send_to_process(struct hash_node *node, void *arg)
{
	struct pg_process *process = container_of(node, struct pg_process, node);
	struct broadcast *broadcast = arg;
	struct wire_dest to = {.ref = {broadcast->group->node, process->id, 0}};
	struct peer *peer;

	if (process->id == broadcast->group->id)
		return;
	peer = peer_route(broadcast->group, process->id, true);
	if (!peer) {
		broadcast->error = -ENOMEM;
		return;
	}
	wire_put_traced_cast(peer_out(peer), &to, broadcast->from, wire_cstr(METHOD_PG_CAST),
		broadcast->body->data, broadcast->body->size_bytes, broadcast->trace);
	peer_wrote(peer);
	broadcast_show(broadcast, TAP_SENT, to.ref);
}

static int send_all(actor_group *group, struct actor *self, const actor_dest *to, const char *method,
	const uint8_t *args, size_t args_bytes)
{
	struct broadcast broadcast = {
		.group = group,
		.from = self ? self->ref : group_ref(group, 0),
		.method = wire_cstr(method),
		.args = args,
		.args_bytes = args_bytes,
	};
	struct mp_reader r = mp_reader(args, args_bytes);
	struct buf body = BUF_INIT;
	struct wire_trace room;
	struct pg_copy *copy;
	struct own_pg *own;

	if (args_bytes && mp_skip_depth(&r, MP_DEPTH_MAX - 1) < 0)
		return -EINVAL;
	mp_put_array(&body, 4);
	mp_put_cstr(&body, scope_of(to));
	mp_put_cstr(&body, to->name);
	mp_put_cstr(&body, method);
	if (args_bytes)
		mp_put_raw(&body, args, args_bytes);
	else
		mp_put_array(&body, 0);
	broadcast.error = buf_error(&body);
	broadcast.body = &body;
	if (broadcast.error == 0 && group->mode != ACTOR_JOIN_DIRECT) {
		struct wire_dest broker = broker_of(group);

		broadcast.error = send_cast(
			group, self, &broker, wire_cstr(METHOD_PG_CAST), body.data, body.size_bytes);
	} else if (broadcast.error == 0) {
		broadcast.trace = trace_next(group, self ? self->trace : NULL, &room);
		copy = pg_copy_find(group, wire_cstr(scope_of(to)), wire_cstr(to->name));
		own = own_pg_of(group, to);
		if (own)
			own_pg_each(own, hand_to_own, &broadcast);
		if (copy)
			hash_each(&copy->processes, send_to_process, &broadcast);
	}
	buf_deinit(&body);
	return broadcast.error;
}

int send_all_vcast(actor_group *group, struct actor *self, const actor_dest *to, const char *method,
	const char *format, va_list args)
{
	int r = post_check_method(method);

	if (r < 0)
		return r;
	r = body_vpack_alone(&group->scratch, BODY_ARGS, format, args);
	return r < 0 ? r : send_all(group, self, to, method, group->scratch.data, group->scratch.size_bytes);
}

int send_all_cast_msg(actor_group *group, struct actor *self, const actor_dest *to, const char *method,
	actor_msg **take_args)
{
	const uint8_t *body = NULL;
	size_t body_bytes = 0;
	int r = post_check_method(method);

	if (r == 0 && take_args && *take_args)
		r = msg_take_body(*take_args, BODY_ARGS, &body, &body_bytes);
	if (r == 0)
		r = send_all(group, self, to, method, body, body_bytes);
	if (r == 0 && take_args)
		*take_args = actor_msg_free(*take_args);
	return r;
}
