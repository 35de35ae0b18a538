/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declarations that the files of the native transport share. All of this runs on the loop's thread; there are
 * no other threads.
 *
 * A source is something that can have events: a pipe, a door, a server, a request. The handlers of
 * descriptors and of the timer only note what happened and put the source into the ready list.
 * transport_next() takes one event from the first ready source. A source that has more puts itself back. So
 * sources take turns, and freeing a source frees its events.
 */
#pragma once

#include "libactor/transport/address.h"
#include "libactor/transport/native/sp.h"
#include "libactor/transport/transport.h"
#include "libactor/util/list.h"

struct source;

struct source_ops {
	/* returns 1 and sets *ret, or 0: no event (any more) */
	int (*next)(struct source *source, struct transport_event *ret);
	void (*timeout)(struct source *source);
	void (*free)(struct source *source); /* called when the transport ends */
};

struct source {
	struct list ready; /* in transport->ready while it may have events */
	struct list all;   /* in transport->sources */
	struct list timed; /* in transport->timed while it has a deadline */
	int64_t deadline_ns;
	struct transport *transport;
	const struct source_ops *ops;
};

/* A descriptor in the transport's epoll set. @handle must not close another descriptor of the set. */
struct io {
	int fd;
	void (*handle)(struct io *io, uint32_t events);
};

struct transport {
	int epoll_fd;
	int bell_fd; /* readable while sources are ready outside of transport_next() */
	int timer_fd;
	bool rung;
	bool taking; /* inside transport_next() */
	/* transport_wait() was called: it looks at the ready list itself, so the bell does not ring */
	bool waits;
	bool attended_ready;
	struct io bell, timer, attended;
	struct list ready, sources, timed;
	struct stream_shared shared;
};

void source_init(struct source *source, struct transport *transport, const struct source_ops *ops);
void source_deinit(struct source *source);
/*
 * The source has an event. @first: the source goes before the others, because its bytes lie in the shared
 * buffer.
 */
void source_ready(struct source *source, bool first);
/* Negative: no timeout. */
void source_set_timeout(struct source *source, int64_t timeout_ms);

int transport_watch(struct transport *transport, struct io *io, uint32_t events);
void transport_rewatch(struct transport *transport, struct io *io, uint32_t events);
/* Must be called before the descriptor is closed. */
void transport_unwatch(struct transport *transport, struct io *io);

/* Makes a pipe of a connection on which both sides have greeted. Takes over @fd, even on failure. */
int pipe_adopt(struct transport *transport, int fd, const struct transport_peer *peer, void *user,
	struct pipe **ret);

/*
 * The sockets are non-blocking and close-on-exec. The listener's file has @mode from the start. Returns
 * -EADDRINUSE when the file exists already.
 */
int address_listen(const struct address *address, unsigned mode);
int address_connect(const struct address *address);
int transport_peer_of_fd(int fd, struct transport_peer *ret);
bool transport_peer_is(const struct transport_peer *peer, const struct transport_peer *expect);
