/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection that speaks nng's SP protocol over a Unix stream socket: eight bytes of greeting each way,
 * then messages of a type byte (1), a u64 big-endian length and the body. Non-blocking; the owner says when
 * the socket is readable or writable.
 *
 * Reading goes through one big buffer that all streams of a transport share, so that many small messages cost
 * one system call and an idle stream no memory. A stream holds it while messages it has read are taken out;
 * what is incomplete then moves to its own.
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
	struct stream *owner; /* whose unread bytes are in it */
	struct buf kept;      /* a big message that outlives its stream until the next event */
};

int stream_shared_init(struct stream_shared *shared);
void stream_shared_deinit(struct stream_shared *shared);

struct stream_batch {
	struct list node; /* in stream->batches */
	struct buf buf;   /* messages with their heads */
	bool closed;      /* nothing is added: half written */
};

struct stream {
	struct stream_shared *shared;
	int fd;
	enum stream_protocol peer;
	size_t max_bytes;
	bool readable;           /* the owner sets it when epoll says so; one read clears it */
	bool greeted;            /* the peer's greeting was right */
	bool broken;             /* writing failed: nothing is written any more, what came is still read */
	const uint8_t *at, *end; /* unread bytes in shared */
	struct buf part;         /* an incomplete message with its head */
	bool part_given;         /* part was handed out whole */
	struct list batches;
	size_t batches_bytes;
	size_t written_bytes; /* of the first batch */
};

/* Takes @fd. Writes the greeting. */
void stream_init(struct stream *stream, struct stream_shared *shared, int fd, enum stream_protocol self,
	enum stream_protocol peer, size_t max_bytes);
/* The same for a connection on which both greetings have been said and read. */
void stream_init_greeted(struct stream *stream, struct stream_shared *shared, int fd,
	enum stream_protocol peer, size_t max_bytes);
/* How long the message is whose head of STREAM_HEAD_BYTES this is, without it; SIZE_MAX: it is none. */
size_t stream_head_read(const uint8_t head[STREAM_HEAD_BYTES]);
void stream_greeting(uint8_t ret[STREAM_GREETING_BYTES], enum stream_protocol self);
void stream_deinit(struct stream *stream);
/* 1: the peer has greeted rightly; 0: not yet; negative as below. */
int stream_greet(struct stream *stream);
/* 1: a message, valid until the next call or until another stream reads; 0: no more for now; negative: the
 * connection is over (-ECONNRESET, -EPROTO, -EMSGSIZE, -ENOMEM), and everything complete was given before.
 * Sets ->greeted on the way. */
int stream_next(struct stream *stream, const uint8_t **ret, size_t *ret_size_bytes);
/* Bytes have been read that stream_next() has not given yet. */
bool stream_has_unread(const struct stream *stream);
/* Gives the shared buffer back although not everything in it was taken. */
int stream_yield(struct stream *stream);
/* Writes what waits. */
void stream_write(struct stream *stream);
/* One message of @n pieces; written at once if nothing waits, else with the next. 0 or -ENOMEM. */
int stream_send(struct stream *stream, const struct iovec *pieces, int n);
bool stream_wants_to_write(const struct stream *stream);
size_t stream_backlog_bytes(const struct stream *stream);
