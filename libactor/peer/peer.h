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

struct answer_shares;
struct loop;

enum peer_state {
	PEER_INTRODUCING, /* the broker was asked for an introduction; frames wait in pending */
	/* A link exists and is not up yet. Frames wait in pending; those for the uplink wait in the link. */
	PEER_LINKING,
	/*
	 * A link to the peer's door exists, and the peer has not let us in yet. Frames are written, and kept
	 * in pending.
	 */
	PEER_KNOCKING,
	PEER_LINKED,
	PEER_ROUTED, /* the peer has one link only, so the broker routes its frames */
	PEER_ENDED,  /* the link ended; the cause of that is still to be told (link.c) */
};

/* The kind decides what the peer may say, see node/may-say.c. */
enum peer_kind {
	PEER_GROUP,  /* another group, which the broker introduced */
	PEER_UPLINK, /* the daemon to which this group said hello: the broker, or $spawner */
	PEER_CLIENT, /* a client that came by our own rendezvous, so we are its daemon */
};

struct peer {
	struct hash_node node; /* group->peers, by id */
	actor_group *group;
	uint64_t id;
	enum peer_state state;
	enum peer_kind kind;
	bool over;  /* forgotten: only this memory is left, until the turn has ended */
	bool asked; /* an `introduce` for it is unanswered */
	/* the broker says that it will come to our door; `expect` is the process that has to come */
	bool expected;
	struct transport_peer expect;
	uint64_t told_at;      /* uplink.n_connects when the broker told us of the link */
	bool listens;          /* our end of the link listens; false: it dials */
	bool joins;            /* we dial a door: what we write counts only when the other has let us in */
	uint32_t n_tries;      /* introductions that failed in a row */
	uint64_t intro_id;     /* the number of the link, or of the attempt to have one */
	struct list over_link; /* group->peers_over */
	struct pipe *pipe;
	struct buf pending; /* frames that wait until the link is up; a peer with one link only needs none */
	size_t pending_at;  /* KNOCKING: so many bytes of pending are written to the link */
	struct buf aside;   /* frames of the peer that wait until it has read its answers (inbound.c) */
	size_t aside_at;    /* the frames in aside begin here */
	bool takes_aside;   /* the frames in aside are being handled */
	/* the number of pauses that the peer ignores (pressure.c); while there are any, its requests wait */
	uint32_t n_overruns;
	struct answer_shares *answer_shares; /* of an uplink; NULL: little is unread */
	struct list dirty_link;              /* group->dirty: has frames to flush */
	struct list calls;                   /* struct call.peer_link */
	struct list served;                  /* struct served.by_peer: its calls that are served here */
	struct list monitors;                /* struct monitor.target_link */
	struct list watchers;                /* struct watcher.peer_link */
	uint32_t n_watchers;
	uint32_t n_sys_asked;  /* of its own link: requests that wait in group->sys_asked */
	struct list handovers; /* struct handover.link (service.c) */
	struct list pauses;    /* struct pause.peer_link (pressure.c): pauses that we told, the last first */
	struct list paused_refs; /* struct paused_ref: pauses that the peer told us */
	uint32_t n_paused_refs;
	/* those of them with serial 0, which concern casts to all members of a process group */
	uint32_t n_paused_groups;
	/* those of pauses that also hold back casts to all (told to the broker alone) */
	uint32_t n_pauses_of_all;
	struct list paused_senders; /* struct task.blocked_link: parked by "pause *" */
	bool paused_all;
	uint64_t unyielded_bytes; /* flushed since a sender last let the loop read */
	bool draining;            /* a flush waits until the link says that the kernel has everything */
	bool link_ended, exit_told, said_bye, got_bye;
	/* ENDED: the kernel says that the process has exited; how it exited is still to be told */
	bool exited;
	bool unknown;     /* also, the broker does not know such a group: nobody will tell how it exited */
	pid_t pid;        /* from the kernel, at the beginning of the link; 0: not known */
	int64_t pid_seen; /* the time of that, in ns of clock_boot_ns() */
	int64_t ended_ns; /* when the link ended */
	bool refused_end; /* the peer asked that our service actor ends; logged once */
	struct actor_cause cause;
	struct timer timer; /* INTRODUCING: the next attempt; later the decision about the peer's death */
	char name[256];
};

/* Functions of the rooms above for peers. All of them are set once, in group->peer_hooks. */
struct peer_hooks {
	void (*wanted)(struct peer *peer); /* the peer is new and has no link: ask the broker */
	void (*timeout)(struct loop *loop, struct timer *timer); /* peer.timer fired */
	/* called before the end of the link is handled: handles what the peer had said */
	void (*link_ends)(struct peer *peer);
	/*
	 * Called before a death is decided: lets in the groups that have come to our door. False: more may
	 * wait there.
	 */
	bool (*door_opens)(actor_group *group);
};

struct peer *peer_find(actor_group *group, uint64_t group_id);
/*
 * Any group may take this name. Only for a supervised group (bit 63 of its id is clear) the name is the one
 * in the token that admitted the group.
 */
bool peer_is_spawner(const struct peer *peer);
/*
 * The peer to which frames for that group go. Starts an introduction if it is needed and @introduce is true.
 * NULL: no way there, or out of memory.
 */
struct peer *peer_route(actor_group *group, uint64_t group_id, bool introduce);
/*
 * The way by which a question came. The answer goes back the same way. 0 is the direct link with the asking
 * group; n is the n-th link to the broker.
 */
uint64_t peer_way(const struct peer *peer);
/* NULL: that link has ended, and the answer is dropped. */
struct peer *peer_back(actor_group *group, uint64_t group_id, uint64_t way);
struct buf *peer_out(struct peer *peer); /* append one frame to it, then call peer_wrote() */
void peer_wrote(struct peer *peer);
void peers_flush(actor_group *group);
struct peer *peer_new(actor_group *group, uint64_t id, enum peer_state state);
/* Whether frames for the peer are kept in pending. */
bool peer_keeps(const struct peer *peer);
void peer_move_pending(struct peer *peer, struct peer *to); /* moves the frames that waited for a link */
/* Frees the forgotten peers. Called between the turns of the loop, when no function holds a peer. */
void peers_free_over(actor_group *group);
