/* SPDX-License-Identifier: Apache-2.0 */
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

#include "spawner/shared/reports.h"

/* What a child's stdout and stderr are. The read end of a PIPE is non-blocking and comes with the slot. */
enum keeper_io {
	KEEPER_IO_PIPE,
	KEEPER_IO_NULL,
	KEEPER_IO_INHERIT, /* the keeper's own */
	KEEPER_IO_STDOUT,  /* stderr only: where stdout goes */
	_KEEPER_IO_N,
};

/*
 * fd 3 = struct keeper_node_info, ACTOR_NODE_FD=3; RLIMIT_NOFILE stays raised; it gets KEEPER_DEATH_SIGNAL,
 * not KILL, when the keeper dies, so that it can see to what is left
 */
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
/*
 * with TREE: the beginning of a stop. CONT follows the signal, and when the leader ends, the rest of its tree
 * has what is left of grace_ms, or until KILL_TREE, before it is killed. The exit is told when the whole tree
 * is gone.
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
