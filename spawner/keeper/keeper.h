/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper: the parent of every process of a node
 *
 * One struct, in static memory, for the one node this program is. keeper/main.c starts it, keeper/loop.c is
 * its event loop, keeper/place.c sees to it that the node is found, keeper/spawn.c starts children,
 * keeper/tree.c ends them, keeper/stop.c ends the node, keeper/supervisor.c keeps the supervisor alive and
 * speaks with it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "spawner/keeper/policy.h"
#include "spawner/keeper/table.h"
#include "spawner/shared/protocol.h"
#include "spawner/shared/runtime-dir.h"

/* after this an exit is reported although something of its tree is left */
#define KEEPER_TREE_LIMIT_NS (5 * 1000000000ull)
#define KEEPER_STOP_LIMIT_NS (10 * 1000000000ull) /* after this the keeper exits although something is left */
/* descriptors no child may take: for a new supervisor, for /proc, for requests */
#define KEEPER_FILES_RESERVE  24
#define KEEPER_LEAVE_LIMIT_NS (5 * 1000000000ull) /* for a supervisor that said STOP or closed its socket */

enum keeper_phase {
	KEEPER_RUNS,
	KEEPER_TERMINATES, /* the supervisor was asked for an orderly end */
	KEEPER_STOPS,      /* everything is being killed; the last one out removes the directory */
};

struct keeper {
	struct keeper_table table;
	struct keeper_policy policy;
	enum keeper_phase phase;

	int epoll_fd, signal_fd, dir_fd, lock_fd, ready_fd;
	int log_dir_fd;              /* the claim of the log directory; negative = none */
	int place_fd;                /* inotify: what happens to the directory; -1 = none */
	uint64_t place_ns;           /* look at it again then; 0 = no need */
	bool place_said;             /* the log says already that the directory cannot be made anew */
	bool claim_lost, claim_said; /* the same of the claim of the log directory */
	bool dir_made;
	char dir[RUNTIME_DIR_PATH_SIZE];
	char log_dir[RUNTIME_DIR_PATH_SIZE];
	char supervisor[KEEPER_PATH_SIZE], broker[KEEPER_PATH_SIZE];
	/* as they were before they were raised for the daemons; programs get them back */
	struct rlimit nofile, file_size;
	uint64_t node_id, start_ns;
	uint8_t node_key[16];
	pid_t pid;
	/* whoever becomes our child descends from a group: we are not pid 1, and began without children */
	bool only_ours;

	/* the supervisor that runs, or will */
	pid_t supervisor_pid; /* 0 = none */
	uint64_t supervisor_group_id, supervisor_started_ns;
	bool supervisor_ready;  /* it has said READY */
	bool supervisor_killed; /* by us */
	unsigned n_not_run;     /* tries in a row at which its program could not be run */
	uint64_t restart_ns;    /* when to start the next one; 0 = not waiting */
	uint64_t leave_ns;      /* it is expected to exit; at this time it is killed; 0 = not expected */
	bool upgrading;         /* its next exit is meant */
	uint64_t hang_limit_ns; /* how long the supervisor may leave pings unanswered */
	/* the next ping, or look whether the one before was answered; 0 = nobody there */
	uint64_t ping_ns;
	unsigned n_silent;       /* looks in a row that found none */
	bool supervisor_is_dead; /* it was reaped, and what follows from that is not done yet */
	int dead_code, dead_status;
	int last_code, last_status;
	int state_fd;     /* the state memfd it entrusted us with; -1 = none */
	bool state_aside; /* HELLO says so, until there is a new one */

	/* what is to be said, beside slots */
	int socket_fd; /* -1 = none */
	bool hello_due, synced_due, terminate_due, reply_due, ping_due, writable;
	uint32_t socket_events; /* what epoll was told */
	union keeper_record reply;

	/* the end */
	int terminate_signo;    /* the plain signal that asked for it; 0 = none */
	uint64_t stop_limit_ns; /* for an orderly end */
	uint64_t deadline_ns;   /* of this phase; 0 = none */
	uint64_t rescan_ns;     /* look at the children again then; 0 = no need */
	unsigned n_dying;       /* leaders that are dead and held until their trees are gone */
	unsigned n_left;        /* children that are no leaders, at the last look */
	int exit_code;
};

/* What an epoll event is about: the kind, the slot, and the low bits of its group id against a slot reused
 * meanwhile. */
enum keeper_source {
	KEEPER_SOURCE_SIGNAL,
	KEEPER_SOURCE_SOCKET,
	KEEPER_SOURCE_EXEC,
	KEEPER_SOURCE_PLACE,
};

static inline uint64_t keeper_source(enum keeper_source kind, unsigned slot, uint64_t group_id)
{
	return (uint64_t)kind << 56 | (uint64_t)slot << 32 | (uint32_t)group_id;
}

/* keeper/log.c */
uint64_t keeper_now_ns(void);

/* One line to stderr. */
void keeper_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* keeper/loop.c: until the node is over */
void keeper_run(struct keeper *keeper);

/* keeper/stop.c */
/* Everything is killed; when all is gone, the program ends with this code. */
void keeper_stop(struct keeper *keeper, int exit_code);

/* An orderly end begins: everything is killed if it is not over within stop_limit_ns. */
void keeper_terminate(struct keeper *keeper);

/* keeper/place.c */
/* From now on notices when the runtime directory or its lock file is taken away. */
void keeper_place_watch(struct keeper *keeper);
/* Looks, and makes anew what is not there. */
void keeper_place_look(struct keeper *keeper);

/* keeper/spawn.c */
void keeper_spawn(struct keeper *keeper, const struct keeper_spawn *spawn, const int *fds);
void keeper_exec_heard(struct keeper *keeper, struct keeper_entry *entry);
void keeper_entry_close(struct keeper *keeper, struct keeper_entry *entry);

/* keeper/tree.c */
/*
 * Reaps dead children and ends their trees. The death of the supervisor is only noted (supervisor_is_dead).
 * @look: looks for orphans that must be killed even if nobody has died.
 */
void keeper_reap(struct keeper *keeper, bool look);
/*
 * Kills the leader of a group and all that is known to be of the group. The rest is found when the leader is
 * dead.
 */
void keeper_kill_tree(struct keeper *keeper, struct keeper_entry *entry);
/* Kills the leaders of all groups and their process groups, at the end of the node. */
void keeper_kill_all(struct keeper *keeper);
unsigned keeper_count_children(const struct keeper *keeper);
void keeper_signal(struct keeper *keeper, const struct keeper_signal *request);

/* keeper/supervisor.c */
int keeper_supervisor_start(struct keeper *keeper);
void keeper_supervisor_kill(struct keeper *keeper);
/*
 * Called at ping_ns: asks the supervisor for a sign of life, or kills it after too many pings without an
 * answer.
 */
void keeper_supervisor_ping(struct keeper *keeper);
void keeper_supervisor_died(struct keeper *keeper, int code, int status);
bool keeper_socket_receive(struct keeper *keeper); /* true: there may be more */
void keeper_socket_flush(struct keeper *keeper);
