#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/loop/timer.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

#define BYE_MS 1000

struct actor;

enum peer_state {
	PEER_INTRODUCING, /* the broker was asked; frames wait in pending */
	PEER_LINKING,     /* a link exists and is not up yet; frames wait in pending (the uplink's: in the link) */
	PEER_LINKED,
	PEER_ROUTED,      /* has one link only: the broker routes */
	PEER_ENDED,       /* the link ended or the exit was told: waiting for the other, at most 1 s */
};

struct peer {
	struct hash_node node; /* group->peers, by id */
	actor_group *group;
	uint64_t id;
	enum peer_state state;
	bool is_uplink; /* the daemon this group said hello to */
	bool is_client; /* came by our own rendezvous */
	bool over;      /* forgotten: nothing of it is left but this memory, until the turn has ended */
	bool asked;     /* an `introduce` of it is unanswered */
	bool expected;  /* at our door, by the broker's word: `expect` says whom the kernel must have seen */
	struct transport_peer expect;
	uint64_t told_at; /* uplink.n_connects when the broker told us of the link */
	bool listens;   /* at our end, rather than dials */
	uint32_t n_tries; /* introductions that failed in a row */
	uint64_t intro_id; /* of the link, or of the try to have one */
	struct list over_link; /* group->peers_over */
	struct link *link;
	struct buf pending;     /* frames, until the link is up; a peer with one link only needs none */
	struct buf aside;       /* frames it sent that wait until it has read its answers (inbound.c) */
	size_t aside_at;        /* where they begin */
	bool takes_aside;       /* they are being handled */
	struct list dirty_link; /* group->dirty: has frames to flush */
	struct list calls;      /* struct call.peer_link */
	struct list monitors;   /* struct monitor.target_link */
	struct list watchers;   /* struct watcher.peer_link */
	uint32_t n_watchers;
	struct list handovers;  /* struct handover.link (service.c) */
	struct list pauses;     /* struct pause.peer_link: told by us, the last first */
	struct list paused_refs;/* struct paused_ref: told to us */
	uint32_t n_paused_refs;
	struct list paused_senders; /* actors parked by "pause *" */
	bool paused_all;
	uint64_t unyielded_bytes; /* flushed since a sender last let the loop read */
	bool draining;            /* a flush waits for the link's word that the kernel has everything */
	bool link_ended, exit_told, said_bye, got_bye;
	bool refused_end; /* it asked that our service actor ends: logged once */
	struct actor_cause cause;
	struct timer timer; /* INTRODUCING: the next try; later the decision about its death */
	char name[256];
};

struct peer *peer_find(actor_group *group, uint64_t group_id);
/* Anybody may call himself so; only of a supervised group (bit 63 of its id is clear) it is the name in the token that admitted it. */
bool peer_is_spawner(const struct peer *peer);
/* Where frames for that group go; starts an introduction if need be. NULL: out of memory. */
struct peer *peer_route(actor_group *group, uint64_t group_id, bool introduce);
/* Answers go back the way that was asked by: 0 the direct link with the asker's group, else the n-th link to the broker. */
uint64_t peer_way(const struct peer *peer);
struct peer *peer_back(actor_group *group, uint64_t group_id, uint64_t way); /* NULL: it has ended, and what would go there is dropped */
struct buf *peer_out(struct peer *peer);   /* append one frame, then peer_wrote() */
void peer_wrote(struct peer *peer);
void peers_flush(actor_group *group);
void peer_link_up(struct peer *peer);
void peer_link_down(struct peer *peer, int error);
void peer_exit_told(actor_group *group, uint64_t group_id, const struct actor_cause *cause);
/* @role: listen, dial (the place made for this link) or join (its door). */
void peer_introduce(actor_group *group, uint64_t intro_id, struct wire_str role, uint64_t group_id, struct wire_str path,
	struct transport_peer expect, struct wire_str name);
/* It will come by our door. NULL: out of memory. */
struct peer *peer_expect(actor_group *group, uint64_t intro_id, uint64_t group_id, struct transport_peer expect, struct wire_str name);
void peer_admit(struct peer *peer, uint64_t knock_id); /* it came; its link is up */
/* The directory of a socket of ours, and g/ above it, as far as they are not there. */
void peer_make_directory(const char *socket_path);
void peer_introduction_failed(actor_group *group, uint64_t intro_id, uint64_t group_id);
void peers_ask_again(actor_group *group); /* the broker is a new one: who has no link yet and needs one */
void peer_cut(struct peer *peer, const char *why); /* ends the link; our side. The peer may be over then */
struct peer *peer_new(actor_group *group, uint64_t id, enum peer_state state);
void peer_fail_all(struct peer *peer, const struct actor_cause *cause, int call_error);
void peer_forget(struct peer *peer); /* it is over: unlinked now, freed by peers_free_over(); once is enough */
void peers_free_over(actor_group *group); /* where nobody holds one: between the turns of the loop */
/* Sender side of pause/resume: 0 go on; else as mailbox_wait_room. */
int peer_wait_unpaused(struct peer **peerp, actor_ref to, struct actor *sender, int64_t deadline_ns);
void peer_drained(struct peer *peer);
void peer_pause_received(struct peer *peer, const actor_ref *ref);
void peer_resume_received(struct peer *peer, const actor_ref *ref);
