/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/taps.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/member.h"
#include "broker/state.h"

#define UNREAD_MAX_BYTES (256u << 10) /* a watcher with more unread bytes misses copies */

struct broker_tap {
	struct list node; /* taps.all */
	struct tap spec;
	struct member *owner;
	actor_ref watcher;
	bool direct;
};

void taps_init(struct taps *taps)
{
	*taps = (struct taps){0};
	list_init(&taps->all);
}

/* ---- what the groups are told ---- */

/*
 * Must @member be told of @tap? A single-link group receives only what the broker routes and copies itself.
 * So it is told only of traces, since for a trace a group also shows what it sends and what stays within the
 * group.
 */
static bool has_to_show(const struct member *member, const struct broker_tap *tap)
{
	return member->state == MEMBER_UP && (!member->single || tap->spec.trace) && !member->doomed &&
	       member != tap->owner;
}

static void tell_tap(struct member *member, const struct broker_tap *tap)
{
	struct buf *body;

	if (!has_to_show(member, tap))
		return;
	body = broker_body(member->broker);
	mp_put_array(body, 3);
	mp_put_uint(body, tap->spec.id);
	tap_put(body, &tap->spec);
	member_cast(member, "tap", body);
}

static void tell_untap(struct member *member, const struct broker_tap *tap)
{
	struct buf *body;

	if (!has_to_show(member, tap))
		return;
	body = broker_body(member->broker);
	mp_put_array(body, 1);
	mp_put_uint(body, tap->spec.id);
	member_cast(member, "untap", body);
}

static void tell_one_tap(struct hash_node *node, void *arg)
{
	tell_tap(container_of(node, struct member, node), arg);
}

static void tell_one_untap(struct hash_node *node, void *arg)
{
	tell_untap(container_of(node, struct member, node), arg);
}

void taps_came(struct member *member)
{
	list_for_each(it, &member->broker->taps.all) {
		const struct broker_tap *tap = container_of(it, struct broker_tap, node);

		if (tap->direct)
			tell_tap(member, tap);
	}
}

/* ---- begin and end of a tap ---- */

int taps_add(struct member *owner, actor_ref watcher, const struct tap *spec, bool direct, uint64_t *ret_id)
{
	struct broker *broker = owner->broker;
	struct taps *taps = &broker->taps;
	struct broker_tap *tap;

	if (watcher.node != broker->node || watcher.group != owner->group)
		return -EACCES;
	if (taps->n >= TAPS_MAX)
		return -EDQUOT;
	tap = calloc(1, sizeof(*tap));
	if (!tap)
		return -ENOMEM;
	tap->spec = *spec;
	tap->spec.id = ++taps->last_id;
	tap->owner = owner;
	tap->watcher = watcher;
	tap->direct = direct;
	list_append(&taps->all, &tap->node);
	taps->n++;
	if (direct)
		hash_each(&broker->members, tell_one_tap, tap);
	*ret_id = tap->spec.id;
	return 0;
}

static void tap_free(struct broker *broker, struct broker_tap *tap)
{
	list_remove(&tap->node);
	broker->taps.n--;
	if (tap->direct)
		hash_each(&broker->members, tell_one_untap, tap);
	free(tap);
}

void taps_deinit(struct taps *taps)
{
	struct list *link;

	while ((link = list_pop(&taps->all)))
		free(container_of(link, struct broker_tap, node));
	taps->n = 0;
}

bool taps_remove(struct member *owner, uint64_t id)
{
	list_for_each(it, &owner->broker->taps.all) {
		struct broker_tap *tap = container_of(it, struct broker_tap, node);

		if (tap->spec.id != id || tap->owner != owner)
			continue;
		tap_free(owner->broker, tap);
		return true;
	}
	return false;
}

void taps_forget(struct member *owner)
{
	list_for_each_safe(it, &owner->broker->taps.all) {
		struct broker_tap *tap = container_of(it, struct broker_tap, node);

		if (tap->owner == owner)
			tap_free(owner->broker, tap);
	}
}

/* ---- copies ---- */

static bool tap_is_read(const struct broker_tap *tap)
{
	return tap->owner->state == MEMBER_UP && !tap->owner->doomed &&
	       member_unread_bytes(tap->owner) < UNREAD_MAX_BYTES;
}

/* A tap must not slow anybody down, so the copies for a slow watcher are dropped first of all. */
static bool tap_may_write(struct broker_tap *tap)
{
	if (tap_is_read(tap))
		return tap_take(&tap->spec, tap->owner->broker->now_ns);
	tap->spec.n_missed++;
	return false;
}

static void tap_write(struct broker_tap *tap, actor_ref from, const struct buf *copy)
{
	const struct wire_dest to = {.ref = tap->watcher};

	wire_put_cast(
		member_out(tap->owner), &to, from, wire_cstr(METHOD_TAPPED), copy->data, copy->size_bytes);
	member_written(tap->owner);
}

void taps_answered(struct broker *broker, const struct wire_frame *frame)
{
	list_for_each(it, &broker->taps.all) {
		struct broker_tap *tap = container_of(it, struct broker_tap, node);
		struct buf copy = BUF_INIT;

		if (!tap->spec.trace || !tap_wants(&tap->spec, frame, frame->to.ref) || !tap_may_write(tap))
			continue;
		tap_put_copy(&copy, &tap->spec, frame, frame->to.ref, TAP_BROKER, broker->now_ns);
		if (buf_error(&copy) == 0)
			tap_write(tap, broker->self, &copy);
		buf_deinit(&copy);
	}
}

void taps_see(struct member *sender, const struct wire_frame *frame, actor_ref to)
{
	struct broker *broker = sender->broker;

	if (frame->type == WIRE_CAST && to.group == broker->group &&
		mp_str_is(frame->method.s, frame->method.len, METHOD_TAPPED))
		return; /* a copy */
	list_for_each(it, &broker->taps.all) {
		struct broker_tap *tap = container_of(it, struct broker_tap, node);
		struct buf *body;

		/*
		 * a group sees no copies of its own frames, except in a trace: the group that follows a trace
		 * has also begun it
		 */
		if ((tap->owner == sender && !tap->spec.trace) || !tap_wants(&tap->spec, frame, to) ||
			!tap_may_write(tap))
			continue;
		body = broker_body(broker);
		tap_put_copy(body, &tap->spec, frame, to, TAP_BROKER, broker->now_ns);
		if (buf_error(body) == 0)
			tap_write(tap, broker->self, body);
	}
}

/*
 * Does the cast carry only the number of missed frames? Then the rate does not apply to it, since maybe no
 * later copy would carry the number.
 */
static bool says_only_missed(const uint8_t *rest, size_t rest_bytes)
{
	struct mp_reader r = mp_reader(rest, rest_bytes);
	struct wire_str path, kind;
	int64_t at_us;

	return mp_read_int(&r, &at_us) == 0 && mp_read_str(&r, &path.s, &path.len) == 0 &&
	       mp_read_str(&r, &kind.s, &kind.len) == 0 && mp_str_is(kind.s, kind.len, TAP_MISSED);
}

void taps_copied(
	struct member *sender, uint64_t id, uint64_t n_missed, const uint8_t *rest, size_t rest_bytes)
{
	list_for_each(it, &sender->broker->taps.all) {
		struct broker_tap *tap = container_of(it, struct broker_tap, node);
		struct buf *body;

		if (tap->spec.id != id)
			continue;
		tap->spec.n_missed += n_missed;
		if (!tap->direct ||
			!(says_only_missed(rest, rest_bytes) ? tap_is_read(tap) : tap_may_write(tap)))
			return;
		body = broker_body(sender->broker);
		mp_put_array(body, 2 + TAP_COPY_REST_N);
		mp_put_uint(body, id);
		mp_put_uint(body, tap->spec.n_missed);
		mp_put_raw(body, rest, rest_bytes);
		tap->spec.n_missed = 0;
		if (buf_error(body) == 0)
			tap_write(tap, (actor_ref){sender->broker->node, sender->group, 0}, body);
		return;
	}
}
