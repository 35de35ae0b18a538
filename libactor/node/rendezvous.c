/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rendezvous of a service group: clients say hello here and get a link, as they do at the broker. The
 * service group routes nothing for them.
 */
#include "libactor/node/rendezvous.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/base/base.h"
#include "libactor/node/gone.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/hello.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/files.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"

#define CLIENT_LINK_MS 2000 /* docs/protocol.md: how long a link waits for the group that said hello */
#define CLIENTS_MAX    1000u

int rendezvous_start(actor_group *group)
{
	char path[4096];
	int r;

	r = group_path(group, path, sizeof(path), "g");
	if (r == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		r = group_path(group, path, sizeof(path), "g/%llu", (unsigned long long)group->id);
	if (r == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
		r = -errno;
	return r;
}

static void refuse(actor_group *group, uint64_t hello_id, const char *error, const char *text)
{
	struct hello_answer answer = {.error = wire_cstr(error), .text = wire_cstr(text)};
	struct buf out = BUF_INIT;

	hello_answer_put(&out, &answer);
	server_answer(group->server, hello_id, out.data, out.size_bytes);
	buf_deinit(&out);
}

/* The number of descriptors of clients' links, for all clients and for one process. */
struct census {
	pid_t pid;
	size_t waiting_files; /* per link that waits for its client */
	size_t n_files, n_files_of_pid;
};

static void count(struct hash_node *node, void *arg)
{
	const struct peer *peer = container_of(node, struct peer, node);
	struct census *census = arg;
	size_t n_files;

	if (peer->kind != PEER_CLIENT)
		return;
	n_files = peer->state == PEER_LINKING ? census->waiting_files : 1;
	census->n_files += n_files;
	if (peer->expect.pid == census->pid)
		census->n_files_of_pid += n_files;
}

/* Returns NULL when there is a place for one more client of that process; else the reason why not. */
static const char *clients_are_too_many(actor_group *group, pid_t pid, size_t waiting_files)
{
	const size_t max = clients_files_max();
	struct census census = {.pid = pid, .waiting_files = waiting_files};

	if (group->n_clients >= CLIENTS_MAX)
		return "too many clients";
	if ((group->n_clients + 1) * waiting_files <= max / 2)
		return NULL; /* with so few clients a count is not needed, wherever they come from */
	hash_each(&group->peers, count, &census);
	if (census.n_files + waiting_files > max)
		return "too many clients";
	/* One process gets at most half of the places, so it cannot keep all others out. */
	return census.n_files_of_pid + waiting_files > max / 2 ? "too many links of this process" : NULL;
}

void rendezvous_hello(actor_group *group, const struct transport_event *event)
{
	struct hello_answer answer = {
		.version = WIRE_VERSION, .node = group->node, .self = group_ref(group, 1)};
	struct buf out = BUF_INIT;
	char path[4096], url[4200];
	const char *too_many;
	struct hello hello;
	struct peer *peer;
	int r;

	if (event->peer.uid != geteuid() && event->peer.uid != 0) {
		group_complain(group, (uint64_t)event->peer.pid, "refused a hello of pid %d: it is of uid %u",
			(int)event->peer.pid, (unsigned)event->peer.uid);
		refuse(group, event->hello_id, ERROR_PERMISSION, "this node belongs to another user");
		return;
	}
	if (hello_parse(event->data, event->size_bytes, &hello) < 0) {
		group_complain(group, (uint64_t)event->peer.pid, "refused a malformed hello of pid %d",
			(int)event->peer.pid);
		refuse(group, event->hello_id, "bad_hello", "not a hello of this protocol");
		return;
	}
	if (hello.version_min > WIRE_VERSION || hello.version_max < WIRE_VERSION) {
		group_complain(group, (uint64_t)event->peer.pid,
			"refused a hello of pid %d: it speaks no version 1", (int)event->peer.pid);
		refuse(group, event->hello_id, "version", "this node speaks version 1");
		return;
	}
	r = group_path(group, path, sizeof(path), "g/%llu/c%u.ipc", (unsigned long long)group->id,
		group->next_client + 1);
	too_many = r == 0 ? clients_are_too_many(group, event->peer.pid, pipe_files_max(strlen(path))) : NULL;
	if (too_many) {
		group_complain(group, (uint64_t)event->peer.pid, "refused a hello of pid %d: %s, of %u",
			(int)event->peer.pid, too_many, group->n_clients);
		refuse(group, event->hello_id, ERROR_OVERLOADED, too_many);
		return;
	}
	answer.group =
		GROUP_CLIENT | GROUP_OF_SUPERVISOR | (group->id & 0x3fffffff) << 32 | ++group->next_client;
	peer = r == 0 ? peer_new(group, answer.group, PEER_LINKING) : NULL;
	if (peer) {
		peer->kind = PEER_CLIENT;
		peer->expect = event->peer;
		group->n_clients++;
		snprintf(peer->name, sizeof(peer->name), "%.*s",
			(int)(hello.name.len < 255 ? hello.name.len : 255), hello.name.s);
		r = pipe_listen(group->transport, path, event->peer, CLIENT_LINK_MS, peer, &peer->pipe);
		if (r == -ENOENT) { /* the directory was removed */
			socket_make_directory(path);
			r = pipe_listen(
				group->transport, path, event->peer, CLIENT_LINK_MS, peer, &peer->pipe);
		}
		if (r < 0)
			peer_forget(peer);
		else
			pipe_say_why(peer->pipe);
	} else if (r == 0) {
		r = -ENOMEM;
	}
	if (r < 0) {
		group_complain(group, (uint64_t)event->peer.pid, "refused a hello of pid %d: %s",
			(int)event->peer.pid, strerror(-r));
		refuse(group, event->hello_id, ERROR_OVERLOADED, strerror(-r));
		return;
	}
	snprintf(url, sizeof(url), "ipc://%s", path);
	answer.url = wire_cstr(url);
	hello_answer_put(&out, &answer);
	server_answer(group->server, event->hello_id, out.data, out.size_bytes);
	buf_deinit(&out);
}
