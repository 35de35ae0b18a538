/* SPDX-License-Identifier: Apache-2.0 */
/* Methods about taps. */
#include <errno.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/service.h"
#include "broker/state.h"
#include "libactor/protocol/names.h"

int method_tap(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct buf *result;
	actor_ref watcher;
	struct tap spec;
	bool direct = true;
	uint64_t id;
	int r;

	if (n < 3 || mp_read_ref(args, &watcher) < 0 || tap_read(args, &spec) < 0 ||
		(n > 3 && mp_read_bool(args, &direct) < 0))
		return -EPROTO;
	r = taps_add(member, watcher, &spec, direct, &id);
	if (r == -EACCES) {
		answer_refuse(
			member, call, ERROR_PERMISSION, "the watcher is of another group than the caller");
	} else if (r < 0) {
		answer_refuse(member, call, ERROR_OVERLOADED,
			r == -EDQUOT ? "there are 16 taps already" : "out of memory");
	} else {
		result = broker_body(member->broker);
		mp_put_uint(result, id);
		answer_result(member, call, result);
	}
	return 0;
}

int method_untap(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct buf *result;
	uint64_t id;
	bool had;

	if (n < 1 || mp_read_uint(args, &id) < 0)
		return -EPROTO;
	had = taps_remove(member, id);
	result = broker_body(member->broker);
	mp_put_bool(result, had);
	answer_result(member, call, result);
	return 0;
}

int cast_tapped(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	uint64_t id, n_missed;

	if (n != 2 + TAP_COPY_REST_N || mp_read_uint(args, &id) < 0 || mp_read_uint(args, &n_missed) < 0)
		return -EPROTO;
	taps_copied(member, id, n_missed, args->at, (size_t)(args->end - args->at));
	return 0;
}
