/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between processes. On the wire everything is nng's: PAIR0, REQ0 and REP0 over its ipc transport, so
 * that nng in any language is a peer. -Dtransport= chooses one of two implementations when building.
 * `native` is sockets in one epoll set, without threads. `nng` is the library; only files in transport/nng/
 * name it. transport/native/transport.c compares the two.
 *
 * All functions belong to one thread, the loop's. Wait with transport_wait(), or poll transport_fd(), then
 * take events with transport_next() until it returns 0: that is also what writes the rest of messages the
 * kernel did not take at once. A wait is one system call; a poll is three: wait, see who it was, look for
 * more.
 *
 *   pipe      one PAIR0 connection to exactly one peer, whose uid (and pid) the kernel vouches for
 *   door      a place where many may dial at any time: each connection that is admitted becomes a pipe
 *             (native only)
 *   server    REP0: the rendezvous of a daemon
 *   request   one REQ0 exchange: a client's hello
 *
 * A door's life: door_listen → TRANSPORT_KNOCK … → door_free. A door accepts processes of our uid or root, by
 * the kernel's word. It reads the first message of each, which says who dialled, and no byte more until
 * door_admit() makes a pipe of the connection or door_refuse() closes it. What the dialer writes meanwhile
 * lies in the kernel, even if the dialer has ended since.
 *
 * A pipe's life: pipe_listen/pipe_dial → TRANSPORT_PIPE_UP (or _PIPE_DOWN: nobody came in time, wrong peer)
 * → _PIPE_DATA … → _PIPE_DOWN (exactly once, last) → pipe_free. pipe_free before _PIPE_DOWN is fine too: no
 * event of the pipe comes afterwards. A connection of anybody but the expected peer is closed before a byte
 * is read, and the pipe goes on waiting for its peer.
 *
 * Backpressure: bytes that the loop does not take stay with the kernel (nng: TRANSPORT_INBOUND_MAX_BYTES of
 * them in memory), and the sender's pipe_backlog_bytes() grows.
 *
 * Descriptors: a transport 3, a pipe 1 (while it waits for its peer 2), a door 1 and one per knock (at most
 * guests_max()), a server 2 and one per client (at most guests_max() + 1), a request 1; one more for a path
 * over 107 bytes, each, as long as something listens there. nng: a transport 1 and the process 2, a pipe that
 * dialled 1, one that listened 2, and one more for each connection that has not greeted, without a bound.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libactor/util/buf.h"

#define TRANSPORT_INBOUND_MAX_BYTES (4u << 20)
#define TRANSPORT_BATCH_BYTES       (256u << 10) /* a message is closed when it reached this */
#define DOOR_FIRST_MAX_BYTES        64           /* of the first message */

struct transport;
struct pipe;
struct door;
struct server;
struct request;

/* Whom to admit. pid 0: do not compare (unknown, or another pid namespace). */
struct transport_peer {
	uid_t uid;
	pid_t pid;
};

/* The process of a peer. */
enum transport_life {
	LIFE_UNKNOWN, /* it has no number here (another pid namespace), or the kernel cannot be asked */
	LIFE_GOES_ON,
	LIFE_OVER, /* it has exited: nothing comes from it any more, but what is in the kernel already */
};

enum transport_event_type {
	TRANSPORT_PIPE_UP,      /* pipe, user, peer */
	TRANSPORT_PIPE_DATA,    /* pipe, user, data: valid until the next transport_next() */
	TRANSPORT_PIPE_DRAINED, /* pipe, user: the kernel has all that was written: pipe_notify_drained() */
	/*
	 * pipe, user, error. -ECONNRESET: the peer closed the connection or ended. -ETIMEDOUT, -EACCES (only
	 * others came), -ENOENT, -ECONNREFUSED: the pipe never was up. -EPROTO, -EMSGSIZE: the peer sent no
	 * message, or one too long (nng says -ECONNRESET). -EMSGSIZE, -ENOMEM: what we wrote cannot be sent.
	 */
	TRANSPORT_PIPE_DOWN,
	/* door, user, knock_id, peer, data: the first message. Answer it some time, by door_admit() or
	 * door_refuse() */
	TRANSPORT_KNOCK,
	TRANSPORT_HELLO,  /* server, user, hello_id, data, peer: answer with server_answer() */
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
 * The kernel's word on the process that had the number @pid (of a transport_peer) at @seen_ns, a time of
 * clock_boot_ns(). A process that dies closes its pipes a moment before it has exited.
 */
enum transport_life transport_life(pid_t pid, int64_t seen_ns);

const char *transport_name(void); /* "nng 1.5.2" or "native" */
int transport_new(struct transport **ret);
/* Closes every pipe, server and request that is left. */
struct transport *transport_free(struct transport *transport);
/* Level-triggered: readable while events wait, until transport_wait() is called. For sets of the caller's. */
int transport_fd(struct transport *transport);
/*
 * A descriptor of the caller's, which ends a wait while it is readable. There is one; -1: none. The caller
 * says -1 before it closes it.
 */
int transport_attend(struct transport *transport, int fd);
/*
 * Waits until there are events, the attended descriptor is readable, or @timeout_ns are over (negative: for
 * ever; 0 only looks). 1: that descriptor is readable; 0: it is not; -EINTR: a signal was handled.
 */
int transport_wait(struct transport *transport, int64_t timeout_ns);
/*
 * 1: *ret is filled; 0: nothing waits. After transport_wait(), 0 is: nothing more of what it has seen. The
 * next wait sees what came since, and what was not taken; so does who calls transport_fd() again.
 */
int transport_next(struct transport *transport, struct transport_event *ret);

/*
 * @path: a file name without "ipc://". One over 107 bytes is reached through /proc/self/fd. The listener
 * removes the socket file once the peer is in. Negative timeout_ms: none. A dialer that finds no listener
 * fails at once.
 */
int pipe_listen(struct transport *transport, const char *path, struct transport_peer expect,
	int64_t timeout_ms, void *user, struct pipe **ret);
int pipe_dial(struct transport *transport, const char *path, struct transport_peer expect, int64_t timeout_ms,
	void *user, struct pipe **ret);
/*
 * Dials a door and sends @first there, one message of at most DOOR_FIRST_MAX_BYTES. PIPE_UP comes as soon as
 * the kernel has said that the listener is @expect (nng: as soon as the listener has greeted). The listener
 * may be busy: what is written waits for it in the kernel.
 */
int pipe_join(struct transport *transport, const char *path, struct transport_peer expect, const void *first,
	size_t first_bytes, void *user, struct pipe **ret);
struct pipe *pipe_free(struct pipe *pipe);
void pipe_set_user(struct pipe *pipe, void *user);
bool pipe_is_up(const struct pipe *pipe);
/* Is there something to take: bytes, the end of the connection, a dialer? Costs a system call. */
bool pipe_has_unread(const struct pipe *pipe);
/* Append frames here, then pipe_flush(). What is flushed while a send is in flight leaves together in the
 * next message. Never blocks. Frames may be appended before the pipe is up: they wait. */
struct buf *pipe_out(struct pipe *pipe);
void pipe_flush(struct pipe *pipe);
/* A frame ends here, so a message may end here. Messages end only where pipe_flush or pipe_mark was called,
 * so no frame is split. Call it at least each 16 MiB (WIRE_MESSAGE_MAX_BYTES): more in one piece ends the
 * pipe with -EMSGSIZE. */
void pipe_mark(struct pipe *pipe);
/* Written and not yet taken by the kernel, in bytes (an estimate from above). */
size_t pipe_backlog_bytes(const struct pipe *pipe);
/*
 * For daemons. When the pipe ends with -EPROTO or -EMSGSIZE for what came, the peer is sent a bye that says
 * why, and reads it before it sees the end. Best effort. Does nothing over nng, which has closed the pipe by
 * then.
 */
void pipe_say_why(struct pipe *pipe);
/* Asks for one TRANSPORT_PIPE_DRAINED, which comes when the backlog is empty: the kernel has all of it, and
 * keeps it for the peer even if we die. */
void pipe_notify_drained(struct pipe *pipe);

/* The socket file has mode 0600 and replaces whatever had that name. -EOPNOTSUPP: this build has no doors. */
int door_listen(struct transport *transport, const char *path, void *user, struct door **ret);
struct door *door_free(struct door *door); /* closes all that are not admitted, removes the file */
/* Makes the socket file anew if it is not ours any more. Dialers of the old one still come in. */
int door_renew(struct door *door);
/*
 * Takes the next knock now. 1: *ret is as of transport_next(); 0: nobody is there; -EBUSY: somebody may wait
 * and cannot come in yet (no place, no descriptor). To be called before the death of a group is decided: the
 * group may have dialled, written and died, and what it wrote is still in the kernel.
 */
int door_next(struct door *door, struct transport_event *ret);
/* The pipe is up at once: no PIPE_UP comes. Unknown ids: -ENOENT. */
int door_admit(struct door *door, uint64_t knock_id, void *user, struct pipe **ret);
void door_refuse(struct door *door, uint64_t knock_id);
/* Does a living process listen at that door? The kernel answers, even if the process is busy. Over nng always
 * false: that build has no doors. */
bool door_is_open(const char *path);

/* Replaces a stale socket file; -EADDRINUSE when somebody listens there. */
int server_listen(struct transport *transport, const char *path, void *user, struct server **ret);
struct server *server_free(struct server *server);
/* Answer every hello exactly once, in any order. The bytes are copied. Unknown ids are ignored. */
void server_answer(struct server *server, uint64_t hello_id, const void *data, size_t size_bytes);

/* Sends @data to a server. Exactly one TRANSPORT_ANSWER follows (error -ETIMEDOUT, -ECONNREFUSED, -ENOENT …),
 * then call request_free. */
int request_send(struct transport *transport, const char *path, const void *data, size_t size_bytes,
	int64_t timeout_ms, void *user, struct request **ret);
struct request *request_free(struct request *request);
