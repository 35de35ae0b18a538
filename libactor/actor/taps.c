/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/taps.h"

#include <stdlib.h>

#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/names.h"
#include "libactor/transport/transport.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"

#define BACKLOG_MAX_BYTES (256u << 10) /* with more than this unsent to the broker, frames are not copied */

#define MISSED_TOLD_MS 50 /* after the first missed frame, if no copy has told of it by then */

struct taps {
	actor_group *group;
	struct timer timer; /* armed when a frame was missed */
	unsigned n;
	struct tap all[TAPS_MAX];
};

static void taps_tell_missed(struct loop *loop, struct timer *timer);

static struct taps *taps_new(actor_group *group)
{
	struct taps *taps = calloc(1, sizeof(*taps));

	if (taps && timer_init(&group->loop, &taps->timer, taps_tell_missed) < 0) {
		free(taps);
		return NULL;
	}
	if (taps)
		taps->group = group;
	return taps;
}

void told_tap(actor_group *group, struct mp_reader *r, uint32_t n)
{
	struct tap tap;
	uint64_t id;

	if (n < 3 || mp_read_uint(r, &id) < 0 || tap_read(r, &tap) < 0)
		return;
	tap.id = id;
	if (!group->taps)
		group->taps = taps_new(group);
	if (group->taps && group->taps->n < TAPS_MAX)
		group->taps->all[group->taps->n++] = tap;
}

void told_untap(actor_group *group, struct mp_reader *r, uint32_t n)
{
	struct taps *taps = group->taps;
	uint64_t id;

	if (!taps || n < 1 || mp_read_uint(r, &id) < 0)
		return;
	for (unsigned i = 0; i < taps->n; i++) {
		if (taps->all[i].id != id)
			continue;
		taps->all[i] = taps->all[--taps->n];
		break;
	}
	if (!taps->n)
		taps_drop(group);
}

void taps_drop(actor_group *group)
{
	if (group->taps)
		timer_deinit(&group->loop, &group->taps->timer);
	free(group->taps);
	group->taps = NULL;
}

static bool tap_may_write(struct tap *tap, const struct peer *uplink, int64_t now_ns)
{
	if (uplink->pipe && pipe_backlog_bytes(uplink->pipe) < BACKLOG_MAX_BYTES)
		return tap_take(tap, now_ns);
	tap->n_missed++;
	return false;
}

/* Takes @copy. */
static void tap_send(actor_group *group, struct buf *copy)
{
	const struct wire_dest to = {.ref = group->uplink.service};
	struct peer *uplink = group->uplink.peer;

	if (buf_error(copy) == 0) {
		wire_put_cast(peer_out(uplink), &to, group_ref(group, 0), wire_cstr(METHOD_TAPPED),
			copy->data, copy->size_bytes);
		peer_wrote(uplink);
	}
	buf_deinit(copy);
}

static void tap_write(actor_group *group, struct tap *tap, enum tap_path path, const struct wire_frame *frame,
	int64_t now_ns)
{
	struct timer *timer = &group->taps->timer;
	struct buf copy = BUF_INIT;

	if (!tap_wants(tap, frame, frame->to.ref))
		return;
	if (tap_may_write(tap, group->uplink.peer, now_ns)) {
		tap_put_copy(&copy, tap, frame, frame->to.ref, path, now_ns);
		tap_send(group, &copy);
	} else if (!timer_is_armed(timer)) {
		timer_arm(&group->loop, timer, deadline_after_ms(now_ns, MISSED_TOLD_MS));
	}
}

/*
 * Without this the frames that were missed after the last copy would never be reported. This message ignores
 * the rate.
 */
static void taps_tell_missed(struct loop *loop, struct timer *timer)
{
	struct taps *taps = container_of(timer, struct taps, timer);
	struct peer *uplink = taps->group->uplink.peer;

	if (!uplink || !uplink->pipe)
		return;
	if (pipe_backlog_bytes(uplink->pipe) >= BACKLOG_MAX_BYTES) {
		timer_arm(loop, timer, deadline_after_ms(loop->now_ns, MISSED_TOLD_MS));
		return;
	}
	for (unsigned i = 0; i < taps->n; i++) {
		struct buf copy = BUF_INIT;

		if (!taps->all[i].n_missed)
			continue;
		tap_put_missed(&copy, &taps->all[i], loop->now_ns);
		tap_send(taps->group, &copy);
	}
}

void taps_copy(actor_group *group, const struct wire_frame *frame)
{
	struct taps *taps = group->taps;
	/*
	 * People look at the times of a trace between processes, and the time of our loop may be older than a
	 * frame.
	 */
	int64_t now_ns = frame->trace.id ? clock_now_ns() : group->loop.now_ns;

	for (unsigned i = 0; i < taps->n && group->uplink.peer; i++)
		tap_write(group, &taps->all[i], TAP_DIRECT, frame, now_ns);
}

void taps_show(actor_group *group, enum tap_path path, const struct wire_frame *frame)
{
	struct taps *taps = group->taps;
	int64_t now_ns = clock_now_ns();

	for (unsigned i = 0; i < taps->n && group->uplink.peer; i++)
		if (taps->all[i].trace)
			tap_write(group, &taps->all[i], path, frame, now_ns);
}
