/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-protocol: the records between keeper and supervisor
 *
 * They go over one SOCK_SEQPACKET socketpair. Both ends are on this machine and from the same source, so the
 * records are plain C structs in host order. Every type has exactly one size and a known number of file
 * descriptors (SCM_RIGHTS). Anything else is a protocol error. The version in every header is checked,
 * because after an upgrade a newer supervisor may speak with an older keeper.
 *
 * The protocol is level-triggered. The keeper's table is the truth about processes, and the stream is only a
 * view of the table: a slot is told when its `seq` differs from the one that this supervisor was told last. A
 * new supervisor was told nothing, so it gets HELLO, then the whole table, then SYNCED. There is no queue: a
 * slot that changes three times before the socket is writable is told once, in its last stage. A slot is
 * freed only by an ACK of its final stage (EXITED or FAILED). An ACK of an earlier stage is allowed and has
 * no effect.
 *
 * A SPAWN is idempotent. If its cookie has a slot already, nothing is started, and the slot is told again. A
 * group id starts at most one process in the life of a node: ids come from the keeper's counter (HELLO hands
 * out a block, RESERVE asks for more), and the keeper remembers which of the latest 65,536 were used. So a
 * supervisor that finds an intent in its state sends the same SPAWN again, with the same cookie and the same
 * group id. Either the process has a slot already, or it is started now. If the process has lived, died and
 * been acknowledged meanwhile, the id is used up and the answer is REFUSED -ESTALE. So there is never a
 * second process with the same id, whichever process crashed at whatever time.
 *
 * Replies (RESERVED, REFUSED) are sent before the next request is read, so a supervisor must always read.
 */
#pragma once

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "spawner/shared/reports.h"

/* What the stdout or stderr of a child is. The read end of a PIPE is non-blocking and comes with the slot. */
enum keeper_io {
	KEEPER_IO_PIPE,
	KEEPER_IO_NULL,
	KEEPER_IO_INHERIT, /* the same as the keeper's */
	KEEPER_IO_STDOUT,  /* for stderr only: the same as stdout */
	_KEEPER_IO_N,
};

/* What the stdin of a child is. The write end of a PIPE is non-blocking and comes with the slot. */
enum keeper_input {
	KEEPER_INPUT_NULL,
	KEEPER_INPUT_PIPE, /* the keeper holds the other end, so it has no EOF until CLOSE_INPUT */
	KEEPER_INPUT_FILE, /* the spec names it */
	_KEEPER_INPUT_N,
};

/*
 * the child is a daemon of the node: its fd 3 is a struct keeper_node_info (ACTOR_NODE_FD=3), and its
 * RLIMIT_NOFILE stays raised. When the keeper dies, it gets KEEPER_DEATH_SIGNAL and not KILL, so that it can
 * end the rest of the node
 */
#define KEEPER_SPAWN_DAEMON 1u
/* the child gets the write end of a pipe as fd notify_fd; the read end comes with the slot */
#define KEEPER_SPAWN_NOTIFY 2u
#define _KEEPER_SPAWN_FLAGS 3u

/*
 * The memfd with the spec (built by shared/client.h) is mapped and checked by the forked child. A bad spec
 * leads to a slot in stage FAILED, step SPEC. The keeper puts the marker ACTOR_GROUP=<node>.<group> into the
 * environment.
 */
struct keeper_spawn {
	struct keeper_header header;
	uint64_t cookie;   /* chosen by the supervisor, not 0 */
	uint64_t group_id; /* one that was reserved before */
	uint32_t flags;
	uint8_t stdout_io;
	uint8_t stderr_io;
	uint8_t n_extra_fds; /* their numbers in the child are in the spec */
	uint8_t stdin_io;
	int32_t notify_fd; /* with KEEPER_SPAWN_NOTIFY: 3..255 */
	uint32_t reserved2;
	/* for people, and for a supervisor that adopts the process without state; NUL-terminated */
	char name[KEEPER_NAME_SIZE];
};

/* signal the leader's process group and all other processes of the group; without it, the leader alone */
#define KEEPER_SIGNAL_TREE 1u
/*
 * with TREE: the signal begins a stop, and is followed by CONT. When the leader ends, the rest of its tree is
 * killed after what is left of grace_ms, or at a KILL_TREE. The exit is told when the whole tree is gone.
 */
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

struct keeper_close_input {
	struct keeper_header header;
	uint64_t cookie;
};

struct keeper_ack {
	struct keeper_header header;
	uint64_t group_id;
	uint64_t seq; /* the one in the slot's record; an ACK with an older one is ignored */
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
	int32_t exit_code; /* the exit code of actor-spawner */
	uint32_t reserved;
	char reason[KEEPER_TEXT_SIZE]; /* logged if not empty; NUL-terminated */
};

struct keeper_plain {
	struct keeper_header header;
};

union keeper_record {
	struct keeper_header header;
	struct keeper_spawn spawn;
	struct keeper_signal signal;
	struct keeper_kill_tree kill_tree;
	struct keeper_close_input close_input;
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
