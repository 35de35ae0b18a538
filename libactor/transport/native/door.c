/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door: a listening socket that stays. Its connections are knocks until they are admitted.
 *
 * A knock is read to the end of its first message and no byte further. The bytes behind that stay in the
 * kernel, where they cost us nothing and outlive their writer. A knock is silent until its first message is
 * complete. When places get scarce, the knock that has been silent longest is closed, after a last look at
 * what it wrote. A knock that waits for our answer is never closed to make room. While all places are taken,
 * further dialers wait in the kernel's backlog.
 *
 * The handlers accept nothing and read nothing: they only note that there is something. So door_next() may be
 * called during any other event, and takes what is there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/transport/files.h"
#include "libactor/transport/native/internal.h"

#define ACCEPT_PAUSE_MS 100

struct knock {
	struct list node;  /* door->silent, or door->waiting */
	struct list ready; /* in door->ready while it has something to read */
	struct io io;
	struct door *door;
	struct transport_peer peer;
	uint64_t id; /* 0: the knock is silent */
	size_t n_bytes;
	uint8_t bytes[STREAM_GREETING_BYTES + STREAM_HEAD_BYTES + DOOR_FIRST_MAX_BYTES];
};

struct door {
	struct source source;
	struct address address;
	char *path;
	struct io listener;
	/* The former listener, whose file is gone: only its backlog still comes in. fd -1: none. */
	struct io old;
	dev_t dev; /* dev, ino: of the socket's file when it was made */
	ino_t ino;
	void *user;
	struct list silent, waiting, ready; /* knocks; the longest silent first */
	unsigned n_knocks;
	uint64_t last_id;
	bool acceptable; /* a connection may be in the backlog */
	bool full;
};

static struct door *door_of_source(struct source *source)
{
	return container_of(source, struct door, source);
}

static const struct source_ops door_source;

static void door_watch(struct door *door, uint32_t events)
{
	transport_rewatch(door->source.transport, &door->listener, events);
	if (door->old.fd >= 0)
		transport_rewatch(door->source.transport, &door->old, events);
}

static void door_wake(struct door *door)
{
	door->acceptable = true;
	source_ready(&door->source, false);
}

/* ---- knocks ---- */

/* Frees the knock and returns its descriptor. */
static int knock_take(struct knock *knock)
{
	struct door *door = knock->door;
	int fd = knock->io.fd;

	if (!knock->id)
		transport_unwatch(door->source.transport, &knock->io);
	list_remove(&knock->node);
	list_remove(&knock->ready);
	free(knock);
	door->n_knocks--;
	if (door->full) {
		door->full = false;
		door_watch(door, EPOLLIN);
		door_wake(door);
	}
	return fd;
}

static void knock_free(struct knock *knock)
{
	close(knock_take(knock));
}

static void knock_handle(struct io *io, uint32_t events)
{
	struct knock *knock = container_of(io, struct knock, io);

	if (!list_is_linked(&knock->ready))
		list_append(&knock->door->ready, &knock->ready);
	source_ready(&knock->door->source, false);
}

/*
 * The number of bytes that the knock must have so far: the greeting and the head, then the message, too. 0:
 * the bytes are not of our protocol.
 */
static size_t knock_size(const struct knock *knock)
{
	const size_t begin_bytes = STREAM_GREETING_BYTES + STREAM_HEAD_BYTES;
	uint8_t greeting[STREAM_GREETING_BYTES];
	size_t size_bytes;

	if (knock->n_bytes < begin_bytes)
		return begin_bytes;
	stream_greeting(greeting, STREAM_PAIR0);
	size_bytes = stream_head_read(knock->bytes + STREAM_GREETING_BYTES);
	if (memcmp(knock->bytes, greeting, sizeof(greeting)) || size_bytes > DOOR_FIRST_MAX_BYTES)
		return 0;
	return begin_bytes + size_bytes;
}

/* Returns 1 when the first message is complete; 0 when not yet; a negative value when the knock is over. */
static int knock_read(struct knock *knock)
{
	size_t size_bytes;
	ssize_t n;

	while ((size_bytes = knock_size(knock)) != knock->n_bytes) {
		if (!size_bytes)
			return -EPROTO;
		do {
			n = recv(knock->io.fd, knock->bytes + knock->n_bytes, size_bytes - knock->n_bytes,
				MSG_DONTWAIT);
		} while (n < 0 && errno == EINTR);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		knock->n_bytes += (size_t)n;
	}
	return 1;
}

/* ---- accepting ---- */

static void listener_handle(struct io *io, uint32_t events)
{
	door_wake(container_of(io, struct door, listener));
}

static void old_handle(struct io *io, uint32_t events)
{
	door_wake(container_of(io, struct door, old));
}

/* Returns 1 and *ret; 0 when nobody is there; a negative value when nobody can be accepted now. */
static int door_accept(struct door *door, int listener_fd, struct knock **ret)
{
	struct transport *transport = door->source.transport;
	uint8_t greeting[STREAM_GREETING_BYTES];
	struct transport_peer peer;
	struct knock *knock;
	int fd, r;

	for (;;) {
		fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (transport_peer_of_fd(fd, &peer) == 0 && (peer.uid == geteuid() || peer.uid == 0))
			break;
		close(fd);
	}
	knock = calloc(1, sizeof(*knock));
	if (!knock) {
		close(fd);
		return -ENOMEM;
	}
	/*
	 * A new socket has room for the greeting. Errors are ignored, because a dialer that has ended is
	 * still read.
	 */
	stream_greeting(greeting, STREAM_PAIR0);
	(void)!send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL | MSG_DONTWAIT);
	knock->door = door;
	knock->peer = peer;
	knock->io = (struct io){fd, knock_handle};
	r = transport_watch(transport, &knock->io, EPOLLIN);
	if (r < 0) {
		close(fd);
		free(knock);
		return r;
	}
	list_append(&door->silent, &knock->node);
	door->n_knocks++;
	*ret = knock;
	return 1;
}

static void listener_close(struct door *door, struct io *listener)
{
	if (listener->fd < 0)
		return;
	transport_unwatch(door->source.transport, listener);
	close(listener->fd);
	listener->fd = -1;
}

/* There is no descriptor or no memory. A listener that is still watched would wake us again at once. */
static void door_pause(struct door *door)
{
	door_watch(door, 0);
	source_set_timeout(&door->source, ACCEPT_PAUSE_MS);
}

static void door_timeout(struct source *source)
{
	struct door *door = door_of_source(source);

	if (!door->full)
		door_watch(door, EPOLLIN);
	door_wake(door);
}

/*
 * Returns 0 when the knock that has been silent longest was closed; 1 when that knock, now *ret, has said
 * something or ended since, and the caller has to handle it; -EBUSY when all knocks wait for our answer.
 */
static int door_make_room(struct door *door, struct knock **ret)
{
	struct knock *knock;

	if (list_is_empty(&door->silent))
		return -EBUSY;
	knock = container_of(door->silent.next, struct knock, node);
	if (knock_read(knock) != 0) {
		*ret = knock;
		return 1;
	}
	knock_free(knock);
	return 0;
}

/* Does the same as door_accept(), first for the old listener. */
static int door_accept_next(struct door *door, struct knock **ret)
{
	int r = 0;

	if (door->old.fd >= 0) {
		r = door_accept(door, door->old.fd, ret);
		if (r == 0)
			listener_close(door, &door->old);
	}
	return r == 0 ? door_accept(door, door->listener.fd, ret) : r;
}

/*
 * Returns 1 when *ret is new or has something to read; 0 when nobody is there; -EBUSY when a connection may
 * wait that cannot come in now.
 */
static int door_candidate(struct door *door, struct knock **ret)
{
	struct list *first = list_pop(&door->ready);
	int r;

	if (first) {
		*ret = container_of(first, struct knock, ready);
		return 1;
	}
	if (door->n_knocks >= guests_max()) {
		r = door_make_room(door, ret);
		if (r > 0)
			return 1;
		if (r < 0) {
			door->acceptable = false;
			door->full = true; /* knock_take() clears it */
			door_watch(door, 0);
			return r;
		}
	}
	while ((r = door_accept_next(door, ret)) < 0 && guests_should_make_room(-r)) {
		int room = door_make_room(door, ret);

		if (room > 0)
			return 1;
		if (room < 0)
			break;
	}
	if (r > 0)
		return 1;
	door->acceptable = false;
	if (r == 0)
		return 0;
	door_pause(door);
	return -EBUSY;
}

int door_next(struct door *door, struct transport_event *ret)
{
	struct knock *knock;
	int r;

	while ((r = door_candidate(door, &knock)) > 0) {
		r = knock_read(knock);
		if (r < 0) {
			knock_free(knock);
		} else if (r > 0) {
			transport_unwatch(door->source.transport, &knock->io);
			knock->id = ++door->last_id;
			list_remove(&knock->node);
			list_append(&door->waiting, &knock->node);
			memset(ret, 0, sizeof(*ret));
			ret->type = TRANSPORT_KNOCK;
			ret->door = door;
			ret->user = door->user;
			ret->knock_id = knock->id;
			ret->peer = knock->peer;
			ret->data = knock->bytes + STREAM_GREETING_BYTES + STREAM_HEAD_BYTES;
			ret->size_bytes = knock->n_bytes - STREAM_GREETING_BYTES - STREAM_HEAD_BYTES;
			return 1;
		}
	}
	return r;
}

static int door_next_event(struct source *source, struct transport_event *ret)
{
	struct door *door = door_of_source(source);

	if (!door->acceptable && list_is_empty(&door->ready))
		return 0;
	if (door_next(door, ret) <= 0)
		return 0;
	source_ready(source, false);
	return 1;
}

static void door_source_free(struct source *source)
{
	door_free(door_of_source(source));
}

static const struct source_ops door_source = {door_next_event, door_timeout, door_source_free};

static struct knock *door_knock(struct door *door, uint64_t knock_id)
{
	list_for_each(it, &door->waiting) {
		struct knock *knock = container_of(it, struct knock, node);

		if (knock->id == knock_id)
			return knock;
	}
	return NULL;
}

int door_admit(struct door *door, uint64_t knock_id, void *user, struct pipe **ret)
{
	struct knock *knock = door_knock(door, knock_id);
	struct transport_peer peer;

	if (!knock)
		return -ENOENT;
	peer = knock->peer;
	return pipe_adopt(door->source.transport, knock_take(knock), &peer, user, ret);
}

void door_refuse(struct door *door, uint64_t knock_id)
{
	struct knock *knock = door_knock(door, knock_id);

	if (knock)
		knock_free(knock);
}

/* ---- the place ---- */

/* Whether the file at the door's path is the one that we made. */
static bool door_is_in_place(const struct door *door)
{
	struct stat st;

	return lstat(door->path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_dev == door->dev &&
	       st.st_ino == door->ino;
}

static int door_open(struct door *door)
{
	struct address address;
	struct stat st;
	int fd, r;

	r = address_init(&address, door->path);
	if (r < 0)
		return r;
	fd = address_listen(&address, 0600);
	r = fd < 0 ? fd : lstat(address_path(&address), &st) < 0 ? -errno : 0;
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		address_deinit(&address);
		return r;
	}
	address_deinit(&door->address);
	door->address = address;
	door->dev = st.st_dev;
	door->ino = st.st_ino;
	door->listener.fd = fd;
	return transport_watch(door->source.transport, &door->listener, EPOLLIN);
}

int door_renew(struct door *door)
{
	struct io listener = door->listener;
	int r;

	if (door_is_in_place(door))
		return 0;
	if (door->old.fd >= 0)
		return -EBUSY; /* the old listener's backlog is not empty yet */
	transport_unwatch(door->source.transport, &door->listener);
	r = door_open(door);
	if (r < 0 && door->listener.fd != listener.fd)
		listener_close(door, &door->listener);
	if (r == 0) {
		door->old.fd = listener.fd;
		r = transport_watch(door->source.transport, &door->old, EPOLLIN);
		door_wake(door);
	} else {
		door->listener = listener;
		(void)transport_watch(door->source.transport, &door->listener, EPOLLIN);
	}
	return r;
}

int door_listen(struct transport *transport, const char *path, void *user, struct door **ret)
{
	struct door *door = calloc(1, sizeof(*door));
	int r;

	if (!door)
		return -ENOMEM;
	source_init(&door->source, transport, &door_source);
	list_init(&door->silent);
	list_init(&door->waiting);
	list_init(&door->ready);
	door->user = user;
	door->address.dir_fd = -1;
	door->listener = (struct io){-1, listener_handle};
	door->old = (struct io){-1, old_handle};
	door->path = strdup(path);
	r = door->path ? door_open(door) : -ENOMEM;
	if (r < 0) {
		door_free(door);
		return r;
	}
	*ret = door;
	return 0;
}

struct door *door_free(struct door *door)
{
	struct list *first;

	if (!door)
		return NULL;
	door->full = false;
	list_splice(&door->silent, &door->waiting);
	while ((first = door->silent.next) != &door->silent)
		knock_free(container_of(first, struct knock, node));
	if (door->listener.fd >= 0 && door_is_in_place(door))
		unlink(door->path);
	listener_close(door, &door->listener);
	listener_close(door, &door->old);
	address_deinit(&door->address);
	source_deinit(&door->source);
	free(door->path);
	free(door);
	return NULL;
}

bool door_is_open(const char *path)
{
	struct address address;
	int fd;

	if (address_init(&address, path) < 0)
		return false;
	fd = address_connect(&address);
	address_deinit(&address);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || fd == -EAGAIN; /* EAGAIN: the backlog is full */
}
