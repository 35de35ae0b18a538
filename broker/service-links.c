/* SPDX-License-Identifier: Apache-2.0 */
/* Methods about pipes between two groups. */
#include <errno.h>
#include <string.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/service.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"

/*
 * True: @group may still say hello after a restart of the broker. The recovery window is open, @group has not
 * said hello yet, and the broker has not heard of its end.
 */
static bool may_still_come(const struct broker *broker, uint64_t group, const struct member *other)
{
	return window_is_open(&broker->window) && (!other || other->state == MEMBER_ABSENT) &&
	       !broker_is_buried(broker, group);
}

int method_introduce(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct broker *broker = member->broker;
	struct member *other;
	uint64_t group;

	if (n < 1 || mp_read_uint(args, &group) < 0)
		return -EPROTO;
	if (call->type != WIRE_CALL)
		return 0;
	other = member_find(broker, group);
	if (group != broker->group && may_still_come(broker, group, other)) {
		service_wait_for_window(member, call);
		return 0;
	}
	introductions_ask(member, group, call);
	return 0;
}

int method_admit(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	uint64_t group, uid, pid;

	if (n < 3 || mp_read_uint(args, &group) < 0 || mp_read_uint(args, &uid) < 0 ||
		mp_read_uint(args, &pid) < 0)
		return -EPROTO;
	if (call->type != WIRE_CALL)
		return 0;
	if (may_still_come(member->broker, group, member_find(member->broker, group)))
		service_wait_for_window(member, call);
	else
		introductions_admit(member, group, (uid_t)uid, (pid_t)pid, call);
	return 0;
}

int cast_door(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	struct wire_str path;

	if (n < 1 || service_read_door(args, &path) < 0)
		return -EPROTO;
	/* If memory runs out, the member has no door. Its pipes can also be made without a door. */
	(void)member_set_door(member, path);
	introductions_door(member);
	return 0;
}

int cast_listening(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	uint64_t id;

	if (n < 1 || mp_read_uint(args, &id) < 0)
		return -EPROTO;
	introductions_listening(member, id);
	return 0;
}

int cast_introduce_failed(
	struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	struct wire_str text = wire_str("", 0);
	uint64_t id;

	if (n < 1 || mp_read_uint(args, &id) < 0 || (n > 1 && mp_read_str(args, &text.s, &text.len) < 0))
		return -EPROTO;
	if (text.len &&
		!wire_name_is_valid(text.s, text.len < WIRE_NAME_MAX_BYTES ? text.len : WIRE_NAME_MAX_BYTES))
		text = wire_cstr("(no readable reason)");
	introductions_failed(member, id, text);
	return 0;
}

int cast_link_down(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	uint64_t group, id = 0;

	if (n < 1 || mp_read_uint(args, &group) < 0 || (n > 1 && mp_read_uint(args, &id) < 0))
		return -EPROTO;
	introductions_link_down(member, group, id);
	return 0;
}
