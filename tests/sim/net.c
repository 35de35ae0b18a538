/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated kernel's sockets. Each knows its peer, each direction has a buffer of limited size, and the
 * end of a socket comes after the last byte that was written to it.
 *
 * pipe_has_unread and door_next find a message as soon as it is written. transport_next() gives it only after
 * a delay by chance, as if the reader were busy with other sockets.
 */
#include "tests/sim/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- sockets ---- */

static struct list files = {&files, &files};

static int64_t delay_ns(void)
{
	if (!sim_chance(4))
		return 0;
	return (int64_t)sim_random(sim_chance(16) ? 40000 : 500) * 1000;
}

static struct sock *sock_new(const struct process *other)
{
	struct sock *sock = calloc(1, sizeof(*sock));

	sock->peer = (struct transport_peer){.uid = geteuid(), .pid = other->pid};
	sock->room_bytes = sim_chance(4) ? 256 + sim_random(4096) : 200000;
	list_init(&sock->unread);
	return sock;
}

int64_t sock_due_ns(const struct sock *sock)
{
	if (!list_is_empty(&sock->unread))
		return container_of(sock->unread.next, struct packet, link)->due_ns;
	return sock->other ? SIM_NEVER : sock->last_due_ns;
}

bool sock_has_room(const struct sock *sock)
{
	return !sock->other || sock->other->unread_bytes < sock->other->room_bytes;
}

void sock_send(struct sock *sock, const void *data, size_t size_bytes)
{
	struct sock *to = sock->other;
	struct packet *packet;
	int64_t due_ns;

	if (!to)
		return; /* the peer is dead */
	packet = malloc(sizeof(*packet) + size_bytes);
	due_ns = sim.now_ns + delay_ns();
	if (due_ns < to->last_due_ns)
		due_ns = to->last_due_ns;
	to->last_due_ns = packet->due_ns = due_ns;
	packet->size_bytes = size_bytes;
	if (size_bytes)
		memcpy(packet->data, data, size_bytes);
	list_append(&to->unread, &packet->link);
	to->unread_bytes += size_bytes;
	sim.n_messages++;
}

struct packet *sock_take(struct sock *sock)
{
	struct list *first = list_pop(&sock->unread);
	struct packet *packet = first ? container_of(first, struct packet, link) : NULL;

	if (packet)
		sock->unread_bytes -= packet->size_bytes;
	return packet;
}

void sock_close(struct sock *sock)
{
	struct packet *packet;

	if (!sock)
		return;
	list_remove(&sock->waiting);
	if (sock->other) {
		sock->other->other = NULL;
		if (sock->other->last_due_ns < sim.now_ns)
			sock->other->last_due_ns = sim.now_ns + delay_ns();
	}
	while ((packet = sock_take(sock)))
		free(packet);
	free(sock);
}

/* ---- files ---- */

static struct file *file_find(const char *path)
{
	list_for_each(it, &files) {
		struct file *file = container_of(it, struct file, link);

		if (!strcmp(file->path, path))
			return file;
	}
	return NULL;
}

void file_free(struct file *file)
{
	if (!file)
		return;
	while (!list_is_empty(&file->backlog))
		sock_close(container_of(file->backlog.next, struct sock, waiting));
	list_remove(&file->link);
	free(file);
}

void file_leave(struct file *file)
{
	if (!file)
		return;
	while (!list_is_empty(&file->backlog))
		sock_close(container_of(file->backlog.next, struct sock, waiting));
	file->owner = NULL;
}

int file_listen(const char *path, enum file_kind kind, struct file **ret)
{
	struct file *file = file_find(path);

	if (!process_may())
		return -EIO;
	if (file && file->owner)
		return -EADDRINUSE;
	file_free(file);
	file = calloc(1, sizeof(*file) + strlen(path) + 1);
	file->kind = kind;
	file->owner = process_current();
	list_init(&file->backlog);
	strcpy(file->path, path);
	list_append(&files, &file->link);
	*ret = file;
	return 0;
}

int file_connect(const char *path, enum file_kind kind, struct sock **ret)
{
	struct process *self = process_current();
	struct file *file = file_find(path);
	struct sock *there;

	if (!process_may() || (file && !file->owner))
		return -ECONNREFUSED;
	if (!file)
		return -ENOENT;
	if (file->kind != kind)
		return -EPROTO;
	*ret = sock_new(file->owner);
	there = sock_new(self);
	there->other = *ret;
	(*ret)->other = there;
	there->last_due_ns = sim.now_ns + delay_ns();
	list_append(&file->backlog, &there->waiting);
	return 0;
}

struct sock *file_first(const struct file *file)
{
	return file && !list_is_empty(&file->backlog) ? container_of(file->backlog.next, struct sock, waiting)
						      : NULL;
}

int64_t file_due_ns(const struct file *file)
{
	struct sock *first = file_first(file);
	int64_t due_ns = first ? sock_due_ns(first) : SIM_NEVER;

	return first && due_ns == SIM_NEVER ? first->last_due_ns : due_ns;
}

bool net_listens(const char *path)
{
	struct file *file = file_find(path);

	return file && file->owner;
}

void net_remove_dead(const char *directory)
{
	list_for_each_safe(it, &files) {
		struct file *file = container_of(it, struct file, link);

		if (!file->owner && !strncmp(file->path, directory, strlen(directory)))
			file_free(file);
	}
}

void net_each_door(void (*fn)(const char *path, void *arg), void *arg)
{
	list_for_each(it, &files) {
		struct file *file = container_of(it, struct file, link);

		if (file->kind == FILE_DOOR && file->owner)
			fn(file->path, arg);
	}
}
