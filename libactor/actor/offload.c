/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a function that blocks on a helper thread; only its actor waits. The function works on a copy of the
 * actor's data. When it is done and the actor still waits, the copy is copied back. So the end of an actor
 * takes no memory away from a running function.
 */
#include "libactor/actor/offload.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/base/base.h"
#include "libactor/loop/bell.h"
#include "libactor/loop/helpers.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"

#define THREADS_MAX 16

struct offload {
	struct job job;
	void (*work)(void *data);
	void (*drop)(void *data);
	uint64_t serial; /* of the actor */
	bool is_done;
	bool is_wanted; /* the actor waits */
	_Alignas(max_align_t) char data[];
};

static void offload_run(struct job *job)
{
	struct offload *offload = container_of(job, struct offload, job);

	offload->work(offload->data);
}

static void offload_drop(struct job *job)
{
	struct offload *offload = container_of(job, struct offload, job);

	if (offload->drop)
		offload->drop(offload->data);
	free(offload);
}

void offloads_take(actor_group *group)
{
	struct job *job;

	if (!group->helpers)
		return;
	while ((job = helpers_take_done(group->helpers))) {
		struct offload *offload = container_of(job, struct offload, job);
		struct actor *self = offload->is_wanted ? actor_find(group, offload->serial) : NULL;

		if (self) {
			offload->is_done = true;
			actor_wake(self, 0);
		} else {
			offload_drop(job);
		}
	}
}

void offloads_end(actor_group *group, int64_t deadline_ns)
{
	size_t n_left;

	if (!group->helpers)
		return;
	n_left = helpers_end(group->helpers, deadline_ns);
	group->helpers = NULL;
	if (n_left)
		group_log(group,
			"%zu functions given to actor_offload() still run; they are left to themselves",
			n_left);
}

/* Makes sure that threads can be started. */
static int offloads_ready(actor_group *group)
{
	if (!group->bell)
		group->bell = bell_new(group->loop.wake_fd);
	if (group->bell && !group->helpers)
		group->helpers =
			helpers_new(group->bell, group->helpers_max ? group->helpers_max : THREADS_MAX);
	return group->helpers ? 0 : -ENOMEM;
}

/*
 * The actor gives up before its function is done. This function alone decides whether the loop or a helper
 * frees the job.
 */
static void offload_give_up(actor_group *group, struct offload *offload)
{
	offload->is_wanted = false;
	if (helpers_take_back(group->helpers, &offload->job))
		offload_drop(&offload->job);
}

static int offload_wait(
	struct actor *self, struct offload *offload, void *data, size_t data_bytes, int64_t deadline_ns)
{
	int r;

	while (!offload->is_done) {
		r = actor_park(self, deadline_ns);
		if (r < 0 && !offload->is_done) {
			offload_give_up(self->group, offload);
			return r;
		}
	}
	if (data_bytes)
		memcpy(data, offload->data, data_bytes);
	free(offload);
	return 0;
}

int actor_offload(actor *self, void (*work)(void *data), void *data, size_t data_bytes,
	void (*drop)(void *data), int64_t timeout_ms)
{
	actor_group *group = self->group;
	struct offload *offload = NULL;
	int r;

	if (!work || (!data && data_bytes) || data_bytes > PTRDIFF_MAX - sizeof(*offload) ||
		!actor_is_current(self))
		return -EINVAL;
	r = self->task.cancelled ? -ECANCELED : offloads_ready(group);
	if (r == 0) {
		offload = calloc(1, sizeof(*offload) + data_bytes);
		if (!offload)
			r = -ENOMEM;
	}
	if (r == 0) {
		offload->job.run = offload_run;
		offload->job.drop = offload_drop;
		offload->work = work;
		offload->drop = drop;
		offload->serial = self->ref.serial;
		offload->is_wanted = true;
		if (data_bytes)
			memcpy(offload->data, data, data_bytes);
		r = helpers_add(group->helpers, &offload->job);
	}
	if (r < 0) {
		free(offload);
		if (drop)
			drop(data);
		return r;
	}
	return offload_wait(self, offload, data, data_bytes, deadline_of_timeout_ms(timeout_ms));
}
