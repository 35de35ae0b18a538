/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/answer.h"

#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/names.h"

void answer_put(struct member *member, const struct wire_frame *answer)
{
	const struct wire_trace *trace = answer->trace.id ? &answer->trace : NULL;

	if (answer->type == WIRE_REPLY)
		wire_put_traced_reply(member_out(member), answer->to.ref, answer->from, answer->id,
			answer->body, answer->body_bytes, trace);
	else
		wire_put_traced_error(member_out(member), answer->to.ref, answer->from, answer->id,
			answer->method, answer->text, trace);
	member_written(member);
	if (trace && member->broker->taps.n)
		taps_answered(member->broker, answer);
}

/* To @call, which may be traced; from the broker's service. */
static struct wire_frame answer_to(
	const struct member *member, const struct wire_frame *call, enum wire_type type)
{
	return (struct wire_frame){.type = type,
		.to.ref = call->from,
		.from = member->broker->self,
		.id = call->id,
		.trace = call->trace};
}

void answer_refuse(struct member *member, const struct wire_frame *call, const char *name, const char *text)
{
	struct wire_frame answer = answer_to(member, call, WIRE_ERROR);

	if (call->type != WIRE_CALL)
		return;
	answer.method = wire_cstr(name);
	answer.text = wire_cstr(text);
	answer_put(member, &answer);
}

void answer_nil(struct member *member, actor_ref to, uint64_t id)
{
	wire_put_reply(member_out(member), to, member->broker->self, id, NULL, 0);
	member_written(member);
}

void answer_done(struct member *member, const struct wire_frame *call)
{
	struct wire_frame answer = answer_to(member, call, WIRE_REPLY);

	if (call->type == WIRE_CALL)
		answer_put(member, &answer);
}

void answer_result(struct member *member, const struct wire_frame *call, const struct buf *result)
{
	struct wire_frame answer = answer_to(member, call, WIRE_REPLY);

	if (call->type != WIRE_CALL)
		return;
	if (buf_error(result) < 0) {
		answer_refuse(member, call, ERROR_OVERLOADED, "out of memory");
		return;
	}
	if (!member_takes_answer(member, result->size_bytes)) {
		answer_refuse(member, call, ERROR_OVERLOADED, MEMBER_READS_NOT);
		return;
	}
	answer.body = result->data;
	answer.body_bytes = result->size_bytes;
	answer_put(member, &answer);
}
