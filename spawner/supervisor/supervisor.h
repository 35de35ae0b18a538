/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's shell: the pure node in the middle, around it the keeper, the callers, the clock and the
 * files.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "spawner/logs/output.h"
#include "spawner/node/node.h"
#include "spawner/supervisor/keeper-link.h"
#include "spawner/supervisor/launch.h"
#include "spawner/supervisor/state.h"

#define SUPERVISOR_READY_MS  5000 /* a node without a broker by then is said to be ready all the same */
#define SUPERVISOR_SWEEP_MS  5000
#define SUPERVISOR_AGAIN_MS  1000 /* after a notice was lost on the way */
#define SUPERVISOR_WINDOW_MS 1500 /* after this all groups have said hello to a new broker, or never will */

/* An owner: its end ends the child. */
struct owner_watch {
	struct hash_node by_number, by_monitor;
	uint64_t number;  /* of the child */
	uint64_t monitor; /* 0: not yet, or to be tried again */
	actor_ref owner;
};

struct supervisor {
	actor_group *group;
	actor *self; /* of the service actor */
	struct node *node;
	struct state state;
	struct keeper_link keeper;
	uint32_t keeper_events; /* what epoll watches its socket for */
	struct outputs outputs;
	struct launch launch;
	struct hash owners_by_number, owners_by_monitor;

	const char *runtime_dir, *log_dir;
	int groups_dir_fd; /* of `g` in the runtime directory; -1: none yet */
	uint64_t node_id, group_id;
	uint8_t key[16];
	uint64_t node_start_ns, start_ns;
	uint32_t n_deaths;
	int32_t keeper_pid;

	bool turn_is_due; /* cast to ourselves, behind whatever waits in the mailbox */
	uint64_t timer;   /* 0: none */
	uint64_t timer_ns;
	bool broker_up;
	unsigned n_silent;  /* looks in a row that found no answer of the broker */
	uint64_t looked_at; /* group id of that broker */
	int64_t hang_limit_ms;
	uint64_t broker_up_ns;
	struct buf dirs_over; /* ids of groups whose directories may go, one msgpack uint each */
	bool dirs_due;        /* a timer will remove them */
	bool again_is_due;    /* a timer will tell notices again that were lost on the way */
	bool ready_told;
	bool stopped; /* the last turn was taken */
};

uint64_t supervisor_now_ns(void);
/*
 * Called after events. A turn comes when the rest of the mailbox has been handled: it writes the state once
 * and does all actions.
 */
void supervisor_need_turn(struct supervisor *supervisor);
void supervisor_turn(struct supervisor *supervisor);
/* The keeper's socket or a child's pipe is readable. */
void supervisor_io(struct supervisor *supervisor);
void supervisor_tell_ready(struct supervisor *supervisor);
/* Called when the broker does not answer. It is killed, so that it is started again. */
void supervisor_kill_broker(struct supervisor *supervisor);
/* An orderly end has begun: the keeper sees to its limit. */
void supervisor_tell_down(struct supervisor *supervisor);
void supervisor_watch_owner(struct supervisor *supervisor, uint64_t number, actor_ref owner);
/* What service_hand_over() has to say. */
void supervisor_handed_over(
	struct supervisor *supervisor, uint64_t group, uint64_t number, bool ok, bool routed);
void supervisor_log_path(const char *name, char *ret, size_t size, void *arg);
/* The name that a child's log has. No child can take the broker's. */
const char *supervisor_log_name(const struct child *child);

/* service.c: `$spawner`; its init argument is the struct supervisor. */
extern const struct actor_behavior supervisor_behavior;

/* dirs.c */
void supervisor_group_dir_make(struct supervisor *supervisor, uint64_t group);
void supervisor_group_dir_remove(struct supervisor *supervisor, uint64_t group); /* soon */
void supervisor_group_dirs_sweep(struct supervisor *supervisor);                 /* those of nobody */
void supervisor_group_dirs_remove(struct supervisor *supervisor);                /* those that are due */
int supervisor_groups_dir_open(struct supervisor *supervisor);

/* tell.c */
__attribute__((noreturn)) void supervisor_end_of_node(struct supervisor *supervisor); /* the keeper is gone */
void supervisor_keeper_tell(struct supervisor *supervisor, const union keeper_record *record, int fd);
void supervisor_keeper_watch(struct supervisor *supervisor);
void supervisor_tell_plain(struct supervisor *supervisor, enum keeper_type type);

/* owners.c */
void supervisor_owner_forget(struct supervisor *supervisor, uint64_t number);

/* records.c */
void supervisor_sync_with_keeper(struct supervisor *supervisor, const struct keeper_hello *hello);
int supervisor_take_record(struct supervisor *supervisor, bool *ret_synced);
