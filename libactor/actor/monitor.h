/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/list.h"

struct actor;
struct peer;

struct monitor { /* ours: a local actor watches something */
	uint64_t id;
	struct actor *watcher;
	actor_ref who;
	struct list watcher_link; /* actor.monitors */
	struct list target_link;  /* remote target: peer.monitors */
	bool cause_known;         /* a process whose exit is told, held until its link has ended */
	struct actor_cause cause;
};

struct watcher {       /* somebody watches a local actor */
	actor_ref who; /* the watcher */
	uint64_t id;
	struct list target_link; /* actor.watchers */
	struct list peer_link;   /* peer.watchers, when the watcher is elsewhere */
	struct peer *peer;       /* and that peer */
};

/* frees it */
void monitor_fire(actor_group *group, struct monitor *monitor, const struct actor_cause *cause);
void monitor_fire_reason(actor_group *group, struct monitor *monitor, const char *reason);
void monitors_end_by_peer(struct peer *peer, const struct actor_cause *cause); /* it is gone */
void watchers_forget_peer(struct peer *peer);
/*
 * Serial 0 is the process: one of the supervisor's is watched by who reaps it, any other by the end of its
 * link.
 */
bool monitor_is_of_process(actor_ref who);
void monitor_remove(actor_group *group, struct monitor *monitor);
int watcher_add(actor_group *group, actor_ref target, actor_ref who, uint64_t id, struct peer *peer);
void watcher_remove(actor_group *group, actor_ref target, actor_ref who, uint64_t id);
void watchers_fire(struct actor *target, const struct actor_cause *cause);
void watcher_free(struct watcher *watcher);
/* A down frame over @peer. */
void watcher_tell_by(
	struct peer *peer, actor_ref watcher, actor_ref who, uint64_t id, const struct actor_cause *cause);
/*
 * To a watcher who asked somebody else, and not by a link of ours. @introduce: make a direct link for it if
 * there is none, rather than go by the broker.
 */
void watcher_tell(actor_group *group, actor_ref watcher, actor_ref who, uint64_t id,
	const struct actor_cause *cause, bool introduce);
/* Without telling anyone. */
void monitor_forget(actor_group *group, struct monitor *monitor);
/* A monitor made before its process had an id learns it. */
void monitor_settle(actor_group *group, struct monitor *monitor, actor_ref who);
int monitor_new(struct actor *watcher, actor_ref who, struct monitor **ret);
/*
 * Does @peer know of @who's end: is it its group, the broker, or for a process the spawner? An id that is not
 * open is anybody's.
 */
bool monitor_may_be_told(actor_group *group, uint64_t id, const struct peer *peer, actor_ref who);
