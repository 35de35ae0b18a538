/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells our actors that a member joined or left: each monitoring mailbox gets a message of the kind MSG_PG.
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

/*
 * Something that actors of ours monitor: one process group, a scope, or all. A change is covered by three of
 * these at most, so monitors of other process groups cost nothing.
 */
struct pg_watched {
	struct hash_node node;       /* group->pg_watched */
	struct list monitors;        /* struct pg_monitor.by_watched */
	struct wire_str scope, name; /* in text; scope.s NULL: all, name.s NULL: all of the scope */
	char text[];
};

/* One of our actors monitors process groups. */
struct pg_monitor {
	uint64_t id;
	struct actor *watcher;
	/* the broker has answered; before that the monitor gets nothing, but keeps copies alive */
	bool asked;
	struct list by_watcher; /* actor_pg.monitors */
	struct list by_watched;
	struct pg_watched *watched;
};

/* Returns NULL when no actor of ours monitors exactly that. */
struct pg_watched *pg_watched_find(const actor_group *group, struct wire_str scope, struct wire_str name);
/* Puts @monitor beside the others that monitor the same. Returns 0 or -ENOMEM. */
int pg_watched_add(
	actor_group *group, struct pg_monitor *monitor, struct wire_str scope, struct wire_str name);
/* Takes @monitor out, and frees what no actor monitors any more. */
void pg_watched_remove(actor_group *group, struct pg_monitor *monitor);

/* Whether a monitor of any actor of ours covers that process group. */
bool pg_is_covered(const actor_group *group, struct wire_str scope, struct wire_str name);
void pg_monitor_tell(const struct pg_monitor *monitor, struct wire_str scope, struct wire_str name,
	const struct roll_member *member, bool joined);
/* Tells all monitors that cover that process group. */
void pg_tell(actor_group *group, struct wire_str scope, struct wire_str name,
	const struct roll_member *member, bool joined);
int actor_pg_handle(struct actor *self, const actor_msg *msg); /* handles a MSG_PG: calls on_pg */
