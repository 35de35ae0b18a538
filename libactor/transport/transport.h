/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between processes. The wire protocol is nng's: PAIR0, REQ0 and REP0 over nng's ipc transport, so a
 * program with nng in any language can be a peer. The build option -Dtransport= chooses one of two
 * implementations. `native` uses sockets in one epoll set, without threads. `nng` uses the library; only
 * files in transport/nng/ name it. transport/native/transport.c compares the two.
 *
 * Only one thread, the loop's, calls these functions. The caller waits with transport_wait(), or polls
 * transport_fd(). Then it takes events with transport_next() until that returns 0. transport_next() also
 * writes the rest of messages that the kernel did not take at once. A wait costs one system call. A poll
 * costs three: the wait, the look for ready descriptors, and the look for more.
 *
 *   pipe      one PAIR0 connection to exactly one peer, whose uid (and pid) the kernel tells
 *   door      a place where many peers may dial at any time: each admitted connection becomes a pipe
 *             (native only)
 *   server    REP0: the rendezvous of a daemon
 *   request   one REQ0 exchange: a client's hello
 *
 * The life of a door: door_listen → TRANSPORT_KNOCK … → door_free. A door accepts processes of our uid or
 * root, whom the kernel tells. It reads the first message of each connection, which says who dialled. It
 * reads no further byte until door_admit() makes a pipe of the connection, or door_refuse() closes it. What
 * the dialer writes meanwhile stays in the kernel, even if the dialer ends.
 *
 * The life of a pipe: pipe_listen/pipe_dial → TRANSPORT_PIPE_UP (or _PIPE_DOWN, when no peer came in time or
 * a wrong one did) → _PIPE_DATA … → _PIPE_DOWN (exactly once, last) → pipe_free. pipe_free may also come
 * before _PIPE_DOWN; no event of the pipe comes afterwards. A connection from another process than the
 * expected peer is closed before a byte is read, and the pipe goes on waiting for its peer.
 *
 * Backpressure: bytes that the loop does not take stay in the kernel (nng: up to TRANSPORT_INBOUND_MAX_BYTES
 * of them in memory), and the sender's pipe_backlog_bytes() grows.
 *
 * Descriptors of native: a transport 3; a pipe 1 (while it waits for its peer 2); a door 1 and one per knock
 * (at most guests_max()); a server 2 and one per client (at most guests_max() + 1); a request 1. Each of them
 * needs one more while it listens at a path over 107 bytes. Descriptors of nng: a transport 1 and the process
 * 2; a pipe that dialled 1; a pipe that listened 2, and one more for each connection that has not greeted,
 * without a bound.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libactor/util/buf.h"

#define TRANSPORT_INBOUND_MAX_BYTES (4u << 20)
#define TRANSPORT_BATCH_BYTES       (256u << 10) /* a message is closed when it has reached this size */
#define DOOR_FIRST_MAX_BYTES        64           /* largest size of the first message */

struct transport;
struct pipe;
struct door;
struct server;
struct request;

/* The process to admit. pid 0: do not compare the pid (it is unknown, or of another pid namespace). */
struct transport_peer {
	uid_t uid;
	pid_t pid;
};

/* The process of a peer. */
enum transport_life {
	/* the process has no number here (another pid namespace), or the kernel cannot be asked */
	LIFE_UNKNOWN,
	LIFE_GOES_ON,
	LIFE_OVER, /* the process has exited: only bytes that the kernel already has can still come from it */
};

enum transport_event_type {
	TRANSPORT_PIPE_UP,   /* pipe, user, peer */
	TRANSPORT_PIPE_DATA, /* pipe, user, data; data is valid until the next transport_next() */
	/* pipe, user: the kernel has all that was written, see pipe_notify_drained() */
	TRANSPORT_PIPE_DRAINED,
	/*
	 * pipe, user, error. -ECONNRESET: the peer closed the connection or ended. -ETIMEDOUT, -EACCES (only
	 * other processes came), -ENOENT, -ECONNREFUSED: the pipe never was up. -EPROTO, -EMSGSIZE: the peer
	 * sent bytes that are no message, or a message that is too long (nng says -ECONNRESET). -EMSGSIZE,
	 * -ENOMEM: what we wrote cannot be sent.
	 */
	TRANSPORT_PIPE_DOWN,
	/*
	 * door, user, knock_id, peer, data: the first message. The user has to answer, at any later time, by
	 * door_admit() or door_refuse().
	 */
	TRANSPORT_KNOCK,
	TRANSPORT_HELLO,  /* server, user, hello_id, data, peer: to be answered with server_answer() */
	TRANSPORT_ANSWER, /* request, user, error; data when error is 0 */
};

struct transport_event {
	enum transport_event_type type;
	struct pipe *pipe;
	struct door *door;
	struct server *server;
	struct request *request;
	void *user;
	uint64_t hello_id, knock_id;
	struct transport_peer peer;
	const uint8_t *data;
	size_t size_bytes;
	int error;
};

/*
 * Whether the process lives that had the number @pid (of a transport_peer) at @seen_ns, a time of
 * clock_boot_ns(). The kernel is asked. A dying process closes its pipes a moment before it has exited.
 */
enum transport_life transport_life(pid_t pid, int64_t seen_ns);

const char *transport_name(void); /* "nng 1.5.2" or "native" */
int transport_new(struct transport **ret);
/* Closes all remaining pipes, servers and requests. */
struct transport *transport_free(struct transport *transport);
/*
 * A descriptor for other sets of descriptors. Level-triggered: readable while events wait, until
 * transport_wait() is called.
 */
int transport_fd(struct transport *transport);
/*
 * Sets a descriptor of the caller that ends a wait while it is readable; -1: none. There is only one. The
 * caller must set -1 before it closes the descriptor.
 */
int transport_attend(struct transport *transport, int fd);
/*
 * Waits until there are events, the attended descriptor is readable, or @timeout_ns are over (negative: for
 * ever; 0: only look). Returns 1 when the attended descriptor is readable; 0 when not; -EINTR when a signal
 * was handled.
 */
int transport_wait(struct transport *transport, int64_t timeout_ns);
/*
 * Returns 1, and *ret is filled; 0 when no event waits. After transport_wait(), 0 means that all events of
 * that wait were taken. The next wait, or the next call of transport_fd(), finds what came since and what was
 * not taken.
 */
int transport_next(struct transport *transport, struct transport_event *ret);

/*
 * @path: a file name without "ipc://". A path over 107 bytes is reached through /proc/self/fd. @timeout_ms:
 * negative means none. The listener removes the socket file when the peer is in. A dialer that finds no
 * listener fails at once.
 */
int pipe_listen(struct transport *transport, const char *path, struct transport_peer expect,
	int64_t timeout_ms, void *user, struct pipe **ret);
int pipe_dial(struct transport *transport, const char *path, struct transport_peer expect, int64_t timeout_ms,
	void *user, struct pipe **ret);
/*
 * Dials a door and sends @first there, one message of at most DOOR_FIRST_MAX_BYTES. PIPE_UP comes when the
 * kernel has said that the listener is @expect (nng: when the listener has greeted). The listener may be
 * busy: what is written waits for it in the kernel.
 */
int pipe_join(struct transport *transport, const char *path, struct transport_peer expect, const void *first,
	size_t first_bytes, void *user, struct pipe **ret);
struct pipe *pipe_free(struct pipe *pipe);
void pipe_set_user(struct pipe *pipe, void *user);
bool pipe_is_up(const struct pipe *pipe);
/* Whether there is something to take: bytes, the end of the connection, a dialer. Costs a system call. */
bool pipe_has_unread(const struct pipe *pipe);
/*
 * Frames are appended to this buffer; pipe_flush() sends them. Frames that are flushed while a send is in
 * flight leave together in the next message. Never blocks. Frames may be appended before the pipe is up: they
 * wait.
 */
struct buf *pipe_out(struct pipe *pipe);
void pipe_flush(struct pipe *pipe);
/*
 * Says that a frame ends here. A message ends only where pipe_flush or pipe_mark was called, so no frame is
 * split. The caller must call one of them at least every 16 MiB (WIRE_MESSAGE_MAX_BYTES): a longer piece ends
 * the pipe with -EMSGSIZE.
 */
void pipe_mark(struct pipe *pipe);
/* The number of bytes that were written and not yet taken by the kernel (an upper estimate). */
size_t pipe_backlog_bytes(const struct pipe *pipe);
/*
 * For daemons. When the pipe ends with -EPROTO or -EMSGSIZE because of what came, the peer gets a bye that
 * says why, before the end of the connection. Best effort. Does nothing in nng, which has closed the pipe by
 * then.
 */
void pipe_say_why(struct pipe *pipe);
/*
 * Asks for one TRANSPORT_PIPE_DRAINED. It comes when the backlog is empty: the kernel then has all bytes, and
 * keeps them for the peer even if this process dies.
 */
void pipe_notify_drained(struct pipe *pipe);

/* The socket file has mode 0600 and replaces any file of that name. -EOPNOTSUPP: this build has no doors. */
int door_listen(struct transport *transport, const char *path, void *user, struct door **ret);
struct door *door_free(
	struct door *door); /* closes the connections that are not admitted, removes the file */
/*
 * Makes the socket file anew if the file at the path is not the door's any more. Dialers of the old socket
 * still come in.
 */
int door_renew(struct door *door);
/*
 * Takes the next knock now. Returns 1, and *ret is as of transport_next(); 0 when nobody is there; -EBUSY
 * when a dialer may wait that cannot come in yet (no place, no descriptor). To be called before the death of
 * a group is decided: the group may have dialled, written and died, and the kernel still has what it wrote.
 */
int door_next(struct door *door, struct transport_event *ret);
/* The pipe is up at once: no PIPE_UP comes. Returns -ENOENT for an unknown id. */
int door_admit(struct door *door, uint64_t knock_id, void *user, struct pipe **ret);
void door_refuse(struct door *door, uint64_t knock_id);
/*
 * Whether a living process listens at that door. The kernel answers, even if the process is busy. Always
 * false in nng, which has no doors.
 */
bool door_is_open(const char *path);

/* Replaces a stale socket file. Returns -EADDRINUSE when a process listens there. */
int server_listen(struct transport *transport, const char *path, void *user, struct server **ret);
struct server *server_free(struct server *server);
/*
 * The user must answer every hello exactly once, in any order. The bytes are copied. Unknown ids are ignored.
 */
void server_answer(struct server *server, uint64_t hello_id, const void *data, size_t size_bytes);

/*
 * Sends @data to a server. Exactly one TRANSPORT_ANSWER follows (error -ETIMEDOUT, -ECONNREFUSED, -ENOENT …);
 * after it the user calls request_free.
 */
int request_send(struct transport *transport, const char *path, const void *data, size_t size_bytes,
	int64_t timeout_ms, void *user, struct request **ret);
struct request *request_free(struct request *request);
