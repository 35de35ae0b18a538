/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulated kernel has, sockets and socket files (net.c), and what transport.c and rendezvous.c
 * share.
 */
#pragma once

#include "libactor/transport/transport.h"
#include "tests/sim/sim.h"

/* A message. Its reader may find it as soon as it is written; transport_next() gives it from due_ns on. */
struct packet {
	struct list link;
	int64_t due_ns;
	size_t size_bytes;
	uint8_t data[];
};

/* One end of a connection. */
struct sock {
	/* In the backlog of a file, until the file's owner accepts the connection. */
	struct list waiting;
	struct sock *other;         /* the other end; NULL: it is closed */
	struct transport_peer peer; /* what the kernel says of the other end */
	struct list unread;
	size_t unread_bytes, room_bytes;
	int64_t last_due_ns;
};

enum file_kind { FILE_PIPE, FILE_DOOR, FILE_SERVER };

/* A socket file: who listens there, and who waits to be accepted. */
struct file {
	struct list link;
	enum file_kind kind;
	struct process *owner; /* the process that listens; NULL: none does any more */
	struct list backlog;
	char path[];
};

int64_t sock_due_ns(const struct sock *sock); /* the time at which it has something to read */
bool sock_has_room(const struct sock *sock);
void sock_send(struct sock *sock, const void *data, size_t size_bytes);
struct packet *sock_take(struct sock *sock); /* NULL: there is nothing */
void sock_close(struct sock *sock);

int file_listen(const char *path, enum file_kind kind, struct file **ret);
/* Connects to @path: 0, and this end of a new connection, whose other end waits in the backlog. */
int file_connect(const char *path, enum file_kind kind, struct sock **ret);
struct sock *file_first(const struct file *file);
int64_t file_due_ns(const struct file *file);
void file_leave(struct file *file); /* the owner no longer listens at @file, which stays */
void file_free(struct file *file);

enum source_kind { SOURCE_PIPE, SOURCE_DOOR, SOURCE_SERVER, SOURCE_REQUEST };

/* Events come from sources. */
struct source {
	struct list link;
	enum source_kind kind;
	struct transport *transport;
	void *user;
	int64_t deadline_ns;
};

struct transport {
	int fd; /* the loop watches this descriptor; no event ever comes by it */
	struct list sources;
	struct packet *kept; /* the packet whose data was given out last */
};

void source_init(struct source *source, enum source_kind kind, struct transport *transport, void *user);
struct pipe *pipe_adopt(struct transport *transport, struct sock *sock, void *user);

/* These are for doors, servers and requests. */
int64_t rendezvous_due_ns(const struct source *source);
int rendezvous_next(struct source *source, struct transport_event *ret);
void rendezvous_died(struct source *source);
void rendezvous_free(struct source *source);
