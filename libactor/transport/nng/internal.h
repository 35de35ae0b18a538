/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declarations that the files of the nng transport share. This is the only header that includes nng's.
 *
 * A source is something that can have events: a pipe, a server, a request. nng's threads change a source
 * under the transport's lock and put it into the ready list. The loop takes one event from the first ready
 * source. A source that has more goes to the end of the list. So sources take turns, and freeing a source
 * frees its events.
 */
#pragma once

#include <nng/nng.h>
#include <pthread.h>
#include <stdint.h>

#include "libactor/transport/address.h"
#include "libactor/transport/transport.h"
#include "libactor/util/list.h"

#define HELLO_MAX_BYTES (64u << 10) /* largest size of a hello, and of its answer */

struct source;

struct source_ops {
	/* Is called with the lock held, and releases it. Returns 1 and sets *ret, or returns 0. */
	int (*next)(struct source *source, struct transport_event *ret);
	void (*free)(struct source *source); /* called when the transport ends */
};

struct source {
	struct list ready; /* in transport->ready while it has events */
	struct list all;   /* in transport->sources for its whole life; loop only */
	struct transport *transport;
	const struct source_ops *ops;
};

struct transport {
	pthread_mutex_t lock; /* never held while nng is called, because nng's callbacks take it */
	struct list ready;
	bool rung; /* event_fd is readable; always true while the ready list is not empty */
	int event_fd;
	int attended_fd;     /* loop only */
	struct list sources; /* loop only */
	nng_msg *current;    /* the message into which the last event's data points; loop only */
};

void source_init(struct source *source, struct transport *transport, const struct source_ops *ops);
void source_deinit(struct source *source);
/* Called with the lock held: the source has an event, and the waiting loop is rung. */
void source_ready(struct source *source);

/* Makes the linker include transport/nng/sp.c. -ENOSYS: nng's own functions were not found. */
int transport_stream_init(void);

/* Turns an NNG_E* into a -errno; nothing else does so. 0 stays 0. */
int transport_error(int nng_error);
/* A duration in nng's form; negative: for ever. */
nng_duration transport_duration(int64_t timeout_ms);
/* Asks the kernel which process is at the other end. */
int transport_peer_of_pipe(nng_pipe pipe, struct transport_peer *ret);
int transport_message(const void *data, size_t size_bytes, nng_msg **ret);
/*
 * Ends the operation of @aio, waits for its callback, and frees @aio with a message that is left in it. NULL
 * is allowed.
 */
void transport_aio_free(nng_aio *aio);
