/* SPDX-License-Identifier: Apache-2.0 */
/* A group as the broker knows it: with a pipe, about to have one, just lost, or only heard of. */
#pragma once

#include "broker/core.h"
#include "broker/quota.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

enum member_state {
	/* listed by the supervisor or named in an announcement; has not said hello to this broker */
	MEMBER_ABSENT,
	MEMBER_JOINING, /* answered, its pipe is awaited */
	MEMBER_UP,
	MEMBER_LOST, /* it is without a pipe and may come back: what is for it waits */
};

/* What came and went since the group is known here. */
struct member_count {
	uint64_t frames_in, bytes_in, frames_out, bytes_out;
	uint64_t dropped; /* casts for it, because it did not keep up */
	uint64_t refused; /* calls and monitors for it, likewise */
	uint64_t over;    /* requests of its own beyond its quota */
	uint64_t stalls;
	uint64_t answers, answers_us; /* calls that it answered, and how long they took in all */
};

#define MEMBER_WHO_MAX        340
#define MEMBER_DOOR_MAX_BYTES 4095u

struct member {
	struct hash_node node; /* broker.members */
	struct broker *broker;
	uint64_t group;
	enum member_state state;
	uid_t uid;
	pid_t pid;
	char name[WIRE_NAME_MAX_BYTES + 1];
	char *door; /* path of the socket where others may dial it; NULL: it has none */
	bool is_spawner;
	bool single;     /* has this pipe only: is never introduced */
	bool listed;     /* the supervisor said that it lives */
	bool has_listed; /* the supervisor alone: it has sent its list of the living */
	/* the supervisor said that it speaks the protocol, so it will say hello */
	bool speaks;
	/* a client: the supervisor keeps what the client made, and must hear if the client is gone */
	bool kept;
	bool was_up;  /* had a pipe to this broker */
	bool awaited; /* the recovery window waits for it */
	/* an earlier broker knew it, or it is supervised; it has not yet announced all that it has */
	bool unannounced;
	bool ready;
	bool left;   /* said bye: cause is what it said */
	bool exited; /* reported by the supervisor: cause is the truth */
	bool doomed;
	bool farewell; /* doomed, and is told why */
	/* its pipe has so much unread that senders are told to pause, and what comes is parked */
	bool doorless; /* a client of an earlier broker of which only the process is known to live */
	bool congested;
	/* congested, and its pipe took nothing for the stall time-out: casts and calls to it are refused */
	bool stalled;
	struct actor_cause cause;
	char doom[200];
	struct list doomed_node;
	struct broker_pipe *pipe; /* JOINING and UP */
	struct list timer;
	int64_t deadline_ns;
	struct buf parked;          /* frames for it while there is no pipe, or the pipe is congested */
	size_t parked_taken_bytes;  /* of parked, from its beginning, that the pipe has by now */
	size_t held_bytes;          /* of frames in its holds */
	size_t n_held;              /* frames in its holds */
	size_t parked_sent_bytes;   /* of parked: casts and calls of others */
	size_t parked_left_bytes;   /* of those, from senders that have ended */
	size_t admitted_at;         /* where in parked the next of them will be; SIZE_MAX: nowhere */
	size_t held_left_bytes;     /* of held_bytes, likewise */
	struct list jammed;         /* pauses.congested */
	int64_t stall_ns;           /* when the broker looks next whether its pipe has taken anything */
	int64_t jammed_since_ns;    /* since then its pipe took nothing, as far as is known */
	size_t stall_backlog_bytes; /* of its pipe, at the last look */
	/*
	 * Who sent most of the bytes since nothing waited for it: a majority vote, which costs no table. 0:
	 * nobody.
	 */
	uint64_t top_sender;
	size_t top_bytes; /* by which the top sender is ahead */
	struct member_count count;
	uint32_t epoch;    /* counts the pipes that it lost */
	uint32_t pg_epoch; /* counts the times that it says all its memberships */
	uint64_t mark;     /* broker.mark of the last walk that told it */

	struct list names;        /* struct name: owned */
	struct list watches;      /* struct watch */
	struct list name_watches; /* struct name_watch */
	struct list shares;       /* struct share: of process groups */
	struct list pg_watches;   /* struct pg_watch */
	struct list asked;        /* struct route: by it */
	struct list owed;         /* struct route: to it */
	struct list pairs;        /* struct pair_end */
	struct list waits;        /* struct wait */
	struct list pauses;       /* struct pause: refs of others it was told not to send to */
	struct list holds;        /* struct hold: refs of its own that take nothing now */
	struct list slowed;       /* struct pause: senders that were told because it is congested */
	struct list unnamed_link; /* pauses.unnamed */
	int64_t congested_ns;     /* since when */
	size_t n_waits_routed;
	size_t waits_routed_bytes; /* of them */
	size_t charged_bytes;      /* of its frames that wait for others: parked or held */
	bool paused_all;           /* it was told to pause everything */
	struct quota quota;
};

static inline bool member_is_supervised(const struct member *member)
{
	return !group_is_client(member->group);
}

/* It has said hello to this broker, so the kernel has said who it is. */
static inline bool member_is_known(const struct member *member)
{
	return member->was_up || member->state == MEMBER_JOINING;
}

/*
 * True: whether @member lives is not known, but will be soon. It is so while its pipe is awaited, while it
 * has one grace to come back, after its exit was reported and its last frames are read, and while it has no
 * pipe and no supervisor has said who lives. After its grace a member without a pipe counts as living until
 * the supervisor reports its end.
 */
bool member_is_in_doubt(const struct member *member);

struct member *member_find(const struct broker *broker, uint64_t group);
/* ABSENT; NULL: out of memory, or too many */
struct member *member_new(struct broker *broker, uint64_t group);
/* True: no earlier broker can have known it. */
bool member_is_new(const struct member *member);
/* @path: absolute and without NUL, or NULL for none. 0 or -ENOMEM (then it has none). */
int member_set_door(struct member *member, struct wire_str path);
/* "group 12 'name' (pid 34)" */
const char *member_who(const struct member *member, char text[MEMBER_WHO_MAX]);

/*
 * The buffer for one frame of about @size_bytes to @member. The caller appends it and then calls
 * member_written(). Never NULL.
 */
struct buf *member_out_for(struct member *member, size_t size_bytes);
static inline struct buf *member_out(struct member *member)
{
	return member_out_for(member, 0);
}
/* Parks @n_frames, which are to go before all that is parked. */
void member_park_first(struct member *member, const struct buf *frames, size_t n_frames);
/* Writes @frames, which were kept until now. */
void member_append(struct member *member, const struct buf *frames);
void member_written(struct member *member);
/* A cast of $broker to the group itself; @body is one array. */
void member_cast(struct member *member, const char *method, const struct buf *body);
/* The same to its first actor: a daemon's. */
void member_cast_service(struct member *member, const char *method, const struct buf *body);
/* What is written for it and not taken by the kernel, parked frames included. */
size_t member_unread_bytes(const struct member *member);
bool member_parks(const struct member *member); /* what is written to it is parked */
/*
 * Gives parked frames to its pipe until more than @max_bytes wait there; but the casts and calls of others
 * that @holds takes. True: none is parked any more.
 */
bool member_unpark(struct member *member, size_t max_bytes,
	bool (*holds)(struct member *member, const struct wire_frame *frame));
void member_forget_parked(struct member *member);

/*
 * Its pipe is cut when the current event has been handled. The first reason counts. @farewell: it is told
 * why.
 */
void member_doom(struct member *member, bool farewell, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void member_tell_spawner(struct member *member); /* `group_hello` */
/* Tells the supervisor that a client ended, which nobody but the broker knows. */
void member_tell_spawner_gone(struct broker *broker, uint64_t group);
/*
 * True: the kernel says that it lives, and nobody else would say that it does not: it is a client, or no
 * supervisor has said yet who lives.
 */
bool member_lives_by_kernel(const struct member *member);
void member_arm(struct member *member); /* one grace from now: member_expired() */
void member_disarm(struct member *member);

struct broker_pipe *broker_pipe_new(struct member *member);
void broker_pipe_flush(struct broker_pipe *pipe);
void broker_pipe_close(struct broker_pipe *pipe); /* closes and frees; its member has no pipe then */
/* Writes a bye and takes @pipe from its member. It stays open for one grace, so that the bye can be read. */
void broker_pipe_farewell(struct broker_pipe *pipe, const char *reason);
