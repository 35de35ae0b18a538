/*
 * keeper-protocol: what keeper and supervisor say to each other
 *
 * One SOCK_SEQPACKET socketpair, both ends on this machine and from this build, so the records are plain C
 * structs in host order. Every type has exactly one size, and exactly known numbers of file descriptors
 * (SCM_RIGHTS); whatever else arrives is a protocol error. The version is checked in every header, because an
 * upgrade can put a newer supervisor on an older keeper.
 *
 * Level-triggered. The keeper's table is the truth about processes, and the stream is only a view of it: a
 * slot is told when its `seq` is not the one this supervisor was told last. A new supervisor was told
 * nothing, so it hears HELLO, then the whole table, then SYNCED. Nothing queues in between: a slot that
 * changes three times before the socket is writable is told once, in its last stage. A slot is freed only by
 * an ACK of its final stage (EXITED or FAILED). Acknowledging earlier stages is allowed and means nothing.
 *
 * Idempotent. A SPAWN with a cookie that has a slot starts nothing; the slot is told again. A group id starts
 * at most one process in the life of a node: ids come from the keeper's counter (HELLO hands out a block,
 * RESERVE asks for more), and the keeper remembers which of the latest 65,536 were used. So a supervisor that
 * finds an intent in its state sends the same SPAWN again, same cookie and same group id, and gets either the
 * slot or the process. If that process had lived, died and been acknowledged meanwhile, the id is used up and
 * the answer is REFUSED -ESTALE: never a second process under one id, whoever crashed when.
 *
 * Replies (RESERVED, REFUSED) are sent before the next request is read, so a supervisor must always read.
 */
#pragma once

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#define KEEPER_MAGIC          0x4b504141u /* "AAPK" in memory */
#define KEEPER_VERSION        2
#define KEEPER_SLOTS          4096 /* processes at a time */
#define KEEPER_RESERVE_MAX    1024 /* group ids in one RESERVE; HELLO carries as many */
#define KEEPER_SOCKET_FD      3    /* in the supervisor, at its start */
#define KEEPER_LOCK_FD        4 /* in the supervisor: the runtime directory, locked; keep it open to the end */
#define KEEPER_NAME_SIZE      64 /* with the NUL */
#define KEEPER_TEXT_SIZE      256
#define KEEPER_PATH_SIZE      4096
#define KEEPER_EXTRA_FDS_MAX  4   /* passed into a child beside its stdio */
#define KEEPER_CHILD_FD_MAX   255 /* highest number a notify or extra fd may have in the child */
#define KEEPER_RECORD_FDS_MAX (1 + KEEPER_EXTRA_FDS_MAX)
#define KEEPER_HANG_LOOKS     3  /* in a row, within the limit of a hang */
#define KEEPER_FILES_MIN      64 /* under a lower limit of open files there is no node */
#define KEEPER_DEATH_SIGNAL   SIGCONT /* to supervisor and daemons: wakes one that is stopped, and harms nobody */
#define KEEPER_EXIT_RUNNING   9 /* exit code of actor-spawner: a node is already running here */

enum keeper_type {
	/* supervisor → keeper */
	KEEPER_SPAWN = 1, /* + spec memfd + extra fds */
	KEEPER_SIGNAL,
	KEEPER_KILL_TREE,
	KEEPER_ACK,
	KEEPER_RESERVE,
	KEEPER_STATE,   /* + the supervisor's state memfd; replaces the one kept before */
	KEEPER_PROGRAM, /* upgrade: the supervisor's next start runs this; its next exit is no death */
	KEEPER_READY,   /* the node is ready: --ready-fd gets its newline; more than once is harmless */
	KEEPER_STOP,    /* the node stops: everything is gone or may be killed; the supervisor exits next */
	KEEPER_DOWN,    /* an orderly end has begun: from now on it has its limit, and a successor is told TERMINATE */
	KEEPER_PONG,    /* the answer to a PING */

	/* keeper → supervisor */
	KEEPER_HELLO = 64, /* first; + state memfd if KEEPER_HELLO_STATE */
	KEEPER_SLOT,       /* + fds as in fd_mask */
	KEEPER_SYNCED,     /* the whole table was told once; n_slots of HELLO have come */
	KEEPER_RESERVED,
	KEEPER_REFUSED,   /* a SPAWN that got no slot */
	KEEPER_TERMINATE, /* the keeper got TERM or INT: an orderly `down`, please, then STOP */
	KEEPER_PING,      /* are you there? Three in a row without an answer, and the supervisor is killed and started again */
};

struct keeper_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint32_t size_bytes; /* of the whole record */
	uint32_t reserved;   /* 0 */
};

/* What a child's stdout and stderr are. The read end of a PIPE is non-blocking and comes with the slot. */
enum keeper_io {
	KEEPER_IO_PIPE,
	KEEPER_IO_NULL,
	KEEPER_IO_INHERIT, /* the keeper's own */
	KEEPER_IO_STDOUT,  /* stderr only: where stdout goes */
	_KEEPER_IO_N,
};

/* fd 3 = struct keeper_node_info, ACTOR_NODE_FD=3; RLIMIT_NOFILE stays raised; it gets KEEPER_DEATH_SIGNAL, not KILL,
 * when the keeper dies, so that it can see to what is left */
#define KEEPER_SPAWN_DAEMON 1u
/* the child gets the write end of a pipe as fd notify_fd; its read end comes with the slot */
#define KEEPER_SPAWN_NOTIFY 2u
#define _KEEPER_SPAWN_FLAGS 3u

/*
 * The spec memfd (shared/client.h builds it) is mapped by the forked child, which checks it; a bad one is a
 * slot in stage FAILED, step SPEC. The marker ACTOR_GROUP=<node>.<group> is put into the environment by the
 * keeper.
 */
struct keeper_spawn {
	struct keeper_header header;
	uint64_t cookie;   /* chosen by the supervisor, not 0 */
	uint64_t group_id; /* reserved before */
	uint32_t flags;
	uint8_t stdout_io;
	uint8_t stderr_io;
	uint8_t n_extra_fds; /* their numbers in the child are in the spec */
	uint8_t reserved;
	int32_t notify_fd; /* with KEEPER_SPAWN_NOTIFY: 3..255 */
	uint32_t reserved2;
	char name[KEEPER_NAME_SIZE]; /* for people and for adoption without state; NUL-terminated */
};

/* its process group and everything else that is of the group, else the leader alone */
#define KEEPER_SIGNAL_TREE 1u
/* with TREE: the beginning of a stop. CONT follows the signal, and when the leader ends, the rest of its tree has what
 * is left of grace_ms, or until KILL_TREE, before it is killed. The exit is told when the whole tree is gone. */
#define KEEPER_SIGNAL_STOP 2u

struct keeper_signal {
	struct keeper_header header;
	uint64_t cookie;
	int32_t signo;
	uint32_t flags;
	uint32_t grace_ms; /* with STOP, else 0 */
	uint32_t reserved;
};

struct keeper_kill_tree {
	struct keeper_header header;
	uint64_t cookie;
};

struct keeper_ack {
	struct keeper_header header;
	uint64_t group_id;
	uint64_t seq; /* the one in the slot report; an older one is ignored */
};

struct keeper_reserve {
	struct keeper_header header;
	uint32_t n; /* 1..KEEPER_RESERVE_MAX */
	uint32_t reserved;
};

struct keeper_state {
	struct keeper_header header;
};

struct keeper_program {
	struct keeper_header header;
	char path[KEEPER_PATH_SIZE]; /* absolute, NUL-terminated */
};

struct keeper_ready {
	struct keeper_header header;
};

struct keeper_stop {
	struct keeper_header header;
	int32_t exit_code; /* of actor-spawner */
	uint32_t reserved;
	char reason[KEEPER_TEXT_SIZE]; /* printed if not empty; NUL-terminated */
};

#define KEEPER_HELLO_STATE 1u /* a state memfd comes with it */
/* there was one, but too many deaths: start without it, adopt from the table */
#define KEEPER_HELLO_STATE_ASIDE 2u
#define KEEPER_HELLO_TERMINATING 4u /* TERMINATE follows */

struct keeper_hello {
	struct keeper_header header;
	uint64_t node_id;
	uint8_t node_key[16];
	uint64_t group_id;       /* the supervisor's own */
	uint64_t first_group_id; /* reserved for this supervisor: n_group_ids from here */
	uint32_t n_group_ids;
	uint32_t n_slots; /* occupied; so many distinct SLOTs come before SYNCED */
	uint32_t max_slots;
	uint32_t flags;
	uint32_t n_deaths;   /* of supervisors of this node, upgrades not counted */
	int32_t last_code;   /* of the one before: si_code (CLD_EXITED, CLD_KILLED, CLD_DUMPED), 0 if none */
	int32_t last_status; /* exit code or signal */
	int32_t keeper_pid;
	uint64_t node_start_ns; /* CLOCK_MONOTONIC */
	uint64_t hang_limit_ns; /* so long supervisor and broker may be silent */
};

enum keeper_stage {
	KEEPER_FREE,
	KEEPER_FORKED,
	KEEPER_RUNNING, /* exec succeeded */
	KEEPER_FAILED,  /* final: no program ran; step and error say why */
	KEEPER_EXITED,  /* final: its whole tree is gone, it is reaped; code and status are the kernel's */
};

/* Where a start failed. */
enum keeper_step {
	KEEPER_STEP_NONE,
	KEEPER_STEP_FORK, /* pipes or fork: the keeper's own limits */
	KEEPER_STEP_SPEC, /* the memfd is not sealed or malformed */
	KEEPER_STEP_SESSION,
	KEEPER_STEP_STDIO,
	KEEPER_STEP_FDS,
	KEEPER_STEP_CGROUP,
	KEEPER_STEP_RLIMIT,
	KEEPER_STEP_USER,
	KEEPER_STEP_CWD,
	KEEPER_STEP_EXEC,
	_KEEPER_STEP_N,
};

/* fd_mask; the fds come in this order. */
#define KEEPER_FD_STDOUT 1u
#define KEEPER_FD_STDERR 2u
#define KEEPER_FD_NOTIFY 4u

#define KEEPER_SLOT_CORE      1u /* core dumped */
#define KEEPER_SLOT_TREE_LEFT 2u /* a process of its tree could not be killed in time (uninterruptible) */
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
	uint64_t start_ticks; /* /proc/PID/stat field 22: with the pid, a process for ever; 0 if never forked
			       */
	uint64_t forked_ns, exec_ns, exited_ns; /* CLOCK_MONOTONIC; 0 = not yet */
	int32_t pid;                            /* 0 if never forked */
	int32_t stage;                          /* enum keeper_stage */
	int32_t error;                          /* FAILED: positive errno */
	int32_t step;                           /* FAILED: enum keeper_step */
	int32_t code;                           /* EXITED: CLD_EXITED, CLD_KILLED or CLD_DUMPED */
	int32_t status;                         /* EXITED: exit code or signal number */
	uint32_t flags;                         /* KEEPER_SLOT_* */
	uint32_t fd_mask; /* which fds come with this record: all there are, the first time a supervisor hears
			     of the slot */
	uint32_t spawn_flags; /* KEEPER_SPAWN_* as it was asked for */
	uint32_t reserved;
	struct keeper_rusage rusage; /* EXITED: the process and the children it waited for */
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
	int32_t error; /* negative: -ENOSPC all slots taken, -ESTALE id used up or too old, -EINVAL bad
			  request or id */
	uint32_t reserved;
};

struct keeper_terminate {
	struct keeper_header header;
	int32_t signo;
	uint32_t limit_ms; /* after that everything is killed */
};

struct keeper_plain {
	struct keeper_header header;
};

union keeper_record {
	struct keeper_header header;
	struct keeper_spawn spawn;
	struct keeper_signal signal;
	struct keeper_kill_tree kill_tree;
	struct keeper_ack ack;
	struct keeper_reserve reserve;
	struct keeper_state state;
	struct keeper_program program;
	struct keeper_ready ready;
	struct keeper_stop stop;
	struct keeper_hello hello;
	struct keeper_slot slot;
	struct keeper_synced synced;
	struct keeper_reserved reserved;
	struct keeper_refused refused;
	struct keeper_terminate terminate;
	struct keeper_plain plain; /* DOWN, PING, PONG */
};

/* What a child started with KEEPER_SPAWN_DAEMON reads from fd 3 (a sealed memfd, offset 0). */
#define KEEPER_NODE_INFO_MAGIC 0x4e504141u

struct keeper_node_info {
	uint32_t magic;
	uint32_t version; /* KEEPER_VERSION */
	uint64_t node_id;
	uint64_t group_id; /* the child's own */
	uint8_t node_key[16];
	int32_t keeper_pid; /* its parent, as long as that lives */
	uint32_t reserved;
};
