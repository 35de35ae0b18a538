/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process groups as this process sees them. It keeps a copy of the roll of each process group that it has
 * looked at. The broker tells it of changes, so a second look costs no message. When this process has heard
 * of the end of an actor or a group, no copy has them any more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "actor/actor.h"
#include "libactor/protocol/roll.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct actor;
struct buf;
struct mp_reader;

/* An actor's memberships and monitors of process groups; most actors have none. */
struct actor_pg {
	struct list seats;    /* struct own_seat.by_actor (membership.c) */
	struct list monitors; /* struct pg_monitor.by_watcher (pg-tell.h) */
	bool unsure;          /* it gave up a join that the broker may still handle */
};

struct pg_copy {
	struct hash_node node; /* group->pg_copies */
	actor_group *group;
	struct roll roll;      /* of struct copy_member */
	struct hash processes; /* struct pg_process, by group id */
	/* the broker tells of it on its own, not only as a part of its scope, and has told its roll */
	bool known;
	uint64_t told_at;            /* uplink.n_connects when its whole roll was told last */
	struct wire_str scope, name; /* in text, each followed by a NUL */
	char text[];
};

/* A process that has members in the copy. */
struct pg_process {
	struct hash_node node;  /* copy->processes */
	struct hash_node index; /* group->pg_processes */
	struct pg_copy *copy;
	uint64_t id;
	struct list members; /* struct copy_member.by_process */
};

/* Returns the next member; NULL: no more. *at begins with NULL. */
const struct roll_member *pg_process_next(const struct pg_process *process, struct list **at);

void pg_copies_init(actor_group *group);
void pg_copies_deinit(actor_group *group);

/* *scope NULL: it becomes the default. Returns -EINVAL when one of the two is no valid name. */
int pg_check_names(const char **scope, const char *name);
/*
 * The key of a process group in a table: its scope, a NUL, its name. @ret has PG_KEY_MAX_BYTES. Returns 0
 * when one of the two is too long to be valid.
 */
#define PG_KEY_MAX_BYTES (2 * WIRE_NAME_MAX_BYTES + 1)
static inline size_t pg_key(struct wire_str scope, struct wire_str name, char *ret)
{
	if (scope.len > WIRE_NAME_MAX_BYTES || name.len > WIRE_NAME_MAX_BYTES)
		return 0;
	memcpy(ret, scope.s, scope.len);
	ret[scope.len] = 0;
	memcpy(ret + scope.len + 1, name.s, name.len);
	return scope.len + 1 + name.len;
}

static inline uint64_t pg_hash(const struct hash *table, struct wire_str scope, struct wire_str name)
{
	char key[PG_KEY_MAX_BYTES];

	return hash_of_bytes(table, key, pg_key(scope, name, key));
}

/* Makes self->pg if there is none. Returns NULL when out of memory. */
struct actor_pg *actor_pg_of(struct actor *self);

/*
 * Finds the copy. The first time it asks the broker and waits: parks @self, or pumps if @self is NULL. @scope
 * NULL: the default. Returns 0; -EINVAL when one of the two is no valid name; else as actor_call().
 */
int pg_know(actor_group *group, struct actor *self, const char *scope, const char *name, int64_t timeout_ms,
	struct pg_copy **ret);
/* pg-ask.c: each member actor once, in the order of joining. The caller frees *ret. */
int pg_actors(actor_group *group, struct actor *self, const char *scope, const char *name, int64_t timeout_ms,
	actor_ref **ret, size_t *ret_n);
struct pg_copy *pg_copy_find(actor_group *group, struct wire_str scope, struct wire_str name);

/* Writes the arguments [scope, name], with nil for "all". */
void pg_put_which(struct buf *b, struct wire_str scope, struct wire_str name);

/*
 * Asks the broker to tell us of changes: of one process group; name.s NULL: of all in the scope; scope.s
 * NULL: of all. When this returns 0, the broker has told the present members.
 */
int pg_watch_wait(actor_group *group, struct actor *self, struct wire_str scope, struct wire_str name,
	int64_t timeout_ms);
/* A monitor has ended: frees the copies that are not needed any more. */
void pgs_settle(actor_group *group);

/* The broker cast `pg` with these arguments. */
void pgs_told(actor_group *group, struct mp_reader *args, uint32_t n);
/* The link to the broker was made again: asks for every watch again. */
void pgs_refresh(actor_group *group);
/* A group, or an actor, has ended. */
void pgs_forget_group(actor_group *group, uint64_t group_id);
void pgs_forget_ref(actor_group *group, actor_ref ref);
