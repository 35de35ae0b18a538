/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process groups as this process sees them: a copy of the roll of each one that was looked at, which the
 * broker keeps current. Looking again costs no message. Whoever is told of the end of an actor or a group
 * finds it in no copy any more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/roll.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct actor;
struct buf;
struct mp_reader;

/* What an actor has to do with process groups; most have nothing. */
struct actor_pg {
	struct list seats;    /* struct own_seat.by_actor (membership.c) */
	struct list monitors; /* struct pg_monitor.by_watcher (pg-tell.h) */
};

struct pg_copy {
	struct hash_node node; /* group->pg_copies */
	actor_group *group;
	struct roll roll;            /* of struct copy_member */
	struct hash processes;       /* struct pg_process, by group id */
	bool known;                  /* watched by itself, and its roll was told */
	uint64_t told_at;            /* uplink.n_connects when it was told what is there */
	struct wire_str scope, name; /* in text, each with a NUL behind it */
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

/* Its members, one after the other; NULL: no more. *at begins as NULL. */
const struct roll_member *pg_process_next(const struct pg_process *process, struct list **at);

void pgs_init(actor_group *group);
void pgs_deinit(actor_group *group);

/* Scope NULL: the default. -EINVAL: one is no name. */
int pg_check_names(const char **scope, const char *name);
/* Of a process group in a table of them. */
uint64_t pg_hash(const struct hash *table, struct wire_str scope, struct wire_str name);

/* NULL: out of memory. */
struct actor_pg *actor_pg_of(struct actor *self);

/* Asks the broker the first time, and waits: parks @self, or pumps if it is NULL. 0 or as actor_call(). */
int pg_know(actor_group *group, struct actor *self, const char *scope, const char *name, int64_t timeout_ms,
	struct pg_copy **ret);
/* pg-ask.c: each actor that is a member, once, in the order of joining. *ret is freed by the caller. */
int pg_actors(actor_group *group, struct actor *self, const char *scope, const char *name, int64_t timeout_ms,
	actor_ref **ret, size_t *ret_n);
struct pg_copy *pg_copy_find(actor_group *group, struct wire_str scope, struct wire_str name);

/* The arguments that say which: [scope, name], nil for all. */
void pg_put_which(struct buf *b, struct wire_str scope, struct wire_str name);

/*
 * Asks to be told of it; without a name of all in the scope, without a scope of all. What is there has come
 * before the answer.
 */
int pg_watch_wait(actor_group *group, struct actor *self, struct wire_str scope, struct wire_str name,
	int64_t timeout_ms);
/* A monitor has ended: copies that nobody looks at any more go. */
void pgs_settle(actor_group *group);

/* The cast `pg` came: its arguments. */
void pgs_told(actor_group *group, struct mp_reader *args, uint32_t n);
/* The link to a broker was made again: everything is asked for again. */
void pgs_refresh(actor_group *group);
/* It has ended. */
void pgs_forget_group(actor_group *group, uint64_t group_id);
void pgs_forget_ref(actor_group *group, actor_ref ref);
