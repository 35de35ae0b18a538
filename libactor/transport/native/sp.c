/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/transport/native/sp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECES_MAX      4
#define PART_KEEP_BYTES 4096u

/* ---- heads ---- */

static void head_put(uint8_t head[STREAM_HEAD_BYTES], uint64_t size_bytes)
{
	head[0] = 1;
	for (int i = 8; i > 0; i--, size_bytes >>= 8)
		head[i] = (uint8_t)size_bytes;
}

size_t stream_head_read(const uint8_t head[STREAM_HEAD_BYTES])
{
	uint64_t size_bytes = 0;

	if (head[0] != 1)
		return SIZE_MAX;
	for (int i = 1; i < 9; i++)
		size_bytes = size_bytes << 8 | head[i];
	return size_bytes < SIZE_MAX ? (size_t)size_bytes : SIZE_MAX;
}

void stream_greeting(uint8_t ret[STREAM_GREETING_BYTES], enum stream_protocol self)
{
	const uint8_t bytes[STREAM_GREETING_BYTES] = {0, 'S', 'P', 0, 0, (uint8_t)self, 0, 0};

	memcpy(ret, bytes, sizeof(bytes));
}

/*
 * Sets *ret to the size of the greeting or message at the beginning of @data, with its head; 0: not known
 * yet.
 */
static int unit_size(const struct stream *stream, const uint8_t *data, size_t n, size_t *ret)
{
	size_t size_bytes;

	if (!stream->greeted) {
		*ret = STREAM_GREETING_BYTES;
		return 0;
	}
	if (n > 0 && data[0] != 1)
		return -EPROTO;
	if (n < STREAM_HEAD_BYTES) {
		*ret = 0;
		return 0;
	}
	size_bytes = stream_head_read(data);
	if (size_bytes > stream->max_bytes)
		return -EMSGSIZE;
	*ret = STREAM_HEAD_BYTES + size_bytes;
	return 0;
}

static bool greeting_is_right(const uint8_t *data, enum stream_protocol peer)
{
	uint8_t right[STREAM_GREETING_BYTES];

	stream_greeting(right, peer);
	return !memcmp(data, right, STREAM_GREETING_BYTES);
}

/* ---- reading ---- */

int stream_shared_init(struct stream_shared *shared)
{
	*shared = (struct stream_shared){.data = malloc(STREAM_SHARED_BYTES)};
	return shared->data ? 0 : -ENOMEM;
}

void stream_shared_deinit(struct stream_shared *shared)
{
	buf_deinit(&shared->kept);
	free(shared->data);
	shared->data = NULL;
}

int stream_yield(struct stream *stream)
{
	if (stream->shared->owner != stream)
		return 0;
	if (stream->end > stream->at)
		buf_append(&stream->part, stream->at, (size_t)(stream->end - stream->at));
	stream->at = stream->end = NULL;
	stream->shared->owner = NULL;
	return buf_error(&stream->part);
}

static void part_clear(struct stream *stream)
{
	buf_reset(&stream->part, PART_KEEP_BYTES);
	stream->part_given = false;
}

/* From now on the stream owns the shared buffer, whose first @n bytes are unread. */
static void stream_own(struct stream *stream, size_t n)
{
	stream->shared->owner = stream;
	stream->at = stream->shared->data;
	stream->end = stream->at + n;
}

/*
 * Reads @missing bytes to the end of part, and the bytes behind them into the shared buffer, from @at_byte
 * on.
 */
static int stream_read(struct stream *stream, size_t missing, size_t at_byte)
{
	struct buf *part = &stream->part;
	struct iovec pieces[2] = {
		{NULL, missing},
		{stream->shared->data + at_byte, STREAM_SHARED_BYTES - at_byte},
	};
	size_t got;
	ssize_t n;

	if (missing > 0) {
		pieces[0].iov_base = buf_reserve(part, missing);
		if (!pieces[0].iov_base)
			return -ENOMEM;
	}
	stream->readable = false;
	do {
		n = readv(stream->fd, pieces + (missing == 0), 1 + (missing > 0));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ECONNRESET;
	if (n < 0 && errno != EAGAIN)
		return -errno;

	got = n < 0 ? 0 : (size_t)n;
	if (missing > got)
		missing = got;
	part->size_bytes += missing;
	stream_own(stream, at_byte + got - missing);
	return 0;
}

/*
 * The unread bytes are those in part, and behind them those from at to end in the shared buffer. A small
 * message is taken out of the shared buffer; if its beginning is in part, that is copied there first. A
 * message that is too big for the shared buffer is completed in part.
 */
static int stream_take(struct stream *stream, bool only_greet, const uint8_t **ret, size_t *ret_size_bytes)
{
	struct buf *part = &stream->part;
	const uint8_t *data;
	size_t unit, n;
	int r;

	if (stream->part_given)
		part_clear(stream);
	if (stream->shared->owner && stream->shared->owner != stream)
		stream_yield(stream->shared->owner); /* on failure the part->failed of that stream is set */
	for (;;) {
		if (part->failed)
			return -ENOMEM;
		if (part->size_bytes > 0) {
			r = unit_size(stream, part->data, part->size_bytes, &unit);
			if (r < 0)
				return r;
			if (unit > STREAM_SHARED_BYTES) {
				if (part->size_bytes == unit) {
					stream->part_given = true;
					*ret = part->data + STREAM_HEAD_BYTES;
					*ret_size_bytes = unit - STREAM_HEAD_BYTES;
					return 1;
				}
				if (!stream->readable)
					return stream_yield(stream);
				r = stream_read(stream, unit - part->size_bytes, 0);
				if (r < 0)
					return r;
				continue;
			}
			memcpy(stream->shared->data, part->data, part->size_bytes);
			stream_own(stream, part->size_bytes);
			part_clear(stream);
		}

		data = stream->at;
		n = (size_t)(stream->end - stream->at);
		r = unit_size(stream, data, n, &unit);
		if (r < 0)
			return r;
		if (unit > 0 && n >= unit) {
			stream->at += unit;
			if (stream->greeted) {
				*ret = data + STREAM_HEAD_BYTES;
				*ret_size_bytes = unit - STREAM_HEAD_BYTES;
				return 1;
			}
			if (!greeting_is_right(data, stream->peer))
				return -EPROTO;
			stream->greeted = true;
			if (only_greet)
				return 1;
			continue;
		}
		if (unit > STREAM_SHARED_BYTES || !stream->readable) {
			r = stream_yield(stream);
			if (r < 0 || !stream->readable)
				return r;
			continue;
		}
		if (n > 0)
			memmove(stream->shared->data, data, n);
		r = stream_read(stream, 0, n);
		if (r < 0)
			return r;
	}
}

int stream_greet(struct stream *stream)
{
	return stream_take(stream, true, NULL, NULL);
}

int stream_next(struct stream *stream, const uint8_t **ret, size_t *ret_size_bytes)
{
	return stream_take(stream, false, ret, ret_size_bytes);
}

/* ---- writing ---- */

static void stream_break(struct stream *stream)
{
	struct list *first;

	stream->broken = true;
	while ((first = list_pop(&stream->batches))) {
		struct stream_batch *batch = container_of(first, struct stream_batch, node);

		buf_deinit(&batch->buf);
		free(batch);
	}
	stream->batches_bytes = stream->written_bytes = 0;
}

static int stream_queue(
	struct stream *stream, const struct iovec *pieces, int n, size_t skip_bytes, size_t size_bytes)
{
	struct stream_batch *last = NULL;

	if (!list_is_empty(&stream->batches))
		last = container_of(stream->batches.prev, struct stream_batch, node);
	if (!last || last->buf.size_bytes + size_bytes > STREAM_BATCH_BYTES) {
		last = calloc(1, sizeof(*last));
		if (!last)
			return -ENOMEM;
		list_append(&stream->batches, &last->node);
	}
	for (int i = 0; i < n; i++) {
		size_t skip = skip_bytes < pieces[i].iov_len ? skip_bytes : pieces[i].iov_len;

		buf_append(&last->buf, (const uint8_t *)pieces[i].iov_base + skip, pieces[i].iov_len - skip);
		skip_bytes -= skip;
	}
	stream->batches_bytes += size_bytes;
	return buf_error(&last->buf);
}

/* Returns how many bytes of @pieces the kernel took. If not all: the socket is full or broken. */
static size_t stream_write_pieces(struct stream *stream, struct iovec *pieces, int n)
{
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)n};
	ssize_t written;

	do {
		written = sendmsg(stream->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (written < 0 && errno == EINTR);
	if (written < 0 && errno != EAGAIN)
		stream_break(stream);
	return written < 0 ? 0 : (size_t)written;
}

void stream_write(struct stream *stream)
{
	while (!list_is_empty(&stream->batches)) {
		struct stream_batch *batch = container_of(stream->batches.next, struct stream_batch, node);
		struct iovec piece = {
			.iov_base = batch->buf.data + stream->written_bytes,
			.iov_len = batch->buf.size_bytes - stream->written_bytes,
		};
		size_t n = stream_write_pieces(stream, &piece, 1);

		if (stream->broken)
			return;
		stream->written_bytes += n;
		stream->batches_bytes -= n;
		if (n < piece.iov_len)
			return;
		stream->written_bytes = 0;
		list_remove(&batch->node);
		buf_deinit(&batch->buf);
		free(batch);
	}
}

int stream_send(struct stream *stream, const struct iovec *pieces, int n)
{
	struct iovec all[PIECES_MAX];
	uint8_t head[STREAM_HEAD_BYTES];
	size_t size_bytes = 0, written = 0;

	if (stream->broken)
		return 0;
	all[0] = (struct iovec){head, sizeof(head)};
	for (int i = 0; i < n; i++) {
		all[i + 1] = pieces[i];
		size_bytes += pieces[i].iov_len;
	}
	head_put(head, size_bytes);
	size_bytes += sizeof(head);

	if (list_is_empty(&stream->batches))
		written = stream_write_pieces(stream, all, n + 1);
	if (stream->broken || written == size_bytes)
		return 0;
	return stream_queue(stream, all, n + 1, written, size_bytes - written);
}

bool stream_has_unread(const struct stream *stream)
{
	return stream->at < stream->end || (stream->part_given && stream->readable);
}

bool stream_wants_to_write(const struct stream *stream)
{
	return !list_is_empty(&stream->batches);
}

size_t stream_backlog_bytes(const struct stream *stream)
{
	return stream->batches_bytes;
}

/* ---- life ---- */

void stream_init(struct stream *stream, struct stream_shared *shared, int fd, enum stream_protocol self,
	enum stream_protocol peer, size_t max_bytes)
{
	uint8_t bytes[STREAM_GREETING_BYTES];
	struct iovec greeting = {bytes, sizeof(bytes)};

	stream_greeting(bytes, self);
	*stream = (struct stream){.shared = shared, .fd = fd, .peer = peer, .max_bytes = max_bytes};
	list_init(&stream->batches);
	/* A new socket has room for eight bytes. If this one has no room, the peer has closed it. */
	if (stream_write_pieces(stream, &greeting, 1) < STREAM_GREETING_BYTES)
		stream_break(stream);
}

void stream_init_greeted(struct stream *stream, struct stream_shared *shared, int fd,
	enum stream_protocol peer, size_t max_bytes)
{
	*stream = (struct stream){
		.shared = shared, .fd = fd, .peer = peer, .max_bytes = max_bytes, .greeted = true};
	list_init(&stream->batches);
}

void stream_deinit(struct stream *stream)
{
	struct stream_shared *shared = stream->shared;

	if (!shared)
		return;
	if (shared->owner == stream)
		shared->owner = NULL;
	if (stream->part_given) {
		buf_deinit(&shared->kept);
		shared->kept = stream->part;
	} else {
		buf_deinit(&stream->part);
	}
	stream_break(stream);
	close(stream->fd);
	stream->shared = NULL;
}
