/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of hello, with the protocol of nng's REP0 and REQ0. A request's body begins with a trace:
 * words of four bytes, of which only the last has its highest bit set. The answer begins with the same trace.
 *
 * A client has only one open hello: until that is answered, nothing more is read from the client. When there
 * are too many connections (guests_max()) or no descriptors, the client that has been silent longest is
 * closed, after a last look at what it wrote. So nobody can lock others out by connecting.
 *
 * A cleaner of /tmp may remove the socket's file or its directory. Then no client can reach us, though
 * nothing else is wrong. So inotify watches the file, and the socket is made anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/transport/files.h"
#include "libactor/transport/native/internal.h"

#define HELLO_MAX_BYTES (64u << 10)
#define ACCEPT_PAUSE_MS 100
#define AGAIN_MS        200  /* between two attempts to make the socket anew */
#define LOOK_MS         2000 /* between two looks at the socket's name, when there is no inotify */
#define TRACE_MAX_BYTES 32u  /* eight hops, as in nng */

struct client {
	/* In server->clients, the longest silent first; while its hello is open, in ->asking. */
	struct list node;
	struct list active; /* in server->active: readable */
	struct io io;
	struct stream stream;
	struct server *server;
	struct transport_peer peer;
	uint64_t hello_id; /* 0: no open hello */
	uint8_t trace[TRACE_MAX_BYTES];
	size_t trace_bytes;
};

struct server {
	struct source source;
	char *path;
	struct address address;
	struct io listener;
	struct io watch; /* inotify; fd -1: there is none */
	int watched;     /* the watch of the directory; -1: none */
	dev_t dev;       /* of the socket's file */
	ino_t ino;
	void *user;
	struct list clients, asking, active;
	unsigned n_clients;
	bool starved; /* a client could not be accepted: no descriptor, no memory */
	uint64_t last_id;
};

static struct server *server_of_source(struct source *source)
{
	return container_of(source, struct server, source);
}

static const struct source_ops server_source;

/* The length of the trace; 0: @data does not begin with a trace. */
static size_t trace_size(const uint8_t *data, size_t size_bytes)
{
	for (size_t n = 0; n + 4 <= size_bytes && n < TRACE_MAX_BYTES; n += 4)
		if (data[n] & 0x80)
			return n + 4;
	return 0;
}

/* ---- server ---- */

static void client_free(struct client *client)
{
	transport_unwatch(client->server->source.transport, &client->io);
	stream_deinit(&client->stream);
	list_remove(&client->node);
	list_remove(&client->active);
	client->server->n_clients--;
	free(client);
}

static void client_watch(struct client *client)
{
	uint32_t events = client->hello_id ? 0 : EPOLLIN;

	if (stream_wants_to_write(&client->stream))
		events |= EPOLLOUT;
	transport_rewatch(client->server->source.transport, &client->io, events);
}

static void client_activate(struct client *client)
{
	if (!list_is_linked(&client->active))
		list_append(&client->server->active, &client->active);
	source_ready(&client->server->source, false);
}

static void client_handle(struct io *io, uint32_t events)
{
	struct client *client = container_of(io, struct client, io);

	if (events & (EPOLLHUP | EPOLLERR) && client->hello_id) {
		client_free(client); /* no client is left to get the answer */
		return;
	}
	if (events & EPOLLOUT) {
		stream_write(&client->stream);
		client_watch(client);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		client->stream.readable = true;
		client_activate(client);
	}
}

/*
 * Accepts one connection per call; epoll reports further ones again. Not this function but
 * server_next_event() closes the client that has been silent longest, because an event of that client may be
 * among those just fetched.
 */
static void listener_handle(struct io *io, uint32_t events)
{
	struct server *server = container_of(io, struct server, listener);
	struct transport *transport = server->source.transport;
	struct client *client;
	int fd;

	fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (guests_should_make_room(errno)) {
			/* otherwise epoll would wake us again at once */
			transport_rewatch(transport, io, 0);
			server->starved = true;
			source_ready(&server->source, false);
		}
		return;
	}
	client = calloc(1, sizeof(*client));
	if (!client || transport_peer_of_fd(fd, &client->peer) < 0) {
		free(client);
		close(fd);
		return;
	}
	client->server = server;
	client->io = (struct io){fd, client_handle};
	stream_init(&client->stream, &transport->shared, fd, STREAM_REP0, STREAM_REQ0, HELLO_MAX_BYTES);
	list_append(&server->clients, &client->node);
	server->n_clients++;
	if (transport_watch(transport, &client->io, EPOLLIN) < 0)
		client_free(client);
	else if (server->n_clients > guests_max())
		source_ready(&server->source, false);
}

static bool server_is_named(const struct server *server)
{
	struct stat st;

	return lstat(server->path, &st) == 0 && st.st_dev == server->dev && st.st_ino == server->ino;
}

/* False: the path is too long. */
static bool server_dir(const struct server *server, char dir[4096])
{
	char *slash;

	if (strlen(server->path) >= 4096)
		return false;
	strcpy(dir, server->path);
	slash = strrchr(dir, '/');
	if (!slash)
		return false;
	slash[slash == dir] = 0;
	return true;
}

static void server_watch(struct server *server)
{
	char dir[4096], *slash;

	if (server->watch.fd < 0 || !server_dir(server, dir))
		return;
	if (server->watched >= 0)
		inotify_rm_watch(server->watch.fd, server->watched);
	server->watched = inotify_add_watch(server->watch.fd, dir,
		IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |
			IN_DONT_FOLLOW);
	/* a directory that is moved takes with it what lies in it, and only that one is told of it */
	while ((slash = strrchr(dir, '/')) && slash != dir) {
		*slash = 0;
		inotify_add_watch(
			server->watch.fd, dir, IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD);
	}
}

/* What lies there now may be somebody else's, or a link to another place: nothing of ours goes into it. */
static bool server_dir_is_ours(const struct server *server)
{
	char dir[4096];
	struct stat st;

	return server_dir(server, dir) && lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid();
}

/* Listens. An older listener is closed only when the new one is in the epoll set. */
static int server_bind(struct server *server)
{
	struct io old = server->listener;
	struct address address;
	struct stat st;
	int r;

	r = address_init(&address, server->path);
	if (r < 0)
		return r;
	r = address_clear(&address);
	/*
	 * 0600, because all clients have our uid. If there are children of other users some day, the mode has
	 * to be 0666: then the directory's mode says who may try, and the kernel says who a client is.
	 */
	if (r == 0)
		r = address_listen(&address, 0600);
	if (r >= 0) {
		int fd = r;

		r = lstat(server->path, &st) < 0 ? -errno : 0;
		if (r == 0) {
			server->listener.fd = fd;
			r = transport_watch(server->source.transport, &server->listener, EPOLLIN);
		}
		if (r < 0) {
			server->listener.fd = old.fd;
			close(fd);
		}
	}
	if (r < 0) {
		address_deinit(&address);
		return r;
	}
	if (old.fd >= 0)
		close(old.fd); /* close() also takes the descriptor out of the epoll set */
	address_deinit(&server->address);
	server->address = address;
	server->dev = st.st_dev;
	server->ino = st.st_ino;
	server_watch(server);
	return 0;
}

/* Makes the socket anew if its file is missing or is another file. */
static void server_look(struct server *server)
{
	int r;

	if (server_is_named(server)) {
		if (server->watched < 0) {
			server_watch(server);
			if (server->watched < 0)
				source_set_timeout(&server->source, LOOK_MS);
		}
		return;
	}
	/* Clients in the old listener's backlog are accepted before it is closed. */
	for (unsigned n = 0, max = guests_max(); n < max && server->n_clients <= max; n++) {
		unsigned before = server->n_clients;

		listener_handle(&server->listener, EPOLLIN);
		if (server->n_clients == before)
			break;
	}
	r = server_dir_is_ours(server) ? server_bind(server) : -ENOENT;
	if (r < 0)
		/* The owner of the directory makes it anew, so try again later. */
		source_set_timeout(&server->source, AGAIN_MS);
}

static void watch_handle(struct io *io, uint32_t events)
{
	_Alignas(struct inotify_event) char bytes[4096];

	while (read(io->fd, bytes, sizeof(bytes)) > 0)
		;
	server_look(container_of(io, struct server, watch));
}

static void server_timeout(struct source *source)
{
	struct server *server = server_of_source(source);

	transport_rewatch(source->transport, &server->listener, EPOLLIN);
	server_look(server);
}

int server_listen(struct transport *transport, const char *path, void *user, struct server **ret)
{
	struct server *server;
	int r;

	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	source_init(&server->source, transport, &server_source);
	list_init(&server->clients);
	list_init(&server->asking);
	list_init(&server->active);
	server->user = user;
	server->address.dir_fd = -1;
	server->listener = (struct io){-1, listener_handle};
	server->watch = (struct io){-1, watch_handle};
	server->watched = -1;
	server->path = strdup(path);

	r = server->path ? 0 : -ENOMEM;
	if (r == 0) {
		server->watch.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (server->watch.fd >= 0 && transport_watch(transport, &server->watch, EPOLLIN) < 0) {
			close(server->watch.fd);
			server->watch.fd = -1;
		}
		r = server_bind(server);
	}
	if (r < 0) {
		server_free(server);
		return r;
	}
	if (server->watched < 0)
		source_set_timeout(&server->source, LOOK_MS);
	*ret = server;
	return 0;
}

struct server *server_free(struct server *server)
{
	struct list *first;

	if (!server)
		return NULL;
	list_splice(&server->clients, &server->asking);
	while ((first = list_pop(&server->clients)))
		client_free(container_of(first, struct client, node));
	if (server->listener.fd >= 0) {
		transport_unwatch(server->source.transport, &server->listener);
		close(server->listener.fd);
		if (server_is_named(server))
			unlink(server->path);
	}
	if (server->watch.fd >= 0) {
		transport_unwatch(server->source.transport, &server->watch);
		close(server->watch.fd);
	}
	address_deinit(&server->address);
	free(server->path);
	source_deinit(&server->source);
	free(server);
	return NULL;
}

/* Returns 1, and *ret is a hello; 0 when there is none yet; a negative value when the client is over. */
static int client_next(struct client *client, struct transport_event *ret)
{
	struct server *server = client->server;
	const uint8_t *data;
	size_t size_bytes;
	int r;

	r = stream_next(&client->stream, &data, &size_bytes);
	if (r <= 0)
		return r;
	client->trace_bytes = trace_size(data, size_bytes);
	if (client->trace_bytes == 0)
		return -EPROTO;
	memcpy(client->trace, data, client->trace_bytes);

	/* Later bytes of the client wait until we have answered. @data stays valid in the shared buffer. */
	r = stream_yield(&client->stream);
	if (r < 0)
		return r;
	client->hello_id = ++server->last_id;
	list_remove(&client->node);
	list_append(&server->asking, &client->node);
	client_watch(client);

	ret->type = TRANSPORT_HELLO;
	ret->server = server;
	ret->user = server->user;
	ret->hello_id = client->hello_id;
	ret->peer = client->peer;
	ret->data = data + client->trace_bytes;
	ret->size_bytes = size_bytes - client->trace_bytes;
	return 1;
}

/*
 * Returns client_next() of the client that has been silent longest. If that client has sent no hello, it is
 * freed.
 */
static int server_make_room(struct server *server, struct transport_event *ret)
{
	struct client *client = container_of(server->clients.next, struct client, node);
	int r;

	client->stream.readable = true;
	r = client_next(client, ret);
	if (r <= 0)
		client_free(client);
	return r;
}

static int server_next_event(struct source *source, struct transport_event *ret)
{
	struct server *server = server_of_source(source);
	struct list *first;
	int r;

	while (!list_is_empty(&server->clients) && (server->starved || server->n_clients > guests_max())) {
		r = server_make_room(server, ret);
		if (r > 0) {
			source_ready(source, false);
			return 1;
		}
		if (server->starved) {
			server->starved = false;
			transport_rewatch(source->transport, &server->listener, EPOLLIN);
		}
	}
	if (server->starved) { /* no client can make room */
		server->starved = false;
		source_set_timeout(source, ACCEPT_PAUSE_MS);
	}

	while ((first = list_pop(&server->active))) {
		struct client *client = container_of(first, struct client, active);

		if (client->hello_id)
			continue;
		r = client_next(client, ret);
		if (r < 0) {
			client_free(client);
		} else if (r > 0) {
			if (!list_is_empty(&server->active))
				source_ready(source, false);
			return 1;
		}
	}
	return 0;
}

static void server_source_free(struct source *source)
{
	server_free(server_of_source(source));
}

static const struct source_ops server_source = {server_next_event, server_timeout, server_source_free};

void server_answer(struct server *server, uint64_t hello_id, const void *data, size_t size_bytes)
{
	struct client *client = NULL;

	if (hello_id == 0)
		return;
	list_for_each(it, &server->asking) {
		client = container_of(it, struct client, node);
		if (client->hello_id == hello_id)
			break;
		client = NULL;
	}
	if (!client)
		return;

	struct iovec pieces[2] = {{client->trace, client->trace_bytes}, {(void *)data, size_bytes}};

	if (stream_send(&client->stream, pieces, 2) < 0) {
		client_free(client); /* the client sees its connection end */
		return;
	}
	client->hello_id = 0;
	list_remove(&client->node);
	list_append(&server->clients, &client->node);
	client_watch(client);
	if (client->stream.part.size_bytes > 0)
		client_activate(client);
}

/* ---- request ---- */

struct request {
	struct source source;
	struct io io; /* fd -1: closed */
	struct stream stream;
	void *user;
	bool ended;
	bool told;
	int error;
};

static const uint8_t request_trace[4] = {
	0x80, 0, 0, 1}; /* a connection has one request, so any number is right */

static struct request *request_of_source(struct source *source)
{
	return container_of(source, struct request, source);
}

static const struct source_ops request_source;

static void request_end(struct request *request, int error)
{
	if (request->ended)
		return;
	request->ended = true;
	request->error = error;
	source_ready(&request->source, false);
}

static void request_close(struct request *request)
{
	if (request->io.fd < 0)
		return;
	transport_unwatch(request->source.transport, &request->io);
	stream_deinit(&request->stream);
	request->io.fd = -1;
}

static void request_handle(struct io *io, uint32_t events)
{
	struct request *request = container_of(io, struct request, io);

	if (events & EPOLLOUT) {
		stream_write(&request->stream);
		if (!stream_wants_to_write(&request->stream))
			transport_rewatch(request->source.transport, io, EPOLLIN);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		request->stream.readable = true;
		source_ready(&request->source, false);
	}
}

static void request_timeout(struct source *source)
{
	request_end(request_of_source(source), -ETIMEDOUT);
}

int request_send(struct transport *transport, const char *path, const void *data, size_t size_bytes,
	int64_t timeout_ms, void *user, struct request **ret)
{
	struct iovec pieces[2] = {{(void *)request_trace, sizeof(request_trace)}, {(void *)data, size_bytes}};
	struct request *request;
	struct address address;
	int r;

	request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;
	source_init(&request->source, transport, &request_source);
	request->io = (struct io){-1, request_handle};
	request->user = user;

	r = address_init(&address, path);
	if (r < 0) {
		request_free(request);
		return r;
	}
	r = address_connect(&address);
	address_deinit(&address);
	if (r >= 0) {
		request->io.fd = r;
		stream_init(
			&request->stream, &transport->shared, r, STREAM_REQ0, STREAM_REP0, HELLO_MAX_BYTES);
		r = stream_send(&request->stream, pieces, 2);
		if (r == 0)
			r = transport_watch(transport, &request->io,
				EPOLLIN | (stream_wants_to_write(&request->stream) ? EPOLLOUT : 0));
		source_set_timeout(&request->source, timeout_ms);
	}
	if (r < 0)
		request_end(request, r);
	*ret = request;
	return 0;
}

struct request *request_free(struct request *request)
{
	if (!request)
		return NULL;
	request_close(request);
	source_deinit(&request->source);
	free(request);
	return NULL;
}

static int request_next_event(struct source *source, struct transport_event *ret)
{
	struct request *request = request_of_source(source);
	const uint8_t *data = NULL;
	size_t size_bytes = 0;
	int r = request->error;

	if (request->told)
		return 0;
	if (!request->ended) {
		do {
			r = stream_next(&request->stream, &data, &size_bytes);
		} while (r > 0 && (size_bytes < 4 || memcmp(data, request_trace, 4)));
		if (r == 0)
			return 0;
	}
	request->told = true;
	source_set_timeout(source, -1);
	ret->type = TRANSPORT_ANSWER;
	ret->request = request;
	ret->user = request->user;
	if (r > 0) {
		ret->data = data + sizeof(request_trace);
		ret->size_bytes = size_bytes - sizeof(request_trace);
	} else {
		ret->error = r;
	}
	request_close(request);
	return 1;
}

static void request_source_free(struct source *source)
{
	request_free(request_of_source(source));
}

static const struct source_ops request_source = {request_next_event, request_timeout, request_source_free};
