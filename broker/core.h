/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker without hands. The shell tells it what happens, by calls that carry the time. The core has
 * things done through a table of operations. It touches no socket, clock, file or process, so every rule can
 * be tested, simulated and fuzzed.
 *
 * Operations never call back into the core. The core gives each handle from pipe_listen back exactly once,
 * with pipe_close. After that the shell delivers no event for that pipe.
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
struct broker_pipe; /* one connection, as the core sees it; each event of the shell names one */

#define BROKER_STALL_MS 30000

struct broker_options {
	uint64_t node;
	uint64_t group; /* the broker's own group id, a new one at each start */
	uint8_t key[TOKEN_KEY_BYTES];
	const char *runtime_dir; /* broker_new() copies it */
	uid_t uid;               /* the user who is admitted, beside root */
	/* how long the broker waits for the supervisor, and then for its groups; 0: not at all */
	int64_t window_ms;
	/* how long the pipe of a congested group may take nothing; 0: BROKER_STALL_MS */
	int64_t stall_ms;
	struct quota_limits limits; /* fields of 0: the default */
};

struct broker_ops {
	/*
	 * Listens at @path for 2 s and lets in only the process @pid of user @uid. Then the shell calls
	 * broker_pipe_up() or broker_pipe_down(). 0 or -errno.
	 */
	int (*pipe_listen)(void *arg, struct broker_pipe *pipe, const char *path, uid_t uid, pid_t pid,
		void **ret_handle);
	void (*pipe_close)(void *arg, void *handle);
	/*
	 * The buffer to which the core appends frames. The core may call pipe_flush() after any frame, and
	 * calls it before the buffer holds more than fits into one message.
	 */
	struct buf *(*pipe_out)(void *arg, void *handle);
	void (*pipe_flush)(void *arg, void *handle);
	/* bytes that the kernel has not taken, those in pipe_out's buffer included */
	size_t (*pipe_backlog)(void *arg, void *handle);
	/* asks the shell to call broker_pipe_drained() once, when there is no backlog */
	void (*pipe_notify_drained)(void *arg, void *handle);
	/* a client with a single link is admitted; the next broker must know that it is process @pid */
	void (*client_note)(void *arg, uint64_t group, pid_t pid);
	/* for a client without a pipe to the broker: does the kernel say that the client lives? */
	bool (*group_lives)(void *arg, uint64_t group);
	/* a client ended: its directory may be removed */
	void (*group_gone)(void *arg, uint64_t group);
	void (*hello_answer)(void *arg, uint64_t hello_id, const void *data, size_t size_bytes);
	void (*log)(void *arg, enum log_level level, const char *line);
};

int broker_new(struct broker **ret, const struct broker_options *options, const struct broker_ops *ops,
	void *arg, int64_t now_ns);
struct broker *broker_free(struct broker *broker); /* closes every pipe without a goodbye */

/*
 * The shell calls this at the start, for each client that an earlier broker admitted and that lives, as the
 * kernel says. The supervisor does not list clients. A client that is @at_door is awaited like a group in the
 * supervisor's list. Without @at_door only its process is known, and the process may have said hello as a new
 * client since. So the broker does not wait for such a client, and does not call it ended either.
 */
void broker_client_lives(struct broker *broker, uint64_t group, bool at_door, int64_t now_ns);
/*
 * @uid and @pid are what the kernel says of the sender; @pid 0: unknown. The hello is answered before this
 * returns.
 */
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
/* sends what was written; the shell calls it after a batch of events */
void broker_flush(struct broker *broker);

struct broker_stats {
	uint64_t groups, names, memberships, watches, calls, monitors, pairs, waiting; /* now */
	uint64_t hellos, refused, frames, routed, dropped, cut, ended;                 /* since the start */
	uint64_t refused_calls, over_quota, stalls;                                    /* since the start */
};
struct broker_stats broker_stats(const struct broker *broker);
