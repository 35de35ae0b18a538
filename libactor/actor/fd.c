/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watched file descriptors. A descriptor that is ready becomes one cast to its actor. It is watched again
 * when the actor has handled that cast.
 */
#include "libactor/actor/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

struct fd_watch {
	uint64_t id;
	int fd;
	uint32_t events;
	struct actor *self;
	struct list link; /* actor.fds */
	char method[];
};

static void fd_watch_arm(struct fd_watch *watch, int op)
{
	struct epoll_event event = {.events = watch->events | EPOLLONESHOT, .data.ptr = watch};

	(void)epoll_ctl(watch->self->group->loop.epoll_fd, op, watch->fd, &event);
}

void fd_watch_ready(struct loop *loop, void *tag, uint32_t events)
{
	struct fd_watch *watch = tag;
	struct buf body = BUF_INIT;
	actor_msg *msg;

	/* EPOLLIN and POLLIN (OUT, ERR, HUP, PRI) are the same bits */
	if (body_pack(&body, BODY_ARGS, "ii", watch->fd, (int)events) < 0 ||
		msg_new_received(
			&msg, watch->self->ref, wire_cstr(watch->method), body.data, body.size_bytes) < 0) {
		buf_deinit(&body);
		/* out of memory: the descriptor stays ready, so the event comes again */
		fd_watch_arm(watch, EPOLL_CTL_MOD);
		return;
	}
	buf_deinit(&body);
	msg->kind = MSG_CAST;
	msg->id = watch->id;
	mailbox_push(watch->self, msg);
}

void fd_watch_handled(actor_group *group, uint64_t id)
{
	struct fd_watch *watch = slots_get(&group->fd_watches, id);

	if (watch)
		fd_watch_arm(watch, EPOLL_CTL_MOD);
}

static void fd_watch_free(struct fd_watch *watch)
{
	actor_group *group = watch->self->group;

	(void)epoll_ctl(group->loop.epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	slots_give(&group->fd_watches, watch->id);
	list_remove(&watch->link);
	free(watch);
}

void fd_watches_end(struct actor *self)
{
	while (!list_is_empty(&self->fds))
		fd_watch_free(container_of(self->fds.next, struct fd_watch, link));
}

int actor_watch_fd(actor *self, int fd, int events, const char *method)
{
	size_t length = method ? strlen(method) : 0;
	struct fd_watch *watch;
	struct epoll_event event;
	int r;

	if (fd < 0 || !length || length > WIRE_NAME_MAX_BYTES)
		return -EINVAL;
	watch = calloc(1, sizeof(*watch) + length + 1);
	if (!watch)
		return -ENOMEM;
	watch->fd = fd;
	watch->events = (uint32_t)events;
	watch->self = self;
	memcpy(watch->method, method, length + 1);
	r = slots_take(&self->group->fd_watches, watch, &watch->id);
	if (r < 0) {
		free(watch);
		return r;
	}
	event = (struct epoll_event){.events = watch->events | EPOLLONESHOT, .data.ptr = watch};
	if (epoll_ctl(self->group->loop.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		r = -errno;
		slots_give(&self->group->fd_watches, watch->id);
		free(watch);
		return r;
	}
	list_append(&self->fds, &watch->link);
	return 0;
}

int actor_unwatch_fd(actor *self, int fd)
{
	list_for_each(it, &self->fds) {
		struct fd_watch *watch = container_of(it, struct fd_watch, link);

		if (watch->fd == fd) {
			fd_watch_free(watch);
			return 0;
		}
	}
	return -ENOENT;
}
