/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper: the parent of every process of a node
 *
 * One struct, in static memory, for the one node of this program. keeper/main.c starts the node,
 * keeper/loop.c is the event loop, keeper/place.c keeps the node's directory in place, keeper/spawn.c starts
 * children, keeper/tree.c ends them, keeper/stop.c ends the node, keeper/supervisor.c keeps the supervisor
 * alive and speaks with it.
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

/* after this an exit is reported although a process of its tree is left */
#define KEEPER_TREE_LIMIT_NS (5 * 1000000000ull)
/*
 * What the kernel does not let us kill, since it runs as another user, has this long to end by itself, as
 * sudo does when its command is dead; then it is told.
 */
#define KEEPER_DENIED_NS (1000 * 1000000ull)
/* so long after a signal that should end a process it is said who debugs it */
#define KEEPER_HELD_NS (1000 * 1000000ull)
/* after this the keeper exits although processes are left */
#define KEEPER_STOP_LIMIT_NS (10 * 1000000000ull)
/* so many descriptors no child may take: they are for a new supervisor, for /proc, and for requests */
#define KEEPER_FILES_RESERVE 24
/* a supervisor that said STOP or closed its socket is killed after this */
#define KEEPER_LEAVE_LIMIT_NS (5 * 1000000000ull)

enum keeper_phase {
	KEEPER_RUNS,
	KEEPER_TERMINATES, /* the supervisor was asked for an orderly end */
	KEEPER_STOPS,      /* everything is being killed; when all are gone, the directory is removed */
};

struct keeper {
	struct keeper_table table;
	struct keeper_policy policy;
	enum keeper_phase phase;

	int epoll_fd, signal_fd, dir_fd, lock_fd, ready_fd;
	int log_dir_fd;    /* the file that claims the log directory; negative = none */
	int place_fd;      /* inotify watches the directories; -1 = there is no inotify */
	uint64_t place_ns; /* when to look at the directories again; 0 = no need */
	bool place_said;   /* the log already says that the directory cannot be made anew */
	/* the claim of the log directory was taken away; the log already says that it cannot be made anew */
	bool claim_lost, claim_said;
	bool dir_made;
	char dir[RUNTIME_DIR_PATH_SIZE];
	char log_dir[RUNTIME_DIR_PATH_SIZE];
	char supervisor[KEEPER_PATH_SIZE], broker[KEEPER_PATH_SIZE];
	/* the limits from before they were raised for the daemons; programs get these */
	struct rlimit nofile, file_size;
	uint64_t node_id, start_ns;
	uint8_t node_key[16];
	pid_t pid;
	/*
	 * every child of the keeper descends from a group: the keeper is not pid 1, and began without
	 * children
	 */
	bool only_ours;

	/* the supervisor that runs now or is started next */
	pid_t supervisor_pid; /* 0 = none */
	uint64_t supervisor_group_id, supervisor_started_ns;
	bool supervisor_ready;  /* it has said READY */
	bool supervisor_killed; /* the keeper killed it */
	unsigned n_not_run;     /* starts in a row in which its program could not be run */
	unsigned n_slow; /* supervisors in a row that died by their own fault without their old state too */
	uint64_t restart_ns; /* when to start the next supervisor; 0 = none is waited for */
	/* the supervisor is about to exit, and is killed at this time; 0 = it is not about to exit */
	uint64_t leave_ns;
	bool upgrading;         /* its next exit is part of an upgrade, and no death */
	uint64_t hang_limit_ns; /* how long the supervisor may leave pings unanswered */
	/*
	 * when to send the next ping or to look for the answer to the last one; 0 = there is nobody to ping
	 */
	uint64_t ping_ns;
	unsigned n_silent; /* looks in a row that found no answer */
	/* the supervisor was reaped, and keeper_supervisor_died() must still be called */
	bool supervisor_is_dead;
	int dead_code, dead_status;
	int last_code, last_status;
	int state_fd;     /* the memfd with the supervisor's state; -1 = none */
	bool state_aside; /* the state was set aside: HELLO says so until there is a new state */

	/* what must be sent to the supervisor, beside slots */
	int socket_fd; /* -1 = none */
	bool hello_due, synced_due, terminate_due, reply_due, ping_due, writable;
	uint32_t socket_events; /* the events that epoll waits for */
	union keeper_record reply;

	/* the end of the node */
	int terminate_signo;    /* the first signal that was not queued and asked for the end; 0 = none */
	uint64_t stop_limit_ns; /* how long an orderly end may take */
	uint64_t deadline_ns;   /* when this phase must be over; 0 = there is no limit */
	uint64_t rescan_ns;     /* when to look at the children again; 0 = no need */
	unsigned n_dying;       /* leaders that are dead but not reaped until their trees are gone */
	unsigned n_left;        /* children that were no leaders at the last look */
	unsigned n_left_denied; /* how many of n_left cannot be killed; counted while the node stops */
	bool late_due;          /* an entry has a denied_ns or a held_ns */
	int exit_code;
};

/*
 * What an epoll event is about: the kind, the slot, and the low bits of the group id. By these bits an event
 * of an earlier user of the slot is recognized.
 */
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

/* Writes one line to stderr. */
void keeper_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes the last line of the log to @fd as well, without waiting. */
void keeper_log_repeat(int fd);

/* keeper/loop.c: runs until the node is over */
void keeper_run(struct keeper *keeper);

/* keeper/stop.c */
/* Kills everything. When all processes are gone, the program ends with @exit_code. */
void keeper_stop(struct keeper *keeper, int exit_code);

/* Begins an orderly end. If it is not over within stop_limit_ns, everything is killed. */
void keeper_terminate(struct keeper *keeper);

/* keeper/place.c */
/* From now on the keeper notices when the runtime directory or its lock file is removed. */
void keeper_place_watch(struct keeper *keeper);
/* Looks at the directories and their files, and makes anew those that are missing. */
void keeper_place_look(struct keeper *keeper);

/* keeper/spawn.c */
void keeper_spawn(struct keeper *keeper, const struct keeper_spawn *spawn, const int *fds);
void keeper_exec_heard(struct keeper *keeper, struct keeper_entry *entry);
/* Closes the keeper's end of a stdin that is a pipe. */
void keeper_input_close(struct keeper_entry *entry);
void keeper_entry_close(struct keeper *keeper, struct keeper_entry *entry);

/* keeper/tree.c */
/*
 * Reaps dead children and ends their trees. The death of the supervisor is only noted (supervisor_is_dead).
 * @look: looks for orphans that must be killed even if nobody has died.
 */
void keeper_reap(struct keeper *keeper, bool look);
/*
 * Kills the leader of a group and all processes that are known to be of the group. The others are found when
 * the leader is dead.
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
