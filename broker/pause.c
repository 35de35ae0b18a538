/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pause.h"

#include <stdlib.h>

#include "broker/hold.h"
#include "broker/state.h"

static uint64_t pause_hash(const struct pauses *pauses, const struct member *sender, actor_ref ref)
{
	uint64_t key[3] = {sender->group, ref.group, ref.serial};

	return hash_of_bytes(&pauses->by_sender, key, sizeof(key));
}

struct pause *pause_find(const struct pauses *pauses, const struct member *sender, actor_ref ref)
{
	struct hash_node *node = hash_first(&pauses->by_sender, pause_hash(pauses, sender, ref));

	for (; node; node = hash_next(node)) {
		struct pause *pause = container_of(node, struct pause, node);

		if (pause->sender == sender && actor_ref_equal(pause->ref, ref))
			return pause;
	}
	return NULL;
}

void pause_say(struct pause *pause, struct wire_str name)
{
	pause->name_hash = name.s ? hash_of_bytes(&pause->sender->broker->pauses.by_sender, name.s, name.len)
				  : pause->name_hash;
	wire_put_pause_named(member_out(pause->sender), pause->ref, name);
	member_written(pause->sender);
}

bool pause_is_told(const struct pause *pause, struct wire_str name)
{
	return !name.s ||
	       pause->name_hash == hash_of_bytes(&pause->sender->broker->pauses.by_sender, name.s, name.len);
}

struct pause *pause_new(struct member *sender, struct member *target, actor_ref ref)
{
	struct pauses *pauses = &sender->broker->pauses;
	struct pause *pause;

	if (!quota_take(sender, QUOTA_WAITING, PAUSES_RECORD_BYTES))
		return NULL;
	pause = calloc(1, sizeof(*pause));
	if (!pause || hash_insert(&pauses->by_sender, &pause->node, pause_hash(pauses, sender, ref)) < 0) {
		free(pause);
		quota_give(sender, QUOTA_WAITING, PAUSES_RECORD_BYTES);
		return NULL;
	}
	pause->sender = sender;
	pause->target = target;
	pause->ref = ref;
	list_append(&sender->pauses, &pause->by_sender);
	list_append(&target->slowed, &pause->by_cause);
	return pause;
}

void pause_depend(struct pause *pause, struct hold *hold)
{
	list_remove(&pause->by_cause);
	list_append(hold ? &hold->pauses : &pause->target->slowed, &pause->by_cause);
	pause->hold = hold;
}

static void pause_free(struct pause *pause)
{
	struct member *sender = pause->sender;

	hash_remove(&sender->broker->pauses.by_sender, &pause->node);
	list_remove(&pause->by_sender);
	list_remove(&pause->by_cause);
	quota_give(sender, QUOTA_WAITING, PAUSES_RECORD_BYTES + pause->size_bytes);
	sender->charged_bytes -= pause->size_bytes;
	free(pause);
}

void pauses_lift(struct list *pauses)
{
	list_for_each_safe(it, pauses) {
		struct pause *pause = container_of(it, struct pause, by_cause);
		struct member *sender = pause->sender;

		wire_put_resume(member_out(sender), &pause->ref);
		member_written(sender);
		pause_free(pause);
		pauses_weigh(sender);
	}
}

void pause_leave(struct pause *pause)
{
	if (pause->hold) {
		pause->hold->left_bytes += pause->size_bytes;
		pause->target->held_left_bytes += pause->size_bytes;
	} else {
		pause->target->parked_left_bytes += pause->size_bytes;
	}
	pause_free(pause);
}

void pauses_weigh(struct member *sender)
{
	size_t waits_bytes = sender->waits_routed_bytes, all_bytes = waits_bytes + sender->charged_bytes;
	size_t limit_bytes = quota_limit(sender, QUOTA_WAITING);

	if (limit_bytes > PAUSES_WAITING_BYTES)
		limit_bytes = PAUSES_WAITING_BYTES;
	if (sender->paused_all ? waits_bytes <= PAUSES_RECOVERY_BYTES / 2 && all_bytes <= limit_bytes / 4 * 3
			       : waits_bytes > PAUSES_RECOVERY_BYTES || all_bytes > limit_bytes) {
		sender->paused_all = !sender->paused_all;
		if (sender->paused_all)
			wire_put_pause(member_out(sender), NULL);
		else
			wire_put_resume(member_out(sender), NULL);
		member_written(sender);
	}
}
