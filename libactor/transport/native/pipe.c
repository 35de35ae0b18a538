/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe: a single connection.
 *
 * A listening pipe accepts a connection and asks the kernel who the dialer is. The connection of a wrong
 * process is closed before a byte is read. A connection of the right process is the candidate. The candidate
 * becomes the peer's connection when the greeting is finished; then the listening socket and its file are
 * removed. A dialing pipe also asks the kernel before it writes a byte.
 *
 * There is only one candidate, so a pipe that waits for its peer costs two descriptors, whoever dials. A new
 * connection takes the place of a candidate that has not greeted, after a last look at what the candidate
 * wrote. So a silent connection locks nobody out. Only the expected process comes so far, so no other process
 * can replace its connections. Where the kernel does not tell a pid, other processes of its user can replace
 * them; the expected process then asks for another link.
 *
 * A pipe to a door (pipe_join) and a pipe from our door (pipe_adopt) are up without a greeting: the kernel
 * has said who the peer is, and keeps what is written until the peer reads.
 *
 * In: the kernel's buffers are the queue. Bytes that the loop does not take stay there, and the sender waits.
 * Out: a message is written at once if the kernel takes it. Frames that are flushed while a message waits are
 * gathered and become one message.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libactor/protocol/wire.h"
#include "libactor/transport/files.h"
#include "libactor/transport/native/internal.h"

#define BUFFER_KEEP_BYTES (64u << 10)

struct connection {
	struct io io;
	struct stream stream;
	struct pipe *pipe;
	struct transport_peer peer;
	bool used;
};

struct pipe {
	struct source source;
	struct address address;
	struct io listener; /* fd -1: does not listen (any more) */
	struct transport_peer expect;
	void *user;
	bool refused; /* another process tried */
	bool says_why;
	/*
	 * Another connection waits while the candidate has not greeted; meanwhile the listener is not
	 * watched.
	 */
	bool crowded;
	struct connection candidate;
	struct connection *connection; /* the peer's connection: the candidate, when it has greeted */
	struct buf out;
	/* frames that wait until the pipe is up, or until the bytes before them are written */
	struct buf gathered;
	bool up;
	bool tell_up; /* PIPE_UP is due without a greeting */
	bool drain_wanted;
	bool drained;
	bool ended;
	bool down_told;
	int error;
};

static struct pipe *pipe_of_source(struct source *source)
{
	return container_of(source, struct pipe, source);
}

static const struct source_ops pipe_source;

/* Only the first error counts. */
static void pipe_end(struct pipe *pipe, int error)
{
	if (pipe->ended)
		return;
	pipe->ended = true;
	pipe->error = error;
	source_ready(&pipe->source, false);
}

/* ---- connections ---- */

static void connection_close(struct connection *connection)
{
	if (!connection->used)
		return;
	transport_unwatch(connection->pipe->source.transport, &connection->io);
	stream_deinit(&connection->stream);
	connection->used = false;
}

static void connection_watch(struct connection *connection)
{
	uint32_t events = EPOLLIN | (stream_wants_to_write(&connection->stream) ? EPOLLOUT : 0);

	transport_rewatch(connection->pipe->source.transport, &connection->io, events);
}

static void pipe_send_gathered(struct pipe *pipe)
{
	struct iovec piece = {pipe->gathered.data, pipe->gathered.size_bytes};

	if (piece.iov_len == 0)
		return;
	if (stream_send(&pipe->connection->stream, &piece, 1) < 0)
		pipe_end(pipe, -ENOMEM);
	buf_reset(&pipe->gathered, BUFFER_KEEP_BYTES);
}

static void connection_handle(struct io *io, uint32_t events)
{
	struct connection *connection = container_of(io, struct connection, io);
	struct pipe *pipe = connection->pipe;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		connection->stream.readable = true;
		source_ready(&pipe->source, false);
	}
	if (events & EPOLLOUT) {
		stream_write(&connection->stream);
		if (pipe->connection && !stream_wants_to_write(&connection->stream))
			pipe_send_gathered(pipe);
		if (stream_wants_to_write(&connection->stream))
			return;
		connection_watch(connection);
		if (pipe->drain_wanted) {
			pipe->drain_wanted = false;
			pipe->drained = true;
			source_ready(&pipe->source, false);
		}
	}
}

static void connection_open(
	struct pipe *pipe, struct connection *connection, int fd, const struct transport_peer *peer)
{
	struct transport *transport = pipe->source.transport;

	connection->pipe = pipe;
	connection->peer = *peer;
	connection->io = (struct io){fd, connection_handle};
	stream_init(&connection->stream, &transport->shared, fd, STREAM_PAIR0, STREAM_PAIR0,
		WIRE_MESSAGE_MAX_BYTES);
	connection->used = true;
	if (transport_watch(transport, &connection->io, EPOLLIN) < 0) {
		stream_deinit(&connection->stream);
		connection->used = false;
	}
}

static void listener_close(struct pipe *pipe)
{
	if (pipe->listener.fd < 0)
		return;
	transport_unwatch(pipe->source.transport, &pipe->listener);
	close(pipe->listener.fd);
	pipe->listener.fd = -1;
	unlink(address_path(&pipe->address));
}

/* Returns 1 for the expected peer; 0 for another process or nobody; or a negative errno. */
static int pipe_accept(struct pipe *pipe, int *ret_fd, struct transport_peer *ret_peer)
{
	int fd = accept4(pipe->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return guests_should_make_room(errno) ? -errno : 0;
	if (transport_peer_of_fd(fd, ret_peer) < 0 || !transport_peer_is(ret_peer, &pipe->expect)) {
		pipe->refused = true;
		close(fd);
		return 0;
	}
	*ret_fd = fd;
	return 1;
}

/*
 * Accepts one connection per call; epoll reports further ones again. The candidate is not replaced here,
 * because its event may be among those that were just fetched.
 */
static void listener_handle(struct io *io, uint32_t events)
{
	struct pipe *pipe = container_of(io, struct pipe, listener);
	struct transport_peer peer;
	int fd = -1, r;

	if (pipe->candidate.used) {
		transport_rewatch(pipe->source.transport, io, 0);
		pipe->crowded = true;
		source_ready(&pipe->source, false);
		return;
	}
	r = pipe_accept(pipe, &fd, &peer);
	if (r < 0)
		pipe_end(pipe, r);
	else if (r > 0)
		connection_open(pipe, &pipe->candidate, fd, &peer);
}

static void pipe_close(struct pipe *pipe)
{
	connection_close(&pipe->candidate);
	pipe->connection = NULL;
	listener_close(pipe);
	address_deinit(&pipe->address);
	source_set_timeout(&pipe->source, -1);
}

/* ---- making ---- */

static int pipe_new(struct transport *transport, const char *path, struct transport_peer expect, void *user,
	struct pipe **ret)
{
	struct pipe *pipe;
	int r;

	pipe = calloc(1, sizeof(*pipe));
	if (!pipe)
		return -ENOMEM;
	source_init(&pipe->source, transport, &pipe_source);
	pipe->listener = (struct io){-1, listener_handle};
	pipe->address.dir_fd = -1;
	pipe->expect = expect;
	pipe->user = user;
	r = address_init(&pipe->address, path);
	if (r < 0) {
		pipe_free(pipe);
		return r;
	}
	*ret = pipe;
	return 0;
}

int pipe_listen(struct transport *transport, const char *path, struct transport_peer expect,
	int64_t timeout_ms, void *user, struct pipe **ret)
{
	struct pipe *pipe;
	int r;

	r = pipe_new(transport, path, expect, user, &pipe);
	if (r < 0)
		return r;
	/* listener_handle() decides who comes in. The mode only has to let the expected peer through. */
	r = address_listen(&pipe->address, expect.uid == geteuid() ? 0600 : 0666);
	if (r >= 0) {
		pipe->listener.fd = r;
		r = transport_watch(transport, &pipe->listener, EPOLLIN);
	}
	if (r < 0) {
		pipe_free(pipe);
		return r;
	}
	source_set_timeout(&pipe->source, timeout_ms);
	*ret = pipe;
	return 0;
}

int pipe_dial(struct transport *transport, const char *path, struct transport_peer expect, int64_t timeout_ms,
	void *user, struct pipe **ret)
{
	struct transport_peer peer;
	struct pipe *pipe;
	int fd, r;

	r = pipe_new(transport, path, expect, user, &pipe);
	if (r < 0)
		return r;
	fd = address_connect(&pipe->address);
	address_deinit(&pipe->address);
	if (fd < 0) {
		pipe_end(pipe, fd);
	} else {
		r = transport_peer_of_fd(fd, &peer);
		if (r < 0 || !transport_peer_is(&peer, &expect)) {
			close(fd);
			pipe_end(pipe, r < 0 ? r : -EACCES);
		} else {
			connection_open(pipe, &pipe->candidate, fd, &peer);
			if (!pipe->candidate.used)
				pipe_end(pipe, -ENOMEM);
			source_set_timeout(&pipe->source, timeout_ms);
		}
	}
	*ret = pipe;
	return 0;
}

/* The peer is known, and no other process can come. From now on frames go to the kernel. */
static void pipe_be_up(struct pipe *pipe)
{
	pipe->connection = &pipe->candidate;
	pipe->up = true;
}

int pipe_join(struct transport *transport, const char *path, struct transport_peer expect, const void *first,
	size_t first_bytes, void *user, struct pipe **ret)
{
	struct iovec piece = {(void *)first, first_bytes};
	struct stream *stream;
	int r;

	r = pipe_dial(transport, path, expect, -1, user, ret);
	if (r < 0 || (*ret)->ended)
		return r;
	stream = &(*ret)->candidate.stream;
	r = stream_send(stream, &piece, 1);
	if (r < 0 || stream->broken) {
		/*
		 * broken: the listener closed the connection to make room for others. The pipe was never up.
		 */
		pipe_end(*ret, r < 0 ? -ENOMEM : -ECONNRESET);
		return 0;
	}
	pipe_be_up(*ret);
	if (stream_wants_to_write(&(*ret)->connection->stream))
		connection_watch((*ret)->connection);
	(*ret)->tell_up = true;
	source_ready(&(*ret)->source, false);
	return 0;
}

int pipe_adopt(
	struct transport *transport, int fd, const struct transport_peer *peer, void *user, struct pipe **ret)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	struct connection *connection;
	int r;

	if (!pipe) {
		close(fd);
		return -ENOMEM;
	}
	source_init(&pipe->source, transport, &pipe_source);
	pipe->listener = (struct io){-1, listener_handle};
	pipe->address.dir_fd = -1;
	pipe->user = user;
	connection = &pipe->candidate;
	connection->pipe = pipe;
	connection->peer = *peer;
	connection->io = (struct io){fd, connection_handle};
	stream_init_greeted(
		&connection->stream, &transport->shared, fd, STREAM_PAIR0, WIRE_MESSAGE_MAX_BYTES);
	connection->used = true;
	r = transport_watch(transport, &connection->io, EPOLLIN);
	if (r < 0) {
		pipe_free(pipe);
		return r;
	}
	pipe_be_up(pipe);
	*ret = pipe;
	return 0;
}

struct pipe *pipe_free(struct pipe *pipe)
{
	if (!pipe)
		return NULL;
	pipe_close(pipe);
	source_deinit(&pipe->source);
	buf_deinit(&pipe->out);
	buf_deinit(&pipe->gathered);
	free(pipe);
	return NULL;
}

static void pipe_timeout(struct source *source)
{
	struct pipe *pipe = pipe_of_source(source);

	if (!pipe->connection)
		pipe_end(pipe, pipe->refused ? -EACCES : -ETIMEDOUT);
}

/* ---- using ---- */

void pipe_set_user(struct pipe *pipe, void *user)
{
	pipe->user = user;
}

bool pipe_is_up(const struct pipe *pipe)
{
	return pipe->up;
}

bool pipe_has_unread(const struct pipe *pipe)
{
	struct pollfd fds[2];
	nfds_t n = 0;

	if (pipe->down_told)
		return false;
	if (pipe->ended || (pipe->connection && stream_has_unread(&pipe->connection->stream)))
		return true;
	if (pipe->listener.fd >= 0)
		fds[n++] = (struct pollfd){.fd = pipe->listener.fd, .events = POLLIN};
	if (pipe->candidate.used)
		fds[n++] = (struct pollfd){.fd = pipe->candidate.io.fd, .events = POLLIN};
	return poll(fds, n, 0) > 0;
}

struct buf *pipe_out(struct pipe *pipe)
{
	return &pipe->out;
}

/* Writes the frames at once: the pipe is up and nothing waits. */
static void pipe_send(struct pipe *pipe)
{
	struct iovec piece = {pipe->out.data, pipe->out.size_bytes};

	if (stream_send(&pipe->connection->stream, &piece, 1) < 0)
		pipe_end(pipe, -ENOMEM);
	else if (stream_wants_to_write(&pipe->connection->stream))
		connection_watch(pipe->connection);
}

static void pipe_gather(struct pipe *pipe)
{
	struct buf *gathered = &pipe->gathered;

	if (pipe->up && gathered->size_bytes + pipe->out.size_bytes > TRANSPORT_BATCH_BYTES)
		pipe_send_gathered(pipe);
	buf_append(gathered, pipe->out.data, pipe->out.size_bytes);
	if (gathered->failed || gathered->size_bytes > WIRE_MESSAGE_MAX_BYTES)
		pipe_end(pipe, gathered->failed ? -ENOMEM : -EMSGSIZE);
}

void pipe_flush(struct pipe *pipe)
{
	struct buf *out = &pipe->out;

	if (out->size_bytes == 0 && !out->failed)
		return;
	if (out->failed || out->size_bytes > WIRE_MESSAGE_MAX_BYTES)
		pipe_end(pipe, out->failed ? -ENOMEM : -EMSGSIZE);
	else if (!pipe->ended && pipe->up && !stream_wants_to_write(&pipe->connection->stream))
		pipe_send(pipe);
	else if (!pipe->ended)
		pipe_gather(pipe);
	buf_reset(out, BUFFER_KEEP_BYTES);
}

void pipe_mark(struct pipe *pipe)
{
	if (pipe->out.size_bytes >= TRANSPORT_BATCH_BYTES)
		pipe_flush(pipe);
}

size_t pipe_backlog_bytes(const struct pipe *pipe)
{
	size_t n = pipe->out.size_bytes;

	if (pipe->ended)
		return n;
	n += pipe->gathered.size_bytes;
	return pipe->connection ? n + stream_backlog_bytes(&pipe->connection->stream) : n;
}

void pipe_say_why(struct pipe *pipe)
{
	pipe->says_why = true;
}

/* Tells the peer why we end the pipe: what it sent cannot be read. */
static void pipe_bye(struct pipe *pipe, int error)
{
	struct buf bye = BUF_INIT;
	struct iovec piece;

	if (!pipe->says_why || pipe->ended || stream_wants_to_write(&pipe->connection->stream))
		return;
	wire_put_bye(&bye, wire_cstr(error == -EMSGSIZE ? "a message of more than 16 MiB"
							: "bytes that are no message"));
	piece = (struct iovec){bye.data, bye.size_bytes};
	if (!bye.failed)
		(void)stream_send(&pipe->connection->stream, &piece, 1);
	buf_deinit(&bye);
}

void pipe_notify_drained(struct pipe *pipe)
{
	pipe_flush(pipe);
	if (pipe->ended)
		return;
	if (pipe->up && !stream_wants_to_write(&pipe->connection->stream)) {
		pipe->drained = true;
		source_ready(&pipe->source, false);
	} else {
		pipe->drain_wanted = true;
	}
}

static void pipe_come_up(struct pipe *pipe)
{
	struct connection *connection = &pipe->candidate;

	pipe->connection = connection;
	listener_close(pipe);
	address_deinit(&pipe->address);
	source_set_timeout(&pipe->source, -1);
	pipe->up = true;
	pipe_send_gathered(pipe);
	if (stream_wants_to_write(&connection->stream))
		connection_watch(connection);
	if (pipe->drain_wanted && !stream_wants_to_write(&connection->stream)) {
		pipe->drain_wanted = false;
		pipe->drained = true;
	}
}

/* Another connection waits. The candidate was just looked at, and can be replaced. */
static void candidate_replace(struct pipe *pipe)
{
	struct transport_peer peer;
	int fd = -1, r;

	pipe->crowded = false;
	r = pipe_accept(pipe, &fd, &peer);
	if (r != 0)
		/* r < 0: the candidate gives its descriptor to a newer connection */
		connection_close(&pipe->candidate);
	if (r > 0)
		connection_open(pipe, &pipe->candidate, fd, &peer);
	transport_rewatch(pipe->source.transport, &pipe->listener, EPOLLIN);
}

/* Returns true when the candidate has finished its greeting. A candidate that fails is closed. */
static bool candidate_next(struct pipe *pipe)
{
	struct connection *candidate = &pipe->candidate;
	int r = 0;

	if (candidate->used && (candidate->stream.readable || pipe->crowded)) {
		candidate->stream.readable = true;
		r = stream_greet(&candidate->stream);
	}
	if (r > 0) {
		pipe_come_up(pipe);
		return true;
	}
	if (r < 0) {
		connection_close(candidate);
		if (pipe->listener.fd < 0)
			pipe_end(pipe, r);
	}
	if (pipe->crowded)
		candidate_replace(pipe);
	return false;
}

static int pipe_next_event(struct source *source, struct transport_event *ret)
{
	struct pipe *pipe = pipe_of_source(source);
	int r = 0;

	ret->pipe = pipe;
	ret->user = pipe->user;
	if (pipe->down_told)
		return 0;

	if (pipe->tell_up && !pipe->ended) {
		pipe->tell_up = false;
		ret->type = TRANSPORT_PIPE_UP;
		ret->peer = pipe->connection->peer;
		if (pipe->connection->stream.readable || pipe->drained)
			source_ready(source, false);
		return 1;
	}
	if (!pipe->connection && !pipe->ended && candidate_next(pipe)) {
		ret->type = TRANSPORT_PIPE_UP;
		ret->peer = pipe->connection->peer;
		source_ready(source, true);
		return 1;
	}
	if (pipe->connection) {
		ret->peer = pipe->connection->peer;
		/* Empty messages carry no frames. */
		do {
			r = stream_next(&pipe->connection->stream, &ret->data, &ret->size_bytes);
		} while (r > 0 && ret->size_bytes == 0);
		if (r > 0) {
			ret->type = TRANSPORT_PIPE_DATA;
			if (stream_has_unread(&pipe->connection->stream) || pipe->drained || pipe->ended)
				source_ready(source, true);
			return 1;
		}
		if (r == -EMSGSIZE || r == -EPROTO)
			pipe_bye(pipe, r);
		if (r < 0)
			pipe_end(pipe, r);
	}
	if (pipe->drained) {
		ret->type = TRANSPORT_PIPE_DRAINED;
		pipe->drained = false;
		if (pipe->ended)
			source_ready(source, false);
		return 1;
	}
	if (pipe->ended) {
		ret->type = TRANSPORT_PIPE_DOWN;
		ret->error = pipe->error;
		pipe->down_told = true;
		pipe->up = false;
		pipe_close(pipe);
		list_remove(&source->ready);
		return 1;
	}
	return 0;
}

static void pipe_source_free(struct source *source)
{
	pipe_free(pipe_of_source(source));
}

static const struct source_ops pipe_source = {pipe_next_event, pipe_timeout, pipe_source_free};
