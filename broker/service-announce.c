/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What groups say of themselves: after a restart of the broker, all that they have; at their start, that they
 * are ready.
 */
#include <errno.h>

#include "broker/answer.h"
#include "broker/life.h"
#include "broker/member.h"
#include "broker/service.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

/*
 * Notes that @member has a link with @group, or monitors it. False: there is no such group, or @member
 * announces more than it may have, and no earlier broker granted that.
 */
static bool announce_group(struct member *member, uint64_t group, bool has_link, bool monitors)
{
	struct broker *broker = member->broker;
	struct member *other = member_find(broker, group);
	int r;

	if (group == member->group || group == broker->group || !group)
		return true;
	if (!other && window_is_open(&broker->window) && !broker_is_buried(broker, group))
		other = member_new(broker, group);
	if (!other)
		return false;
	r = introductions_announce(member, other, has_link, monitors);
	if (r == 0)
		return true;
	if (other->state == MEMBER_ABSENT && !other->listed && list_is_empty(&other->pairs))
		member_forget(other);
	if (r != -ENOMEM)
		return false;
	member_doom(
		member, false, "out of memory for what it announces"); /* it comes back, and says it again */
	return true;
}

static int announce_groups(struct member *member, struct mp_reader *args, bool monitors, bool dry)
{
	uint64_t group;
	uint32_t n;

	if (mp_read_array(args, &n) < 0)
		return -EPROTO;
	while (n--) {
		if (mp_read_uint(args, &group) < 0)
			return -EPROTO;
		if (!dry && !announce_group(member, group, !monitors, monitors) && monitors) {
			pauses_end_is_told(member, NULL, group);
			member_tell_end_of(member, group);
		}
	}
	return 0;
}

/* True: @member has the name. */
static bool announce_name(struct member *member, struct wire_str name, actor_ref ref)
{
	actor_ref holder = ACTOR_NOBODY;
	int r;

	if (ref.node != member->broker->node || ref.group != member->group || !ref.serial)
		return false;
	if (name.s[0] == '$' && !member->is_spawner)
		return false;
	r = registry_register(member->broker, member, name, ref, &holder);
	/*
	 * The group decides which of its actors has the name, and may have moved the name since it last told
	 * the broker.
	 */
	if (r == -EEXIST && holder.group == member->group)
		r = registry_replace(member, name, holder, ref, &holder);
	return r == 0;
}

/*
 * Registers the announced names, and appends to @lost those that @member does not get. @lost NULL: only
 * checks the format.
 */
static int announce_names(
	struct member *member, struct mp_reader *args, struct buf *lost, uint32_t *ret_n_lost)
{
	struct wire_str name;
	actor_ref ref;
	uint32_t n, n_pair, n_lost = 0;

	if (mp_read_array(args, &n) < 0)
		return -EPROTO;
	while (n--) {
		if (mp_read_array(args, &n_pair) < 0 || n_pair != 2 || service_read_name(args, &name) < 0 ||
			mp_read_ref(args, &ref) < 0)
			return -EPROTO;
		if (lost && !announce_name(member, name, ref)) {
			mp_put_str(lost, name.s, name.len);
			n_lost++;
		}
	}
	if (ret_n_lost)
		*ret_n_lost = n_lost;
	return 0;
}

int method_announce(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct mp_reader look = *args, peek = *args;
	struct wire_str door = wire_str(NULL, 0);
	struct buf lost = BUF_INIT;
	uint32_t n_lost = 0, n_names = 0;

	if (n < 3 || mp_read_array(&peek, &n_names) < 0 || announce_names(member, &look, NULL, NULL) < 0 ||
		announce_groups(member, &look, false, true) < 0 ||
		announce_groups(member, &look, true, true) < 0 ||
		(n > 3 && service_read_door(&look, &door) < 0) ||
		(n > 4 && service_pg_announce(member, &look, true) < 0))
		return -EPROTO;
	(void)member_set_door(member, door);
	if (n_names && window_holds_names(&member->broker->window) && member_is_new(member)) {
		/*
		 * The announcement waits as a `register` would: groups that had names before the restart come
		 * first.
		 */
		service_wait_for_window(member, call);
		return 0;
	}
	announce_names(member, args, &lost, &n_lost);
	announce_groups(member, args, false, false);
	announce_groups(member, args, true, false);
	if (n > 3)
		(void)service_read_door(args, &door);
	if (n > 4)
		(void)service_pg_announce(member, args, false);
	if (buf_error(&lost) < 0) {
		answer_refuse(member, call, ERROR_OVERLOADED, "out of memory");
	} else {
		struct buf *result = broker_body(member->broker);

		mp_put_array(result, n_lost);
		mp_put_raw(result, lost.data, lost.size_bytes);
		answer_result(member, call, result);
	}
	buf_deinit(&lost);
	return 0;
}

int method_announced(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	window_came(member);
	answer_done(member, call);
	member->unannounced = false;
	introductions_came(member);
	return 0;
}

void service_tell_ready(struct member *member)
{
	struct broker *broker = member->broker;
	struct buf *body;

	if (!broker->spawner || broker->spawner == member || !member_is_supervised(member))
		return;
	body = broker_body(broker);
	mp_put_array(body, 1);
	mp_put_uint(body, member->group);
	member_cast_service(broker->spawner, "group_ready", body);
}

int method_ready(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	member->ready = true;
	service_tell_ready(member);
	answer_done(member, call);
	return 0;
}
