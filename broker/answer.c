/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/answer.h"

#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/names.h"

void answer_refuse(struct member *member, const struct wire_frame *call, const char *name, const char *text)
{
	if (call->type != WIRE_CALL)
		return;
	wire_put_error(member_out(member), call->from, member->broker->self, call->id, wire_cstr(name),
		wire_cstr(text));
	member_written(member);
}

void answer_nil(struct member *member, actor_ref to, uint64_t id)
{
	wire_put_reply(member_out(member), to, member->broker->self, id, NULL, 0);
	member_written(member);
}

void answer_done(struct member *member, const struct wire_frame *call)
{
	if (call->type == WIRE_CALL)
		answer_nil(member, call->from, call->id);
}

void answer_result(struct member *member, const struct wire_frame *call, const struct buf *result)
{
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
	wire_put_reply(member_out(member), call->from, member->broker->self, call->id, result->data,
		result->size_bytes);
	member_written(member);
}
