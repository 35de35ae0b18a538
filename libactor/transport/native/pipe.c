/*
 * A link: one connection, ever.
 *
 * A listener accepts and asks the kernel who it is: the wrong ones are closed before a byte is read. The
 * right ones become candidates, a few at a time; the first to finish the greeting is the peer, and then the
 * listening socket, its file and the other candidates go. A dialer asks the kernel as well, before it says a
 * word.
 *
 * Who dials a door (link_join), or came by ours (link_adopt), is the peer at once: the kernel has said who it is, and the door's backlog
 * keeps what is written until the other reads.
 *
 * The kernel's buffers are the inbound queue: what the loop does not take stays there, and the sender is
 * held. Outbound, a message is written at once if the kernel takes it; what is flushed while something waits
 * gathers and becomes one message.
 */
#include "libactor/transport/native/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libactor/protocol/wire.h"

#define CANDIDATES_N 4
#define BUFFER_KEEP_BYTES (64u << 10)

struct connection {
	struct io io;
	struct stream stream;
	struct link *link;
	struct transport_peer peer;
	bool used;
};

struct link {
	struct source source;
	struct address address;
	struct io listener; /* fd -1: not listening (any more) */
	struct transport_peer expect;
	void *user;
	bool refused; /* somebody else tried */
	bool says_why;
	struct connection candidates[CANDIDATES_N];
	struct connection *connection; /* the peer's: one of the candidates */
	struct buf out;
	struct buf gathered; /* frames that wait until the link is up or what is before them is written */
	bool up;
	bool tell_up; /* LINK_UP is due, without a greeting */
	bool drain_wanted;
	bool drained;
	bool ended;
	bool down_told;
	int error;
};

static struct link *link_of_source(struct source *source)
{
	return container_of(source, struct link, source);
}

static const struct source_ops link_source;

/* The first reason stays. */
static void link_end(struct link *link, int error)
{
	if (link->ended)
		return;
	link->ended = true;
	link->error = error;
	source_ready(&link->source, false);
}

/* --- connections ------------------------------------------------------------------------------------- */

static void connection_close(struct connection *connection)
{
	if (!connection->used)
		return;
	transport_unwatch(connection->link->source.transport, &connection->io);
	stream_deinit(&connection->stream);
	connection->used = false;
}

static void connection_watch(struct connection *connection)
{
	uint32_t events = EPOLLIN | (stream_wants_to_write(&connection->stream) ? EPOLLOUT : 0);

	transport_rewatch(connection->link->source.transport, &connection->io, events);
}

static void link_send_gathered(struct link *link)
{
	struct iovec piece = {link->gathered.data, link->gathered.size_bytes};

	if (piece.iov_len == 0)
		return;
	if (stream_send(&link->connection->stream, &piece, 1) < 0)
		link_end(link, -ENOMEM);
	buf_reset(&link->gathered, BUFFER_KEEP_BYTES);
}

static void connection_handle(struct io *io, uint32_t events)
{
	struct connection *connection = container_of(io, struct connection, io);
	struct link *link = connection->link;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		connection->stream.readable = true;
		source_ready(&link->source, false);
	}
	if (events & EPOLLOUT) {
		stream_write(&connection->stream);
		if (link->connection && !stream_wants_to_write(&connection->stream))
			link_send_gathered(link);
		if (stream_wants_to_write(&connection->stream))
			return;
		connection_watch(connection);
		if (link->drain_wanted) {
			link->drain_wanted = false;
			link->drained = true;
			source_ready(&link->source, false);
		}
	}
}

static void connection_open(struct link *link, struct connection *connection, int fd,
	const struct transport_peer *peer)
{
	struct transport *transport = link->source.transport;

	connection->link = link;
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

static void listener_close(struct link *link)
{
	if (link->listener.fd < 0)
		return;
	transport_unwatch(link->source.transport, &link->listener);
	close(link->listener.fd);
	link->listener.fd = -1;
	unlink(address_path(&link->address));
}

static struct connection *candidate_place(struct link *link)
{
	for (int i = 0; i < CANDIDATES_N; i++)
		if (!link->candidates[i].used)
			return &link->candidates[i];
	return NULL;
}

/* One per call: more are told again. While all places are taken they wait in the kernel. */
static void listener_handle(struct io *io, uint32_t events)
{
	struct link *link = container_of(io, struct link, listener);
	struct connection *place = candidate_place(link);
	struct transport_peer peer;
	int fd;

	if (!place) {
		transport_rewatch(link->source.transport, io, 0);
		return;
	}
	fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			link_end(link, -errno);
		return;
	}
	if (transport_peer_of_fd(fd, &peer) < 0 || !transport_peer_is(&peer, &link->expect)) {
		link->refused = true;
		close(fd);
		return;
	}
	connection_open(link, place, fd, &peer);
}

static void candidates_close(struct link *link, const struct connection *except)
{
	for (int i = 0; i < CANDIDATES_N; i++)
		if (&link->candidates[i] != except)
			connection_close(&link->candidates[i]);
}

static void link_close(struct link *link)
{
	candidates_close(link, NULL);
	link->connection = NULL;
	listener_close(link);
	address_deinit(&link->address);
	source_set_timeout(&link->source, -1);
}

/* --- making ------------------------------------------------------------------------------------------ */

static int link_new(struct transport *transport, const char *path, struct transport_peer expect, void *user,
	struct link **ret)
{
	struct link *link;
	int r;

	link = calloc(1, sizeof(*link));
	if (!link)
		return -ENOMEM;
	source_init(&link->source, transport, &link_source);
	link->listener = (struct io){-1, listener_handle};
	link->address.dir_fd = -1;
	link->expect = expect;
	link->user = user;
	r = address_init(&link->address, path);
	if (r < 0) {
		link_free(link);
		return r;
	}
	*ret = link;
	return 0;
}

int link_listen(struct transport *transport, const char *path, struct transport_peer expect,
	int64_t timeout_ms, void *user, struct link **ret)
{
	struct link *link;
	int r;

	r = link_new(transport, path, expect, user, &link);
	if (r < 0)
		return r;
	/* Who may in is decided above; the mode only has to let the expected peer through. */
	r = address_listen(&link->address, expect.uid == geteuid() ? 0600 : 0666);
	if (r >= 0) {
		link->listener.fd = r;
		r = transport_watch(transport, &link->listener, EPOLLIN);
	}
	if (r < 0) {
		link_free(link);
		return r;
	}
	source_set_timeout(&link->source, timeout_ms);
	*ret = link;
	return 0;
}

int link_dial(struct transport *transport, const char *path, struct transport_peer expect,
	int64_t timeout_ms, void *user, struct link **ret)
{
	struct transport_peer peer;
	struct link *link;
	int fd, r;

	r = link_new(transport, path, expect, user, &link);
	if (r < 0)
		return r;
	fd = address_connect(&link->address);
	if (fd < 0) {
		link_end(link, fd);
	} else {
		r = transport_peer_of_fd(fd, &peer);
		if (r < 0 || !transport_peer_is(&peer, &expect)) {
			close(fd);
			link_end(link, r < 0 ? r : -EACCES);
		} else {
			connection_open(link, &link->candidates[0], fd, &peer);
			if (!link->candidates[0].used)
				link_end(link, -ENOMEM);
			source_set_timeout(&link->source, timeout_ms);
		}
	}
	*ret = link;
	return 0;
}

/* The peer is known, and nobody else can come: what is written goes to the kernel. */
static void link_be_up(struct link *link)
{
	link->connection = &link->candidates[0];
	link->up = true;
}

int link_join(struct transport *transport, const char *path, struct transport_peer expect, const void *first, size_t first_bytes,
	void *user, struct link **ret)
{
	struct iovec piece = {(void *)first, first_bytes};
	struct stream *stream;
	int r;

	r = link_dial(transport, path, expect, -1, user, ret);
	if (r < 0 || (*ret)->ended)
		return r;
	stream = &(*ret)->candidates[0].stream;
	r = stream_send(stream, &piece, 1);
	if (r < 0 || stream->broken) {
		link_end(*ret, r < 0 ? -ENOMEM : -ECONNRESET); /* broken: the listener made room for others before we spoke. It was never up */
		return 0;
	}
	link_be_up(*ret);
	if (stream_wants_to_write(&(*ret)->connection->stream))
		connection_watch((*ret)->connection);
	(*ret)->tell_up = true;
	source_ready(&(*ret)->source, false);
	return 0;
}

int link_adopt(struct transport *transport, int fd, const struct transport_peer *peer, void *user, struct link **ret)
{
	struct link *link = calloc(1, sizeof(*link));
	struct connection *connection;
	int r;

	if (!link) {
		close(fd);
		return -ENOMEM;
	}
	source_init(&link->source, transport, &link_source);
	link->listener = (struct io){-1, listener_handle};
	link->address.dir_fd = -1;
	link->user = user;
	connection = &link->candidates[0];
	connection->link = link;
	connection->peer = *peer;
	connection->io = (struct io){fd, connection_handle};
	stream_init_greeted(&connection->stream, &transport->shared, fd, STREAM_PAIR0, WIRE_MESSAGE_MAX_BYTES);
	connection->used = true;
	r = transport_watch(transport, &connection->io, EPOLLIN);
	if (r < 0) {
		link_free(link);
		return r;
	}
	link_be_up(link);
	*ret = link;
	return 0;
}

struct link *link_free(struct link *link)
{
	if (!link)
		return NULL;
	link_close(link);
	source_deinit(&link->source);
	buf_deinit(&link->out);
	buf_deinit(&link->gathered);
	free(link);
	return NULL;
}

static void link_timeout(struct source *source)
{
	struct link *link = link_of_source(source);

	if (!link->connection)
		link_end(link, link->refused ? -EACCES : -ETIMEDOUT);
}

/* --- using ------------------------------------------------------------------------------------------- */

void link_set_user(struct link *link, void *user)
{
	link->user = user;
}

bool link_is_up(const struct link *link)
{
	return link->up;
}

bool link_has_unread(const struct link *link)
{
	struct pollfd fds[CANDIDATES_N + 1];
	nfds_t n = 0;

	if (link->down_told)
		return false;
	if (link->ended || (link->connection && stream_has_unread(&link->connection->stream)))
		return true;
	if (link->listener.fd >= 0)
		fds[n++] = (struct pollfd){.fd = link->listener.fd, .events = POLLIN};
	for (int i = 0; i < CANDIDATES_N; i++)
		if (link->candidates[i].used)
			fds[n++] = (struct pollfd){.fd = link->candidates[i].io.fd, .events = POLLIN};
	return poll(fds, n, 0) > 0;
}

struct buf *link_out(struct link *link)
{
	return &link->out;
}

/* Up, and nothing waits: at once. */
static void link_send(struct link *link)
{
	struct iovec piece = {link->out.data, link->out.size_bytes};

	if (stream_send(&link->connection->stream, &piece, 1) < 0)
		link_end(link, -ENOMEM);
	else if (stream_wants_to_write(&link->connection->stream))
		connection_watch(link->connection);
}

static void link_gather(struct link *link)
{
	struct buf *gathered = &link->gathered;

	if (link->up && gathered->size_bytes + link->out.size_bytes > TRANSPORT_BATCH_BYTES)
		link_send_gathered(link);
	buf_append(gathered, link->out.data, link->out.size_bytes);
	if (gathered->failed || gathered->size_bytes > WIRE_MESSAGE_MAX_BYTES)
		link_end(link, gathered->failed ? -ENOMEM : -EMSGSIZE);
}

void link_flush(struct link *link)
{
	struct buf *out = &link->out;

	if (out->size_bytes == 0 && !out->failed)
		return;
	if (out->failed || out->size_bytes > WIRE_MESSAGE_MAX_BYTES)
		link_end(link, out->failed ? -ENOMEM : -EMSGSIZE);
	else if (!link->ended && link->up && !stream_wants_to_write(&link->connection->stream))
		link_send(link);
	else if (!link->ended)
		link_gather(link);
	buf_reset(out, BUFFER_KEEP_BYTES);
}

void link_mark(struct link *link)
{
	if (link->out.size_bytes >= TRANSPORT_BATCH_BYTES)
		link_flush(link);
}

size_t link_backlog_bytes(const struct link *link)
{
	size_t n = link->out.size_bytes;

	if (link->ended)
		return n;
	n += link->gathered.size_bytes;
	return link->connection ? n + stream_backlog_bytes(&link->connection->stream) : n;
}

void link_say_why(struct link *link)
{
	link->says_why = true;
}

/* What came cannot be read on. */
static void link_bye(struct link *link, int error)
{
	struct buf bye = BUF_INIT;
	struct iovec piece;

	if (!link->says_why || link->ended || stream_wants_to_write(&link->connection->stream))
		return;
	wire_put_bye(&bye, wire_cstr(error == -EMSGSIZE ? "a message of more than 16 MiB" : "bytes that are no message"));
	piece = (struct iovec){bye.data, bye.size_bytes};
	if (!bye.failed)
		(void)stream_send(&link->connection->stream, &piece, 1);
	buf_deinit(&bye);
}

void link_notify_drained(struct link *link)
{
	link_flush(link);
	if (link->ended)
		return;
	if (link->up && !stream_wants_to_write(&link->connection->stream)) {
		link->drained = true;
		source_ready(&link->source, false);
	} else {
		link->drain_wanted = true;
	}
}

static void link_come_up(struct link *link, struct connection *connection)
{
	link->connection = connection;
	candidates_close(link, connection);
	listener_close(link);
	source_set_timeout(&link->source, -1);
	link->up = true;
	link_send_gathered(link);
	if (stream_wants_to_write(&connection->stream))
		connection_watch(connection);
	if (link->drain_wanted && !stream_wants_to_write(&connection->stream)) {
		link->drain_wanted = false;
		link->drained = true;
	}
}

/* True: one of them has finished its greeting. Those that fail are closed and make room. */
static bool candidates_next(struct link *link)
{
	bool closed = false;

	for (int i = 0; i < CANDIDATES_N; i++) {
		struct connection *candidate = &link->candidates[i];
		int r;

		if (!candidate->used || !candidate->stream.readable)
			continue;
		r = stream_greet(&candidate->stream);
		if (r > 0) {
			link_come_up(link, candidate);
			return true;
		}
		if (r < 0) {
			connection_close(candidate);
			closed = true;
			if (link->listener.fd < 0)
				link_end(link, r);
		}
	}
	if (closed && link->listener.fd >= 0)
		transport_rewatch(link->source.transport, &link->listener, EPOLLIN);
	return false;
}

static int link_next_event(struct source *source, struct transport_event *ret)
{
	struct link *link = link_of_source(source);
	int r = 0;

	ret->link = link;
	ret->user = link->user;
	if (link->down_told)
		return 0;

	if (link->tell_up && !link->ended) {
		link->tell_up = false;
		ret->type = TRANSPORT_LINK_UP;
		ret->peer = link->connection->peer;
		if (link->connection->stream.readable || link->drained)
			source_ready(source, false);
		return 1;
	}
	if (!link->connection && !link->ended && candidates_next(link)) {
		ret->type = TRANSPORT_LINK_UP;
		ret->peer = link->connection->peer;
		source_ready(source, true);
		return 1;
	}
	if (link->connection) {
		ret->peer = link->connection->peer;
		/* Empty messages carry no frames. */
		do {
			r = stream_next(&link->connection->stream, &ret->data, &ret->size_bytes);
		} while (r > 0 && ret->size_bytes == 0);
		if (r > 0) {
			ret->type = TRANSPORT_LINK_DATA;
			if (stream_has_unread(&link->connection->stream) || link->drained || link->ended)
				source_ready(source, true);
			return 1;
		}
		if (r == -EMSGSIZE || r == -EPROTO)
			link_bye(link, r);
		if (r < 0)
			link_end(link, r);
	}
	if (link->drained) {
		ret->type = TRANSPORT_LINK_DRAINED;
		link->drained = false;
		if (link->ended)
			source_ready(source, false);
		return 1;
	}
	if (link->ended) {
		ret->type = TRANSPORT_LINK_DOWN;
		ret->error = link->error;
		link->down_told = true;
		link->up = false;
		link_close(link);
		list_remove(&source->ready);
		return 1;
	}
	return 0;
}

static void link_source_free(struct source *source)
{
	link_free(link_of_source(source));
}

static const struct source_ops link_source = {link_next_event, link_timeout, link_source_free};
