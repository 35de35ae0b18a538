/* SPDX-License-Identifier: Apache-2.0 */
/* reports: the records that the keeper sends, and the header of all records. See protocol.h. */
#pragma once

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#define KEEPER_MAGIC       0x4b504141u /* "AAPK" in memory */
#define KEEPER_VERSION     4
#define KEEPER_SLOTS       4096 /* at most so many processes at a time */
#define KEEPER_RESERVE_MAX 1024 /* group ids in one RESERVE; HELLO carries as many */
#define KEEPER_SOCKET_FD   3    /* number of the socket in the supervisor, at its start */
/* in the supervisor: the locked runtime directory; the supervisor keeps it open to its end */
#define KEEPER_LOCK_FD        4
#define KEEPER_NAME_SIZE      64 /* with the NUL */
#define KEEPER_TEXT_SIZE      256
#define KEEPER_PATH_SIZE      4096
#define KEEPER_EXTRA_FDS_MAX  4   /* descriptors that a child may get beside its stdio */
#define KEEPER_CHILD_FD_MAX   255 /* the highest number of a notify or extra fd in the child */
#define KEEPER_RECORD_FDS_MAX (1 + KEEPER_EXTRA_FDS_MAX)
#define KEEPER_HANG_LOOKS     3  /* looks without an answer, within the time limit of a hang */
#define KEEPER_FILES_MIN      64 /* with a lower limit of open files no node is started */
/* with a lower limit of a file's size no node is started: the supervisor's state and each log must fit */
#define KEEPER_FILE_SIZE_MIN (16u << 20)
/* the signal to supervisor and daemons when the keeper dies: it wakes a stopped process and harms none */
#define KEEPER_DEATH_SIGNAL SIGCONT
#define SUPERVISOR_NO_PLACE 75 /* exit code of actor-supervisor: its socket cannot be made */
#define KEEPER_EXIT_RUNNING 9  /* exit code of actor-spawner: a node is already running in this directory */

enum keeper_type {
	/* supervisor → keeper */
	KEEPER_SPAWN = 1, /* with the spec's memfd and the extra fds */
	KEEPER_SIGNAL,
	KEEPER_KILL_TREE,
	KEEPER_ACK,
	KEEPER_RESERVE,
	KEEPER_STATE, /* with the memfd of the supervisor's state, which replaces the one before */
	/* upgrade: the next start of the supervisor runs this program; its next exit is no death */
	KEEPER_PROGRAM,
	KEEPER_READY, /* the node is ready: --ready-fd gets its newline; a second READY has no effect */
	KEEPER_STOP,  /* the node stops: whatever still runs is killed; the supervisor exits next */
	/*
	 * an orderly end has begun: its time limit runs from now on, and a next supervisor is told TERMINATE
	 */
	KEEPER_DOWN,
	KEEPER_PONG,        /* the answer to a PING */
	KEEPER_CLOSE_INPUT, /* closes the keeper's end of a stdin that is a pipe */

	/* keeper → supervisor */
	KEEPER_HELLO = 64, /* the first record; with the state's memfd if KEEPER_HELLO_STATE is set */
	KEEPER_SLOT,       /* with fds as in fd_mask */
	KEEPER_SYNCED,     /* the whole table was told once: n_slots of HELLO have come */
	KEEPER_RESERVED,
	KEEPER_REFUSED, /* a SPAWN that got no slot */
	/* an orderly end has begun, by a signal or DOWN: the supervisor does a `down`, then sends STOP */
	KEEPER_TERMINATE,
	/*
	 * asks for a PONG; after three looks in a row without one the supervisor is killed and started again
	 */
	KEEPER_PING,
};

struct keeper_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t size_bytes; /* of the whole record */
	uint32_t reserved;   /* 0 */
};

#define KEEPER_HELLO_STATE 1u /* the memfd of the state comes with it */
/* there is a state, but it may have caused many deaths: start without it, and adopt from the table */
#define KEEPER_HELLO_STATE_ASIDE 2u
#define KEEPER_HELLO_TERMINATING 4u /* TERMINATE follows */

struct keeper_hello {
	struct keeper_header header;
	uint64_t node_id;
	uint8_t node_key[16];
	uint64_t group_id;       /* the supervisor's own */
	uint64_t first_group_id; /* n_group_ids from this one on are reserved for this supervisor */
	uint32_t n_group_ids;
	uint32_t n_slots; /* slots in use; so many distinct SLOTs come before SYNCED */
	uint32_t max_slots;
	uint32_t flags;
	uint32_t n_deaths; /* deaths of supervisors of this node, without upgrades */
	/* si_code of the last death (CLD_EXITED, CLD_KILLED, CLD_DUMPED), 0 if there was none */
	int32_t last_code;
	int32_t last_status; /* exit code or signal */
	int32_t keeper_pid;
	uint64_t node_start_ns; /* CLOCK_MONOTONIC */
	uint64_t hang_limit_ns; /* how long supervisor and broker may be silent */
};

enum keeper_stage {
	KEEPER_FREE,
	KEEPER_FORKED,
	KEEPER_RUNNING, /* exec succeeded */
	KEEPER_FAILED,  /* final: no program ran; step and error say why */
	KEEPER_EXITED,  /* final: its whole tree is gone and it is reaped; code and status are the kernel's */
};

/* Where a start failed. */
enum keeper_step {
	KEEPER_STEP_NONE,
	KEEPER_STEP_FORK, /* pipes or fork failed: a limit of the keeper */
	KEEPER_STEP_SPEC, /* the memfd is not sealed, or the spec is malformed */
	KEEPER_STEP_SESSION,
	KEEPER_STEP_STDIO,
	KEEPER_STEP_FDS,
	KEEPER_STEP_CGROUP,
	KEEPER_STEP_RLIMIT,
	KEEPER_STEP_USER,
	KEEPER_STEP_CWD,
	KEEPER_STEP_EXEC,
	KEEPER_STEP_NICE,
	KEEPER_STEP_OOM,
	_KEEPER_STEP_N,
};

/* Bits of fd_mask. The fds come in this order. */
#define KEEPER_FD_STDOUT 1u
#define KEEPER_FD_STDERR 2u
#define KEEPER_FD_NOTIFY 4u
#define KEEPER_FD_STDIN  8u /* the end that is written to */

#define KEEPER_SLOT_CORE 1u /* the process dumped core */
/* a process of its tree could not be killed: see denied_pid, or it sleeps uninterruptibly */
#define KEEPER_SLOT_TREE_LEFT  2u
#define KEEPER_SLOT_TREE_ENDED 4u /* processes of its tree outlived its leader, and were killed */

struct keeper_rusage {
	uint64_t utime_us, stime_us;
	uint64_t maxrss_kib;
	uint64_t minflt, majflt;
	uint64_t inblock, oublock;
	uint64_t nvcsw, nivcsw;
};

struct keeper_slot {
	struct keeper_header header;
	uint64_t cookie;
	uint64_t group_id;
	uint64_t seq;
	/* field 22 of /proc/PID/stat: with the pid it names one process for ever; 0 if never forked */
	uint64_t start_ticks;
	uint64_t forked_ns, exec_ns, exited_ns; /* CLOCK_MONOTONIC; 0 = not yet */
	int32_t pid;                            /* 0 if never forked */
	int32_t stage;                          /* enum keeper_stage */
	int32_t error;                          /* FAILED: positive errno */
	int32_t step;                           /* FAILED: enum keeper_step */
	int32_t code;                           /* EXITED: CLD_EXITED, CLD_KILLED or CLD_DUMPED */
	int32_t status;                         /* EXITED: exit code or signal number */
	uint32_t flags;                         /* KEEPER_SLOT_* */
	/* which fds come with this record; the first record of a slot to a supervisor brings all */
	uint32_t fd_mask;
	uint32_t spawn_flags; /* KEEPER_SPAWN_* of the SPAWN */
	/*
	 * 0, or a process of the tree that runs as another user, so that the kernel refused to kill it: the
	 * leader, as long as that runs; with EXITED and TREE_LEFT one that the leader has left behind
	 */
	int32_t denied_pid;
	uint32_t denied_uid; /* as whom; -1: it is not known */
	uint32_t reserved;
	struct keeper_rusage rusage; /* EXITED: of the process and the children that it waited for */
	char name[KEEPER_NAME_SIZE];
};

struct keeper_synced {
	struct keeper_header header;
};

struct keeper_reserved {
	struct keeper_header header;
	uint64_t first_group_id;
	uint32_t n;
	uint32_t reserved;
};

struct keeper_refused {
	struct keeper_header header;
	uint64_t cookie;
	uint64_t group_id;
	/*
	 * negative: -ENOSPC: all slots are taken; -ESTALE: the id is used up or too old; -EINVAL: bad request
	 * or id
	 */
	int32_t error;
	uint32_t reserved;
};

struct keeper_terminate {
	struct keeper_header header;
	int32_t signo;
	uint32_t limit_ms; /* after that everything is killed */
};
