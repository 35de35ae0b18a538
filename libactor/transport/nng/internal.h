/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the nng transport share, and the only header that includes nng's.
 *
 * A source is something that can have events: a pipe, a server, a request. nng's threads change a source
 * under the transport's lock and put it into the ready list. The loop takes one event from the first ready
 * source and puts the source back at the end if it has more. So sources take turns, and freeing a source
 * frees its events.
 */
#pragma once

#include <nng/nng.h>
#include <pthread.h>
#include <stdint.h>

#include "libactor/transport/address.h"
#include "libactor/transport/transport.h"
#include "libactor/util/list.h"

#define HELLO_MAX_BYTES (64u << 10) /* a hello, and its answer */

struct source;

struct source_ops {
	/* called with the lock held, returns without it: 1 and *ret, or 0 */
	int (*next)(struct source *source, struct transport_event *ret);
	void (*free)(struct source *source); /* the transport ends */
};

struct source {
	struct list ready; /* in transport->ready while it has events */
	struct list all;   /* in transport->sources as long as it lives; loop only */
	struct transport *transport;
	const struct source_ops *ops;
};

struct transport {
	pthread_mutex_t lock; /* never held while nng is called: its callbacks take it */
	struct list ready;
	bool rung; /* event_fd is readable; true whenever ready is not empty */
	int event_fd;
	int attended_fd;     /* loop only */
	struct list sources; /* loop only */
	nng_msg *current;    /* what the last event's data points into; loop only */
};

void source_init(struct source *source, struct transport *transport, const struct source_ops *ops);
void source_deinit(struct source *source);
/* With the lock held: the source has an event, and whoever waits is rung. */
void source_ready(struct source *source);

/* Makes the linker take transport/nng/sp.c. -ENOSYS: nng's functions were not found behind ours. */
int transport_stream_init(void);

/* Every NNG_E* becomes a -errno here and nowhere else. 0 stays 0. */
int transport_error(int nng_error);
/* What nng wants as a duration; negative = for ever. */
nng_duration transport_duration(int64_t timeout_ms);
/* Asks the kernel who is at the other end. */
int transport_peer_of_pipe(nng_pipe pipe, struct transport_peer *ret);
int transport_message(const void *data, size_t size_bytes, nng_msg **ret);
/* Ends what @aio does, waits for its callback, frees @aio and a message left in it. NULL is fine. */
void transport_aio_free(nng_aio *aio);
