/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of children. The keeper holds the read ends of their pipes too, so no child gets SIGPIPE while
 * there is no supervisor. All pipes are in one epoll descriptor, which the loop of the group watches. In each
 * turn each child that has written something gets a bounded share, so a child that floods its pipe takes
 * nothing from the others.
 *
 * The supervisor may be killed at any instruction, and no byte is lost or doubled: the bytes in a pipe are
 * read without being taken (tee), and one system call (splice) moves them from the pipe to the log.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/util/hash.h"
#include "libactor/util/list.h"
#include "spawner/logs/writer.h"

#define OUTPUT_TURN_BYTES (64u << 10) /* bytes of one pipe in one turn */
#define OUTPUT_LAST_BYTES (4u << 20)  /* bytes of one pipe at its end, more than a pipe can hold */
#define OUTPUT_KEEPER     UINT64_MAX  /* tag of the keeper's socket in the same epoll */

#define OUTPUT_OPEN_MAX 64u /* so many logs are kept open; the others are opened for each write */
#define OUTPUT_LOG_FDS  2   /* descriptors of one open log */
#define OUTPUT_DEBTS    32  /* logs that could not even be opened, whose losses the next life tells */

struct outputs {
	int epoll_fd;
	int scratch[2]; /* a pipe that is empty between two calls */
	struct log_dir dir;
	struct hash by_group;
	struct list open;          /* struct output: those whose log is open, the longest unused first */
	struct list ended;         /* struct output: those whose log does not say yet that the life is over */
	unsigned n_open, open_max; /* open_max is smaller if there are few descriptors */
	struct output_debt {
		char log_name[LOGFILE_NAME_MAX];
		uint64_t n_bytes; /* lost, and not said in that log; 0: free */
	} debts[OUTPUT_DEBTS];
	/* called when @n_bytes of a group's output are lost because its log could not be written */
	void (*lost)(uint64_t group, uint64_t n_bytes, void *arg);
	void *arg;
};

struct output {
	struct hash_node node;
	struct list open_link, ended_link;
	uint64_t group, forked_ns;
	int fds[2];           /* stdout, stderr; -1: closed */
	uint64_t input_inode; /* of a stdin that is a pipe; 0: none, or closed */
	struct logfile log;
	struct tail tail; /* the last bytes of stderr */
	bool complained;
	/* the end of its life, as in a stamp; valid while ended_link is linked */
	enum stamp_kind end_kind;
	int end_code;
	int64_t end_number;
};

/* @log_path: the directory; it must stay valid as long as @outputs. */
int outputs_init(struct outputs *outputs, const char *log_path);
void outputs_deinit(struct outputs *outputs);

/* The life of a child whose output is read. */
struct output_life {
	uint64_t group, forked_ns;
	int32_t pid;
	uint32_t number; /* which of the child's lives this is, from 1; 0: unknown */
	const char *log_name;
	bool no_stamps;
};

/* Takes over the descriptors @fds (-1: none). The first call for a life notes its beginning in the log. */
int output_add(struct outputs *outputs, const struct output_life *life, const int fds[2]);
struct output *output_find(const struct outputs *outputs, uint64_t group);
/*
 * Reads what is left in the pipes, and notes the end of the life (@kind, @code, @number: as in a stamp).
 * @text gets the last lines of stderr. The line about the end in the log is only written by outputs_settle(),
 * so that it does not delay those who wait for the end.
 */
void output_end(struct outputs *outputs, uint64_t group, enum stamp_kind kind, int code, int64_t number,
	char *text, size_t size_bytes);
/*
 * Writes the noted ends into their logs, and frees the outputs. To be called before the keeper is told that
 * it may forget a life. Else nobody would write the end of that life if the supervisor died in between.
 * output_add() settles earlier lives by itself.
 */
void outputs_settle(struct outputs *outputs);
/*
 * Reads from all pipes that are readable, for one turn. *ret_keeper: the events of the keeper's socket, 0:
 * none.
 */
void outputs_turn(struct outputs *outputs, uint32_t *ret_keeper);
