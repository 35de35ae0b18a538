/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the core: one struct that all its parts share, its log, and the ids of ended groups (graves).
 */
#pragma once

#include "actor/actor.h"
#include "broker/core.h"
#include "broker/introductions.h"
#include "broker/latency.h"
#include "broker/pauses.h"
#include "broker/pgs.h"
#include "broker/quota.h"
#include "broker/registry.h"
#include "broker/routes.h"
#include "broker/taps.h"
#include "broker/waits.h"
#include "broker/window.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"
#include "libactor/util/throttle.h"

/*
 * how long the broker waits for a pipe to come back, for an exit to be reported, or for a goodbye to be read
 */
#define BROKER_GRACE_NS       1000000000
#define BROKER_SERVICE_SERIAL 1

struct member;

struct broker_pipe {
	struct broker *broker;
	/* NULL: the pipe is no longer its group's, and stays open only for a goodbye */
	struct member *member;
	void *handle;
	struct list dirty; /* broker.dirty */
	struct list timer; /* broker.farewells */
	int64_t deadline_ns;
};

struct broker {
	uint64_t node;
	uint64_t group;
	uint8_t key[TOKEN_KEY_BYTES];
	uid_t uid;
	actor_ref self;
	char *runtime_dir;
	struct quota_limits limits;
	struct quota_pool pools[QUOTA_N];
	struct quota_pool unread_answers; /* limits.answers_pool */
	int64_t stall_ns;
	struct broker_ops ops;
	void *arg;
	int64_t now_ns;

	struct hash members;    /* struct member by group id */
	struct member *spawner; /* the supervisor's group; NULL while there is none */
	/*
	 * a supervisor has said which groups live, so only a supervisor reports the ends of supervised groups
	 */
	bool supervised;
	/* struct dead: groups whose end was told to others; their ids are not used again */
	struct hash dead;
	struct list dead_by_age;
	struct registry registry;
	struct pgs pgs;
	struct routes routes;
	struct introductions introductions;
	struct pauses pauses;
	struct waits waits;
	struct window window;
	struct taps taps;

	struct list doomed; /* members whose pipes are cut when the current event has been handled */
	/*
	 * Members that are over. They are freed when the current event has been handled, so that no function
	 * further up the stack holds a pointer to freed memory.
	 */
	struct list forgotten;
	struct list timers;    /* members that wait for one grace, the oldest first */
	struct list farewells; /* pipes that wait for one grace, the oldest first */
	size_t n_farewells;
	struct list dirty; /* pipes with unsent bytes */

	uint64_t n_clients, n_pipes; /* counters from which ids and paths are made */
	uint64_t mark;               /* the number of the last walk over members */
	struct throttle complaints;
	struct buf body; /* body of the frame that is being made */
	struct buf sink; /* takes the frames for members that cannot get them any more */
	struct broker_stats count;
	struct latency latency; /* the times of routed calls that were answered */
};

void broker_log(struct broker *broker, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * Logs a warning about what a peer did. @pid and @uid are the kernel's word. If a process causes warnings
 * again and again, some of them are not logged.
 */
void broker_complain(struct broker *broker, pid_t pid, uid_t uid, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/*
 * Remembers that @member has ended, and why, and who it was. Of ended groups the last 65536 are remembered.
 */
void broker_bury(struct broker *broker, const struct member *member, const struct actor_cause *cause);
/*
 * The same for @group, which has had no pipe to this broker. The supervisor, whose processes run as its own
 * user, says that it was @pid (0: not known).
 */
void broker_bury_process(struct broker *broker, uint64_t group, const struct actor_cause *cause, pid_t pid,
	struct wire_str name);
/* Was @group, which has ended, that process? What it left at a door is its own then. pid 0: may be any. */
bool broker_knew(
	const struct broker *broker, uint64_t group, uid_t uid, pid_t pid, struct wire_str *ret_name);
bool broker_is_buried(const struct broker *broker, uint64_t group);
/* Appends why @group has ended, or `noconnection` if no cause is known. */
void broker_put_cause_of(const struct broker *broker, uint64_t group, struct buf *out);
void broker_forget_graves(struct broker *broker);

/* Starts a frame's body: the shared buffer, emptied. */
static inline struct buf *broker_body(struct broker *broker)
{
	buf_reset(&broker->body, 1u << 20);
	return &broker->body;
}
