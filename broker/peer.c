#include "peer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "util/mp.h"

#define MESSAGE_BYTES (256u << 10) /* frames that leave together */

/* ---- the record ------------------------------------------------------------------------------------------------- */

struct peer *peer_find(const struct broker *broker, uint64_t group)
{
	struct hash_node *node = hash_first(&broker->peers, hash_of_u64(&broker->peers, group));

	for (; node; node = hash_next(node)) {
		struct peer *peer = container_of(node, struct peer, node);

		if (peer->group == group)
			return peer;
	}
	return NULL;
}

struct peer *peer_new(struct broker *broker, uint64_t group)
{
	struct peer *peer;

	if (broker->peers.n_items >= broker->limits.groups)
		return NULL;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return NULL;
	peer->broker = broker;
	peer->group = group;
	list_init(&peer->names);
	list_init(&peer->watches);
	list_init(&peer->asked);
	list_init(&peer->owed);
	list_init(&peer->pairs);
	list_init(&peer->waiting);
	list_init(&peer->pauses);
	list_init(&peer->holds);
	list_init(&peer->slowed);
	if (hash_insert(&broker->peers, &peer->node, hash_of_u64(&broker->peers, group)) < 0) {
		free(peer);
		return NULL;
	}
	return peer;
}

const char *peer_who(const struct peer *peer, char text[PEER_WHO_MAX])
{
	snprintf(text, PEER_WHO_MAX, "group %" PRIu64 " '%s' (pid %d)", peer->group, peer->name, (int)peer->pid);
	return text;
}

void peer_forget(struct peer *peer)
{
	struct broker *broker = peer->broker;

	window_came(peer);
	if (peer->link)
		broker_link_close(peer->link);
	if (broker->spawner == peer)
		broker->spawner = NULL;
	peer_disarm(peer);
	list_remove(&peer->doomed_node);
	buf_deinit(&peer->parked);
	hash_remove(&broker->peers, &peer->node);
	free(peer);
}

void peer_arm(struct peer *peer)
{
	peer_disarm(peer);
	peer->deadline_ns = peer->broker->now_ns + BROKER_GRACE_NS;
	list_append(&peer->broker->timers, &peer->timer);
}

void peer_disarm(struct peer *peer)
{
	list_remove(&peer->timer);
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

struct broker_link *broker_link_new(struct peer *peer)
{
	struct broker_link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->broker = peer->broker;
	link->peer = peer;
	return link;
}

void broker_link_close(struct broker_link *link)
{
	struct broker *broker = link->broker;

	if (link->peer)
		link->peer->link = NULL;
	list_remove(&link->dirty);
	list_remove(&link->timer);
	if (link->handle)
		broker->ops.link_close(broker->arg, link->handle);
	free(link);
}

void broker_link_farewell(struct broker_link *link, const char *reason)
{
	struct broker *broker = link->broker;
	struct buf *out = broker->ops.link_out(broker->arg, link->handle);

	wire_put_bye(out, wire_cstr(reason));
	if (link->peer)
		link->peer->link = NULL;
	link->peer = NULL;
	if (buf_error(out) < 0) {
		broker_link_close(link);
		return;
	}
	if (!list_is_linked(&link->dirty))
		list_append(&broker->dirty, &link->dirty);
	link->deadline_ns = broker->now_ns + BROKER_GRACE_NS;
	list_append(&broker->farewells, &link->timer);
}

/* ---- writing to it ---------------------------------------------------------------------------------------------- */

struct buf *peer_out_for(struct peer *peer, size_t size_bytes)
{
	struct broker *broker = peer->broker;
	struct buf *out;

	if (peer->doomed) {
		buf_reset(&broker->sink, 1u << 20);
		return &broker->sink;
	}
	if (peer->state != PEER_UP)
		return &peer->parked;
	if (!list_is_linked(&peer->link->dirty))
		list_append(&broker->dirty, &peer->link->dirty);
	out = broker->ops.link_out(broker->arg, peer->link->handle);
	if (out->size_bytes && out->size_bytes + size_bytes > MESSAGE_BYTES)
		broker->ops.link_flush(broker->arg, peer->link->handle);
	return out;
}

void peer_append(struct peer *peer, const struct buf *frames)
{
	size_t offset = 0, used;
	struct wire_frame frame;

	while (offset < frames->size_bytes && !peer->doomed) {
		if (wire_parse(frames->data + offset, frames->size_bytes - offset, &frame, &used) < 0)
			return; /* cannot be: they were parsed or written by us */
		buf_append(peer_out_for(peer, used), frame.raw, used);
		peer_written(peer);
		offset += used;
	}
}

size_t peer_unread_bytes(const struct peer *peer)
{
	struct broker *broker = peer->broker;

	if (peer->state != PEER_UP)
		return peer->parked.size_bytes;
	return broker->ops.link_backlog(broker->arg, peer->link->handle);
}

void peer_written(struct peer *peer)
{
	struct broker *broker = peer->broker;
	const struct buf *out;
	size_t unread;

	if (peer->doomed)
		return;
	out = peer->state == PEER_UP ? broker->ops.link_out(broker->arg, peer->link->handle) : &peer->parked;
	if (buf_error(out) < 0) {
		peer_doom(peer, false, "out of memory for what is written to it");
		return;
	}
	unread = peer_unread_bytes(peer);
	if (unread > broker->limits.unread_bytes)
		peer_doom(peer, false, "it does not read: %zu bytes wait for it (limit %zu)", unread,
			broker->limits.unread_bytes);
}

static void cast_to(struct peer *peer, uint64_t serial, const char *method, const struct buf *body)
{
	struct wire_dest to = {.ref = {peer->broker->node, peer->group, serial}};

	if (peer->state == PEER_ABSENT || buf_error(body) < 0)
		return;
	wire_put_cast(peer_out(peer), &to, peer->broker->self, wire_cstr(method), body->data, body->size_bytes);
	peer_written(peer);
}

void peer_cast(struct peer *peer, const char *method, const struct buf *body)
{
	cast_to(peer, 0, method, body);
}

void peer_cast_service(struct peer *peer, const char *method, const struct buf *body)
{
	cast_to(peer, 1, method, body);
}

void peer_doom(struct peer *peer, bool farewell, const char *format, ...)
{
	va_list args;

	if (peer->doomed)
		return;
	va_start(args, format);
	vsnprintf(peer->doom, sizeof(peer->doom), format, args);
	va_end(args);
	peer->doomed = true;
	peer->farewell = farewell;
	list_append(&peer->broker->doomed, &peer->doomed_node);
}

/* ---- its life --------------------------------------------------------------------------------------------------- */

void peer_tell_spawner(struct peer *peer)
{
	struct broker *broker = peer->broker;
	struct buf *body;

	if (!broker->spawner || broker->spawner == peer || !peer_is_supervised(peer))
		return;
	body = broker_body(broker);
	mp_put_array(body, 3);
	mp_put_uint(body, peer->group);
	mp_put_uint(body, (uint64_t)peer->pid);
	mp_put_cstr(body, peer->name);
	peer_cast_service(broker->spawner, "group_hello", body);
}

void peer_up(struct peer *peer)
{
	struct broker *broker = peer->broker;
	struct actor_cause replaced = cause_make("noconnection");

	peer->state = PEER_UP;
	peer_disarm(peer);
	if (peer->is_spawner) {
		if (broker->spawner && broker->spawner != peer)
			peer_end(broker->spawner, &replaced); /* there is one supervisor: the one who came last */
		broker->spawner = peer;
	}
	routes_relink(peer);
	peer->was_up = true;
	if (peer->parked.size_bytes) {
		peer_append(peer, &peer->parked);
		buf_deinit(&peer->parked);
		peer->parked = (struct buf)BUF_INIT;
	}
	peer_tell_spawner(peer);
}

void peer_lost(struct peer *peer, const char *why)
{
	struct actor_cause cause = cause_make("noconnection");

	if (peer->link)
		broker_link_close(peer->link);
	if (peer->exited) {
		cause = peer->cause;
		peer_end(peer, &cause);
		return;
	}
	if (peer->left)
		cause = peer->cause;
	else
		snprintf(cause.text, sizeof(cause.text), "link ended: %s", why);
	if (!peer_is_supervised(peer)) {
		peer_end(peer, &cause);
		return;
	}
	if (!peer->left)
		peer->cause = cause;
	window_came(peer);
	pauses_forget(peer);
	if (peer->broker->spawner == peer)
		peer->broker->spawner = NULL;
	peer->state = PEER_LOST;
	peer->epoch++;
	peer_arm(peer);
}

void peer_leave(struct peer *peer, struct wire_str reason)
{
	char text[sizeof(peer->cause.reason)] = "normal";

	if (reason.len && wire_name_is_valid(reason.s, reason.len))
		snprintf(text, sizeof(text), "%.*s", (int)reason.len, reason.s);
	peer->left = true;
	if (!peer->exited)
		peer->cause = cause_make(text);
	broker_link_farewell(peer->link, "normal");
	peer_lost(peer, "bye");
}

void peer_exited(struct peer *peer, const struct actor_cause *cause)
{
	struct actor_cause copy = *cause;

	if (peer->state != PEER_UP) {
		peer_end(peer, &copy);
		return;
	}
	if (peer->exited)
		return;
	peer->cause = copy;
	peer->exited = true;
	peer_arm(peer); /* its last frames are still read */
}

void peer_expired(struct peer *peer)
{
	struct actor_cause cause = peer->cause;

	peer_end(peer, &cause);
}

void peer_end(struct peer *peer, const struct actor_cause *cause)
{
	struct broker *broker = peer->broker;
	struct buf notice = BUF_INIT;
	char who[PEER_WHO_MAX];

	if (peer->link)
		broker_link_close(peer->link);
	peer->state = PEER_LOST;
	peer->doomed = true; /* nothing is written to it from here on */
	if (broker->spawner == peer)
		broker->spawner = NULL;
	broker_log(broker, peer_is_supervised(peer) ? LOG_INFO : LOG_DEBUG, "%s ended: %s%s%s", peer_who(peer, who),
		cause->reason, cause->text[0] ? ": " : "", cause->text);
	broker->count.ended++;
	broker_bury(broker, peer->group);

	names_release(peer);
	names_unwatch(peer);
	window_forget(peer);
	pauses_forget(peer);

	mp_put_array(&notice, 2);
	mp_put_uint(&notice, peer->group);
	cause_put(&notice, cause);
	peer->mark = ++broker->mark;
	routes_end(peer, cause, &notice);
	introductions_end(peer, &notice);
	buf_deinit(&notice);
	peer_forget(peer);
}
