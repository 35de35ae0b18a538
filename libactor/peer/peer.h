/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "actor/actor.h"
#include "libactor/loop/timer.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

#define BYE_MS 1000

struct loop;

enum peer_state {
	PEER_INTRODUCING, /* the broker was asked; frames wait in pending */
	/* a link exists and is not up yet; frames wait in pending (the uplink's: in the link) */
	PEER_LINKING,
	/* a link to its door, where it has not let us in yet: frames are written, and kept in pending */
	PEER_KNOCKING,
	PEER_LINKED,
	PEER_ROUTED, /* has one link only: the broker routes */
	PEER_ENDED,  /* the link ended: whether that was a death, and which, is to be told (link.c) */
};

/* What it may say: node/may-say.c. */
enum peer_kind {
	PEER_GROUP,  /* another group, which the broker introduced */
	PEER_UPLINK, /* the daemon this group said hello to: the broker, or $spawner */
	PEER_CLIENT, /* came by our own rendezvous: we are that daemon */
};

struct peer {
	struct hash_node node; /* group->peers, by id */
	actor_group *group;
	uint64_t id;
	enum peer_state state;
	enum peer_kind kind;
	bool over;     /* forgotten: nothing of it is left but this memory, until the turn has ended */
	bool asked;    /* an `introduce` of it is unanswered */
	bool expected; /* at our door, by the broker's word: `expect` says whom the kernel must have seen */
	struct transport_peer expect;
	uint64_t told_at;      /* uplink.n_connects when the broker told us of the link */
	bool listens;          /* at our end, rather than dials */
	bool joins;            /* dials a door: what it writes counts when the other has let us in */
	uint32_t n_tries;      /* introductions that failed in a row */
	uint64_t intro_id;     /* of the link, or of the try to have one */
	struct list over_link; /* group->peers_over */
	struct pipe *pipe;
	struct buf pending;     /* frames, until the link is up; a peer with one link only needs none */
	size_t pending_at;      /* KNOCKING: of them, what the link has */
	struct buf aside;       /* frames it sent that wait until it has read its answers (inbound.c) */
	size_t aside_at;        /* where they begin */
	bool takes_aside;       /* they are being handled */
	struct list dirty_link; /* group->dirty: has frames to flush */
	struct list calls;      /* struct call.peer_link */
	struct list monitors;   /* struct monitor.target_link */
	struct list watchers;   /* struct watcher.peer_link */
	uint32_t n_watchers;
	struct list handovers;   /* struct handover.link (service.c) */
	struct list pauses;      /* struct pause.peer_link (pressure.c): told by us, the last first */
	struct list paused_refs; /* struct paused_ref: told to us */
	uint32_t n_paused_refs;
	uint32_t n_paused_groups;   /* of them, with serial 0: what is for all members of a process group */
	uint32_t n_pauses_of_all;   /* of pauses: such that hold that back too (the broker alone is told) */
	struct list paused_senders; /* struct task.blocked_link: parked by "pause *" */
	bool paused_all;
	uint64_t unyielded_bytes; /* flushed since a sender last let the loop read */
	bool draining;            /* a flush waits for the link's word that the kernel has everything */
	bool link_ended, exit_told, said_bye, got_bye;
	bool exited;      /* ENDED: its process has, says the kernel; how, is still to be told */
	bool unknown;     /* and the broker, which was asked, knows no such group: nobody will tell */
	pid_t pid;        /* the kernel's word at the link's beginning; 0: not known */
	int64_t pid_seen; /* when that was, in ns of clock_boot_ns() */
	int64_t ended_ns; /* when the link ended */
	bool refused_end; /* it asked that our service actor ends: logged once */
	struct actor_cause cause;
	struct timer timer; /* INTRODUCING: the next try; later the decision about its death */
	char name[256];
};

/* What the rooms above make of a peer; all of them in group->peer_hooks, set once. */
struct peer_hooks {
	void (*wanted)(struct peer *peer); /* it is new, and has no link: the broker is to be asked */
	void (*timeout)(struct loop *loop, struct timer *timer); /* peer.timer */
	void (*link_ends)(struct peer *peer); /* before its end is looked at: what it had said is handled */
	/* before a death is decided: lets in who has come to our door. False: somebody may wait there yet */
	bool (*door_opens)(actor_group *group);
};

struct peer *peer_find(actor_group *group, uint64_t group_id);
/*
 * Anybody may call himself so; only of a supervised group (bit 63 of its id is clear) it is the name in the
 * token that admitted it.
 */
bool peer_is_spawner(const struct peer *peer);
/* Where frames for that group go; starts an introduction if need be. NULL: out of memory. */
struct peer *peer_route(actor_group *group, uint64_t group_id, bool introduce);
/*
 * Answers go back the way that was asked by: 0 the direct link with the asker's group, else the n-th link to
 * the broker.
 */
uint64_t peer_way(const struct peer *peer);
/* NULL: it has ended, and what would go there is dropped */
struct peer *peer_back(actor_group *group, uint64_t group_id, uint64_t way);
struct buf *peer_out(struct peer *peer); /* append one frame, then peer_wrote() */
void peer_wrote(struct peer *peer);
void peers_flush(actor_group *group);
struct peer *peer_new(actor_group *group, uint64_t id, enum peer_state state);
/* What is written to it is kept in pending. */
bool peer_keeps(const struct peer *peer);
void peer_move_pending(struct peer *peer, struct peer *to); /* frames that waited for a link */
/* what was forgotten, where nobody holds one: between the turns of the loop */
void peers_free_over(actor_group *group);
