/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/routes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/pauses.h"
#include "broker/state.h"
#include "libactor/protocol/names.h"

/* A frame addressed to a name may grow by this many bytes when the broker puts a ref in the name's place. */
#define NAME_TO_REF_BYTES 32
#define ROUTES_SPARE_MAX  256 /* so many closed routes are kept for new ones */

struct route {
	struct hash_node node; /* routes.open */
	bool monitor;
	struct member *asker;
	struct member *target;
	actor_ref from, to;
	uint64_t id;
	struct wire_trace trace; /* of a call */
	/* Of a stream: what the callee may send in all, and has sent. No `pause` holds items back. */
	struct wire_credit credit, sent;
	bool is_stream;
	uint32_t epoch; /* target->epoch when the frame was sent: which of the target's pipes it went over */
	struct list by_asker;
	struct list by_target;
	struct heap_node deadline; /* routes.deadlines */
	int64_t asked_ns;
};

void routes_init(struct routes *routes)
{
	*routes = (struct routes){0};
	hash_init(&routes->open);
	heap_init(&routes->deadlines);
	list_init(&routes->spare);
}

/* ---- the entries ---- */

static uint64_t route_hash(const struct routes *routes, uint64_t group, uint64_t id, bool monitor)
{
	uint64_t key[3] = {group, id, monitor};

	return hash_of_bytes(&routes->open, key, sizeof(key));
}

static struct route *route_find_hashed(
	const struct routes *routes, uint64_t hash, uint64_t group, uint64_t id, bool monitor)
{
	struct hash_node *node = hash_first(&routes->open, hash);

	for (; node; node = hash_next(node)) {
		struct route *route = container_of(node, struct route, node);

		if (route->asker->group == group && route->id == id && route->monitor == monitor)
			return route;
	}
	return NULL;
}

static struct route *route_find(const struct routes *routes, uint64_t group, uint64_t id, bool monitor)
{
	return route_find_hashed(routes, route_hash(routes, group, id, monitor), group, id, monitor);
}

/* A group that makes one call at a time reuses the same route, without malloc. */
static struct route *route_new(struct routes *routes)
{
	struct list *spare = list_pop(&routes->spare);

	if (!spare)
		return malloc(sizeof(struct route));
	routes->n_spare--;
	return container_of(spare, struct route, by_asker);
}

static void route_free(struct routes *routes, struct route *route)
{
	if (routes->n_spare >= ROUTES_SPARE_MAX) {
		free(route);
		return;
	}
	routes->n_spare++;
	route->by_asker = (struct list){0};
	list_prepend(&routes->spare, &route->by_asker);
}

static void route_close(struct route *route)
{
	struct routes *routes = &route->asker->broker->routes;

	hash_remove(&routes->open, &route->node);
	list_remove(&route->by_asker);
	list_remove(&route->by_target);
	heap_remove(&routes->deadlines, &route->deadline);
	quota_give(route->asker, route->monitor ? QUOTA_MONITORS : QUOTA_CALLS, 1);
	*(route->monitor ? &routes->n_monitors : &routes->n_calls) -= 1;
	route_free(routes, route);
}

/*
 * Opens a route for @frame. NULL: no route was opened, and the caller must refuse the frame unless @asker is
 * doomed.
 */
static struct route *route_open(
	struct member *asker, struct member *target, const struct wire_frame *frame, actor_ref to)
{
	struct broker *broker = asker->broker;
	struct routes *routes = &broker->routes;
	bool monitor = frame->type != WIRE_CALL;
	enum quota_kind kind = monitor ? QUOTA_MONITORS : QUOTA_CALLS;
	uint64_t hash = route_hash(routes, asker->group, frame->id, monitor);
	struct route *route;
	bool has_deadline;

	routes_tick(broker);
	route = route_find_hashed(routes, hash, asker->group, frame->id, monitor);
	if (route) {
		member_doom(
			asker, true, "%s id %" PRIu64 " is in use", monitor ? "monitor" : "call", frame->id);
		return NULL;
	}
	if (!quota_take(asker, kind, 1))
		return NULL;
	route = route_new(routes);
	if (!route)
		goto fail;
	*route = (struct route){.monitor = monitor,
		.asker = asker,
		.target = target,
		.from = frame->from,
		.to = to,
		.id = frame->id,
		.trace = frame->trace,
		.credit = frame->credit,
		.is_stream = !monitor && frame->wants_stream,
		.epoch = target->epoch,
		.asked_ns = broker->now_ns};
	has_deadline = !monitor && frame->deadline_us;
	if (has_deadline && heap_reserve(&routes->deadlines, routes->deadlines.n + 1) < 0)
		goto fail;
	if (hash_insert(&routes->open, &route->node, hash) < 0)
		goto fail;
	list_append(&asker->asked, &route->by_asker);
	list_append(&target->owed, &route->by_target);
	if (has_deadline)
		(void)heap_insert(&routes->deadlines, &route->deadline,
			frame->deadline_us > 0 ? (uint64_t)frame->deadline_us : 0);
	*(monitor ? &routes->n_monitors : &routes->n_calls) += 1;
	return route;
fail:
	if (route)
		route_free(routes, route);
	quota_give(asker, kind, 1);
	return NULL;
}

/* ---- answers that the broker gives in place of a target that cannot answer ---- */

static void answer_error(struct member *asker, actor_ref to, actor_ref from, uint64_t id,
	const struct wire_trace *trace, const char *name, const char *text)
{
	const struct wire_frame error = {.type = WIRE_ERROR,
		.to.ref = to,
		.from = from,
		.id = id,
		.method = wire_cstr(name),
		.text = wire_cstr(text),
		.trace = *trace};

	answer_put(asker, &error);
}

static void answer_down(
	struct member *asker, actor_ref to, actor_ref from, uint64_t id, const struct actor_cause *cause)
{
	struct buf *body = broker_body(asker->broker);

	cause_put(body, cause);
	if (buf_error(body) < 0) {
		member_doom(asker, false, "out of memory for what is written to it");
		return;
	}
	pauses_end_is_told(asker, &to, from.group);
	wire_put_down(member_out(asker), to, from, id, body->data, body->size_bytes);
	member_written(asker);
}

/*
 * WIRE_LINK is a monitor too: the sender hears of the target's end. It also asks for a monitor in the other
 * direction.
 */
static bool awaits_answer(const struct wire_frame *frame)
{
	return frame->type == WIRE_CALL || frame->type == WIRE_MONITOR || frame->type == WIRE_LINK;
}

/* The frame cannot be delivered. If it needs an answer, @sender is told; else the frame is dropped. */
static void refuse(struct member *sender, const struct wire_frame *frame, actor_ref to, const char *error,
	const char *text)
{
	struct actor_cause cause;

	switch (frame->type) {
	case WIRE_CALL:
		answer_error(sender, frame->from, to, frame->id, &frame->trace, error, text);
		break;
	case WIRE_MONITOR:
	case WIRE_LINK:
		cause = cause_make(error);
		answer_down(sender, frame->from, to, frame->id, &cause);
		break;
	default:
		sender->broker->count.dropped++;
	}
}

/* Refuses the frame because @target does not keep up. */
static void refuse_for(
	struct member *target, struct member *sender, const struct wire_frame *frame, actor_ref to)
{
	if (awaits_answer(frame)) {
		target->count.refused++;
		target->broker->count.refused_calls++;
	} else {
		target->count.dropped++;
	}
	refuse(sender, frame, to, ERROR_OVERLOADED,
		target->stalled ? "the target does not read" : "the target does not keep up");
}

/* ---- frames on the way to their target ---- */

/*
 * Finds the target of @frame. True: there is one. *ret is its ref and *ret_member its group; *ret_member is
 * NULL if the target is the broker itself. False: the broker knows no such target.
 */
static bool resolve(
	struct broker *broker, const struct wire_frame *frame, actor_ref *ret, struct member **ret_member)
{
	actor_ref to = frame->to.ref;

	*ret = to;
	*ret_member = NULL;
	if (frame->to.name.s && !registry_find(broker, frame->to.name, &to))
		return false;
	*ret = to;
	if (to.node != broker->node)
		return false;
	if (to.group == broker->group)
		return true;
	*ret_member = member_find(broker, to.group);
	return *ret_member != NULL;
}

/*
 * A monitor of a whole group is kept by the broker and not passed on to the group, since the broker itself
 * learns of the group's end. The group may not speak the protocol, or may not have said hello yet; then the
 * supervisor reports its end.
 */
static bool is_group_monitor(enum wire_type type, actor_ref to)
{
	return type == WIRE_MONITOR && to.serial == 0;
}

static bool is_message(const struct wire_frame *frame)
{
	return frame->type == WIRE_CAST || frame->type == WIRE_CALL;
}

/* May the frame wait until its target takes messages again? The target's runtime answers `$sys_…` at once. */
static bool is_holdable(const struct wire_frame *frame)
{
	bool is_sys = frame->type == WIRE_CALL && method_is_sys(frame->method.s, frame->method.len);

	return is_message(frame) && !is_sys;
}

/* As long as the frame may be on its way to the target: a name in it is replaced by a ref. */
static size_t length_at_target(const struct wire_frame *frame)
{
	return frame->raw_bytes + (frame->to.name.s ? NAME_TO_REF_BYTES : 0);
}

static bool deliver(
	struct member *sender, struct member *target, const struct wire_frame *frame, actor_ref to)
{
	size_t size_bytes = length_at_target(frame);
	struct buf *out;

	if (frame->type == WIRE_EXIT)
		pauses_end_is_told(target, &to, sender->group);
	out = pauses_admit(sender, target, &(struct wire_dest){.ref = to, .name = frame->to.name}, size_bytes,
		is_holdable(frame));
	if (!out)
		return false;
	if (frame->to.name.s)
		wire_put_readdressed(out, frame, to);
	else
		buf_append(out, frame->raw, frame->raw_bytes);
	pauses_written(target, out);
	sender->broker->count.routed++;
	return true;
}

/*
 * The broker does not know the target, or knows only that it exists. Could it come before the recovery window
 * closes?
 */
static bool may_yet_come(const struct broker *broker, const struct wire_frame *frame, bool found,
	actor_ref to, const struct member *target)
{
	if (frame->to.name.s && !found)
		return true;
	return to.node == broker->node && (!target || target->state == MEMBER_ABSENT) &&
	       !broker_is_buried(broker, to.group);
}

/* False: @frame is for the broker itself. */
static bool forward(struct broker *broker, struct member *sender, const struct wire_frame *frame)
{
	struct member *target;
	struct route *route = NULL;
	actor_ref to;
	bool found = resolve(broker, frame, &to, &target);

	if (found && !target)
		return false;
	if (window_holds_names(&broker->window) &&
		(sender->n_waits_routed || (frame->to.name.s && !found) ||
			(window_is_open(&broker->window) &&
				may_yet_come(broker, frame, found, to, target)))) {
		if (window_wait(sender, frame, true) < 0)
			refuse(sender, frame, to, ERROR_OVERLOADED,
				"too much of this group waits for the broker's recovery");
		return true;
	}
	if (!found ||
		(target->state == MEMBER_ABSENT && !(is_group_monitor(frame->type, to) && target->listed))) {
		refuse(sender, frame, to, ERROR_NOPROC, frame->to.name.s ? "no such name" : "no such group");
		return true;
	}
	if (length_at_target(frame) > WIRE_MESSAGE_MAX_BYTES) {
		refuse(sender, frame, to, ERROR_TOO_BIG,
			"it is longer than a message may be, with a ref in place of the name");
		return true;
	}
	if (awaits_answer(frame)) {
		route = route_open(sender, target, frame, to);
		if (!route && !sender->doomed)
			refuse(sender, frame, to, ERROR_OVERLOADED,
				"too many open calls or monitors of this group");
		if (!route)
			return true;
		if (is_group_monitor(frame->type, to))
			return true;
	}
	if (!deliver(sender, target, frame, to)) {
		if (route)
			route_close(route);
		refuse_for(target, sender, frame, to);
	}
	return true;
}

void routes_shed(struct member *target, const struct wire_frame *frame)
{
	struct route *route;

	if (frame->type != WIRE_CALL) {
		target->count.dropped++;
		target->broker->count.dropped++;
		return;
	}
	target->count.refused++;
	route = route_find(&target->broker->routes, frame->from.group, frame->id, false);
	if (!route || route->target != target)
		return; /* the call's deadline is past, or the caller has ended */
	target->broker->count.refused_calls++;
	answer_error(route->asker, route->from, route->to, route->id, &route->trace, ERROR_OVERLOADED,
		"the target does not read");
	route_close(route);
}

void routes_frame_of_ended(struct broker *broker, const struct wire_frame *frame)
{
	struct member *target;
	struct buf *out;
	actor_ref to;

	if (!resolve(broker, frame, &to, &target) || !target || target->state == MEMBER_ABSENT ||
		target->doomed) {
		broker->count.dropped++;
		return;
	}
	/* The sender has ended, so nobody is charged if the frame is parked or held. */
	out = pauses_admit(NULL, target, &(struct wire_dest){.ref = to}, frame->raw_bytes + NAME_TO_REF_BYTES,
		is_holdable(frame));
	if (!out) {
		target->count.dropped++;
		broker->count.dropped++;
		return;
	}
	if (frame->to.name.s)
		wire_put_readdressed(out, frame, to);
	else
		buf_append(out, frame->raw, frame->raw_bytes);
	pauses_written(target, out);
	broker->count.routed++;
}

/* ---- answers on the way back ---- */

/*
 * May @sender answer @route with @frame? The actor that was asked may do so. Its group (serial 0) may answer
 * for an actor that has ended. The supervisor may report the end of any process.
 */
static bool answers(const struct member *sender, const struct wire_frame *frame, const struct route *route)
{
	if (route->target != sender)
		return sender->is_spawner && frame->type == WIRE_DOWN &&
		       actor_ref_equal(frame->from, route->to);
	return frame->from.serial == route->to.serial || frame->from.serial == 0;
}

static void doom_liar(struct member *sender, const struct wire_frame *frame, const struct route *route)
{
	char text[ACTOR_REF_TEXT_MAX];

	member_doom(sender, true, "it answers %s %" PRIu64 " of group %" PRIu64 ", which was for %s",
		frame->type == WIRE_DOWN ? "monitor" : "call", frame->id, route->asker->group,
		actor_ref_format(route->to, text));
}

static void note_latency(const struct route *route, struct member *callee)
{
	struct broker *broker = callee->broker;
	uint64_t us = (uint64_t)(broker->now_ns - route->asked_ns) / 1000;

	latency_note(&broker->latency, us);
	callee->count.answers++;
	callee->count.answers_us += us;
}

static void answer(struct broker *broker, struct member *sender, const struct wire_frame *frame)
{
	bool monitor = frame->type == WIRE_DOWN;
	struct route *route = route_find(&broker->routes, frame->to.ref.group, frame->id, monitor);
	struct member *asker;

	if (route && !answers(sender, frame, route)) {
		if (sender->is_spawner && monitor) {
			route = NULL;
		} else {
			doom_liar(sender, frame, route);
			return;
		}
	}
	asker = route ? route->asker : NULL;
	/*
	 * The supervisor also reports the end of processes to groups that asked the supervisor itself. The
	 * broker has no route for such a monitor.
	 */
	if (!asker && sender->is_spawner && monitor && frame->to.ref.node == broker->node)
		asker = member_find(broker, frame->to.ref.group);
	if (!asker || asker->state == MEMBER_ABSENT) {
		broker->count.dropped++;
		return;
	}
	if (route && !monitor)
		note_latency(route, sender);
	if (route)
		route_close(route);
	if (!monitor && !member_takes_answer(asker, frame->raw_bytes)) {
		answer_error(asker, frame->to.ref, frame->from, frame->id, &frame->trace, ERROR_OVERLOADED,
			MEMBER_READS_NOT);
		return;
	}
	if (monitor)
		pauses_end_is_told(asker, &frame->to.ref, frame->from.group);
	buf_append(member_out_for(asker, frame->raw_bytes), frame->raw, frame->raw_bytes);
	member_written(asker);
	broker->count.routed++;
}

/*
 * Tells the target of a call that its caller no longer waits, or that it takes more items.
 */
static void tell_target(const struct route *route, const struct wire_credit *credit)
{
	struct member *target = route->target;

	if (route->epoch != target->epoch || target->state == MEMBER_ABSENT)
		return; /* the call went over a pipe that has ended */
	if (credit)
		wire_put_credit(member_out(target), route->to, route->from, route->id, *credit);
	else
		wire_put_cancel(member_out(target), route->to, route->from, route->id);
	member_written(target);
}

/* @frame is a `cancel` or a `credit` of @sender. */
static void more_of_call(struct broker *broker, struct member *sender, const struct wire_frame *frame)
{
	struct route *route = route_find(&broker->routes, sender->group, frame->id, false);

	if (!route)
		return;
	if (frame->type == WIRE_CREDIT) {
		if (frame->credit.items > route->credit.items)
			route->credit.items = frame->credit.items;
		if (frame->credit.bytes > route->credit.bytes)
			route->credit.bytes = frame->credit.bytes;
	}
	tell_target(route, frame->type == WIRE_CREDIT ? &frame->credit : NULL);
	if (frame->type == WIRE_CANCEL)
		route_close(route);
}

/* @sender sent an item for which nobody waits. */
static void refuse_item(struct broker *broker, struct member *sender, const struct wire_frame *frame)
{
	broker->count.dropped++;
	if (actor_ref_is_nobody(frame->from) ||
		member_unread_bytes(sender) > PAUSES_CONGESTED_BYTES) /* it does not read what it is told */
		return;
	wire_put_cancel(member_out(sender), frame->from, frame->to.ref, frame->id);
	member_written(sender);
}

/* The broker passes all credit on, so it knows all credit that the callee can know. */
static bool route_takes_item(const struct route *route)
{
	return route->is_stream && route->sent.items < route->credit.items &&
	       route->sent.bytes < route->credit.bytes;
}

/* An item is an answer after which the call goes on. */
static void item(struct broker *broker, struct member *sender, const struct wire_frame *frame)
{
	struct route *route = route_find(&broker->routes, frame->to.ref.group, frame->id, false);
	struct member *asker;

	if (!route || route->asker->state == MEMBER_ABSENT) {
		refuse_item(broker, sender, frame);
		return;
	}
	if (!answers(sender, frame, route)) {
		doom_liar(sender, frame, route);
		return;
	}
	asker = route->asker;
	if (!route_takes_item(route)) {
		member_doom(sender, true, "it sends an item of call %" PRIu64 " of group %" PRIu64 ", %s",
			frame->id, asker->group,
			route->is_stream ? "which is beyond its credit" : "which takes none");
		return;
	}
	route->sent.items++;
	route->sent.bytes += frame->body_bytes;
	if (!member_takes_answer(asker, frame->raw_bytes)) {
		answer_error(asker, route->from, route->to, route->id, &route->trace, ERROR_OVERLOADED,
			MEMBER_READS_NOT);
		tell_target(route, NULL);
		route_close(route);
		return;
	}
	buf_append(member_out_for(asker, frame->raw_bytes), frame->raw, frame->raw_bytes);
	member_written(asker);
	broker->count.routed++;
}

static void demonitor(struct broker *broker, struct member *sender, const struct wire_frame *frame)
{
	struct route *route = route_find(&broker->routes, sender->group, frame->id, true);
	struct member *target;
	actor_ref to;

	if (!route)
		return;
	target = route->target;
	to = route->to;
	route_close(route);
	if (!to.serial)
		return;
	wire_put_demonitor(member_out(target), to, frame->from, frame->id);
	member_written(target);
}

bool routes_frame(struct broker *broker, struct member *member, const struct wire_frame *frame)
{
	switch (frame->type) {
	case WIRE_CAST:
	case WIRE_CALL:
	case WIRE_STOP:
	case WIRE_KILL:
	case WIRE_MONITOR:
	case WIRE_LINK:
	case WIRE_UNLINK:
	case WIRE_EXIT:
		return forward(broker, member, frame);
	case WIRE_REPLY:
	case WIRE_ERROR:
	case WIRE_DOWN:
		answer(broker, member, frame);
		break;
	case WIRE_ITEM:
		item(broker, member, frame);
		break;
	case WIRE_CANCEL:
	case WIRE_CREDIT:
	case WIRE_DEMONITOR:
		if (member->n_waits_routed && window_holds_names(&broker->window)) {
			if (window_wait(member, frame, true) < 0)
				member_doom(member, true,
					"too many of its frames wait for the broker's recovery");
			break;
		}
		if (frame->type == WIRE_DEMONITOR)
			demonitor(broker, member, frame);
		else
			more_of_call(broker, member, frame);
		break;
	default:
		break;
	}
	return true;
}

/* ---- the ends of groups ---- */

void routes_relink(struct member *member)
{
	list_for_each_safe(it, &member->owed) {
		struct route *route = container_of(it, struct route, by_target);
		struct wire_dest to = {.ref = route->to};

		if (route->epoch == member->epoch)
			continue;
		if (!route->monitor) {
			answer_error(route->asker, route->from, route->to, route->id, &route->trace,
				ERROR_NOCONNECTION, "the target's link to the broker broke meanwhile");
			route_close(route);
			continue;
		}
		if (route->to.serial) {
			wire_put_monitor(member_out(member), &to, route->from, route->id);
			member_written(member);
		}
		route->epoch = member->epoch;
	}
}

static void notify(struct member *other, const struct member *ended, const struct buf *group_down)
{
	if (other->mark == ended->mark)
		return;
	other->mark = ended->mark;
	pauses_end_is_told(other, NULL, ended->group);
	member_cast(other, "group_down", group_down);
}

void routes_end(struct member *member, const struct actor_cause *cause, const struct buf *group_down)
{
	bool lost = !strcmp(cause->reason, ERROR_NOCONNECTION);

	list_for_each(it, &member->owed) {
		struct route *route = container_of(it, struct route, by_target);

		if (route->monitor)
			answer_down(route->asker, route->from, route->to, route->id, cause);
		else
			answer_error(route->asker, route->from, route->to, route->id, &route->trace,
				lost ? ERROR_NOCONNECTION : ERROR_DOWN, lost ? cause->text : cause->reason);
	}
	list_for_each_safe(it, &member->owed) {
		struct route *route = container_of(it, struct route, by_target);

		notify(route->asker, member, group_down);
		route_close(route);
	}
	list_for_each_safe(it, &member->asked) {
		struct route *route = container_of(it, struct route, by_asker);

		if (route->monitor)
			notify(route->target, member, group_down);
		else
			tell_target(route, NULL);
		route_close(route);
	}
}

void routes_forget(struct member *member)
{
	list_for_each_safe(it, &member->owed)
		route_close(container_of(it, struct route, by_target));
	list_for_each_safe(it, &member->asked)
		route_close(container_of(it, struct route, by_asker));
}

void routes_tick(struct broker *broker)
{
	struct heap *deadlines = &broker->routes.deadlines;
	struct heap_node *node;

	while ((node = heap_take(deadlines, (uint64_t)broker->now_ns / 1000))) {
		struct route *route = container_of(node, struct route, deadline);

		tell_target(route, NULL);
		route_close(route);
	}
}

int64_t routes_deadline_ns(const struct broker *broker)
{
	uint64_t key_us = heap_first_key(&broker->routes.deadlines);

	return key_us >= INT64_MAX / 1000 ? INT64_MAX : (int64_t)key_us * 1000;
}

void routes_deinit(struct routes *routes)
{
	struct list *spare;

	while ((spare = list_pop(&routes->spare)))
		free(container_of(spare, struct route, by_asker));
	heap_deinit(&routes->deadlines);
	hash_deinit(&routes->open);
}
