/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods about process groups. During the recovery nobody is told the members, since a living group that has
 * not announced itself yet may have some.
 */
#include <errno.h>
#include <inttypes.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/pauses.h"
#include "broker/service.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

/* ---- arguments ---- */

static int read_which(struct mp_reader *args, struct pg_which *ret)
{
	return service_read_name(args, &ret->scope) < 0 || service_read_name(args, &ret->name) < 0 ? -EPROTO
												   : 0;
}

/* Reads [scope, name]. nil, nil: all process groups; scope, nil: all process groups of that scope. */
static int read_which_or_all(struct mp_reader *args, struct pg_which *ret)
{
	*ret = (struct pg_which){{NULL, 0}, {NULL, 0}};
	if (mp_read_nil(args) < 0 && service_read_name(args, &ret->scope) < 0)
		return -EPROTO;
	if (mp_read_nil(args) < 0 && (!ret->scope.s || service_read_name(args, &ret->name) < 0))
		return -EPROTO;
	return 0;
}

static bool is_own(const struct member *member, actor_ref ref)
{
	return ref.node == member->broker->node && ref.group == member->group && ref.serial;
}

/*
 * Checks an array of memberships. *ret is a reader at the first of them. 0; -EPROTO; -EACCES: one is for
 * another group's actor; -E2BIG: the metadata of one is too large.
 */
static int read_entries(
	const struct member *member, struct mp_reader *args, struct mp_reader *ret, uint32_t *ret_n)
{
	struct roll_entry entry;
	int r = 0;

	if (mp_read_array(args, ret_n) < 0)
		return -EPROTO;
	*ret = *args;
	for (uint32_t i = 0; i < *ret_n; i++) {
		if (roll_read(args, &entry) < 0)
			return -EPROTO;
		if (!is_own(member, entry.ref))
			r = -EACCES;
		else if (entry.meta_bytes > PG_META_MAX_BYTES && !r)
			r = -E2BIG;
	}
	return r;
}

static void refuse_join(struct member *member, const struct wire_frame *call, int r)
{
	switch (r) {
	case -EACCES:
		answer_refuse(
			member, call, ERROR_BAD_ARGS, "a group can join and leave for its own actors only");
		break;
	case -E2BIG:
		answer_refuse(member, call, ERROR_TOO_BIG, "metadata of a membership is at most 4096 bytes");
		break;
	case -EFBIG:
		answer_refuse(member, call, ERROR_TOO_BIG,
			"the members of this process group and their metadata are more than 8 MiB");
		break;
	case -EDQUOT:
		answer_refuse(member, call, ERROR_OVERLOADED,
			"too many memberships of this group, or too much metadata");
		break;
	default:
		answer_refuse(member, call, ERROR_OVERLOADED, "out of memory");
	}
}

/* True: during the recovery the members are not known, so @call waits, or was refused. */
static bool wait_for_members(struct member *member, const struct wire_frame *call)
{
	if (!window_holds_names(&member->broker->window))
		return false;
	service_wait_for_window(member, call);
	return true;
}

/* ---- joining ---- */

int method_pg_join(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct mp_reader entries;
	struct pg_which which;
	uint32_t n_entries;
	int r;

	if (n < 3 || read_which(args, &which) < 0)
		return -EPROTO;
	r = read_entries(member, args, &entries, &n_entries);
	if (r == -EPROTO)
		return r;
	if (r == 0)
		r = pgs_join(member, &which, entries, n_entries);
	if (r < 0)
		refuse_join(member, call, r);
	else
		answer_done(member, call);
	return 0;
}

int method_pg_leave(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct pg_which which;
	struct mp_reader ids;
	uint32_t n_ids;
	uint64_t id;

	if (n < 3 || read_which(args, &which) < 0 || mp_read_array(args, &n_ids) < 0)
		return -EPROTO;
	ids = *args;
	for (uint32_t i = 0; i < n_ids; i++) {
		if (mp_read_uint(args, &id) < 0)
			return -EPROTO;
	}
	if (!pgs_leave(member, &which, ids, n_ids) && n_ids)
		answer_refuse(member, call, ERROR_NOT_JOINED, "this group has no such membership");
	else
		answer_done(member, call);
	return 0;
}

int method_pg_leave_all(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	actor_ref ref;

	if (n < 1 || mp_read_ref(args, &ref) < 0)
		return -EPROTO;
	if (!is_own(member, ref)) {
		refuse_join(member, call, -EACCES);
		return 0;
	}
	pgs_leave_all(member, ref);
	answer_done(member, call);
	return 0;
}

/* Takes the announced memberships in one process group. @dry: only checks the format. */
static int announce_one(struct member *member, struct mp_reader *args, bool dry)
{
	struct mp_reader entries;
	struct pg_which which;
	uint32_t n, n_entries;
	int r;

	if (mp_read_array(args, &n) < 0 || n < 3 || read_which(args, &which) < 0)
		return -EPROTO;
	r = read_entries(member, args, &entries, &n_entries);
	while (r != -EPROTO && n-- > 3) {
		if (mp_skip(args) < 0)
			return -EPROTO;
	}
	if (r == 0 && !dry && pgs_join(member, &which, entries, n_entries) < 0)
		broker_log(member->broker, LOG_WARNING,
			"memberships that group %" PRIu64 " '%s' announced were refused", member->group,
			member->name);
	return r == -EPROTO ? r : 0;
}

int service_pg_announce(struct member *member, struct mp_reader *args, bool dry)
{
	uint32_t n;

	if (mp_read_array(args, &n) < 0)
		return -EPROTO;
	member->pg_epoch += !dry;
	while (n--) {
		if (announce_one(member, args, dry) < 0)
			return -EPROTO;
	}
	if (!dry)
		pgs_end_unsaid(member);
	return 0;
}

/* ---- asking ---- */

int method_pg_members(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct pg_which which;
	struct buf *result;

	if (n < 2 || read_which(args, &which) < 0)
		return -EPROTO;
	if (wait_for_members(member, call))
		return 0;
	result = broker_body(member->broker);
	pgs_put_members(member->broker, &which, result);
	answer_result(member, call, result);
	return 0;
}

int method_pg_groups(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct wire_str scope, after;
	struct buf *result;
	size_t max;

	if (n < 1 || service_read_name(args, &scope) < 0 || service_read_part(args, n - 1, &max, &after) < 0)
		return -EPROTO;
	if (wait_for_members(member, call))
		return 0;
	result = broker_body(member->broker);
	pgs_put_groups(member->broker, scope, after, max, result);
	answer_result(member, call, result);
	return 0;
}

int method_pg_scopes(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct wire_str after;
	struct buf *result;
	size_t max;

	if (service_read_part(args, n, &max, &after) < 0)
		return -EPROTO;
	if (wait_for_members(member, call))
		return 0;
	result = broker_body(member->broker);
	pgs_put_scopes(member->broker, after, max, result);
	answer_result(member, call, result);
	return 0;
}

int method_pg_pick(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct wire_str how, key = wire_str("", 0);
	struct pg_which which;
	struct buf *result;
	enum roll_how policy;
	actor_ref ref;

	if (n < 3 || read_which(args, &which) < 0 || mp_read_str(args, &how.s, &how.len) < 0)
		return -EPROTO;
	if (mp_str_is(how.s, how.len, "any"))
		policy = ROLL_ANY;
	else if (mp_str_is(how.s, how.len, "random"))
		policy = ROLL_RANDOM;
	else if (mp_str_is(how.s, how.len, "key") && n > 3 && mp_read_str(args, &key.s, &key.len) == 0)
		policy = ROLL_KEY;
	else
		return -EPROTO;
	if (wait_for_members(member, call))
		return 0;
	if (!pgs_pick(member->broker, &which, policy, key, &ref)) {
		answer_done(member, call);
		return 0;
	}
	result = broker_body(member->broker);
	mp_put_ref(result, ref);
	answer_result(member, call, result);
	return 0;
}

int method_pg_watch(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct pg_which which;
	int r;

	if (n < 2 || read_which_or_all(args, &which) < 0)
		return -EPROTO;
	if (wait_for_members(member, call))
		return 0;
	r = pgs_watch(member, &which);
	if (r < 0)
		answer_refuse(member, call, ERROR_OVERLOADED,
			r == -EDQUOT  ? "too many watched names and process groups"
			: r == -EFBIG ? MEMBER_READS_NOT
				      : "out of memory");
	else
		answer_done(member, call);
	return 0;
}

int method_pg_unwatch(
	struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct pg_which which;

	if (n < 2 || read_which_or_all(args, &which) < 0)
		return -EPROTO;
	pgs_unwatch(member, &which);
	answer_done(member, call);
	return 0;
}

/* ---- to all members ---- */

struct broadcast {
	struct broker *broker;
	struct member *sender; /* NULL: the sender has ended */
	const struct wire_frame *cast;
};

/* Writes one frame to @process, whose library delivers it to the members in @process. */
static void cast_to_process(struct member *process, void *arg)
{
	const struct broadcast *broadcast = arg;
	const struct wire_frame *cast = broadcast->cast;
	struct wire_dest to = {.ref = {broadcast->broker->node, process->group, 0}};
	size_t size_bytes = cast->body_bytes + 128;
	struct buf *out = pauses_admit(broadcast->sender, process, &to, size_bytes, true);

	if (!out) {
		broadcast->broker->count.dropped++;
		process->count.dropped++;
		return;
	}
	wire_put_traced_cast(
		out, &to, cast->from, cast->method, cast->body, cast->body_bytes, wire_trace_of(cast));
	pauses_written(process, out);
	broadcast->broker->count.routed++;
}

void service_pg_cast(struct broker *broker, struct member *sender, const struct wire_frame *cast)
{
	struct broadcast broadcast = {broker, sender, cast};
	struct mp_reader args = mp_reader(cast->body, cast->body_bytes);
	struct pg_which which;
	uint32_t n;

	if (mp_read_array(&args, &n) < 0 || n < 4 || read_which(&args, &which) < 0)
		return;
	pgs_each_process(broker, &which, cast_to_process, &broadcast);
}

int cast_pg_cast(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	struct broker *broker = member->broker;
	struct wire_str method;
	struct pg_which which;

	if (n < 4 || read_which(args, &which) < 0 || service_read_name(args, &method) < 0 ||
		mp_peek(args) != MP_ARRAY || mp_skip(args) < 0)
		return -EPROTO;
	if (window_holds_names(&broker->window)) {
		if (window_wait(member, cast, true) < 0)
			broker->count.dropped++;
		return 0;
	}
	service_pg_cast(broker, member, cast);
	return 0;
}
