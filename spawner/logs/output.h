/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What children write. The keeper holds the read ends of their pipes too, so nobody gets SIGPIPE while there
 * is no supervisor. One epoll descriptor for all of them: the group's loop watches that one. Each turn gives
 * each child that has something to say a bounded share, so one that floods takes nothing from the others.
 *
 * A supervisor may be killed at any instruction, and no byte is lost or doubled: what is in a pipe is looked
 * at (tee) without being taken, and goes from there to the log by one call of the kernel's (splice).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/util/hash.h"
#include "libactor/util/list.h"
#include "spawner/logs/writer.h"

#define OUTPUT_TURN_BYTES (64u << 10) /* of one pipe in one turn */
#define OUTPUT_LAST_BYTES (4u << 20)  /* of one pipe at its end: more than a pipe can hold */
#define OUTPUT_KEEPER     UINT64_MAX  /* tag of the keeper's socket in the same epoll */

#define OUTPUT_OPEN_MAX 64u /* logs kept open, at most: the others are opened for each write */
#define OUTPUT_LOG_FDS  2   /* of one open log */

struct outputs {
	int epoll_fd;
	int scratch[2]; /* a pipe that is empty between two calls */
	struct log_dir dir;
	struct hash by_group;
	struct list open;          /* struct output: whose log is open, longest unused first */
	struct list ended;         /* struct output: the log does not say yet that its life is over */
	unsigned n_open, open_max; /* where descriptors are few: fewer */
	/* called when @n_bytes of a group's output are lost because its log could not be written */
	void (*lost)(uint64_t group, uint64_t n_bytes, void *arg);
	void *arg;
};

struct output {
	struct hash_node node;
	struct list open_link, ended_link;
	uint64_t group, forked_ns;
	int fds[2]; /* stdout, stderr; -1: closed */
	struct logfile log;
	struct tail tail; /* of stderr */
	bool complained;
	/* its end, when ended_link is linked: as in a stamp */
	enum stamp_kind end_kind;
	int end_code;
	int64_t end_number;
};

/* @log_path: the directory, borrowed. */
int outputs_init(struct outputs *outputs, const char *log_path);
void outputs_deinit(struct outputs *outputs);

/* Whose output it is. */
struct output_life {
	uint64_t group, forked_ns;
	int32_t pid;
	uint32_t number; /* of this child's lives, from 1; 0: unknown */
	const char *log_name;
	bool no_stamps;
};

/* Takes the descriptors (-1: none). The first call for a life puts its beginning into the log. */
int output_add(struct outputs *outputs, const struct output_life *life, const int fds[2]);
struct output *output_find(const struct outputs *outputs, uint64_t group);
/*
 * Reads what is left in the pipes, and notes the end of the life (@kind, @code, @number: as in a stamp).
 * @text gets the last lines of stderr. Nobody who waits to hear of the end has to wait for its line in the
 * log: outputs_settle() writes that.
 */
void output_end(struct outputs *outputs, uint64_t group, enum stamp_kind kind, int code, int64_t number,
	char *text, size_t size_bytes);
/*
 * Puts the ends that were noted into their logs, and frees the outputs. Before the keeper is told that it may
 * forget a life, or else nobody writes its end if we die now. A new life settles those before it by itself.
 */
void outputs_settle(struct outputs *outputs);
/* One turn over what is readable. *ret_keeper: events of the keeper's socket, 0 none. */
void outputs_turn(struct outputs *outputs, uint32_t *ret_keeper);
