#include "broker/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/member.h"
#include "libactor/protocol/mp.h"

#define LIST_DEFAULT 1000
#define LIST_MAX 16384 /* names in one answer: under 5 MiB */

/* ---- answers ---------------------------------------------------------------------------------------------------- */

void service_error(struct member *member, const struct wire_frame *call, const char *name, const char *text)
{
	if (call->type != WIRE_CALL)
		return;
	wire_put_error(member_out(member), call->from, member->broker->self, call->id, wire_cstr(name), wire_cstr(text));
	member_written(member);
}

void service_nil(struct member *member, actor_ref to, uint64_t id)
{
	wire_put_reply(member_out(member), to, member->broker->self, id, NULL, 0);
	member_written(member);
}

static void answer_nil(struct member *member, const struct wire_frame *call)
{
	if (call->type == WIRE_CALL)
		service_nil(member, call->from, call->id);
}

void service_answer(struct member *member, const struct wire_frame *call, const struct buf *result)
{
	if (call->type != WIRE_CALL)
		return;
	if (buf_error(result) < 0) {
		service_error(member, call, "overloaded", "out of memory");
		return;
	}
	wire_put_reply(member_out(member), call->from, member->broker->self, call->id, result->data, result->size_bytes);
	member_written(member);
}

static void wait_for_window(struct member *member, const struct wire_frame *call)
{
	if (window_wait(member, call, false) < 0)
		service_error(member, call, "overloaded", "too much of this group waits for the broker's recovery");
}

/* ---- arguments -------------------------------------------------------------------------------------------------- */

static int read_name(struct mp_reader *args, struct wire_str *ret)
{
	if (mp_read_str(args, &ret->s, &ret->len) < 0 || !wire_name_is_valid(ret->s, ret->len))
		return -EPROTO;
	return 0;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* Every method: 0 when it has answered or will, -EPROTO when the arguments are not what it takes. */

/*
 * A supervised program that crashed may be back, and ask for its name, before its end was told here: its link has ended, but for one
 * grace that may mean less. One of the same token name and a later id is the word of the supervisor that it is over.
 */
static bool is_predecessor(const struct member *holder, const struct member *member)
{
	return holder && member_is_supervised(holder) && member_is_supervised(member) && holder->group < member->group &&
		!strcmp(holder->name, member->name);
}

/* As registry_register(), and from a predecessor that is over. */
static int take_name(struct member *member, struct wire_str name, actor_ref ref, actor_ref *ret_holder)
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

static int method_register(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct broker *broker = member->broker;
	struct wire_str name;
	actor_ref ref, holder;
	char text[ACTOR_REF_TEXT_MAX];
	int r;

	if (n < 2 || read_name(args, &name) < 0 || mp_read_ref(args, &ref) < 0)
		return -EPROTO;
	if (ref.node != broker->node || ref.group != member->group || !ref.serial) {
		service_error(member, call, "bad_args", "a group can register only its own actors");
		return 0;
	}
	if (name.s[0] == '$' && !member->is_spawner) {
		service_error(member, call, "permission", "names that begin with $ are the node's own");
		return 0;
	}
	if (window_is_open(&broker->window) && !member->is_spawner) {
		wait_for_window(member, call);
		return 0;
	}
	r = take_name(member, name, ref, &holder);
	if (r == 0)
		answer_nil(member, call);
	else if (r == -EEXIST)
		service_error(member, call, "in_use", actor_ref_format(holder, text));
	else
		service_error(member, call, "overloaded", r == -EDQUOT ? "too many names of this group" : "out of memory");
	return 0;
}

static int method_unregister(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct wire_str name;
	actor_ref ref;

	if (n < 2 || read_name(args, &name) < 0 || mp_read_ref(args, &ref) < 0)
		return -EPROTO;
	if (!list_is_empty(&member->waits) && window_is_open(&member->broker->window)) {
		wait_for_window(member, call); /* its register may be among what waits */
		return 0;
	}
	registry_unregister(member->broker, member, name, ref);
	answer_nil(member, call);
	return 0;
}

static int method_whereis(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct broker *broker = member->broker;
	struct wire_str name;
	actor_ref ref;
	bool known;
	int r;

	if (n < 1 || read_name(args, &name) < 0)
		return -EPROTO;
	known = registry_find(broker, name, &ref);
	if (!known && window_is_open(&broker->window)) {
		if (registry_await(member, call, name) < 0)
			service_error(member, call, "overloaded", "too much of this group waits for the broker's recovery");
		return 0;
	}
	/* An answer given now might be a ref of the dead, to somebody who was told of that death. */
	if (registry_wait(member, call, name, &r)) {
		if (r < 0)
			service_error(member, call, "overloaded", "too much of this group waits for owners of names to come back");
		return 0;
	}
	r = registry_watch(broker, member, name);
	if (r < 0) {
		service_error(member, call, "overloaded", r == -EDQUOT ? "too many watched names" : "out of memory");
	} else if (!known) {
		answer_nil(member, call);
	} else {
		struct buf *result = broker_body(broker);

		mp_put_ref(result, ref);
		service_answer(member, call, result);
	}
	return 0;
}

static int method_names(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
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
	service_answer(member, call, result);
	return 0;
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

/* After a restart: was not heard of yet. */
static bool may_still_come(const struct broker *broker, uint64_t group, const struct member *other)
{
	return window_is_open(&broker->window) && (!other || other->state == MEMBER_ABSENT) && !broker_is_buried(broker, group);
}

static int method_introduce(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
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
		wait_for_window(member, call);
		return 0;
	}
	introductions_ask(member, group, call);
	return 0;
}

static int method_admit(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	uint64_t group, uid, pid;

	if (n < 3 || mp_read_uint(args, &group) < 0 || mp_read_uint(args, &uid) < 0 || mp_read_uint(args, &pid) < 0)
		return -EPROTO;
	if (call->type != WIRE_CALL)
		return 0;
	if (may_still_come(member->broker, group, member_find(member->broker, group)))
		wait_for_window(member, call);
	else
		introductions_admit(member, group, (uid_t)uid, (pid_t)pid, call);
	return 0;
}

/* nil, or an absolute path. */
static int read_door(struct mp_reader *args, struct wire_str *ret)
{
	*ret = wire_str(NULL, 0);
	if (mp_read_nil(args) == 0)
		return 0;
	if (mp_read_str(args, &ret->s, &ret->len) < 0 || !ret->len || ret->len > MEMBER_DOOR_MAX_BYTES || ret->s[0] != '/' ||
		memchr(ret->s, 0, ret->len))
		return -EPROTO;
	return 0;
}

static int cast_door(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	struct wire_str path;

	if (n < 1 || read_door(args, &path) < 0)
		return -EPROTO;
	(void)member_set_door(member, path); /* without memory it has none: there is another way */
	introductions_door(member);
	return 0;
}

static int cast_listening(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	uint64_t id;

	if (n < 1 || mp_read_uint(args, &id) < 0)
		return -EPROTO;
	introductions_listening(member, id);
	return 0;
}

static int cast_introduce_failed(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	struct wire_str text = wire_str("", 0);
	uint64_t id;

	if (n < 1 || mp_read_uint(args, &id) < 0 || (n > 1 && mp_read_str(args, &text.s, &text.len) < 0))
		return -EPROTO;
	if (text.len && !wire_name_is_valid(text.s, text.len < WIRE_NAME_MAX_BYTES ? text.len : WIRE_NAME_MAX_BYTES))
		text = wire_cstr("(no readable reason)");
	introductions_failed(member, id, text);
	return 0;
}

static int cast_link_down(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	uint64_t group, id = 0;

	if (n < 1 || mp_read_uint(args, &group) < 0 || (n > 1 && mp_read_uint(args, &id) < 0))
		return -EPROTO;
	introductions_link_down(member, group, id);
	return 0;
}

/* ---- announcing ------------------------------------------------------------------------------------------------- */

/* True: @member has a claim on @group, which is there or may come. */
static bool announce_group(struct member *member, uint64_t group, bool has_link, bool monitors)
{
	struct broker *broker = member->broker;
	struct member *other = member_find(broker, group);

	if (group == member->group || group == broker->group || !group)
		return true;
	if (!other && window_is_open(&broker->window) && !broker_is_buried(broker, group))
		other = member_new(broker, group);
	if (!other)
		return false;
	if (introductions_announce(member, other, has_link, monitors) < 0) {
		if (other->state == MEMBER_ABSENT && !other->listed && list_is_empty(&other->pairs))
			member_forget(other);
		return false;
	}
	return true;
}

static void tell_gone(struct member *member, uint64_t group)
{
	struct actor_cause cause = cause_make("noconnection");
	struct buf *body = broker_body(member->broker);

	mp_put_array(body, 2);
	mp_put_uint(body, group);
	cause_put(body, &cause);
	member_cast(member, "group_down", body);
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
		if (!dry && !announce_group(member, group, !monitors, monitors) && monitors)
			tell_gone(member, group);
	}
	return 0;
}

/* One name; true: it has it. */
static bool announce_name(struct member *member, struct wire_str name, actor_ref ref)
{
	actor_ref holder;

	if (ref.node != member->broker->node || ref.group != member->group || !ref.serial)
		return false;
	if (name.s[0] == '$' && !member->is_spawner)
		return false;
	return take_name(member, name, ref, &holder) == 0;
}

/* @lost NULL: only looks whether it is well-formed. */
static int announce_names(struct member *member, struct mp_reader *args, struct buf *lost, uint32_t *ret_n_lost)
{
	struct wire_str name;
	actor_ref ref;
	uint32_t n, n_pair, n_lost = 0;

	if (mp_read_array(args, &n) < 0)
		return -EPROTO;
	while (n--) {
		if (mp_read_array(args, &n_pair) < 0 || n_pair != 2 || read_name(args, &name) < 0 || mp_read_ref(args, &ref) < 0)
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

static int method_announce(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct mp_reader look = *args, peek = *args;
	struct wire_str door = wire_str(NULL, 0);
	struct buf lost = BUF_INIT;
	uint32_t n_lost = 0, n_names = 0;

	if (n < 3 || mp_read_array(&peek, &n_names) < 0 || announce_names(member, &look, NULL, NULL) < 0 || announce_groups(member, &look, false, true) < 0 ||
		announce_groups(member, &look, true, true) < 0 || (n > 3 && read_door(&look, &door) < 0))
		return -EPROTO;
	(void)member_set_door(member, door);
	if (n_names && window_is_open(&member->broker->window) && member_is_new(member)) {
		wait_for_window(member, call); /* as if it registered them: who had one before comes first */
		return 0;
	}
	announce_names(member, args, &lost, &n_lost);
	announce_groups(member, args, false, false);
	announce_groups(member, args, true, false);
	if (buf_error(&lost) < 0) {
		service_error(member, call, "overloaded", "out of memory");
	} else {
		struct buf *result = broker_body(member->broker);

		mp_put_array(result, n_lost);
		mp_put_raw(result, lost.data, lost.size_bytes);
		service_answer(member, call, result);
	}
	buf_deinit(&lost);
	return 0;
}

static int method_announced(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	window_came(member);
	answer_nil(member, call);
	member->unannounced = false;
	introductions_came(member);
	return 0;
}

static void tell_ready(struct member *member)
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

static int method_ready(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	member->ready = true;
	tell_ready(member);
	answer_nil(member, call);
	return 0;
}

static int method_stats(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct broker_stats stats = broker_stats(member->broker);
	const struct {
		const char *name;
		uint64_t value;
	} entries[] = {
		{"groups", stats.groups},   {"names", stats.names},	{"watches", stats.watches},
		{"calls", stats.calls},	    {"monitors", stats.monitors}, {"pairs", stats.pairs},
		{"waiting", stats.waiting}, {"hellos", stats.hellos},	{"refused", stats.refused},
		{"frames", stats.frames},   {"routed", stats.routed},	{"dropped", stats.dropped},
		{"cut", stats.cut},	    {"ended", stats.ended},
	};
	struct buf *result = broker_body(member->broker);

	mp_put_map(result, sizeof(entries) / sizeof(entries[0]));
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		mp_put_cstr(result, entries[i].name);
		mp_put_uint(result, entries[i].value);
	}
	service_answer(member, call, result);
	return 0;
}

/* ---- what the supervisor tells ---------------------------------------------------------------------------------- */

static int read_exit(struct mp_reader *args, uint64_t *ret_group, struct actor_cause *ret)
{
	const uint8_t *cause;
	size_t size_bytes;

	if (mp_read_uint(args, ret_group) < 0 || mp_read_raw(args, &cause, &size_bytes) < 0 ||
		cause_parse(cause, size_bytes, ret) < 0)
		return -EPROTO;
	return 0;
}

static void group_exited(struct member *spawner, uint64_t group, const struct actor_cause *cause)
{
	struct broker *broker = spawner->broker;
	struct member *member = member_find(broker, group);

	if (member == spawner || group == broker->group || (group & MEMBER_ID_CLIENT))
		return;
	if (member)
		member_exited(member, cause);
	else
		broker_bury(broker, group);
}

static int cast_group_down(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	struct actor_cause cause;
	uint64_t group;

	if (n < 2 || read_exit(args, &group, &cause) < 0)
		return -EPROTO;
	group_exited(member, group, &cause);
	return 0;
}

static void group_listed(struct member *spawner, uint64_t group)
{
	struct broker *broker = spawner->broker;
	struct member *member = member_find(broker, group);

	if (!group || group == broker->group || (group & MEMBER_ID_CLIENT) || broker_is_buried(broker, group))
		return;
	if (!member)
		member = member_new(broker, group);
	if (!member || member == spawner)
		return;
	member->listed = true;
}

/* Those who do not speak the protocol are not waited for: they never come. */
static void group_speaks(struct broker *broker, uint64_t group)
{
	struct member *member = member_find(broker, group);

	if (!member || !member->listed)
		return;
	member->speaks = true;
	if (member->state == MEMBER_ABSENT)
		window_await(member);
}

static void unlist(struct hash_node *node, void *arg)
{
	container_of(node, struct member, node)->listed = false;
}

/* One without a link, older than the youngest in the list (@arg) and not in it: the supervisor does not know it any more. */
static void end_unlisted(struct hash_node *node, void *arg)
{
	struct member *member = container_of(node, struct member, node);
	struct actor_cause cause = member->cause;

	if (member->state == MEMBER_LOST && member_is_supervised(member) && !member->listed && member->group < *(uint64_t *)arg)
		member_end(member, &cause);
}

/* The supervisor keeps something that this client made. If it is gone, now or when the window closes, the supervisor hears of it. */
static void client_kept(struct member *spawner, uint64_t group)
{
	struct broker *broker = spawner->broker;
	struct member *member = member_find(broker, group);

	if (!(group & MEMBER_ID_CLIENT) || group & UINT64_C(1) << 62)
		return; /* not one that a broker admitted */
	if (!member && window_is_open(&broker->window) && !broker_is_buried(broker, group))
		member = member_new(broker, group);
	if (!member) {
		member_tell_spawner_gone(broker, group);
		return;
	}
	member->kept = true;
	if (member->state == MEMBER_ABSENT)
		window_await(member);
}

static void replay(struct hash_node *node, void *arg)
{
	struct member *member = container_of(node, struct member, node);

	if (member->state == MEMBER_LOST && !member_is_in_doubt(member))
		registry_back(member); /* it lives, whenever it comes */
	if (member->state != MEMBER_UP || member->doomed)
		return;
	member_tell_spawner(member);
	if (member->ready)
		tell_ready(member);
}

static int cast_groups(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	struct broker *broker = member->broker;
	struct mp_reader look = *args;
	struct actor_cause cause;
	uint64_t group, youngest = 0;
	uint32_t n_live, n_exits, n_pair, n_speaking = 0, n_clients = 0;

	if (n < 2 || mp_read_array(&look, &n_live) < 0)
		return -EPROTO;
	for (uint32_t i = 0; i < n_live; i++) {
		if (mp_read_uint(&look, &group) < 0)
			return -EPROTO;
	}
	if (mp_read_array(&look, &n_exits) < 0)
		return -EPROTO;
	for (uint32_t i = 0; i < n_exits; i++) {
		if (mp_read_array(&look, &n_pair) < 0 || n_pair != 2 || read_exit(&look, &group, &cause) < 0)
			return -EPROTO;
	}
	if (n > 2 && mp_read_array(&look, &n_speaking) < 0)
		return -EPROTO;
	for (uint32_t i = 0; i < n_speaking; i++) {
		if (mp_read_uint(&look, &group) < 0)
			return -EPROTO;
	}
	if (n > 3 && mp_read_array(&look, &n_clients) < 0)
		return -EPROTO;
	for (uint32_t i = 0; i < n_clients; i++) {
		if (mp_read_uint(&look, &group) < 0)
			return -EPROTO;
	}

	hash_each(&broker->members, unlist, NULL);
	mp_read_array(args, &n_live);
	while (n_live--) {
		mp_read_uint(args, &group);
		group_listed(member, group);
		if (n == 2)
			group_speaks(broker, group);
		if (group > youngest)
			youngest = group;
	}
	mp_read_array(args, &n_exits);
	while (n_exits--) {
		mp_read_array(args, &n_pair);
		read_exit(args, &group, &cause);
		group_exited(member, group, &cause);
	}
	if (n > 2)
		mp_read_array(args, &n_speaking);
	while (n_speaking--) {
		mp_read_uint(args, &group);
		group_speaks(broker, group);
	}
	if (n > 3)
		mp_read_array(args, &n_clients);
	while (n_clients--) {
		mp_read_uint(args, &group);
		client_kept(member, group);
	}
	broker->supervised = member->has_listed = true;
	hash_each(&broker->members, end_unlisted, &youngest);
	window_listed(broker);
	hash_each(&broker->members, replay, NULL);
	return 0;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static const struct method {
	const char *name;
	int (*run)(struct member *member, const struct wire_frame *frame, struct mp_reader *args, uint32_t n_args);
	bool cast;    /* a cast; malformed arguments end the link, since nobody can be told */
	bool spawner; /* for the supervisor alone */
} methods[] = {
	{"register", method_register},
	{"unregister", method_unregister},
	{"whereis", method_whereis},
	{"names", method_names},
	{"introduce", method_introduce},
	{"admit", method_admit},
	{"announce", method_announce},
	{"announced", method_announced},
	{"ready", method_ready},
	{"stats", method_stats},
	{"listening", cast_listening, .cast = true},
	{"introduce_failed", cast_introduce_failed, .cast = true},
	{"link_down", cast_link_down, .cast = true},
	{"door", cast_door, .cast = true},
	{"groups", cast_groups, .cast = true, .spawner = true},
	{"group_down", cast_group_down, .cast = true, .spawner = true},
};

static const struct method *method_find(struct wire_str name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (mp_str_is(name.s, name.len, methods[i].name))
			return &methods[i];
	}
	return NULL;
}

static void run(struct member *member, const struct wire_frame *frame)
{
	const struct method *method = method_find(frame->method);
	struct mp_reader args = mp_reader(frame->body, frame->body_bytes);
	uint32_t n;

	if (!method) {
		service_error(member, frame, "no_method", "the broker has no such method");
		member->broker->count.dropped += frame->type == WIRE_CAST;
		return;
	}
	if (method->spawner && !member->is_spawner) {
		service_error(member, frame, "permission", "only the node's supervisor says that");
		if (frame->type == WIRE_CAST)
			member_doom(member, true, "cast %s is for the supervisor alone", method->name);
		return;
	}
	if (mp_read_array(&args, &n) == 0 && method->run(member, frame, &args, n) == 0) {
		if (method->cast)
			answer_nil(member, frame);
		return;
	}
	service_error(member, frame, "bad_args", "see docs/protocol.md section 4");
	if (frame->type == WIRE_CAST)
		member_doom(member, true, "malformed arguments of cast %s", method->name);
}

void service_frame(struct broker *broker, struct member *member, const struct wire_frame *frame)
{
	bool ours = frame->to.name.s || frame->to.ref.serial == BROKER_SERVICE_SERIAL || frame->to.ref.serial == 0;
	struct actor_cause cause;

	switch (frame->type) {
	case WIRE_CAST:
	case WIRE_CALL:
		if (ours)
			run(member, frame);
		else
			service_error(member, frame, "noproc", "no such actor in the broker");
		break;
	case WIRE_MONITOR:
		/* The broker's end is the end of this link: who monitors it sees that for itself. */
		if (!ours) {
			struct buf *body = broker_body(broker);

			cause = cause_make("noproc");
			cause_put(body, &cause);
			wire_put_down(member_out(member), frame->from, frame->to.ref, frame->id, body->data, body->size_bytes);
			member_written(member);
		}
		break;
	default:
		broker->count.dropped++;
	}
}
