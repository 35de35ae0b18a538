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

/* how long a pipe may take to come back, an exit to be reported, a goodbye to be read */
#define BROKER_GRACE_NS       1000000000
#define BROKER_SERVICE_SERIAL 1

struct member;

struct broker_pipe {
	struct broker *broker;
	struct member *member; /* NULL: its group has moved on; only a goodbye is on its way */
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
	int64_t stall_ns;
	struct broker_ops ops;
	void *arg;
	int64_t now_ns;

	struct hash members;    /* struct member by group id */
	struct member *spawner; /* the supervisor's group, NULL when it is away */
	bool supervised;        /* a supervisor has said who lives: only it reports ends of its groups */
	struct hash dead;       /* ids of groups whose end others were told; such an id never counts again */
	struct list dead_by_age;
	struct registry registry;
	struct pgs pgs;
	struct routes routes;
	struct introductions introductions;
	struct pauses pauses;
	struct waits waits;
	struct window window;
	struct taps taps;

	struct list doomed; /* members to be cut when the event at hand is over */
	/*
	 * Members that are over. They are freed when the current event has been handled, so that no caller
	 * further up holds freed memory.
	 */
	struct list forgotten;
	struct list timers;    /* members, one grace each: oldest first */
	struct list farewells; /* pipes, likewise */
	size_t n_farewells;
	struct list dirty; /* pipes with unsent bytes */

	uint64_t n_clients, n_pipes; /* for ids and paths */
	uint64_t mark;               /* of the last walk over members */
	struct throttle complaints;
	struct buf body; /* of the frame being made */
	struct buf sink; /* what is written for those who cannot get it any more */
	struct broker_stats count;
	struct latency latency; /* of routed calls that were answered */
};

void broker_log(struct broker *broker, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * Logs a warning about what a peer did. @pid and @uid are the kernel's word. A process that does it again and
 * again is not logged each time.
 */
void broker_complain(struct broker *broker, pid_t pid, uid_t uid, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Remembers that @group has ended, and why. Of such ids the last 65536 are remembered. */
void broker_bury(struct broker *broker, uint64_t group, const struct actor_cause *cause);
bool broker_is_buried(const struct broker *broker, uint64_t group);
/* Appends why @group has ended; noconnection, if nobody has said that. */
void broker_put_cause_of(const struct broker *broker, uint64_t group, struct buf *out);
void broker_forget_graves(struct broker *broker);

/* Starts a frame's body: the shared buffer, emptied. */
static inline struct buf *broker_body(struct broker *broker)
{
	buf_reset(&broker->body, 1u << 20);
	return &broker->body;
}
