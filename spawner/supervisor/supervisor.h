/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's shell: it connects the pure node with the keeper, the callers, the clock and the files. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "spawner/logs/output.h"
#include "spawner/node/node.h"
#include "spawner/supervisor/keeper-link.h"
#include "spawner/supervisor/launch.h"
#include "spawner/supervisor/state.h"

#define SUPERVISOR_READY_MS 5000 /* after this the node is reported ready even if the broker is not */
#define SUPERVISOR_SWEEP_MS 5000
#define SUPERVISOR_AGAIN_MS 1000 /* pause before lost notices are told again */
/* after this all groups have said hello to a new broker, unless they never will */
#define SUPERVISOR_WINDOW_MS 1500

/* An owner, whose end also ends the child. */
struct owner_watch {
	struct hash_node by_number, by_monitor;
	uint64_t number;  /* the child's number */
	uint64_t monitor; /* 0: there is none yet, or it must be made again */
	actor_ref owner;
};

struct supervisor {
	actor_group *group;
	actor *self; /* the actor `$spawner` */
	struct node *node;
	struct state state;
	struct keeper_link keeper;
	uint32_t keeper_events; /* the events for which epoll watches the keeper's socket */
	struct outputs outputs;
	struct launch launch;
	struct hash owners_by_number, owners_by_monitor;

	const char *runtime_dir, *log_dir;
	int groups_dir_fd; /* the directory `g` in the runtime directory; -1: not opened yet */
	uint64_t node_id, group_id;
	uint8_t key[16];
	uint64_t node_start_ns, start_ns;
	uint32_t n_deaths;
	int32_t keeper_pid;

	bool turn_is_due; /* the cast for it is in the mailbox, behind all earlier messages */
	uint64_t timer;   /* 0: none */
	uint64_t timer_ns;
	bool broker_up;
	unsigned n_silent;  /* looks in a row without an answer of the broker */
	uint64_t looked_at; /* group id of the broker that was looked at last */
	int64_t hang_limit_ms;
	uint64_t broker_up_ns;
	struct buf dirs_over; /* ids of groups whose directories must be removed, one msgpack uint each */
	bool dirs_due;        /* a timer will remove them */
	bool again_is_due;    /* a timer will tell lost notices again */
	bool ready_told;
	bool stopped; /* the last turn is over */
};

uint64_t supervisor_now_ns(void);
/*
 * To be called after events. A turn comes when the rest of the mailbox has been handled. It writes the state
 * once and does all actions.
 */
void supervisor_need_turn(struct supervisor *supervisor);
void supervisor_turn(struct supervisor *supervisor);
/* To be called when the keeper's socket or a child's pipe is readable. */
void supervisor_io(struct supervisor *supervisor);
void supervisor_tell_ready(struct supervisor *supervisor);
/* Kills a broker that does not answer, so that it is started again. */
void supervisor_kill_broker(struct supervisor *supervisor);
/* Tells the keeper that an orderly end has begun. The keeper watches over its time limit. */
void supervisor_tell_down(struct supervisor *supervisor);
void supervisor_watch_owner(struct supervisor *supervisor, uint64_t number, actor_ref owner);
/* Handles the result of service_hand_over(). */
void supervisor_handed_over(
	struct supervisor *supervisor, uint64_t group, uint64_t number, bool ok, bool routed);
void supervisor_log_path(const char *name, char *ret, size_t size, void *arg);
/* The name of a child's log. No child can have the name of the broker's log. */
const char *supervisor_log_name(const struct child *child);

/* service.c: the behavior of `$spawner`, whose init argument is the struct supervisor. */
extern const struct actor_behavior supervisor_behavior;

/* dirs.c */
void supervisor_group_dir_make(struct supervisor *supervisor, uint64_t group);
void supervisor_group_dir_remove(struct supervisor *supervisor, uint64_t group); /* removed soon after */
/* removes those that belong to no group */
void supervisor_group_dirs_sweep(struct supervisor *supervisor);
/* removes those in dirs_over */
void supervisor_group_dirs_remove(struct supervisor *supervisor);
int supervisor_groups_dir_open(struct supervisor *supervisor);

/* tell.c */
/* to be called when the keeper is gone */
__attribute__((noreturn)) void supervisor_end_of_node(struct supervisor *supervisor);
void supervisor_keeper_tell(struct supervisor *supervisor, const union keeper_record *record, int fd);
void supervisor_keeper_watch(struct supervisor *supervisor);
void supervisor_tell_plain(struct supervisor *supervisor, enum keeper_type type);

/* owners.c */
void supervisor_owner_forget(struct supervisor *supervisor, uint64_t number);

/* records.c */
void supervisor_sync_with_keeper(struct supervisor *supervisor, const struct keeper_hello *hello);
int supervisor_take_record(struct supervisor *supervisor, bool *ret_synced);
