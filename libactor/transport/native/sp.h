/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream is one connection that speaks nng's SP protocol over a Unix stream socket. Each side sends a
 * greeting of eight bytes, then messages. A message is a type byte (1), a u64 big-endian length and the body.
 * No function blocks. The owner of the stream knows from epoll when the socket is readable or writable: it
 * sets ->readable, and it calls stream_write().
 *
 * All streams of a transport read into one big shared buffer. So many small messages cost one system call,
 * and an idle stream costs no memory. A stream owns the shared buffer while the messages that it has read are
 * taken out. When it gives the buffer back, it copies the bytes that were not taken out to its own `part`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "libactor/util/buf.h"
#include "libactor/util/list.h"

#define STREAM_SHARED_BYTES   (256u << 10)
#define STREAM_BATCH_BYTES    (256u << 10)
#define STREAM_GREETING_BYTES 8u
#define STREAM_HEAD_BYTES     9u

/* SP protocol numbers. */
enum stream_protocol { STREAM_PAIR0 = 0x10, STREAM_REQ0 = 0x30, STREAM_REP0 = 0x31 };

struct stream;

struct stream_shared {
	uint8_t *data;
	struct stream *owner; /* the stream whose unread bytes are in data; NULL: none */
	struct buf kept; /* the last big message of a freed stream: it stays valid until the next event */
};

int stream_shared_init(struct stream_shared *shared);
void stream_shared_deinit(struct stream_shared *shared);

struct stream_batch {
	struct list node; /* in stream->batches */
	struct buf buf;   /* messages with their heads */
	bool closed;      /* nothing more is added, because the kernel has taken a part */
};

struct stream {
	struct stream_shared *shared;
	int fd;
	enum stream_protocol peer;
	size_t max_bytes;
	bool readable; /* the owner sets it when epoll reports it; one read clears it */
	bool greeted;  /* the peer's greeting was right */
	bool broken;   /* a write failed: nothing more is written, but what the peer sent is still read */
	const uint8_t *at, *end; /* unread bytes in shared */
	struct buf part; /* unread bytes outside of shared, mostly an incomplete message with its head */
	bool part_given; /* stream_next() returned a message that lies in part; the next call clears part */
	struct list batches;
	size_t batches_bytes;
	size_t written_bytes; /* how many bytes of the first batch were written */
};

/* Takes over @fd and writes our greeting to it. */
void stream_init(struct stream *stream, struct stream_shared *shared, int fd, enum stream_protocol self,
	enum stream_protocol peer, size_t max_bytes);
/* The same for a connection on which both sides have already sent and read the greeting. */
void stream_init_greeted(struct stream *stream, struct stream_shared *shared, int fd,
	enum stream_protocol peer, size_t max_bytes);
/* The length of the body behind @head. SIZE_MAX: @head is not the head of a message. */
size_t stream_head_read(const uint8_t head[STREAM_HEAD_BYTES]);
void stream_greeting(uint8_t ret[STREAM_GREETING_BYTES], enum stream_protocol self);
void stream_deinit(struct stream *stream);
/*
 * Returns 1 when the peer's greeting has come and is right; 0 when it has not come yet; negative results are
 * as of stream_next().
 */
int stream_greet(struct stream *stream);
/*
 * Returns 1, and @ret is a message that is valid until the next call or until another stream reads; 0 when
 * there is no message now; a negative value when the connection is over (-ECONNRESET, -EPROTO, -EMSGSIZE,
 * -ENOMEM) and all complete messages were returned before. Also reads the greeting, if it was not read yet,
 * and sets ->greeted.
 */
int stream_next(struct stream *stream, const uint8_t **ret, size_t *ret_size_bytes);
/*
 * True when unread bytes are in shared, or when the message of the last stream_next() lies in part and the
 * socket is readable.
 */
bool stream_has_unread(const struct stream *stream);
/* Gives the shared buffer back. Unread bytes of @stream are copied to its part. Returns 0 or -ENOMEM. */
int stream_yield(struct stream *stream);
/* Writes as much of the waiting batches as the kernel takes. */
void stream_write(struct stream *stream);
/*
 * Sends one message of @n pieces. If no batch waits, the message is written at once. The rest that the kernel
 * does not take waits for stream_write(). Returns 0 or -ENOMEM.
 */
int stream_send(struct stream *stream, const struct iovec *pieces, int n);
bool stream_wants_to_write(const struct stream *stream);
size_t stream_backlog_bytes(const struct stream *stream);
