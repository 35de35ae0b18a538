/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker without hands: what happens comes in as events with the time, what is to be done goes out
 * through a table of operations. It touches no socket, clock, file or process, so every rule can be tested,
 * simulated and fuzzed.
 *
 * Operations never call back into the core. A handle that pipe_listen gave is given back with pipe_close
 * exactly once; after that the shell delivers no event for its pipe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/quota.h"
#include "libactor/protocol/token.h"
#include "libactor/util/buf.h"
#include "libactor/util/log.h"

struct broker;
struct broker_pipe; /* one connection, as the core sees it; the shell hands it back with each event */

#define BROKER_STALL_MS 30000

struct broker_options {
	uint64_t node;
	uint64_t group; /* the broker's own id: new with each of its starts */
	uint8_t key[TOKEN_KEY_BYTES];
	const char *runtime_dir; /* borrowed for broker_new() */
	uid_t uid;               /* whom to admit, beside root */
	/* how long to wait for the supervisor, and then for its groups; 0: not at all */
	int64_t window_ms;
	/* how long the pipe of a congested group may take nothing; 0: BROKER_STALL_MS */
	int64_t stall_ms;
	struct quota_limits limits; /* fields of 0: the default */
};

struct broker_ops {
	/*
	 * Waits 2 s at @path for exactly that member; then broker_pipe_up() or broker_pipe_down() is called.
	 * 0 or -errno.
	 */
	int (*pipe_listen)(void *arg, struct broker_pipe *pipe, const char *path, uid_t uid, pid_t pid,
		void **ret_handle);
	void (*pipe_close)(void *arg, void *handle);
	/*
	 * The buffer to which the core appends frames. The core may call pipe_flush() after any frame. It
	 * does so before the buffer holds more than fits into one message.
	 */
	struct buf *(*pipe_out)(void *arg, void *handle);
	void (*pipe_flush)(void *arg, void *handle);
	/* bytes written and not taken by the kernel, pipe_out included */
	size_t (*pipe_backlog)(void *arg, void *handle);
	/* from then on: broker_pipe_drained() once, when there is no backlog */
	void (*pipe_notify_drained)(void *arg, void *handle);
	/* a client with a single link is admitted: that it is @pid is to be known to the next broker */
	void (*client_note)(void *arg, uint64_t group, pid_t pid);
	/* of a client without a pipe to the broker: does the kernel say that it lives? */
	bool (*group_lives)(void *arg, uint64_t group);
	/* a client ended: what it left in its directory may go */
	void (*group_gone)(void *arg, uint64_t group);
	void (*hello_answer)(void *arg, uint64_t hello_id, const void *data, size_t size_bytes);
	void (*log)(void *arg, enum log_level level, const char *line);
};

int broker_new(struct broker **ret, const struct broker_options *options, const struct broker_ops *ops,
	void *arg, int64_t now_ns);
struct broker *broker_free(struct broker *broker); /* closes every pipe; says nothing to anybody */

/*
 * At the start, of each client that lives, says the kernel: an earlier broker admitted it, and nobody else
 * lists it. One that is @at_door is awaited like a group in the supervisor's list. Of another only the
 * process is known, which may have come as somebody new: nobody waits for it, but it is not over either.
 */
void broker_client_lives(struct broker *broker, uint64_t group, bool at_door, int64_t now_ns);
/* @uid, @pid: the kernel's word; @pid 0: unknown. The hello is answered before this returns. */
void broker_hello(struct broker *broker, uint64_t hello_id, uid_t uid, pid_t pid, const void *data,
	size_t size_bytes, int64_t now_ns);
void broker_pipe_up(struct broker *broker, struct broker_pipe *pipe, int64_t now_ns);
void broker_pipe_data(
	struct broker *broker, struct broker_pipe *pipe, const void *data, size_t size_bytes, int64_t now_ns);
void broker_pipe_drained(struct broker *broker, struct broker_pipe *pipe, int64_t now_ns);
void broker_pipe_down(struct broker *broker, struct broker_pipe *pipe, int error, int64_t now_ns);
void broker_tick(struct broker *broker, int64_t now_ns);
/* when to call broker_tick(); INT64_MAX: not needed */
int64_t broker_deadline_ns(const struct broker *broker);
void broker_flush(struct broker *broker); /* after a batch of events: sends what they wrote */

struct broker_stats {
	uint64_t groups, names, memberships, watches, calls, monitors, pairs, waiting; /* now */
	uint64_t hellos, refused, frames, routed, dropped, cut, ended;                 /* since the start */
	uint64_t refused_calls, over_quota, stalls;                                    /* likewise */
};
struct broker_stats broker_stats(const struct broker *broker);
