/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/member.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

#define MESSAGE_BYTES (256u << 10) /* frames are sent together up to this size */
/* what others send of casts and calls is parked when a pipe has so much */
#define OF_OTHERS_MAX_BYTES (2 * PAUSES_CONGESTED_BYTES + WIRE_MESSAGE_MAX_BYTES)

/* ---- the record ---- */

struct member *member_find(const struct broker *broker, uint64_t group)
{
	struct hash_node *node = hash_first(&broker->members, hash_of_u64(&broker->members, group));

	for (; node; node = hash_next(node)) {
		struct member *member = container_of(node, struct member, node);

		if (member->group == group)
			return member;
	}
	return NULL;
}

struct member *member_new(struct broker *broker, uint64_t group)
{
	struct member *member;

	if (broker->members.n_items >= broker->limits.groups)
		return NULL;
	member = calloc(1, sizeof(*member));
	if (!member)
		return NULL;
	member->broker = broker;
	member->group = group;
	list_init(&member->names);
	list_init(&member->watches);
	list_init(&member->name_watches);
	list_init(&member->shares);
	list_init(&member->pg_watches);
	list_init(&member->asked);
	list_init(&member->owed);
	list_init(&member->pairs);
	list_init(&member->waits);
	list_init(&member->pauses);
	list_init(&member->holds);
	list_init(&member->slowed);
	if (hash_insert(&broker->members, &member->node, hash_of_u64(&broker->members, group)) < 0) {
		free(member);
		return NULL;
	}
	return member;
}

int member_set_door(struct member *member, struct wire_str path)
{
	free(member->door);
	member->door = path.s ? strndup(path.s, path.len) : NULL;
	return path.s && !member->door ? -ENOMEM : 0;
}

const char *member_who(const struct member *member, char text[MEMBER_WHO_MAX])
{
	snprintf(text, MEMBER_WHO_MAX, "group %" PRIu64 " '%s' (pid %d)", member->group, member->name,
		(int)member->pid);
	return text;
}

bool member_is_new(const struct member *member)
{
	const struct broker *broker = member->broker;

	/* every group that lived when the supervisor made its list is in the list */
	if (member_is_supervised(member))
		return broker->window.state != WINDOW_SUPERVISOR && !member->listed && !member->is_spawner;
	return (member->group & GROUP_OF_SUPERVISOR) ||
	       (member->group >> 32 & 0x3fffffff) == (broker->group & 0x3fffffff);
}

void member_arm(struct member *member)
{
	member_disarm(member);
	member->deadline_ns = member->broker->now_ns + BROKER_GRACE_NS;
	list_append(&member->broker->timers, &member->timer);
}

void member_disarm(struct member *member)
{
	list_remove(&member->timer);
}

/* ---- pipes ---- */

struct broker_pipe *broker_pipe_new(struct member *member)
{
	struct broker_pipe *pipe = calloc(1, sizeof(*pipe));

	if (!pipe)
		return NULL;
	pipe->broker = member->broker;
	pipe->member = member;
	return pipe;
}

void broker_pipe_flush(struct broker_pipe *pipe)
{
	struct broker *broker = pipe->broker;

	if (pipe->member)
		pipe->member->count.bytes_out += broker->ops.pipe_out(broker->arg, pipe->handle)->size_bytes;
	broker->ops.pipe_flush(broker->arg, pipe->handle);
}

void broker_pipe_close(struct broker_pipe *pipe)
{
	struct broker *broker = pipe->broker;

	if (pipe->member)
		pipe->member->pipe = NULL;
	list_remove(&pipe->dirty);
	broker->n_farewells -= list_is_linked(&pipe->timer);
	list_remove(&pipe->timer);
	if (pipe->handle)
		broker->ops.pipe_close(broker->arg, pipe->handle);
	free(pipe);
}

void broker_pipe_farewell(struct broker_pipe *pipe, const char *reason)
{
	struct broker *broker = pipe->broker;
	struct buf *out = broker->ops.pipe_out(broker->arg, pipe->handle);

	wire_put_bye(out, wire_cstr(reason));
	if (pipe->member)
		pipe->member->pipe = NULL;
	pipe->member = NULL;
	if (buf_error(out) < 0) {
		broker_pipe_close(pipe);
		return;
	}
	if (!list_is_linked(&pipe->dirty))
		list_append(&broker->dirty, &pipe->dirty);
	if (broker->n_farewells >= broker->limits.farewells)
		broker_pipe_close(container_of(broker->farewells.next, struct broker_pipe, timer));
	pipe->deadline_ns = broker->now_ns + BROKER_GRACE_NS;
	list_append(&broker->farewells, &pipe->timer);
	broker->n_farewells++;
}

/* ---- writing to a member ---- */

bool member_parks(const struct member *member)
{
	return member->state != MEMBER_UP || member->congested;
}

static struct buf *out_of_pipe(struct broker_pipe *pipe, size_t size_bytes)
{
	struct broker *broker = pipe->broker;
	struct buf *out;

	if (!list_is_linked(&pipe->dirty))
		list_append(&broker->dirty, &pipe->dirty);
	out = broker->ops.pipe_out(broker->arg, pipe->handle);
	if (out->size_bytes && out->size_bytes + size_bytes > MESSAGE_BYTES)
		broker_pipe_flush(pipe);
	return out;
}

struct buf *member_out_for(struct member *member, size_t size_bytes)
{
	struct broker *broker = member->broker;

	if (member->doomed) {
		buf_reset(&broker->sink, 1u << 20);
		return &broker->sink;
	}
	return member_parks(member) ? &member->parked : out_of_pipe(member->pipe, size_bytes);
}

void member_append(struct member *member, const struct buf *frames)
{
	size_t offset = 0, used;
	struct wire_frame frame;

	while (offset < frames->size_bytes && !member->doomed) {
		if (wire_parse(frames->data + offset, frames->size_bytes - offset, &frame, &used) < 0)
			return; /* cannot happen: the broker parsed or wrote these frames */
		buf_append(member_out_for(member, used), frame.raw, used);
		member_written(member);
		offset += used;
	}
}

size_t member_unread_bytes(const struct member *member)
{
	struct broker *broker = member->broker;

	size_t parked = member->parked.size_bytes - member->parked_taken_bytes;

	if (member->state != MEMBER_UP)
		return parked;
	return parked + broker->ops.pipe_backlog(broker->arg, member->pipe->handle);
}

/*
 * The unread bytes that no sender's quota bounds: answers to the member, and frames of the broker itself. The
 * pipe of a congested member holds a megabyte and a frame, which are not counted.
 */
static size_t own_unread_bytes(const struct member *member)
{
	size_t parked = member->parked.size_bytes - member->parked_taken_bytes;

	size_t backlog, own;

	if (!member_parks(member))
		return member_unread_bytes(member);
	own = parked > member->parked_sent_bytes ? parked - member->parked_sent_bytes : 0;
	if (member->state != MEMBER_UP)
		return own;
	backlog = member->broker->ops.pipe_backlog(member->broker->arg, member->pipe->handle);
	return backlog > OF_OTHERS_MAX_BYTES ? own + backlog - OF_OTHERS_MAX_BYTES : own;
}

/* ---- answers that it does not read yet ---- */

/* What @granted_bytes takes from what all share. */
static size_t shared(const struct broker *broker, size_t granted_bytes)
{
	return granted_bytes > broker->limits.unread_bytes ? granted_bytes - broker->limits.unread_bytes : 0;
}

static void grant(struct member *member, size_t bytes)
{
	struct broker *broker = member->broker;
	struct quota_pool *pool = &broker->unread_answers;
	size_t before = shared(broker, member->granted_bytes), after = shared(broker, bytes);

	pool->used += after - before;
	pool->n_users += (size_t)(after > 0) - (size_t)(before > 0);
	member->granted_bytes = after ? bytes : 0;
}

static size_t answers_limit(const struct member *member)
{
	const struct broker *broker = member->broker;
	const struct quota_limits *limits = &broker->limits;
	const struct quota_pool *pool = &broker->unread_answers;
	size_t mine = shared(broker, member->granted_bytes);
	size_t share = quota_share(limits->answers_pool, pool->used - mine, pool->n_users - (mine > 0));

	return share < limits->answers_bytes - limits->unread_bytes ? limits->unread_bytes + share
								    : limits->answers_bytes;
}

bool member_takes_answer(struct member *member, size_t size_bytes)
{
	struct broker *broker = member->broker;
	size_t unread = own_unread_bytes(member) + size_bytes, limit;
	bool first = !member->granted_bytes;
	char who[MEMBER_WHO_MAX];

	if (member->doomed || unread <= broker->limits.unread_bytes)
		return true;
	limit = answers_limit(member);
	if (unread > limit) {
		member->count.over++;
		broker->count.over_quota++;
		if (!member->told_unread)
			broker_complain(broker, member->pid, member->uid,
				"%s does not read its answers: unread bytes %zu, limit %zu; what it asks "
				"beyond is refused",
				member_who(member, who), unread - size_bytes, limit);
		member->told_unread = true;
		return false;
	}
	grant(member, unread);
	if (first && member->state == MEMBER_UP)
		broker->ops.pipe_notify_drained(broker->arg, member->pipe->handle);
	return true;
}

void member_drained(struct member *member)
{
	member->told_unread = false;
	if (member->granted_bytes)
		grant(member, own_unread_bytes(member));
	if (member->granted_bytes && member->state == MEMBER_UP)
		member->broker->ops.pipe_notify_drained(member->broker->arg, member->pipe->handle);
}

/*
 * Removes the frames that the pipe has taken, once they are half of the buffer. So each byte is moved once or
 * twice.
 */
static void parked_shrink(struct member *member)
{
	struct buf *parked = &member->parked;

	if (member->parked_taken_bytes < parked->size_bytes / 2)
		return;
	parked->size_bytes -= member->parked_taken_bytes;
	memmove(parked->data, parked->data + member->parked_taken_bytes, parked->size_bytes);
	member->parked_taken_bytes = 0;
}

/*
 * Puts @frames before the parked frames. If the parked frames must be shifted, they are shifted further than
 * needed, so that the next call finds room in front. So each byte is moved a few times at most.
 */
void member_park_first(struct member *member, const struct buf *frames, size_t n_frames)
{
	struct buf *parked = &member->parked;
	size_t at = member->parked_taken_bytes, left = parked->size_bytes - at;

	if (!frames->size_bytes)
		return;
	if (at < frames->size_bytes) {
		size_t room = frames->size_bytes + left / 2;

		if (!buf_reserve(parked, room)) {
			member_written(member);
			return;
		}
		memmove(parked->data + at + room, parked->data + at, left);
		parked->size_bytes += room;
		at += room;
	}
	at -= frames->size_bytes;
	memcpy(parked->data + at, frames->data, frames->size_bytes);
	member->parked_taken_bytes = at;
	member->count.frames_out += n_frames;
}

void member_forget_parked(struct member *member)
{
	buf_deinit(&member->parked);
	member->parked = (struct buf)BUF_INIT;
	member->parked_taken_bytes = 0;
	member->parked_sent_bytes = member->parked_passing_bytes = 0;
	grant(member, 0); /* its pipe is gone, or has a megabyte at most */
}

static bool is_of_others(const struct member *member, const struct wire_frame *frame)
{
	return (frame->type == WIRE_CAST || frame->type == WIRE_CALL) &&
	       frame->from.group != member->broker->group;
}

bool member_unpark(struct member *member, size_t max_bytes,
	enum parked_way (*way)(struct member *member, const struct wire_frame *frame, bool is_of_others))
{
	struct broker *broker = member->broker;
	const struct buf *parked = &member->parked;
	enum parked_way goes;
	struct wire_frame frame;
	bool is_others;
	size_t used;

	while (member->parked_taken_bytes < parked->size_bytes && !member->doomed) {
		const uint8_t *at = parked->data + member->parked_taken_bytes;
		struct buf *out;

		if (broker->ops.pipe_backlog(broker->arg, member->pipe->handle) > max_bytes) {
			parked_shrink(member);
			return false;
		}
		if (wire_parse(at, parked->size_bytes - member->parked_taken_bytes, &frame, &used) < 0)
			break; /* cannot happen: the broker parsed or wrote these frames */
		is_others = is_of_others(member, &frame);
		goes = member->parked_passing_bytes ? PARKED_GOES : way(member, &frame, is_others);
		if (goes == PARKED_BEHIND_OTHERS)
			continue; /* its bytes may have moved */
		member->parked_taken_bytes += used;
		member->parked_passing_bytes -=
			used < member->parked_passing_bytes ? used : member->parked_passing_bytes;
		if (is_others)
			member->parked_sent_bytes -=
				used < member->parked_sent_bytes ? used : member->parked_sent_bytes;
		if (goes == PARKED_IS_HELD)
			continue;
		out = out_of_pipe(member->pipe, used);
		buf_append(out, at, used);
		if (buf_error(out) < 0)
			member_doom(member, false, "out of memory for what is written to it");
	}
	member_forget_parked(member);
	return true;
}

void member_written(struct member *member)
{
	struct broker *broker = member->broker;
	const struct buf *out;
	size_t unread, limit;

	if (member->doomed)
		return;
	member->count.frames_out++;
	out = member_parks(member) ? &member->parked
				   : broker->ops.pipe_out(broker->arg, member->pipe->handle);
	if (buf_error(out) < 0) {
		member_doom(member, false, "out of memory for what is written to it");
		return;
	}
	unread = own_unread_bytes(member);
	limit = broker->limits.unread_bytes;
	limit += member->granted_bytes > limit ? member->granted_bytes : limit;
	if (unread > limit)
		member_doom(member, false,
			"it does not read: unread bytes %zu, limit %zu, top sender group %" PRIu64, unread,
			limit, member->top_sender);
}

static void cast_to(struct member *member, uint64_t serial, const char *method, const struct buf *body)
{
	struct wire_dest to = {.ref = {member->broker->node, member->group, serial}};

	if (member->state == MEMBER_ABSENT || buf_error(body) < 0)
		return;
	wire_put_cast(member_out_for(member, body->size_bytes), &to, member->broker->self, wire_cstr(method),
		body->data, body->size_bytes);
	member_written(member);
}

void member_cast(struct member *member, const char *method, const struct buf *body)
{
	cast_to(member, 0, method, body);
}

void member_tell_end_of(struct member *member, uint64_t group)
{
	struct buf *body = broker_body(member->broker);

	mp_put_array(body, 2);
	mp_put_uint(body, group);
	broker_put_cause_of(member->broker, group, body);
	member_cast(member, "group_down", body);
}

void member_cast_service(struct member *member, const char *method, const struct buf *body)
{
	cast_to(member, 1, method, body);
}

void member_doom(struct member *member, bool farewell, const char *format, ...)
{
	va_list args;

	if (member->doomed)
		return;
	va_start(args, format);
	vsnprintf(member->doom, sizeof(member->doom), format, args);
	va_end(args);
	member->doomed = true;
	member->farewell = farewell;
	list_append(&member->broker->doomed, &member->doomed_node);
}

/* ---- what the supervisor is told of a member ---- */

void member_tell_spawner(struct member *member)
{
	struct broker *broker = member->broker;
	struct buf *body;

	if (!broker->spawner || broker->spawner == member || !member_is_supervised(member))
		return;
	body = broker_body(broker);
	mp_put_array(body, 3);
	mp_put_uint(body, member->group);
	mp_put_uint(body, (uint64_t)member->pid);
	mp_put_cstr(body, member->name);
	member_cast_service(broker->spawner, "group_hello", body);
}

void member_tell_spawner_gone(struct broker *broker, uint64_t group)
{
	struct buf *body;

	if (!broker->spawner || !group_is_client(group))
		return;
	body = broker_body(broker);
	mp_put_array(body, 1);
	mp_put_uint(body, group);
	member_cast_service(broker->spawner, "group_gone", body);
}

/* ---- does a member live? ---- */

bool member_is_in_doubt(const struct member *member)
{
	const struct member *spawner = member->broker->spawner;

	if (member->exited || member->state == MEMBER_JOINING)
		return true;
	return member->state == MEMBER_LOST &&
	       (list_is_linked(&member->timer) || !spawner || !spawner->has_listed);
}

bool member_lives_by_kernel(const struct member *member)
{
	struct broker *broker = member->broker;

	return !(member_is_supervised(member) && broker->supervised) &&
	       broker->ops.group_lives(broker->arg, member->group);
}
