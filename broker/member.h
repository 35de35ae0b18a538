/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group as the broker knows it. It has a pipe, is about to get one, has just lost one, or was only
 * mentioned by others.
 */
#pragma once

#include "broker/core.h"
#include "broker/quota.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

enum member_state {
	/* listed by the supervisor or named in an announcement; it has not said hello to this broker */
	MEMBER_ABSENT,
	MEMBER_JOINING, /* its hello was answered, and its pipe is awaited */
	MEMBER_UP,
	MEMBER_LOST, /* it has no pipe and may come back; frames for it wait */
};

/* Counted since the broker knows the group. */
struct member_count {
	uint64_t frames_in, bytes_in, frames_out, bytes_out;
	uint64_t dropped; /* casts to it that were dropped, because it did not keep up */
	uint64_t refused; /* calls and monitors to it that were refused, likewise */
	uint64_t over;    /* its own requests that were beyond its quota */
	uint64_t stalls;
	uint64_t answers, answers_us; /* calls that it answered, and the sum of their times */
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
	char *door; /* path of the socket where others may dial it; NULL: it has no door */
	bool is_spawner;
	bool single;     /* it has a single link, to the broker: it is never introduced */
	bool listed;     /* the supervisor said that it lives */
	bool has_listed; /* only the supervisor's member: it has sent its list of living groups */
	/* the supervisor said that the group speaks the protocol, so the group will say hello */
	bool speaks;
	/*
	 * a client: the supervisor keeps something that the client made, and must be told when the client is
	 * gone
	 */
	bool kept;
	bool was_up;  /* it had a pipe to this broker */
	bool awaited; /* the recovery window waits for it */
	/*
	 * it must announce all that it has, and has not done so yet: an earlier broker knew it, or may have
	 * known it
	 */
	bool unannounced;
	bool ready;
	bool left;   /* it said bye; cause is the reason that it gave */
	bool exited; /* the supervisor reported its end; cause is the reported one */
	bool doomed;
	bool farewell; /* it is doomed and will be told why */
	/* a client of an earlier broker, of which only the process is known to live */
	bool doorless;
	/* its pipe has so much unread that senders are told to pause, and frames for it are parked */
	bool congested;
	/*
	 * congested, and its pipe has taken nothing during the stall time-out; casts and calls to it are
	 * refused
	 */
	bool stalled;
	struct actor_cause cause;
	char doom[200];
	struct list doomed_node;
	struct broker_pipe *pipe; /* set while JOINING and UP */
	struct list timer;
	int64_t deadline_ns;
	struct buf parked;         /* frames for it while there is no pipe, or the pipe is congested */
	size_t parked_taken_bytes; /* bytes at the beginning of parked that the pipe has by now */
	size_t held_bytes;         /* bytes of the frames in its holds */
	size_t n_held;             /* number of frames in its holds */
	size_t parked_sent_bytes;  /* bytes of parked that are casts and calls of others */
	size_t parked_left_bytes;  /* bytes of parked from senders that have ended */
	/* bytes at the beginning of parked, behind those taken, that are not held again for paused actors */
	size_t parked_passing_bytes;
	/* how much it may have unread, since it asked for so much; 0: what every group may */
	size_t granted_bytes;
	bool told_unread; /* the log has said that it is refused answers, since its pipe was last drained */
	/* where in parked the admitted cast or call begins; SIZE_MAX: none is admitted */
	size_t admitted_at;
	size_t held_left_bytes;     /* bytes of held_bytes from senders that have ended */
	struct list jammed;         /* pauses.congested */
	int64_t stall_ns;           /* when the broker next checks whether its pipe has taken anything */
	int64_t jammed_since_ns;    /* since when its pipe has taken nothing, as far as is known */
	size_t stall_backlog_bytes; /* the backlog of its pipe at the last check */
	/*
	 * The group that sent most of the bytes since nothing waited for this member, by a majority vote,
	 * which needs no table. It is valid while top_bytes is not 0.
	 */
	uint64_t top_sender;
	size_t top_bytes; /* by how many bytes the top sender is ahead */
	struct member_count count;
	uint32_t epoch;    /* how often it has lost its pipe */
	uint32_t pg_epoch; /* how often it has told all its memberships */
	uint64_t mark;     /* broker.mark of the last walk in which this member was told something */

	struct list names;        /* struct name: names that it owns */
	struct list watches;      /* struct watch */
	struct list name_watches; /* struct name_watch */
	struct list shares;       /* struct share: its shares of process groups */
	struct list pg_watches;   /* struct pg_watch */
	struct list asked;        /* struct route: what it has asked */
	struct list owed;         /* struct route: what it was asked */
	struct list pairs;        /* struct pair_end */
	struct list waits;        /* struct wait */
	struct list pauses;       /* struct pause: refs of others to which it must not send */
	struct list holds;        /* struct hold: refs of its own actors that take nothing now */
	struct list slowed;       /* struct pause: senders that were told to pause because it is congested */
	struct list unnamed_link; /* pauses.unnamed */
	int64_t congested_ns;     /* since when it is congested */
	size_t n_waits_routed;
	size_t waits_routed_bytes; /* bytes of its routed waits */
	size_t charged_bytes;      /* bytes of its frames that are parked or held for others */
	bool paused_all;           /* it was told to pause all its sending */
	struct quota quota;
};

static inline bool member_is_supervised(const struct member *member)
{
	return !group_is_client(member->group);
}

/* True: @member has said hello to this broker, so the kernel has said which process it is. */
static inline bool member_is_known(const struct member *member)
{
	return member->was_up || member->state == MEMBER_JOINING;
}

/*
 * True: it is not known whether @member lives, but it will be known soon. This holds while its pipe is
 * awaited; during its grace to come back; while its last frames are read after its exit was reported; and
 * while it has no pipe and no supervisor has said which groups live. After its grace a member without a pipe
 * counts as living until the supervisor reports its end.
 */
bool member_is_in_doubt(const struct member *member);

struct member *member_find(const struct broker *broker, uint64_t group);
/* Makes a member that is ABSENT. NULL: out of memory, or too many. */
struct member *member_new(struct broker *broker, uint64_t group);
/* True: no earlier broker can have known @member. */
bool member_is_new(const struct member *member);
/* @path: absolute and without NUL; its text is NULL for no door. 0, or -ENOMEM (then @member has no door). */
int member_set_door(struct member *member, struct wire_str path);
/* "group 12 'name' (pid 34)" */
const char *member_who(const struct member *member, char text[MEMBER_WHO_MAX]);

/*
 * The buffer for one frame of about @size_bytes to @member. The caller appends the frame and then calls
 * member_written(). Never NULL.
 */
struct buf *member_out_for(struct member *member, size_t size_bytes);
static inline struct buf *member_out(struct member *member)
{
	return member_out_for(member, 0);
}
/* Parks @frames, of which there are @n_frames, before all frames that are parked already. */
void member_park_first(struct member *member, const struct buf *frames, size_t n_frames);
/* Writes @frames, which the caller had kept. */
void member_append(struct member *member, const struct buf *frames);
void member_written(struct member *member);
/*
 * May @member have an answer of @size_bytes, with what it has unread? False: it is to get the error
 * `overloaded` in its place, which is short. The answer to a call is always let in by one or the other.
 */
bool member_takes_answer(struct member *member, size_t size_bytes);
#define MEMBER_READS_NOT "too many bytes of answers wait for the asking group, which does not read them"
/* Its pipe has taken all: what it was granted is the others' again. */
void member_drained(struct member *member);
/* Writes a cast of $broker to the group itself. @body is one array. */
void member_cast(struct member *member, const char *method, const struct buf *body);
void member_tell_end_of(struct member *member, uint64_t group); /* `group_down` of one that has ended */
/* The same to its first actor: a daemon's. */
void member_cast_service(struct member *member, const char *method, const struct buf *body);
/* The bytes written for @member that the kernel has not taken, parked frames included. */
size_t member_unread_bytes(const struct member *member);
bool member_parks(const struct member *member); /* frames written to @member are parked */
enum parked_way {
	PARKED_GOES,         /* to the pipe */
	PARKED_IS_HELD,      /* @way has taken it */
	PARKED_BEHIND_OTHERS /* @way has parked other frames before it */
};
/*
 * Gives parked frames to the pipe of @member until more than @max_bytes wait there. @way says for each what
 * becomes of it. True: no frame is parked any more.
 */
bool member_unpark(struct member *member, size_t max_bytes,
	enum parked_way (*way)(struct member *member, const struct wire_frame *frame, bool is_of_others));
void member_forget_parked(struct member *member);

/*
 * The pipe of @member is cut when the current event has been handled. If this is called twice, the first
 * reason counts. @farewell: @member is told why.
 */
void member_doom(struct member *member, bool farewell, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void member_tell_spawner(struct member *member); /* casts `group_hello` */
/* Tells the supervisor that a client ended. Only the broker knows that. */
void member_tell_spawner_gone(struct broker *broker, uint64_t group);
/*
 * True: the kernel says that @member lives, and nobody else would report its end. That is so for a client,
 * and as long as no supervisor has said which groups live.
 */
bool member_lives_by_kernel(const struct member *member);
void member_arm(struct member *member); /* member_expired() comes one grace from now */
void member_disarm(struct member *member);

struct broker_pipe *broker_pipe_new(struct member *member);
void broker_pipe_flush(struct broker_pipe *pipe);
void broker_pipe_close(struct broker_pipe *pipe); /* closes and frees @pipe; its member then has no pipe */
/*
 * Writes a bye and takes @pipe from its member. @pipe stays open for one grace, so that the bye can be read.
 */
void broker_pipe_farewell(struct broker_pipe *pipe, const char *reason);
