/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between processes. On the wire everything is nng's: PAIR0, REQ0 and REP0 over its ipc transport, so
 * that nng in any language is a peer. Two implementations, chosen when building (-Dtransport=): `native`,
 * sockets in one epoll set and no threads; `nng`, the library, whose name is known in transport*.c only.
 * transport/native/transport.c compares them.
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
 * A door's: door_listen → TRANSPORT_KNOCK … → door_free. It accepts whom the kernel gives our uid or root,
 * reads the first message of each, which says who it is, and no byte more, until door_admit() makes a pipe of
 * it or door_refuse() closes it. What the other wrote meanwhile lies in the kernel, also when the other has
 * ended since.
 *
 * A pipe's life: pipe_listen/pipe_dial → TRANSPORT_PIPE_UP (or _PIPE_DOWN: nobody came in time, wrong peer)
 * → _PIPE_DATA … → _PIPE_DOWN (exactly once, last) → pipe_free. pipe_free before _PIPE_DOWN is fine too: no
 * event of it comes afterwards. Who is not the expected peer is closed before a byte is read, and does not
 * use up the place.
 *
 * Backpressure: what the loop does not take stays with the kernel (nng: TRANSPORT_INBOUND_MAX_BYTES of it in
 * memory), and the sender's pipe_backlog_bytes() grows.
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

enum transport_event_type {
	TRANSPORT_PIPE_UP,      /* pipe, user, peer */
	TRANSPORT_PIPE_DATA,    /* pipe, user, data: valid until the next transport_next() */
	TRANSPORT_PIPE_DRAINED, /* pipe, user: all that was written is the kernel's: pipe_notify_drained() */
	/*
	 * pipe, user, error: -ECONNRESET the peer went; -ETIMEDOUT, -EACCES (only others came), -ENOENT,
	 * -ECONNREFUSED: it never was up; -EPROTO, -EMSGSIZE: for what it sent (nng says -ECONNRESET);
	 * -EMSGSIZE, -ENOMEM: for what we wrote.
	 */
	TRANSPORT_PIPE_DOWN,
	/* door, user, knock_id, peer, data: the first message. door_admit() or door_refuse(), some time */
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

/* @path: a file name without "ipc://"; over 107 bytes it is reached through /proc/self/fd. The socket file
 * is removed once the peer is in. */
/* Negative timeout_ms: none. A dialer finds its listener there at once or fails at once. */
int pipe_listen(struct transport *transport, const char *path, struct transport_peer expect,
	int64_t timeout_ms, void *user, struct pipe **ret);
int pipe_dial(struct transport *transport, const char *path, struct transport_peer expect, int64_t timeout_ms,
	void *user, struct pipe **ret);
/*
 * Dials a door and says @first there, one message of at most DOOR_FIRST_MAX_BYTES. PIPE_UP comes as soon as
 * the listener's process is known to be @expect (nng: has greeted): it need not be awake, what is written
 * waits for it in the kernel.
 */
int pipe_join(struct transport *transport, const char *path, struct transport_peer expect, const void *first,
	size_t first_bytes, void *user, struct pipe **ret);
struct pipe *pipe_free(struct pipe *pipe);
void pipe_set_user(struct pipe *pipe, void *user);
bool pipe_is_up(const struct pipe *pipe);
/* Something came (be it the end, or who dials) that has not been taken. Costs a system call. */
bool pipe_has_unread(const struct pipe *pipe);
/* Append frames here, then pipe_flush(). What is flushed while a send is in flight leaves together in the
 * next message. Never blocks. May be used before the pipe is up: it waits there. */
struct buf *pipe_out(struct pipe *pipe);
void pipe_flush(struct pipe *pipe);
/* A frame is complete here: a message may be closed. A frame is never split: messages end only where
 * pipe_flush or pipe_mark was called. Call it at least each 16 MiB (WIRE_MESSAGE_MAX_BYTES): more in one
 * piece ends the pipe with -EMSGSIZE. */
void pipe_mark(struct pipe *pipe);
/* Written and not yet taken by the kernel, in bytes (an estimate from above). */
size_t pipe_backlog_bytes(const struct pipe *pipe);
/*
 * A daemon's end: when the pipe ends with -EPROTO or -EMSGSIZE for what came, the peer is sent a bye that
 * says why, and reads it before it sees the end. Best effort; nothing over nng, which has closed the pipe by
 * then.
 */
void pipe_say_why(struct pipe *pipe);
/* One TRANSPORT_PIPE_DRAINED when the backlog is empty (at once if it is): the kernel has it, and keeps it
 * for the peer even if we die. */
void pipe_notify_drained(struct pipe *pipe);

/*
 * A file of mode 0600, in place of whatever had that name. -EOPNOTSUPP: this build of the transport has none.
 */
int door_listen(struct transport *transport, const char *path, void *user, struct door **ret);
struct door *door_free(struct door *door); /* closes who was not admitted, removes the file */
/* Is the file still ours? If not, makes it anew; who has dialled the old one still comes in. */
int door_renew(struct door *door);
/*
 * The next knock, now, as transport_next() would give it: 1; 0 when nobody is there (any more); -EBUSY:
 * somebody may wait and cannot come in yet (no place, no descriptor). For where the death of somebody is to
 * be decided: what it wrote is in the kernel then.
 */
int door_next(struct door *door, struct transport_event *ret);
/* Its pipe is up, there is no PIPE_UP. Unknown ids: -ENOENT. */
int door_admit(struct door *door, uint64_t knock_id, void *user, struct pipe **ret);
void door_refuse(struct door *door, uint64_t knock_id);
/*
 * Does a living process listen at that door? The kernel's word, whatever else it is busy with. Over nng
 * always false: it has none.
 */
bool door_is_open(const char *path);

/* Replaces a stale socket file; -EADDRINUSE when somebody listens there. */
int server_listen(struct transport *transport, const char *path, void *user, struct server **ret);
struct server *server_free(struct server *server);
/* Every hello is answered exactly once, in any order; bytes are copied. Unknown ids are ignored. */
void server_answer(struct server *server, uint64_t hello_id, const void *data, size_t size_bytes);

/* Sends @data to a server and waits for the answer: exactly one TRANSPORT_ANSWER (error -ETIMEDOUT,
 * -ECONNREFUSED, -ENOENT …), then request_free. */
int request_send(struct transport *transport, const char *path, const void *data, size_t size_bytes,
	int64_t timeout_ms, void *user, struct request **ret);
struct request *request_free(struct request *request);
