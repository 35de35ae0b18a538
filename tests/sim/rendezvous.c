/* SPDX-License-Identifier: Apache-2.0 */
/* Doors, servers and requests of the simulated transport. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/net.h"

struct knock {
	struct list link;
	uint64_t id;
	struct sock *sock;
	struct packet *first;
};

struct door {
	struct source source;
	struct file *file;
	struct list knocks; /* peers that wait to be admitted or refused */
	uint64_t last_id;
};

struct hello {
	struct list link;
	uint64_t id;
	struct sock *sock;
	struct packet *first;
};

struct server {
	struct source source;
	struct file *file;
	struct list asking;
	uint64_t last_id;
};

struct request {
	struct source source;
	struct sock *sock;
	bool told;
	int error;
};

static struct door *door_of(struct source *source)
{
	return container_of(source, struct door, source);
}

static struct server *server_of(struct source *source)
{
	return container_of(source, struct server, source);
}

static struct request *request_of(struct source *source)
{
	return container_of(source, struct request, source);
}

/*
 * Takes the first in the backlog that has said something. Those before it ended without a word, and are
 * closed.
 */
static struct sock *file_accept(struct file *file, struct packet **ret_first)
{
	struct sock *sock;

	while ((sock = file_first(file))) {
		*ret_first = sock_take(sock);
		list_remove(&sock->waiting);
		if (*ret_first)
			return sock;
		sock_close(sock);
	}
	return NULL;
}

/* ---- doors ---- */

int door_listen(struct transport *transport, const char *path, void *user, struct door **ret)
{
	struct file *file;
	struct door *door;
	int r = file_listen(path, FILE_DOOR, &file);

	if (r < 0)
		return r;
	door = calloc(1, sizeof(*door));
	source_init(&door->source, SOURCE_DOOR, transport, user);
	list_init(&door->knocks);
	door->file = file;
	*ret = door;
	return 0;
}

static void knock_free(struct knock *knock, bool close)
{
	if (close)
		sock_close(knock->sock);
	list_remove(&knock->link);
	free(knock->first);
	free(knock);
}

static void door_close(struct door *door)
{
	while (!list_is_empty(&door->knocks))
		knock_free(container_of(door->knocks.next, struct knock, link), true);
}

struct door *door_free(struct door *door)
{
	if (!door)
		return NULL;
	(void)process_may();
	door_close(door);
	file_free(door->file);
	list_remove(&door->source.link);
	free(door);
	return NULL;
}

int door_renew(struct door *door)
{
	(void)door;
	return 0; /* no effect: nobody removes files */
}

int door_next(struct door *door, struct transport_event *ret)
{
	struct packet *first;
	struct knock *knock;
	struct sock *sock = door->file ? file_accept(door->file, &first) : NULL;

	if (!sock)
		return 0;
	knock = calloc(1, sizeof(*knock));
	knock->id = ++door->last_id;
	knock->sock = sock;
	knock->first = first;
	list_append(&door->knocks, &knock->link);
	memset(ret, 0, sizeof(*ret));
	ret->type = TRANSPORT_KNOCK;
	ret->door = door;
	ret->user = door->source.user;
	ret->knock_id = knock->id;
	ret->peer = sock->peer;
	ret->data = first->data;
	ret->size_bytes = first->size_bytes;
	return 1;
}

static struct knock *door_knock(struct door *door, uint64_t knock_id)
{
	list_for_each(it, &door->knocks) {
		struct knock *knock = container_of(it, struct knock, link);

		if (knock->id == knock_id)
			return knock;
	}
	return NULL;
}

int door_admit(struct door *door, uint64_t knock_id, void *user, struct pipe **ret)
{
	struct knock *knock = door_knock(door, knock_id);

	if (!knock || !knock->sock)
		return -ENOENT;
	*ret = pipe_adopt(door->source.transport, knock->sock, user);
	knock_free(knock, false);
	return 0;
}

void door_refuse(struct door *door, uint64_t knock_id)
{
	struct knock *knock = door_knock(door, knock_id);

	if (knock && process_may())
		knock_free(knock, true);
}

bool door_is_open(const char *path)
{
	return net_listens(path);
}

/* ---- servers ---- */

int server_listen(struct transport *transport, const char *path, void *user, struct server **ret)
{
	struct server *server;
	struct file *file;
	int r = file_listen(path, FILE_SERVER, &file);

	if (r < 0)
		return r;
	server = calloc(1, sizeof(*server));
	source_init(&server->source, SOURCE_SERVER, transport, user);
	list_init(&server->asking);
	server->file = file;
	*ret = server;
	return 0;
}

static void hello_free(struct hello *hello)
{
	sock_close(hello->sock);
	list_remove(&hello->link);
	free(hello->first);
	free(hello);
}

static void server_close(struct server *server)
{
	while (!list_is_empty(&server->asking))
		hello_free(container_of(server->asking.next, struct hello, link));
}

struct server *server_free(struct server *server)
{
	if (!server)
		return NULL;
	server_close(server);
	file_free(server->file);
	list_remove(&server->source.link);
	free(server);
	return NULL;
}

void server_answer(struct server *server, uint64_t hello_id, const void *data, size_t size_bytes)
{
	list_for_each_safe(it, &server->asking) {
		struct hello *hello = container_of(it, struct hello, link);

		if (hello->id != hello_id || !process_may())
			continue;
		sock_send(hello->sock, data, size_bytes);
		hello_free(hello);
		return;
	}
}

static int server_next(struct server *server, struct transport_event *ret)
{
	struct packet *first;
	struct hello *hello;
	struct sock *sock = server->file ? file_accept(server->file, &first) : NULL;

	if (!sock)
		return 0;
	hello = calloc(1, sizeof(*hello));
	hello->id = ++server->last_id;
	hello->sock = sock;
	hello->first = first;
	list_append(&server->asking, &hello->link);
	ret->type = TRANSPORT_HELLO;
	ret->server = server;
	ret->user = server->source.user;
	ret->hello_id = hello->id;
	ret->peer = sock->peer;
	ret->data = first->data;
	ret->size_bytes = first->size_bytes;
	return 1;
}

/* ---- requests ---- */

int request_send(struct transport *transport, const char *path, const void *data, size_t size_bytes,
	int64_t timeout_ms, void *user, struct request **ret)
{
	struct request *request = calloc(1, sizeof(*request));

	source_init(&request->source, SOURCE_REQUEST, transport, user);
	request->source.deadline_ns = sim.now_ns + timeout_ms * MS;
	request->error = file_connect(path, FILE_SERVER, &request->sock);
	if (request->error == 0 && process_may())
		sock_send(request->sock, data, size_bytes);
	*ret = request;
	return 0;
}

struct request *request_free(struct request *request)
{
	if (!request)
		return NULL;
	sock_close(request->sock);
	list_remove(&request->source.link);
	free(request);
	return NULL;
}

static int request_next(struct request *request, struct transport_event *ret)
{
	struct transport *transport = request->source.transport;

	if (request->told)
		return 0;
	ret->type = TRANSPORT_ANSWER;
	ret->request = request;
	ret->user = request->source.user;
	ret->error = request->error;
	if (!request->error && sock_due_ns(request->sock) <= sim.now_ns) {
		transport->kept = sock_take(request->sock);
		ret->error = transport->kept ? 0 : -ECONNRESET;
	} else if (!request->error) {
		ret->error = -ETIMEDOUT;
	}
	if (!ret->error) {
		ret->data = transport->kept->data;
		ret->size_bytes = transport->kept->size_bytes;
	}
	request->told = true;
	return 1;
}

static int64_t request_due_ns(const struct request *request)
{
	int64_t due_ns;

	if (request->told)
		return SIM_NEVER;
	if (request->error)
		return sim.now_ns;
	due_ns = sock_due_ns(request->sock);
	return due_ns < request->source.deadline_ns ? due_ns : request->source.deadline_ns;
}

/* ---- for transport.c ---- */

int64_t rendezvous_due_ns(const struct source *source)
{
	if (source->kind == SOURCE_REQUEST)
		return request_due_ns(container_of(source, struct request, source));
	return file_due_ns(source->kind == SOURCE_DOOR ? container_of(source, struct door, source)->file
						       : container_of(source, struct server, source)->file);
}

int rendezvous_next(struct source *source, struct transport_event *ret)
{
	if (source->kind == SOURCE_REQUEST)
		return request_next(request_of(source), ret);
	return source->kind == SOURCE_DOOR ? door_next(door_of(source), ret)
					   : server_next(server_of(source), ret);
}

void rendezvous_died(struct source *source)
{
	struct request *request = request_of(source);

	if (source->kind == SOURCE_DOOR) {
		struct door *door = door_of(source);

		list_for_each(it, &door->knocks) {
			struct knock *knock = container_of(it, struct knock, link);

			sock_close(knock->sock);
			knock->sock = NULL;
		}
		file_leave(door->file);
		door->file = NULL;
	} else if (source->kind == SOURCE_SERVER) {
		struct server *server = server_of(source);

		list_for_each(it, &server->asking) {
			struct hello *hello = container_of(it, struct hello, link);

			sock_close(hello->sock);
			hello->sock = NULL;
		}
		file_leave(server->file);
		server->file = NULL;
	} else {
		sock_close(request->sock);
		request->sock = NULL;
		request->error = -ECONNRESET;
	}
}

void rendezvous_free(struct source *source)
{
	if (source->kind == SOURCE_DOOR)
		door_free(door_of(source));
	else if (source->kind == SOURCE_SERVER)
		server_free(server_of(source));
	else
		request_free(request_of(source));
}
