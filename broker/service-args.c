/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of arguments that methods in several files share. */
#include <errno.h>
#include <string.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/service.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

void service_wait_for_window(struct member *member, const struct wire_frame *call)
{
	if (window_wait(member, call, false) < 0)
		answer_refuse(member, call, ERROR_OVERLOADED,
			"too much of this group waits for the broker's recovery");
}

int service_read_name(struct mp_reader *args, struct wire_str *ret)
{
	if (mp_read_str(args, &ret->s, &ret->len) < 0 || !wire_name_is_valid(ret->s, ret->len))
		return -EPROTO;
	return 0;
}

int service_read_door(struct mp_reader *args, struct wire_str *ret)
{
	*ret = wire_str(NULL, 0);
	if (mp_read_nil(args) == 0)
		return 0;
	if (mp_read_str(args, &ret->s, &ret->len) < 0 || !ret->len || ret->len > MEMBER_DOOR_MAX_BYTES ||
		ret->s[0] != '/' || memchr(ret->s, 0, ret->len))
		return -EPROTO;
	return 0;
}

int service_read_part(struct mp_reader *args, uint32_t n, size_t *ret_max, struct wire_str *ret_after)
{
	uint64_t max = SERVICE_LIST_DEFAULT;

	*ret_after = wire_str("", 0);
	if ((n > 0 && mp_read_nil(args) < 0 && mp_read_uint(args, &max) < 0) ||
		(n > 1 && mp_read_nil(args) < 0 && mp_read_str(args, &ret_after->s, &ret_after->len) < 0) ||
		ret_after->len > WIRE_NAME_MAX_BYTES)
		return -EPROTO;
	*ret_max = max < SERVICE_LIST_MAX ? (size_t)max : SERVICE_LIST_MAX;
	return 0;
}
