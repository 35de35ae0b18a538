/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/supervisor/keeper-link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct waiting {
	struct list link;
	int fd;
	union keeper_record record; /* allocated only as far as its header says */
};

void keeper_link_init(struct keeper_link *link, int fd)
{
	link->fd = fd;
	list_init(&link->queue);
}

static void waiting_free(struct waiting *waiting)
{
	if (waiting->fd >= 0)
		close(waiting->fd);
	free(waiting);
}

void keeper_link_deinit(struct keeper_link *link)
{
	struct list *node;

	while ((node = list_pop(&link->queue)))
		waiting_free(container_of(node, struct waiting, link));
}

bool keeper_link_is_waiting(const struct keeper_link *link)
{
	return !list_is_empty(&link->queue);
}

static int send_one(struct keeper_link *link, const union keeper_record *record, int fd)
{
	return keeper_send(link->fd, record, &fd, fd >= 0);
}

int keeper_link_flush(struct keeper_link *link)
{
	while (!list_is_empty(&link->queue)) {
		struct waiting *waiting = container_of(link->queue.next, struct waiting, link);
		int err = send_one(link, &waiting->record, waiting->fd);

		if (err == -EAGAIN)
			return 0;
		if (err)
			return err;
		list_remove(&waiting->link);
		waiting_free(waiting);
	}
	return 0;
}

int keeper_link_send(struct keeper_link *link, const union keeper_record *record, int fd)
{
	struct waiting *waiting;
	int err = keeper_link_is_waiting(link) ? -EAGAIN : send_one(link, record, fd);

	if (err != -EAGAIN) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	waiting = malloc(offsetof(struct waiting, record) + record->header.size_bytes);
	if (!waiting) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	waiting->link = (struct list){0};
	waiting->fd = fd;
	memcpy(&waiting->record, record, record->header.size_bytes);
	list_append(&link->queue, &waiting->link);
	return 0;
}
