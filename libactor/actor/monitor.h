/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct actor;
struct peer;

/* For an actor that is parked until the monitored actor has ended. */
struct monitor_wait {
	bool done;
	struct actor_cause cause;
};

struct monitor { /* our half of a monitor: a local actor watches something */
	uint64_t id;
	struct actor *watcher;
	actor_ref who;
	struct list watcher_link; /* actor.monitors */
	struct list target_link;  /* in peer.monitors, if the target is in another group */
	/* the DOWN, with room for a cause; made in advance, because memory may be short later */
	actor_msg *down;
	struct monitor_wait *wait; /* not NULL: there is no DOWN, and the watcher is woken */
	bool cause_known; /* of a process: its exit was told, and the DOWN waits for the end of its link */
	uint64_t ping; /* or the DOWN waits for this pong of the broker (told.c), in actor_group.downs_held */

	bool is_link;          /* the monitor is half of a link: it fires as an exit signal (exits.c) */
	bool made_link;        /* the watcher made the link; the link's id is that of the monitor */
	uint64_t other_id;     /* id of the link that the other end has made; 0: none that we know */
	struct hash_node pair; /* actor_group.links, by watcher and who */
};

struct watcher {       /* the other half of a monitor: an actor watches a local one */
	actor_ref who; /* the watcher */
	uint64_t id;
	struct list target_link; /* actor.watchers */
	struct list peer_link;   /* in peer.watchers, if the watcher is in another group */
	struct peer *peer;       /* the peer by which the monitor came; NULL: the watcher is ours */
};

/* Puts the DOWN into the watcher's mailbox and frees @monitor. */
void monitor_fire(actor_group *group, struct monitor *monitor, const struct actor_cause *cause);
void monitor_fire_reason(actor_group *group, struct monitor *monitor, const char *reason);
void monitors_end_by_peer(struct peer *peer, const struct actor_cause *cause); /* @peer is gone */
void watchers_forget_peer(struct peer *peer);
/*
 * Whether @who is a supervised process (serial 0, no client). The supervisor reports the end of such a
 * process. The end of a client is the end of its link.
 */
bool monitor_is_of_process(actor_ref who);
void monitor_remove(actor_group *group, struct monitor *monitor);
int watcher_add(actor_group *group, actor_ref target, actor_ref who, uint64_t id, struct peer *peer);
void watcher_remove(actor_group *group, actor_ref target, actor_ref who, uint64_t id);
void watchers_fire(struct actor *target, const struct actor_cause *cause);
void watcher_free(struct watcher *watcher);
/* Sends a down frame over @peer. */
void watcher_tell_by(
	struct peer *peer, actor_ref watcher, actor_ref who, uint64_t id, const struct actor_cause *cause);
/*
 * Sends a down frame to a watcher that did not ask over a link of ours (it asked our predecessor). If there
 * is no direct link: with @introduce one is made, otherwise the frame goes through the broker.
 */
void watcher_tell(actor_group *group, actor_ref watcher, actor_ref who, uint64_t id,
	const struct actor_cause *cause, bool introduce);
/* Frees @monitor without a DOWN. */
void monitor_forget(actor_group *group, struct monitor *monitor);
/* @monitor was made before its process had an id; @who is that process. */
void monitor_settle(actor_group *group, struct monitor *monitor, actor_ref who);
int monitor_new(struct actor *watcher, actor_ref who, struct monitor **ret);
/*
 * Starts to watch an actor (not a process). @monitor may fire, and be freed, before this returns. After a
 * negative errno it is freed, and has not fired.
 */
int monitor_start(actor_group *group, struct monitor *monitor);
