/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods about names. Each returns 0 if it has answered or will, -EPROTO if the arguments are not what it
 * takes.
 */
#include <errno.h>
#include <string.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/service.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

#define LIST_DEFAULT 1000
#define WAIT_MAX_MS  UINT64_C(86400000) /* one day */
#define LIST_MAX     16384              /* names in one answer: under 5 MiB */

/*
 * Is @holder an earlier life of the program that @member is? A supervised program that crashed may be back,
 * and ask for its name, before the broker hears of its end. The supervisor gave both a token with the same
 * name, and starts the later id only after the earlier one is over.
 */
static bool is_predecessor(const struct member *holder, const struct member *member)
{
	return holder && member_is_supervised(holder) && member_is_supervised(member) &&
	       holder->group < member->group && !strcmp(holder->name, member->name);
}

int service_take_name(struct member *member, struct wire_str name, actor_ref ref, actor_ref *ret_holder)
{
	struct broker *broker = member->broker;
	struct member *holder;
	int r = registry_register(broker, member, name, ref, ret_holder);

	if (r != -EEXIST)
		return r;
	holder = member_find(broker, ret_holder->group);
	if (!is_predecessor(holder, member))
		return r;
	registry_unregister(broker, holder, name, *ret_holder);
	return registry_register(broker, member, name, ref, ret_holder);
}

int method_register(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct broker *broker = member->broker;
	struct wire_str name;
	actor_ref ref, holder;
	char text[ACTOR_REF_TEXT_MAX];
	int r;

	if (n < 2 || service_read_name(args, &name) < 0 || mp_read_ref(args, &ref) < 0)
		return -EPROTO;
	if (ref.node != broker->node || ref.group != member->group || !ref.serial) {
		answer_refuse(member, call, ERROR_BAD_ARGS, "a group can register only its own actors");
		return 0;
	}
	if (name.s[0] == '$' && !member->is_spawner) {
		answer_refuse(member, call, ERROR_PERMISSION, "names that begin with $ are the node's own");
		return 0;
	}
	if (!member->is_spawner &&
		(window_is_open(&broker->window) ||
			(window_holds_names(&broker->window) && !registry_find(broker, name, &holder)))) {
		service_wait_for_window(member, call);
		return 0;
	}
	r = service_take_name(member, name, ref, &holder);
	if (r == 0)
		answer_done(member, call);
	else if (r == -EEXIST)
		answer_refuse(member, call, ERROR_IN_USE, actor_ref_format(holder, text));
	else
		answer_refuse(member, call, ERROR_OVERLOADED,
			r == -EDQUOT ? "too many names of this group" : "out of memory");
	return 0;
}

int method_unregister(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct wire_str name;
	actor_ref ref;

	if (n < 2 || service_read_name(args, &name) < 0 || mp_read_ref(args, &ref) < 0)
		return -EPROTO;
	if (!list_is_empty(&member->waits) && window_holds_names(&member->broker->window)) {
		service_wait_for_window(member, call); /* the register of this name may wait too */
		return 0;
	}
	registry_unregister(member->broker, member, name, ref);
	answer_done(member, call);
	return 0;
}

int method_whereis(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct broker *broker = member->broker;
	struct wire_str name;
	actor_ref ref;
	uint64_t wait_ms = 0;
	bool known;
	int r;

	if (n < 1 || service_read_name(args, &name) < 0 ||
		(n > 1 && mp_read_nil(args) < 0 && mp_read_uint(args, &wait_ms) < 0))
		return -EPROTO;
	known = registry_find(broker, name, &ref);
	if (!known && window_holds_names(&broker->window)) {
		if (registry_await(member, call, name) < 0)
			answer_refuse(member, call, ERROR_OVERLOADED,
				"too much of this group waits for the broker's recovery");
		return 0;
	}
	/* An answer given now might be the ref of a dead actor, of whose death the asker was told already. */
	if (registry_wait(member, call, name, &r)) {
		if (r < 0)
			answer_refuse(member, call, ERROR_OVERLOADED,
				"too much of this group waits for owners of names to come back");
		return 0;
	}
	r = registry_watch(broker, member, name);
	if (r < 0) {
		answer_refuse(member, call, ERROR_OVERLOADED,
			r == -EDQUOT ? "too many watched names" : "out of memory");
	} else if (!known && wait_ms && call->type == WIRE_CALL) {
		if (wait_ms > WAIT_MAX_MS)
			wait_ms = WAIT_MAX_MS;
		if (registry_wait_for_owner(member, call, name, broker->now_ns + (int64_t)wait_ms * 1000000) <
			0)
			answer_refuse(member, call, ERROR_OVERLOADED,
				"too much of this group waits for owners of names");
	} else if (!known) {
		answer_done(member, call);
	} else {
		struct buf *result = broker_body(broker);

		mp_put_ref(result, ref);
		answer_result(member, call, result);
	}
	return 0;
}

int method_names(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct wire_str prefix = wire_str("", 0);
	uint64_t max = LIST_DEFAULT;
	struct buf *result;

	if (n > 0 && mp_read_nil(args) < 0 && mp_read_str(args, &prefix.s, &prefix.len) < 0)
		return -EPROTO;
	if (n > 1 && mp_read_nil(args) < 0 && mp_read_uint(args, &max) < 0)
		return -EPROTO;
	result = broker_body(member->broker);
	registry_list(member->broker, prefix, max < LIST_MAX ? max : LIST_MAX, result);
	answer_result(member, call, result);
	return 0;
}
