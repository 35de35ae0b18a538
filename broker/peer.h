/* A group as the broker knows it: with a link, about to have one, just lost, or only heard of. */
#pragma once

#include "cause.h"
#include "core.h"
#include "quota.h"
#include "util/hash.h"
#include "util/list.h"
#include "wire.h"

enum peer_state {
	PEER_ABSENT,  /* listed by the supervisor or named in an announcement; has not said hello to this broker */
	PEER_JOINING, /* answered, its link is awaited */
	PEER_UP,
	PEER_LOST, /* its link ended; for one grace it may come back */
};

#define PEER_ID_CLIENT (UINT64_C(1) << 63)     /* not started by the supervisor */
#define PEER_ID_SUPERVISOR (UINT64_C(1) << 62) /* a client admitted there */
#define PEER_WHO_MAX 340

struct peer {
	struct hash_node node; /* broker.peers */
	struct broker *broker;
	uint64_t group;
	enum peer_state state;
	uid_t uid;
	pid_t pid;
	char name[WIRE_NAME_MAX_BYTES + 1];
	bool is_spawner;
	bool listed;	/* the supervisor said that it lives */
	bool was_up;	/* had a link to this broker */
	bool awaited;	/* the recovery window waits for it */
	bool ready;
	bool left;	/* said bye: cause is what it said */
	bool exited;	/* reported by the supervisor: cause is the truth */
	bool doomed;
	bool farewell;	/* doomed, and is told why */
	bool congested; /* has more unread than the senders should add to */
	struct actor_cause cause;
	char doom[200];
	struct list doomed_node;
	struct broker_link *link; /* JOINING and UP */
	struct list timer;
	int64_t deadline_ns;
	struct buf parked; /* frames for it while there is no link */
	size_t held_bytes; /* in its holds */
	uint32_t epoch;	   /* counts its links */
	uint64_t mark;

	struct list names;   /* struct name: owned */
	struct list watches; /* struct watch */
	struct list asked;   /* struct route: by it */
	struct list owed;    /* struct route: to it */
	struct list pairs;   /* struct pair_end */
	struct list waiting; /* struct waiting */
	struct list pauses;  /* struct pause: refs of others it was told not to send to */
	struct list holds;   /* struct hold: refs of its own that take nothing now */
	struct list slowed;  /* struct pause: senders that were told because it is congested */
	size_t n_waiting_routed;
	struct quota quota;
};

static inline bool peer_is_supervised(const struct peer *peer)
{
	return !(peer->group & PEER_ID_CLIENT);
}

struct peer *peer_find(const struct broker *broker, uint64_t group);
struct peer *peer_new(struct broker *broker, uint64_t group); /* ABSENT; NULL: out of memory, or too many */
/* "group 12 'name' (pid 34)" */
const char *peer_who(const struct peer *peer, char text[PEER_WHO_MAX]);

/* Where to append one frame of about that size for it, then peer_written(). Never NULL. */
struct buf *peer_out_for(struct peer *peer, size_t size_bytes);
static inline struct buf *peer_out(struct peer *peer)
{
	return peer_out_for(peer, 0);
}
/* Frames that were kept elsewhere. */
void peer_append(struct peer *peer, const struct buf *frames);
void peer_written(struct peer *peer);
/* A cast of $broker to the group itself; @body is one array. */
void peer_cast(struct peer *peer, const char *method, const struct buf *body);
void peer_cast_service(struct peer *peer, const char *method, const struct buf *body); /* to its first actor: of a daemon */
size_t peer_unread_bytes(const struct peer *peer);

/* Cuts its link when the event at hand is over. The first reason counts. @farewell: it is told. */
void peer_doom(struct peer *peer, bool farewell, const char *format, ...) __attribute__((format(printf, 3, 4)));

void peer_up(struct peer *peer);
void peer_tell_spawner(struct peer *peer); /* `group_hello` */
/* Its link is gone: end, or one grace to come back. */
void peer_lost(struct peer *peer, const char *why);
void peer_leave(struct peer *peer, struct wire_str reason); /* it said bye */
void peer_exited(struct peer *peer, const struct actor_cause *cause);
/* The group is over: names first, then everybody who cares is told; then it is freed. */
void peer_end(struct peer *peer, const struct actor_cause *cause);
/* Frees it without a word: nobody knew of it. */
void peer_forget(struct peer *peer);
void peer_expired(struct peer *peer); /* its grace is over */
void peer_arm(struct peer *peer);
void peer_disarm(struct peer *peer);

struct broker_link *broker_link_new(struct peer *peer);
void broker_link_close(struct broker_link *link); /* closes and frees; its peer has no link then */
/* Says bye and leaves it open for the peer to read that. */
void broker_link_farewell(struct broker_link *link, const char *reason);
