/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitors, at both ends. The watcher's half (struct monitor) is in the watcher's group, the target's half
 * (struct watcher) in the target's group. Both halves have the same id. A half that fires is freed, so each
 * monitor has one DOWN.
 */
#include "libactor/actor/monitor.h"

#include <errno.h>
#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/exits.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/peer/name-cache.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

/* ---- the watcher's half ---- */

static void monitor_free(actor_group *group, struct monitor *monitor)
{
	slots_give(&group->monitors, monitor->id);
	if (monitor->is_link)
		hash_remove(&group->links, &monitor->pair);
	list_remove(&monitor->watcher_link);
	list_remove(&monitor->target_link);
	actor_msg_free(monitor->down);
	free(monitor);
}

void monitor_fire(actor_group *group, struct monitor *monitor, const struct actor_cause *cause)
{
	actor_msg *msg = monitor->down;

	if (monitor->is_link) {
		exit_received(monitor->watcher, monitor->who, cause, monitor->id, &monitor->down);
		monitor_free(group, monitor);
		return;
	}
	if (monitor->wait) {
		monitor->wait->cause = *cause;
		monitor->wait->done = true;
		actor_wake(monitor->watcher, 0);
		monitor_free(group, monitor);
		return;
	}
	if (cause != msg->cause)
		*msg->cause = *cause;
	if (monitor->watcher->status != ACTOR_ENDING) {
		monitor->down = NULL;
		msg->kind = MSG_DOWN;
		msg->id = monitor->id;
		msg->sender = monitor->who;
		mailbox_push(monitor->watcher, msg);
	}
	monitor_free(group, monitor);
}

void monitor_forget(actor_group *group, struct monitor *monitor)
{
	monitor_free(group, monitor);
}

void monitor_settle(actor_group *group, struct monitor *monitor, actor_ref who)
{
	if (actor_ref_is_nobody(monitor->who) && who.serial == 0)
		monitor->who = who;
}

void monitor_fire_reason(actor_group *group, struct monitor *monitor, const char *reason)
{
	struct actor_cause cause = cause_make(reason);

	monitor_fire(group, monitor, &cause);
}

bool monitor_is_of_process(actor_ref who)
{
	return !who.serial && !group_is_client(who.group);
}

void monitor_remove(actor_group *group, struct monitor *monitor)
{
	actor_ref who = monitor->who;
	struct peer *peer;

	if (who.group == group->id) {
		watcher_remove(group, who, monitor->watcher->ref, monitor->id);
	} else if (monitor_is_of_process(who)) {
		struct wire_dest spawner = {0};

		/* Best effort: a DOWN that comes all the same finds no monitor. */
		if (name_cached(group, NAME_SPAWNER, &spawner.ref)) {
			buf_reset(&group->scratch, 1 << 16);
			if (body_pack(&group->scratch, BODY_ARGS, "rU", monitor->watcher->ref, monitor->id) ==
				0)
				(void)send_cast(group, monitor->watcher, &spawner, wire_cstr("demonitor"),
					group->scratch.data, group->scratch.size_bytes);
		}
	} else {
		peer = peer_route(group, who.group, false);
		if (peer) {
			wire_put_demonitor(peer_out(peer), who, monitor->watcher->ref, monitor->id);
			peer_wrote(peer);
		}
	}
	monitor_free(group, monitor);
}

int monitor_new(struct actor *watcher, actor_ref who, struct monitor **ret)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	int r = -ENOMEM;

	if (monitor)
		r = msg_new_received(&monitor->down, who, wire_cstr("on_down"), NULL, 0);
	if (r == 0) {
		monitor->down->cause = calloc(1, sizeof(*monitor->down->cause));
		r = monitor->down->cause ? slots_take(&watcher->group->monitors, monitor, &monitor->id)
					 : -ENOMEM;
	}
	if (r < 0) {
		if (monitor)
			actor_msg_free(monitor->down);
		free(monitor);
		return r;
	}
	monitor->watcher = watcher;
	monitor->who = who;
	list_append(&watcher->monitors, &monitor->watcher_link);
	*ret = monitor;
	return 0;
}

int monitor_start(actor_group *group, struct monitor *monitor)
{
	actor_ref who = monitor->who, from = monitor->watcher->ref;
	struct wire_dest to = {.ref = who};
	struct peer *peer;
	struct buf *out;
	bool had_failed;
	int r;

	if (who.node != group->node) {
		monitor_fire_reason(group, monitor, ERROR_NOPROC);
		return 0;
	}
	if (who.group == group->id) {
		r = watcher_add(group, who, from, monitor->id, NULL);
		if (r == -ESRCH)
			monitor_fire_reason(group, monitor, ERROR_NOPROC);
		else if (r < 0)
			monitor_forget(group, monitor);
		return r == -ESRCH ? 0 : r;
	}
	peer = peer_route(group, who.group, true);
	if (!peer) {
		monitor_forget(group, monitor);
		return send_no_route(group, &to);
	}
	out = peer_out(peer);
	had_failed = out->failed;
	if (monitor->made_link)
		wire_put_link(out, who, from, monitor->id);
	else
		wire_put_monitor(out, &to, from, monitor->id);
	r = buf_whole(out, had_failed);
	if (r < 0) {
		monitor_forget(group, monitor);
		return r;
	}
	list_append(&peer->monitors, &monitor->target_link);
	peer_wrote(peer);
	return 0;
}

bool actor_demonitor(actor *self, uint64_t id)
{
	struct monitor *monitor = slots_get(&self->group->monitors, id);

	if (monitor && monitor->watcher == self && !monitor->is_link) {
		monitor_remove(self->group, monitor);
		return true;
	}
	/* The monitor has fired. Its DOWN may still be in the mailbox, and must not be handled any more. */
	mailbox_drop(self, MSG_DOWN, id);
	return false;
}

void monitors_end_by_peer(struct peer *peer, const struct actor_cause *cause)
{
	while (!list_is_empty(&peer->monitors)) {
		struct monitor *monitor = container_of(peer->monitors.next, struct monitor, target_link);

		monitor_fire(peer->group, monitor, monitor->cause_known ? monitor->down->cause : cause);
	}
}

/* ---- the target's half ---- */

int watcher_add(actor_group *group, actor_ref target, actor_ref who, uint64_t id, struct peer *peer)
{
	struct actor *watched = actor_find(group, target.serial);
	struct watcher *watcher;

	if (!watched)
		/* an actor that is ending keeps its watchers until it has given its names back */
		return -ESRCH;
	watcher = calloc(1, sizeof(*watcher));
	if (!watcher)
		return -ENOMEM;
	watcher->who = who;
	watcher->id = id;
	list_append(&watched->watchers, &watcher->target_link);
	if (peer) {
		watcher->peer = peer;
		peer->n_watchers++;
		list_append(&peer->watchers, &watcher->peer_link);
	}
	return 0;
}

void watcher_free(struct watcher *watcher)
{
	if (watcher->peer)
		watcher->peer->n_watchers--;
	list_remove(&watcher->target_link);
	list_remove(&watcher->peer_link);
	free(watcher);
}

void watchers_forget_peer(struct peer *peer)
{
	while (!list_is_empty(&peer->watchers))
		watcher_free(container_of(peer->watchers.next, struct watcher, peer_link));
}

void watcher_remove(actor_group *group, actor_ref target, actor_ref who, uint64_t id)
{
	struct actor *watched = actor_find(group, target.serial);

	if (!watched)
		return;
	list_for_each(it, &watched->watchers) {
		struct watcher *watcher = container_of(it, struct watcher, target_link);

		if (watcher->id == id && actor_ref_equal(watcher->who, who)) {
			watcher_free(watcher);
			return;
		}
	}
}

void watchers_fire(struct actor *target, const struct actor_cause *cause)
{
	actor_group *group = target->group;

	while (!list_is_empty(&target->watchers)) {
		struct watcher *watcher = container_of(target->watchers.next, struct watcher, target_link);

		if (watcher->who.group == group->id) {
			struct monitor *monitor = slots_get(&group->monitors, watcher->id);

			if (monitor)
				monitor_fire(group, monitor, cause);
		} else if (watcher->peer) {
			/*
			 * The DOWN goes the way by which the monitor came, but not ahead of messages that
			 * wait until the two groups are introduced.
			 */
			struct peer *peer = peer_find(group, watcher->who.group);

			if (!peer || peer->pipe)
				peer = watcher->peer;
			watcher_tell_by(peer, watcher->who, target->ref, watcher->id, cause);
		}
		watcher_free(watcher);
	}
}

void watcher_tell(actor_group *group, actor_ref watcher, actor_ref who, uint64_t id,
	const struct actor_cause *cause, bool introduce)
{
	struct peer *peer = peer_route(group, watcher.group, introduce);

	if (peer)
		watcher_tell_by(peer, watcher, who, id, cause);
}

void watcher_tell_by(
	struct peer *peer, actor_ref watcher, actor_ref who, uint64_t id, const struct actor_cause *cause)
{
	struct buf body = BUF_INIT;

	cause_put(&body, cause);
	if (buf_error(&body) == 0) {
		wire_put_down(peer_out(peer), watcher, who, id, body.data, body.size_bytes);
	} else {
		/* The link ends instead, so that the watcher learns that something was lost. */
		peer_out(peer)->failed = true;
	}
	peer_wrote(peer);
	buf_deinit(&body);
}
