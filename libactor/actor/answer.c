/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to calls, at the callee's end. A handler may keep the address to which it answers; a kept address
 * outlives the handler.
 */
#include "libactor/actor/answer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/actor/taps.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/peer/answer-shares.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/util/shared-slots.h"

struct answer {
	const char *error; /* NULL: the answer is a result */
	const char *text;
	const void *result;
	size_t result_bytes;
};

/* Shows an answer to taps. An answer has the trace of its call. */
static void answer_show(actor_group *group, enum tap_path path, const struct answer_to *to, actor_ref callee,
	const struct answer *answer)
{
	struct wire_frame frame = {.type = answer->error ? WIRE_ERROR : WIRE_REPLY,
		.to.ref = to->caller,
		.from = callee,
		.id = to->id,
		.trace = *to->trace};

	if (answer->error) {
		frame.method = wire_cstr(answer->error);
		frame.text = wire_cstr(answer->text);
	} else {
		frame.body = answer->result;
		frame.body_bytes = answer->result_bytes;
	}
	taps_show(group, path, &frame);
}

static void call_send_answer(
	actor_group *group, const struct answer_to *to, actor_ref callee, struct answer answer)
{
	struct peer *peer;
	actor_msg *reply;
	int r;

	if (to->caller.group == group->id) {
		if (taps_look(group, to->trace))
			answer_show(group, TAP_LOCAL, to, callee, &answer);
		r = answer.error
			    ? msg_new_error(&reply, callee, wire_cstr(answer.error), wire_cstr(answer.text))
			    : msg_new_received(
				      &reply, callee, wire_cstr(""), answer.result, answer.result_bytes);
		if (r < 0) {
			call_fail(group, to->id, r);
			return;
		}
		reply->kind = MSG_REPLY;
		call_answered(group, to->id, reply);
		return;
	}
	peer = peer_back(group, to->caller.group, to->way);
	if (!peer)
		return; /* the caller's group is gone, or knows that the link is lost */
	if (!answer.error && !answer_share_take(peer, to->caller.group, answer.result_bytes)) {
		answer.error = ERROR_OVERLOADED;
		answer.text = "64 MiB of answers wait for the asking group, which does not read them";
	}
	if (answer.error)
		wire_put_traced_error(peer_out(peer), to->caller, callee, to->id, wire_cstr(answer.error),
			wire_cstr(answer.text), to->trace);
	else if (to->n_items)
		wire_put_stream_reply(peer_out(peer), to->caller, callee, to->id, answer.result,
			answer.result_bytes, to->n_items, to->trace);
	else
		wire_put_traced_reply(peer_out(peer), to->caller, callee, to->id, answer.result,
			answer.result_bytes, to->trace);
	peer_wrote(peer);
	if (taps_look(group, to->trace))
		answer_show(group, TAP_SENT, to, callee, &answer);
}

void call_answer(actor_group *group, const struct answer_to *to, actor_ref callee, const void *result,
	size_t result_bytes)
{
	call_send_answer(group, to, callee, (struct answer){.result = result, .result_bytes = result_bytes});
}

void call_refuse(
	actor_group *group, const struct answer_to *to, actor_ref callee, const char *error, const char *text)
{
	call_send_answer(group, to, callee, (struct answer){.error = error, .text = text ? text : ""});
}

/*
 * A kept address is a number in the type of a pointer. Bit 0 is set, which no pointer to a struct actor_from
 * has. The other bits are an id that is never used twice. So a program may hold a kept address after its
 * actor has ended, and may answer it twice: the id is then in no table. There is one table for the process,
 * because a kept address does not tell its group.
 */
static struct shared_slots kept_froms = SHARED_SLOTS_INIT; /* of struct actor_from */

_Static_assert(sizeof(uintptr_t) == sizeof(uint64_t),
	"a kept address is a number of 64 bits in a pointer's clothes");

bool from_is_kept(const actor_from *from)
{
	return (uintptr_t)from & 1;
}

actor_from *from_of_id(uint64_t id)
{
	return (actor_from *)(uintptr_t)((id & UINT64_C(0xffffffff00000000)) | (uint32_t)id << 1 | 1);
}

static uint64_t from_id(const actor_from *kept)
{
	uint64_t number = (uintptr_t)kept;

	return (number & UINT64_C(0xffffffff00000000)) | (uint32_t)number >> 1;
}

static int kept_take(struct actor_from *from)
{
	int r = shared_slots_take(&kept_froms, from, &from->kept_id);

	if (r == 0 && (uint32_t)from->kept_id > INT32_MAX) { /* bit 0 takes one bit of the index */
		shared_slots_give(&kept_froms, from->kept_id);
		r = -ENOMEM;
	}
	return r;
}

int from_find(const actor_from *from, struct actor_from **ret)
{
	if (!from)
		return -EINVAL;
	if (!from_is_kept(from)) {
		*ret = (struct actor_from *)from;
		return (*ret)->answered ? -EALREADY : 0;
	}
	*ret = shared_slots_get(&kept_froms, from_id(from));
	return *ret ? 0 : -ESRCH;
}

void from_init(struct actor_from *from, struct actor *callee, const actor_msg *msg)
{
	/*
	 * The fields are set one by one, because zeroing the struct first would be the most expensive part of
	 * a call.
	 */
	from->group = callee->group;
	from->callee = callee;
	from->to = msg->sender;
	from->id = msg->id;
	from->way = msg->way;
	from->deadline_us = msg->deadline_us;
	from->msg = msg;
	from->trace = msg_trace(msg);
	from->answered = false;
	from->kept_id = 0;
	from->link = (struct list){0};
	served_call(from, msg_credit(msg));
}

static struct answer_to answer_to_of(const struct actor_from *from)
{
	return (struct answer_to){from->to, from->id, from->way, from->trace,
		from->served.is_stream ? from->served.sent.items : 0};
}

static void from_answered(struct actor_from *from)
{
	from->answered = true;
	served_end(from);
	if (list_is_linked(&from->link)) { /* a kept address, whose memory is ours */
		list_remove(&from->link);
		shared_slots_give(&kept_froms, from->kept_id);
		free(from);
	}
}

/*
 * True when the time of the stream is over. Then no answer is sent: the caller, whose timer may fire a little
 * later, would take the answer for the end of a complete stream.
 */
static bool from_is_late_stream(const struct actor_from *from)
{
	return from->served.is_stream && from->deadline_us && clock_now_us() > from->deadline_us;
}

void from_refuse(struct actor_from *from, const char *error, const char *text)
{
	struct answer_to to = answer_to_of(from);

	if (!from_is_late_stream(from))
		call_refuse(from->group, &to, from->callee->ref, error, text);
	from_answered(from);
}

void froms_end(struct actor *callee, const char *reason)
{
	while (!list_is_empty(&callee->froms))
		from_refuse(container_of(callee->froms.next, struct actor_from, link), "down", reason);
}

/*
 * Sends the answer. If @error is a fault of the data, sends an error in its place and returns 0: a handler
 * that ends with `return actor_reply(...)` must not end its actor because a caller asked for too much. Only
 * misuse is returned.
 */
static int from_reply(struct actor_from *from, int error, const void *body, size_t body_bytes)
{
	struct answer_to to = answer_to_of(from);
	char text[128];

	if (from->served.is_stream && from->served.starved)
		error = -ENOMEM; /* an item of the stream was lost for want of memory */
	switch (error) {
	case 0:
		if (!from_is_late_stream(from))
			call_send_answer(from->group, &to, from->callee->ref,
				(struct answer){.result = body, .result_bytes = body_bytes});
		from_answered(from);
		return 0;
	case -EMSGSIZE:
		snprintf(text, sizeof(text), "the answer has more than the %u bytes that a message can carry",
			ACTOR_BODY_MAX_BYTES);
		from_refuse(from, ERROR_TOO_BIG, text);
		return 0;
	case -EPROTO:
		from_refuse(from, ERROR_BAD_RESULT,
			"the answer is not one well-formed value, or nested more than 64 deep");
		return 0;
	case -ENOMEM:
		from_refuse(from, ERROR_OVERLOADED, "out of memory for the answer");
		return 0;
	default:
		return error;
	}
}

int actor_reply(actor_from *to, const char *format, ...)
{
	struct actor_from *from;
	struct buf *scratch;
	va_list args;
	int r;

	if (!format)
		return -EINVAL;
	r = from_find(to, &from);
	if (r < 0)
		return r;
	scratch = &from->group->scratch;
	va_start(args, format);
	r = body_vpack_alone(scratch, BODY_RESULT, format, args);
	va_end(args);
	return from_reply(from, r, scratch->data, scratch->size_bytes);
}

int actor_reply_msg(actor_from *to, actor_msg **take_result)
{
	struct actor_from *from;
	const uint8_t *body = NULL;
	size_t body_bytes = 0;
	int r;

	if (!take_result || !*take_result)
		return -EINVAL;
	r = from_find(to, &from);
	if (r < 0)
		return r;
	r = msg_take_body(*take_result, BODY_RESULT, &body, &body_bytes);
	/* The program packed this body itself, so a bad body is a fault of the data. */
	r = from_reply(from, r == -EINVAL ? -EPROTO : r, body, body_bytes);
	if (r == 0)
		*take_result = actor_msg_free(*take_result);
	return r;
}

int actor_reply_error(actor_from *to, const char *error, const char *text, ...)
{
	struct actor_from *from;
	char line[512];
	va_list args;
	int r;

	if (!error || !wire_name_is_valid(error, strlen(error)))
		return -EINVAL;
	r = from_find(to, &from);
	if (r < 0)
		return r;
	va_start(args, text);
	vsnprintf(line, sizeof(line), text ? text : "", args);
	va_end(args);
	/* A `noproc` without a text would mean that the call reached no actor (docs/protocol.md §3). */
	from_refuse(from, error, !line[0] && !strcmp(error, ERROR_NOPROC) ? "so the actor says" : line);
	return 0;
}

actor_from *actor_from_keep(actor_from *from)
{
	struct actor_from *kept;

	if (from_find(from, &kept) < 0)
		return NULL;
	if (from_is_kept(from))
		return from;
	kept = malloc(sizeof(*kept) + (from->trace ? sizeof(*kept->own_trace) : 0));
	if (!kept)
		return NULL;
	*kept = *from;
	kept->msg = NULL;
	if (from->trace) {
		*kept->own_trace = *from->trace;
		kept->trace = kept->own_trace;
	}
	if (kept_take(kept) < 0) {
		free(kept);
		return NULL;
	}
	served_move(from, kept);
	from->answered = true;
	list_append(&kept->callee->froms, &kept->link);
	return from_of_id(kept->kept_id);
}

actor_from *actor_from_free(actor_from *from)
{
	struct actor_from *kept;

	if (from_find(from, &kept) == 0)
		from_refuse(kept, ERROR_NO_REPLY, "");
	return NULL;
}

actor_ref actor_from_ref(const actor_from *from)
{
	struct actor_from *found;
	int r = from_find(from, &found);

	return r == 0 || r == -EALREADY ? found->to : ACTOR_NOBODY;
}

int64_t actor_from_time_left_ms(const actor_from *from)
{
	struct actor_from *found;
	int64_t left_us;

	if (from_find((actor_from *)from, &found) < 0)
		return 0;
	if (!found->deadline_us)
		return ACTOR_FOREVER;
	left_us = found->deadline_us - clock_now_us();
	return left_us > 0 ? (left_us + 999) / 1000 : 0;
}
