/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/admission.h"
#include "broker/life.h"
#include "broker/member.h"
#include "broker/service.h"
#include "broker/stalls.h"
#include "broker/state.h"
#include "libactor/protocol/names.h"

/* ---- frames ---- */

/* Does @member speak for @frame->from? */
static bool from_is_own(
	const struct broker *broker, const struct member *member, const struct wire_frame *frame)
{
	actor_ref from = frame->from;

	if ((from.node == broker->node && from.group == member->group) || actor_ref_is_nobody(from))
		return true; /* a frame from nobody needs no answer: wire_parse() refuses the others */
	/* The supervisor reports the ends of processes, since they cannot do that themselves. */
	return member->is_spawner && frame->type == WIRE_DOWN && from.node == broker->node && !from.serial;
}

/*
 * Handles one frame of @member: when the frame arrives, and again after it had to wait. Afterwards @member
 * may be doomed, but it is not yet freed.
 */
static void handle_frame(struct broker *broker, struct member *member, const struct wire_frame *frame)
{
	char text[ACTOR_REF_TEXT_MAX];

	broker->count.frames++;
	switch (frame->type) {
	case WIRE_PING:
		wire_put_pong(member_out(member), frame->id);
		member_written(member);
		return;
	case WIRE_PONG:
	case WIRE_JOIN: /* means something only at a door */
		return;
	case WIRE_PAUSE:
	case WIRE_RESUME:
		if (frame->has_ref &&
			(frame->to.ref.group != member->group || frame->to.ref.node != broker->node))
			member_doom(member, true, "it pauses or resumes %s, which is not its own",
				actor_ref_format(frame->to.ref, text));
		else if (frame->type == WIRE_PAUSE)
			pauses_pause(member, frame->has_ref ? frame->to.ref : ACTOR_NOBODY);
		else
			pauses_resume(member, frame->has_ref ? frame->to.ref : ACTOR_NOBODY);
		return;
	default:
		break;
	}
	if (!from_is_own(broker, member, frame))
		member_doom(member, true, "a frame of type %d is from %s, which is not its own", frame->type,
			actor_ref_format(frame->from, text));
	else if (!routes_frame(broker, member, frame))
		service_frame(broker, member, frame);
}

/* ---- after each event ---- */

static void cut(struct member *member)
{
	struct broker *broker = member->broker;
	struct actor_cause cause = cause_make(ERROR_NOCONNECTION);
	char who[MEMBER_WHO_MAX];

	broker_complain(broker, member->pid, member->uid, "cut the link of %s: %s", member_who(member, who),
		member->doom);
	broker->count.cut++;
	list_remove(&member->doomed_node);
	if (!member->pipe || member->state != MEMBER_UP) {
		snprintf(cause.text, sizeof(cause.text), "cut: %.180s", member->doom);
		member_end(member, &cause);
		return;
	}
	member->doomed = false;
	if (member->farewell)
		broker_pipe_farewell(member->pipe, member->doom);
	member_lost(member, member->doom);
}

static void recovery_goes_on(struct broker *broker)
{
	bool open = window_is_open(&broker->window);

	window_go_on(broker);
	if (open)
		members_give_up_absent(broker);
	waits_release(broker, &broker->window.waiting);
	if (!window_holds_names(&broker->window))
		/* after the frames above, so that a look-up finds what its asker registered before it */
		registry_recovered(broker);
}

/* Handles a frame that needs no answer and whose sender has ended while it waited. */
static void frame_of_ended(struct broker *broker, const struct wire_frame *frame)
{
	if (!service_frame_of_ended(broker, frame))
		routes_frame_of_ended(broker, frame);
}

static void handle_what_waited(struct broker *broker)
{
	struct member *member;
	struct wire_frame frame;
	struct wait *wait;

	while ((wait = waits_take(broker, &member, &frame))) {
		if (!member)
			frame_of_ended(broker, &frame);
		else if (!member->doomed)
			handle_frame(broker, member, &frame);
		/* only now, since the frame may have added to what the member waits for */
		if (member)
			pauses_weigh(member);
		wait_free(wait);
	}
}

static void settle(struct broker *broker)
{
	do {
		while (!list_is_empty(&broker->doomed))
			cut(container_of(broker->doomed.next, struct member, doomed_node));
		while (window_is_due(broker))
			recovery_goes_on(broker);
		handle_what_waited(broker);
	} while (!list_is_empty(&broker->doomed));
	members_free_forgotten(broker);
}

/* ---- events ---- */

void broker_client_lives(struct broker *broker, uint64_t group, bool at_door, int64_t now_ns)
{
	struct member *member;

	broker->now_ns = now_ns;
	if (!group_is_of_broker(group) || member_find(broker, group) || !window_is_open(&broker->window))
		return;
	member = member_new(broker, group); /* clients beyond the limit are not awaited */
	if (!member)
		return;
	member->doorless = !at_door;
	if (at_door)
		window_await(member);
}

void broker_hello(struct broker *broker, uint64_t hello_id, uid_t uid, pid_t pid, const void *data,
	size_t size_bytes, int64_t now_ns)
{
	broker->now_ns = now_ns;
	admission_hello(broker, hello_id, uid, pid, data, size_bytes);
	settle(broker);
}

void broker_pipe_up(struct broker *broker, struct broker_pipe *pipe, int64_t now_ns)
{
	broker->now_ns = now_ns;
	if (pipe->member)
		member_up(pipe->member);
	settle(broker);
}

/* To those who have a tap. */
static void show(struct broker *broker, struct member *member, const struct wire_frame *frame)
{
	actor_ref to = frame->to.ref;

	if (frame->to.name.s && !registry_find(broker, frame->to.name, &to))
		to = ACTOR_NOBODY;
	taps_see(member, frame, to);
}

void broker_pipe_data(
	struct broker *broker, struct broker_pipe *pipe, const void *data, size_t size_bytes, int64_t now_ns)
{
	struct member *member = pipe->member;
	size_t offset = 0;

	broker->now_ns = now_ns;
	if (member)
		member->count.bytes_in += size_bytes;
	while (member && !member->doomed && offset < size_bytes) {
		struct wire_frame frame;
		size_t used;
		int r = wire_parse((const uint8_t *)data + offset, size_bytes - offset, &frame, &used);

		if (r < 0) {
			member_doom(member, true, "malformed frame at byte %zu of a message of %zu", offset,
				size_bytes);
			break;
		}
		offset += used;
		member->count.frames_in++;
		if (r == 0)
			continue;
		if (frame.type == WIRE_BYE) {
			/* The rest of this message is not read, since the member may be over. */
			member_leave(member, frame.text);
			break;
		}
		handle_frame(broker, member, &frame);
		if (broker->taps.n && !member->doomed)
			show(broker, member, &frame);
	}
	settle(broker);
}

void broker_pipe_drained(struct broker *broker, struct broker_pipe *pipe, int64_t now_ns)
{
	broker->now_ns = now_ns;
	if (pipe->member) {
		pauses_drained(pipe->member);
		member_drained(pipe->member);
	}
	settle(broker);
}

static const char *pipe_error(int error)
{
	switch (error) {
	case -EMSGSIZE:
		return "a message of more than 16 MiB";
	case -EPROTO:
		return "bytes that are no message (docs/protocol.md section 6)";
	default:
		return strerror(error < 0 ? -error : error);
	}
}

void broker_pipe_down(struct broker *broker, struct broker_pipe *pipe, int error, int64_t now_ns)
{
	struct member *member = pipe->member;
	char who[MEMBER_WHO_MAX];

	broker->now_ns = now_ns;
	if (!member) {
		broker_pipe_close(pipe);
	} else if (member->state == MEMBER_UP) {
		if (error && error != -ECONNRESET)
			broker_complain(broker, member->pid, member->uid, "the link of %s ended: %s",
				member_who(member, who), pipe_error(error));
		member_lost(member, error ? pipe_error(error) : "closed");
	} else {
		broker_complain(broker, member->pid, member->uid, "%s said hello and got no link: %s",
			member_who(member, who),
			error == -ETIMEDOUT ? "it did not come in time"
			: error == -EACCES  ? "only others came"
					    : pipe_error(error));
		admission_undo(member);
	}
	settle(broker);
}

void broker_tick(struct broker *broker, int64_t now_ns)
{
	broker->now_ns = now_ns;
	while (!list_is_empty(&broker->timers)) {
		struct member *member = container_of(broker->timers.next, struct member, timer);

		if (member->deadline_ns > now_ns)
			break;
		member_expired(member);
	}
	while (!list_is_empty(&broker->farewells)) {
		struct broker_pipe *pipe = container_of(broker->farewells.next, struct broker_pipe, timer);

		if (pipe->deadline_ns > now_ns)
			break;
		broker_pipe_close(pipe);
	}
	stalls_tick(broker);
	settle(broker);
	pauses_tick(broker);
	waits_tick(broker);
	routes_tick(broker); /* last, since a call that waited may have been routed after its deadline */
}

int64_t broker_deadline_ns(const struct broker *broker)
{
	int64_t deadline_ns = routes_deadline_ns(broker), other_ns;

	other_ns = waits_deadline_ns(broker);
	deadline_ns = other_ns < deadline_ns ? other_ns : deadline_ns;
	other_ns = pauses_deadline_ns(broker);
	deadline_ns = other_ns < deadline_ns ? other_ns : deadline_ns;
	other_ns = stalls_deadline_ns(broker);
	deadline_ns = other_ns < deadline_ns ? other_ns : deadline_ns;
	if (!list_is_empty(&broker->timers)) {
		other_ns = container_of(broker->timers.next, struct member, timer)->deadline_ns;
		deadline_ns = other_ns < deadline_ns ? other_ns : deadline_ns;
	}
	if (!list_is_empty(&broker->farewells)) {
		other_ns = container_of(broker->farewells.next, struct broker_pipe, timer)->deadline_ns;
		deadline_ns = other_ns < deadline_ns ? other_ns : deadline_ns;
	}
	if (window_holds_names(&broker->window) && broker->window.deadline_ns < deadline_ns)
		deadline_ns = broker->window.deadline_ns;
	return deadline_ns;
}

void broker_flush(struct broker *broker)
{
	struct list *it;

	while ((it = list_pop(&broker->dirty)))
		broker_pipe_flush(container_of(it, struct broker_pipe, dirty));
}

/* ---- the whole ---- */

int broker_new(struct broker **ret, const struct broker_options *options, const struct broker_ops *ops,
	void *arg, int64_t now_ns)
{
	struct broker *broker = calloc(1, sizeof(*broker));
	actor_ref nobody;

	if (!broker)
		return -ENOMEM;
	*broker = (struct broker){.node = options->node,
		.group = options->group,
		.uid = options->uid,
		.self = {options->node, options->group, BROKER_SERVICE_SERIAL},
		.limits = options->limits,
		.stall_ns = (options->stall_ms ? options->stall_ms : BROKER_STALL_MS) * 1000000,
		.ops = *ops,
		.arg = arg,
		.now_ns = now_ns};
	memcpy(broker->key, options->key, sizeof(broker->key));
	quota_limits_default(&broker->limits);
	hash_init(&broker->members);
	hash_init(&broker->dead);
	list_init(&broker->dead_by_age);
	list_init(&broker->doomed);
	list_init(&broker->forgotten);
	list_init(&broker->timers);
	list_init(&broker->farewells);
	list_init(&broker->dirty);
	registry_init(&broker->registry);
	pgs_init(&broker->pgs);
	taps_init(&broker->taps);
	routes_init(&broker->routes);
	introductions_init(&broker->introductions, broker->group);
	pauses_init(&broker->pauses);
	waits_init(&broker->waits);
	window_init(&broker->window, options->window_ms * 1000000, now_ns);
	broker->runtime_dir = strdup(options->runtime_dir);
	if (!broker->runtime_dir ||
		registry_register(broker, NULL, wire_cstr(NAME_BROKER), broker->self, &nobody) < 0) {
		broker_free(broker);
		return -ENOMEM;
	}
	*ret = broker;
	return 0;
}

struct broker *broker_free(struct broker *broker)
{
	struct hash_node *node;

	if (!broker)
		return NULL;
	while ((node = hash_any(&broker->members))) {
		struct member *member = container_of(node, struct member, node);

		member->doomed = true;
		waits_forget(member);
		registry_unwatch(member);
		name_watches_end(member);
		registry_release(member);
		pgs_unwatch_all(member);
		pgs_release(member);
		pauses_forget(member);
		introductions_end(member, NULL);
		routes_forget(member);
		member_forget(member);
	}
	members_free_forgotten(broker);
	waits_deinit(&broker->waits);
	while (!list_is_empty(&broker->farewells))
		broker_pipe_close(container_of(broker->farewells.next, struct broker_pipe, timer));
	broker_forget_graves(broker);
	registry_deinit(&broker->registry);
	pgs_deinit(&broker->pgs);
	taps_deinit(&broker->taps);
	routes_deinit(&broker->routes);
	introductions_deinit(&broker->introductions);
	pauses_deinit(&broker->pauses);
	hash_deinit(&broker->members);
	hash_deinit(&broker->dead);
	buf_deinit(&broker->body);
	buf_deinit(&broker->sink);
	free(broker->runtime_dir);
	free(broker);
	return NULL;
}
