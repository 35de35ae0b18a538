/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rendezvous of a daemon: the wire protocol of an nng REP0 socket, made of plain sockets and one thread.
 *
 * nng's own listener (1.5.2) is not fit for a rendezvous. A client that is killed before it was greeted makes
 * the greeting fail with EPIPE; nng takes that for its own close, and never accepts again. Other failures
 * make the listener pause for 100 ms. A client that says nothing keeps its descriptor for ever.
 *
 * The wire protocol is SP over a Unix socket; numbers are big-endian. Both sides send 8 bytes: 0 'S' 'P' 0,
 * protocol, 0 0. A message is the byte 1, its length in 8 bytes, and the body. A body begins with the
 * request's way back: words of 4 bytes, of which only the last has its highest bit set. The answer's body
 * begins with the same words.
 *
 * A connection has a slot. The slot reads one message, and the user gets it. Until the answer is written,
 * nothing more is read from the connection. A connection that does not send a whole message in time is
 * closed. When all slots are taken (guests_max(), at most SLOTS_N), or there is no descriptor, the connection
 * that has been silent longest is closed first.
 */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "libactor/transport/files.h"
#include "libactor/transport/nng/internal.h"
#include "libactor/util/clock.h"

#define SLOT_BITS       7
#define SLOTS_N         (1u << SLOT_BITS)
#define BACKLOG         512
#define SILENCE_NS      INT64_C(2000000000)
#define GREETING_BYTES  8u
#define HEAD_BYTES      9u
#define ROUTE_MAX_BYTES 32u /* eight hops */
#define KEY_LISTEN      SLOTS_N
#define KEY_STOP        (SLOTS_N + 1)

static const uint8_t greeting[GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
static const uint8_t greeting_wanted[GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

enum slot_state {
	SLOT_FREE,
	SLOT_GREETING,
	SLOT_HEAD,
	SLOT_BODY,
	SLOT_WAITING /* in server->hellos */,
	SLOT_ASKED /* the user has the hello */
};

struct slot {
	struct list node;
	enum slot_state state;
	int fd;
	struct transport_peer peer;
	int64_t deadline_ns;
	uint64_t id; /* of the hello that the user has: sequence << SLOT_BITS | slot */
	uint8_t head[HEAD_BYTES];
	uint8_t *body;
	size_t have_bytes, want_bytes; /* of the part that the state reads */
	size_t route_bytes;
};

struct server {
	struct source source;
	struct address address;
	void *user;
	int listen_fd, epoll_fd, stop_fd;
	bool bound, has_thread;
	pthread_t thread;
	/* Under the transport's lock: */
	uint64_t sequence;
	struct list hellos;
	struct slot slots[SLOTS_N];
};

static struct server *server_of_source(struct source *source)
{
	return container_of(source, struct server, source);
}

static const struct source_ops server_source;

/* ---- slots; with the lock held ---- */

static void slot_expect(struct slot *slot, enum slot_state state, size_t want_bytes)
{
	slot->state = state;
	slot->have_bytes = 0;
	slot->want_bytes = want_bytes;
}

static void slot_close(struct slot *slot)
{
	if (slot->state == SLOT_FREE)
		return;
	list_remove(&slot->node);
	close(slot->fd);
	free(slot->body);
	*slot = (struct slot){.state = SLOT_FREE};
	list_init(&slot->node);
}

static bool slot_is_reading(const struct slot *slot)
{
	return slot->state == SLOT_GREETING || slot->state == SLOT_HEAD || slot->state == SLOT_BODY;
}

static int slot_arm(struct server *server, struct slot *slot, int operation)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLONESHOT, .data.u32 = (uint32_t)(slot - server->slots)};

	return epoll_ctl(server->epoll_fd, operation, slot->fd, &event);
}

/*
 * Handles the part that was read. Returns 0 to go on reading; 1 when a message is complete; -EPROTO; -ENOMEM.
 */
static int slot_part(struct slot *slot)
{
	uint64_t size_bytes;

	switch (slot->state) {
	case SLOT_GREETING:
		if (memcmp(slot->head, greeting_wanted, GREETING_BYTES))
			return -EPROTO;
		slot_expect(slot, SLOT_HEAD, HEAD_BYTES);
		return 0;
	case SLOT_HEAD:
		memcpy(&size_bytes, slot->head + 1, sizeof(size_bytes));
		size_bytes = be64toh(size_bytes);
		if (slot->head[0] != 1 || size_bytes < 4 || size_bytes > HELLO_MAX_BYTES)
			return -EPROTO;
		slot->body = malloc(size_bytes);
		if (!slot->body)
			return -ENOMEM;
		slot_expect(slot, SLOT_BODY, size_bytes);
		return 0;
	case SLOT_BODY:
		for (size_t at = 0; at + 4 <= slot->have_bytes && at < ROUTE_MAX_BYTES; at += 4) {
			if (slot->body[at] & 0x80) {
				slot->route_bytes = at + 4;
				return 1;
			}
		}
		return -EPROTO;
	default:
		return -EPROTO;
	}
}

/* Reads the bytes that have come. Returns the result of slot_part(), -EAGAIN, or another error. */
static int slot_read(struct slot *slot)
{
	int r = 0;

	while (r == 0) {
		uint8_t *to = slot->state == SLOT_BODY ? slot->body : slot->head;
		ssize_t n = recv(
			slot->fd, to + slot->have_bytes, slot->want_bytes - slot->have_bytes, MSG_DONTWAIT);

		if (n < 0)
			return errno == EINTR ? -EAGAIN : -errno;
		if (n == 0)
			return -ECONNRESET;
		slot->have_bytes += (size_t)n;
		if (slot->have_bytes == slot->want_bytes)
			r = slot_part(slot);
	}
	return r;
}

/*
 * Closes the connection that has been silent longest and returns its slot. Returns NULL when the user has all
 * hellos.
 */
static struct slot *slot_make_room(struct server *server)
{
	struct slot *oldest = NULL;

	for (unsigned i = 0; i < SLOTS_N; i++) {
		struct slot *slot = &server->slots[i];

		if (slot_is_reading(slot) && (!oldest || slot->deadline_ns < oldest->deadline_ns))
			oldest = slot;
	}
	if (oldest)
		slot_close(oldest);
	return oldest;
}

/* Returns a free slot, else the slot of the connection that has been silent longest, else NULL. */
static struct slot *slot_take(struct server *server)
{
	struct slot *free_slot = NULL;
	unsigned n_used = 0;

	for (unsigned i = 0; i < SLOTS_N; i++) {
		if (server->slots[i].state != SLOT_FREE)
			n_used++;
		else if (!free_slot)
			free_slot = &server->slots[i];
	}
	return free_slot && n_used < guests_max() ? free_slot : slot_make_room(server);
}

/* ---- the thread ---- */

static void server_accept(struct server *server)
{
	struct ucred peer;
	socklen_t peer_bytes = sizeof(peer);
	struct slot *slot;
	int fd;

	fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (!guests_should_make_room(errno))
			return;
		pthread_mutex_lock(&server->source.transport->lock);
		slot = slot_make_room(server);
		pthread_mutex_unlock(&server->source.transport->lock);
		if (!slot)
			usleep(10000); /* the listener stays readable until a descriptor is closed */
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes) < 0 ||
		send(fd, greeting, GREETING_BYTES, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)GREETING_BYTES) {
		close(fd);
		return;
	}

	pthread_mutex_lock(&server->source.transport->lock);
	slot = slot_take(server);
	if (slot) {
		slot->fd = fd;
		slot->peer = (struct transport_peer){.uid = peer.uid, .pid = peer.pid};
		slot->deadline_ns = clock_now_ns() + SILENCE_NS;
		slot_expect(slot, SLOT_GREETING, GREETING_BYTES);
		if (slot_arm(server, slot, EPOLL_CTL_ADD) < 0)
			slot_close(slot);
	} else {
		close(fd);
	}
	pthread_mutex_unlock(&server->source.transport->lock);
}

static void server_read(struct server *server, uint32_t i)
{
	struct slot *slot = &server->slots[i];
	int r;

	pthread_mutex_lock(&server->source.transport->lock);
	if (slot_is_reading(slot)) {
		r = slot_read(slot);
		if (r == 1) {
			slot->state = SLOT_WAITING;
			list_append(&server->hellos, &slot->node);
			source_ready(&server->source);
		} else if (r != -EAGAIN || slot_arm(server, slot, EPOLL_CTL_MOD) < 0) {
			slot_close(slot);
		}
	}
	pthread_mutex_unlock(&server->source.transport->lock);
}

/*
 * Closes the connections whose time is over. Returns the time until the next such deadline, for epoll_wait.
 */
static int server_expire(struct server *server)
{
	int64_t now_ns = clock_now_ns(), next_ns = INT64_MAX, deadline_ns;

	pthread_mutex_lock(&server->source.transport->lock);
	for (unsigned i = 0; i < SLOTS_N; i++) {
		struct slot *slot = &server->slots[i];

		if (slot_is_reading(slot) && slot->deadline_ns <= now_ns)
			slot_close(slot);
		if (slot->state == SLOT_FREE)
			continue;
		/* A slot whose hello the user has will read again, with a deadline that is not known yet. */
		deadline_ns = slot_is_reading(slot) ? slot->deadline_ns : now_ns + SILENCE_NS;
		if (deadline_ns < next_ns)
			next_ns = deadline_ns;
	}
	pthread_mutex_unlock(&server->source.transport->lock);
	return next_ns == INT64_MAX ? -1 : (int)((next_ns - now_ns) / 1000000 + 1);
}

static void *server_run(void *arg)
{
	struct server *server = arg;
	struct epoll_event events[64];

	pthread_setname_np(pthread_self(), "rendezvous");
	for (;;) {
		int n = epoll_wait(server->epoll_fd, events, 64, server_expire(server));

		for (int i = 0; i < n; i++) {
			if (events[i].data.u32 == KEY_STOP)
				return NULL;
			if (events[i].data.u32 == KEY_LISTEN)
				server_accept(server);
			else
				server_read(server, events[i].data.u32);
		}
	}
}

/* ---- the loop's side ---- */

static int server_watch(struct server *server, int fd, uint32_t key)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = key};

	return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/*
 * 0600, because all clients have our uid. If there are children of other users some day, the mode has to be
 * 0666: then the directory's mode says who may try, and the kernel says who a client is.
 */
static int server_bind(struct server *server)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	memcpy(sun.sun_path, address_path(&server->address), strlen(address_path(&server->address)));
	server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->listen_fd < 0 ||
		fchmod(server->listen_fd, 0600) < 0) /* the file gets the socket's mode */
		return -errno;
	if (bind(server->listen_fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	server->bound = true;
	return listen(server->listen_fd, BACKLOG) < 0 ? -errno : 0;
}

static int server_start_thread(struct server *server)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&server->thread, NULL, server_run, server);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	server->has_thread = r == 0;
	return r;
}

int server_listen(struct transport *transport, const char *path, void *user, struct server **ret)
{
	struct server *server;
	int r;

	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	source_init(&server->source, transport, &server_source);
	list_init(&server->hellos);
	for (unsigned i = 0; i < SLOTS_N; i++)
		list_init(&server->slots[i].node);
	server->user = user;
	server->address.dir_fd = server->listen_fd = server->epoll_fd = server->stop_fd = -1;

	r = address_init(&server->address, path);
	if (r == 0)
		r = address_clear(&server->address);
	if (r == 0)
		r = server_bind(server);
	if (r < 0)
		goto fail;
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->epoll_fd < 0 || server->stop_fd < 0) {
		r = -errno;
		goto fail;
	}
	if ((r = server_watch(server, server->listen_fd, KEY_LISTEN)) < 0 ||
		(r = server_watch(server, server->stop_fd, KEY_STOP)) < 0 ||
		(r = server_start_thread(server)) < 0)
		goto fail;
	*ret = server;
	return 0;

fail:
	server_free(server);
	return r;
}

struct server *server_free(struct server *server)
{
	if (!server)
		return NULL;
	if (server->has_thread) {
		eventfd_write(server->stop_fd, 1);
		pthread_join(server->thread, NULL);
	}
	for (unsigned i = 0; i < SLOTS_N; i++)
		slot_close(&server->slots[i]);
	if (server->bound)
		unlink(address_path(&server->address));
	if (server->listen_fd >= 0)
		close(server->listen_fd);
	if (server->epoll_fd >= 0)
		close(server->epoll_fd);
	if (server->stop_fd >= 0)
		close(server->stop_fd);
	address_deinit(&server->address);
	source_deinit(&server->source);
	free(server);
	return NULL;
}

static int server_next_event(struct source *source, struct transport_event *ret)
{
	struct server *server = server_of_source(source);
	struct list *first = list_pop(&server->hellos);
	struct slot *slot = first ? container_of(first, struct slot, node) : NULL;
	nng_msg *msg;

	if (!list_is_empty(&server->hellos))
		source_ready(source);
	if (slot && transport_message(
			    slot->body + slot->route_bytes, slot->have_bytes - slot->route_bytes, &msg) < 0) {
		slot_close(slot); /* no memory; the client will try again */
		slot = NULL;
	}
	if (slot) {
		slot->state = SLOT_ASKED;
		slot->id = ++server->sequence << SLOT_BITS | (uint64_t)(slot - server->slots);
		ret->type = TRANSPORT_HELLO;
		ret->server = server;
		ret->user = server->user;
		ret->hello_id = slot->id;
		ret->peer = slot->peer;
		ret->data = nng_msg_body(msg);
		ret->size_bytes = nng_msg_len(msg);
		source->transport->current = msg;
	}
	pthread_mutex_unlock(&source->transport->lock);
	return slot != NULL;
}

static void server_source_free(struct source *source)
{
	server_free(server_of_source(source));
}

static const struct source_ops server_source = {server_next_event, server_source_free};

/*
 * Returns false when the client does not read. Otherwise the socket has room, because the client has asked
 * for all earlier answers and read them.
 */
static bool slot_answer(struct slot *slot, const void *data, size_t size_bytes)
{
	uint8_t head[HEAD_BYTES] = {1};
	uint64_t length = htobe64(slot->route_bytes + size_bytes);
	struct iovec parts[] = {
		{head, HEAD_BYTES}, {slot->body, slot->route_bytes}, {(void *)data, size_bytes}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};

	memcpy(head + 1, &length, sizeof(length));
	return sendmsg(slot->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)(HEAD_BYTES + slot->route_bytes + size_bytes);
}

void server_answer(struct server *server, uint64_t hello_id, const void *data, size_t size_bytes)
{
	struct slot *slot = &server->slots[hello_id & (SLOTS_N - 1)];
	bool good;

	pthread_mutex_lock(&server->source.transport->lock);
	if (slot->state == SLOT_ASKED && slot->id == hello_id) {
		good = slot_answer(slot, data, size_bytes);
		free(slot->body);
		slot->body = NULL;
		slot->deadline_ns = clock_now_ns() + SILENCE_NS;
		slot_expect(slot, SLOT_HEAD, HEAD_BYTES);
		if (!good || slot_arm(server, slot, EPOLL_CTL_MOD) < 0)
			slot_close(slot);
	}
	pthread_mutex_unlock(&server->source.transport->lock);
}
