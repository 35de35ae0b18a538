/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions that set and read the limits of an actor (actor/overload.h). */
#include "libactor/actor/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/intake.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/util/sized.h"

#define LIMITS_FIRST_BYTES sizeof(struct actor_overload) /* the size in version 0.1 */

static void limits_refuse(struct actor *to, const actor_msg *call, const char *text)
{
	struct answer_to caller = {call->sender, call->id, call->way, msg_trace(call)};

	call_refuse(to->group, &caller, to->ref, ERROR_OVERLOADED, text);
}

static void put_number(struct buf *out, const char *key, uint64_t value)
{
	mp_put_cstr(out, key);
	mp_put_uint(out, value);
}

static void put_losses(struct buf *out, const uint64_t lost[ACTOR_LOSSES])
{
	uint32_t n = 0;

	for (unsigned why = 0; why < ACTOR_LOSSES; why++)
		n += lost[why] != 0;
	mp_put_map(out, n);
	for (unsigned why = 0; why < ACTOR_LOSSES; why++)
		if (lost[why])
			put_number(out, overload_loss_word((enum actor_loss)why), lost[why]);
}

void limits_put(struct buf *out, const struct actor *self)
{
	const struct mailbox *mailbox = &self->mailbox;
	struct actor_overload_stats stats = {0};
	bool has_limits = actor_overload_stats(self, &stats) == 0;

	mp_put_map(out, has_limits ? 9 : 5);
	mp_put_cstr(out, "overflow");
	mp_put_cstr(out, overload_policy_word(stats.overflow));
	put_number(out, "messages", mailbox->n_messages);
	put_number(out, "bytes", mailbox->n_bytes);
	put_number(out, "max_messages", mailbox->max_messages);
	put_number(out, "max_bytes", mailbox->max_bytes);
	if (!has_limits)
		return;
	put_number(out, "waited_us", stats.waited_us);
	put_number(out, "received", stats.received);
	put_number(out, "handled", stats.handled);
	mp_put_cstr(out, "lost");
	put_losses(out, stats.lost);
}

/* ---- public ---- */

int actor_overload_sized(actor *self, const struct actor_overload *limits, size_t limits_bytes)
{
	const struct actor_behavior *behavior = self->behavior;
	struct actor_overload own;
	int r = sized_read(&own, sizeof(own), limits, limits_bytes, LIMITS_FIRST_BYTES);

	if (r == 0)
		r = overload_read(&own, mailbox_max_messages(behavior), mailbox_max_bytes(behavior));
	return r < 0 ? r : intake_set(self, &own, limits_refuse);
}

int actor_overload_stats_sized(const actor *self, struct actor_overload_stats *ret, size_t ret_bytes)
{
	const struct intake *intake = self->mailbox.intake;
	struct actor_overload_stats stats;

	if (!intake)
		return -ENOENT;
	overload_stats(&intake->overload, &stats);
	sized_write(ret, ret_bytes, &stats, sizeof(stats));
	return 0;
}

int64_t actor_msg_retry_ms(const actor_msg *reply)
{
	const char *error = reply ? actor_msg_error(reply) : NULL;
	long long ms;

	if (!error || strcmp(error, ERROR_OVERLOADED) != 0 ||
		sscanf(actor_msg_error_text(reply), "retry_ms=%lld", &ms) != 1)
		return -1;
	return ms < 0 ? -1 : ms;
}
