/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pauses.h"

#include <stdlib.h>

#include "broker/member.h"
#include "broker/state.h"

#define RECORD_BYTES 128 /* what a record is charged with */

/* What is held for one actor that is paused. @ref ACTOR_NOBODY: for all actors of the group. */
struct hold {
	struct hash_node node; /* pauses.by_ref */
	struct list by_target; /* member.holds */
	struct member *target;
	actor_ref ref;
	struct buf frames;
	size_t size_bytes;  /* of them, as charged */
	struct list pauses; /* struct pause: who was told */
};

/* A sender was told to pause for one ref. */
struct pause {
	struct hash_node node; /* pauses.by_sender */
	struct list by_sender; /* member.pauses */
	struct list by_cause;  /* hold.pauses, or member.slowed of the target */
	struct member *sender;
	struct hold *hold; /* NULL: the target is congested */
	actor_ref ref;
	size_t size_bytes; /* what the sender sent since */
};

void pauses_init(struct pauses *pauses)
{
	hash_init(&pauses->by_sender);
	hash_init(&pauses->by_ref);
	list_init(&pauses->congested);
}

/* ---- who was told ---- */

static uint64_t pause_hash(const struct pauses *pauses, const struct member *sender, actor_ref ref)
{
	uint64_t key[3] = {sender->group, ref.group, ref.serial};

	return hash_of_bytes(&pauses->by_sender, key, sizeof(key));
}

static struct pause *pause_find(const struct pauses *pauses, const struct member *sender, actor_ref ref)
{
	struct hash_node *node = hash_first(&pauses->by_sender, pause_hash(pauses, sender, ref));

	for (; node; node = hash_next(node)) {
		struct pause *pause = container_of(node, struct pause, node);

		if (pause->sender == sender && actor_ref_equal(pause->ref, ref))
			return pause;
	}
	return NULL;
}

static struct pause *pause_new(struct member *sender, actor_ref ref)
{
	struct pauses *pauses = &sender->broker->pauses;
	struct pause *pause;

	if (!quota_take(sender, QUOTA_WAITING, RECORD_BYTES))
		return NULL;
	pause = calloc(1, sizeof(*pause));
	if (!pause || hash_insert(&pauses->by_sender, &pause->node, pause_hash(pauses, sender, ref)) < 0) {
		free(pause);
		quota_give(sender, QUOTA_WAITING, RECORD_BYTES);
		return NULL;
	}
	pause->sender = sender;
	pause->ref = ref;
	list_append(&sender->pauses, &pause->by_sender);
	wire_put_pause(member_out(sender), &ref);
	member_written(sender);
	return pause;
}

static void pause_free(struct pause *pause)
{
	hash_remove(&pause->sender->broker->pauses.by_sender, &pause->node);
	list_remove(&pause->by_sender);
	list_remove(&pause->by_cause);
	quota_give(pause->sender, QUOTA_WAITING, RECORD_BYTES + (pause->hold ? pause->size_bytes : 0));
	free(pause);
}

static void pauses_end(struct list *pauses)
{
	list_for_each_safe(it, pauses) {
		struct pause *pause = container_of(it, struct pause, by_cause);

		wire_put_resume(member_out(pause->sender), &pause->ref);
		member_written(pause->sender);
		pause_free(pause);
	}
}

/* ---- what is held ---- */

static uint64_t hold_hash(const struct pauses *pauses, const struct member *target, actor_ref ref)
{
	uint64_t key[2] = {target->group, ref.serial};

	return hash_of_bytes(&pauses->by_ref, key, sizeof(key)) ^ actor_ref_is_nobody(ref);
}

static struct hold *hold_find(const struct pauses *pauses, const struct member *target, actor_ref ref)
{
	struct hash_node *node = hash_first(&pauses->by_ref, hold_hash(pauses, target, ref));

	for (; node; node = hash_next(node)) {
		struct hold *hold = container_of(node, struct hold, node);

		if (hold->target == target && actor_ref_equal(hold->ref, ref))
			return hold;
	}
	return NULL;
}

static void hold_free(struct hold *hold)
{
	hash_remove(&hold->target->broker->pauses.by_ref, &hold->node);
	list_remove(&hold->by_target);
	quota_give(hold->target, QUOTA_WAITING, RECORD_BYTES);
	hold->target->held_bytes -= hold->size_bytes;
	buf_deinit(&hold->frames);
	free(hold);
}

void pauses_pause(struct member *target, actor_ref ref)
{
	struct pauses *pauses = &target->broker->pauses;
	struct hold *hold;

	if (hold_find(pauses, target, ref))
		return;
	if (!quota_take(target, QUOTA_WAITING, RECORD_BYTES)) {
		member_doom(target, true, "it pauses too many actors");
		return;
	}
	hold = calloc(1, sizeof(*hold));
	if (!hold || hash_insert(&pauses->by_ref, &hold->node, hold_hash(pauses, target, ref)) < 0) {
		free(hold);
		quota_give(target, QUOTA_WAITING, RECORD_BYTES);
		member_doom(target, true, "out of memory to pause one of its actors");
		return;
	}
	hold->target = target;
	hold->ref = ref;
	list_init(&hold->pauses);
	list_append(&target->holds, &hold->by_target);
}

void pauses_resume(struct member *target, actor_ref ref)
{
	struct pauses *pauses = &target->broker->pauses;
	struct hold *hold = hold_find(pauses, target, ref);
	struct hold *all;

	if (!hold)
		return;
	all = actor_ref_is_nobody(ref) ? NULL : hold_find(pauses, target, ACTOR_NOBODY);
	if (all) {
		buf_append(&all->frames, hold->frames.data, hold->frames.size_bytes);
		all->size_bytes += hold->size_bytes;
		hold->size_bytes = 0;
		pauses_written(target, &all->frames);
	} else {
		member_append(target, &hold->frames);
	}
	pauses_end(&hold->pauses);
	hold_free(hold);
}

/* ---- the way of a frame ---- */

static bool pauses_is_congested(struct member *target)
{
	struct broker *broker = target->broker;

	if (!target->congested && member_unread_bytes(target) > PAUSES_CONGESTED_BYTES) {
		target->congested = true;
		target->congested_ns = broker->now_ns;
		list_append(&broker->pauses.congested, &target->congested_link);
		broker->ops.pipe_notify_drained(broker->arg, target->pipe->handle);
	}
	return target->congested;
}

struct buf *pauses_admit(
	struct member *sender, struct member *target, actor_ref ref, size_t size_bytes, bool holdable)
{
	struct pauses *pauses = &sender->broker->pauses;
	struct hold *hold = NULL;
	struct pause *pause;

	if (target->doomed)
		return member_out(target);
	if (target->state != MEMBER_UP)
		return target->parked.size_bytes + size_bytes > PAUSES_HELD_MAX_BYTES ? NULL
										      : member_out(target);
	if (holdable && !list_is_empty(&target->holds)) {
		hold = hold_find(pauses, target, ref);
		if (!hold)
			hold = hold_find(pauses, target, ACTOR_NOBODY);
	}
	if (!hold && !pauses_is_congested(target))
		return member_out_for(target, size_bytes);

	pause = pause_find(pauses, sender, ref);
	if (!pause)
		pause = pause_new(sender, ref);
	if (!pause || pause->size_bytes + size_bytes > PAUSES_IN_FLIGHT_MAX_BYTES)
		goto refused;
	if (hold && (target->held_bytes + size_bytes > PAUSES_HELD_MAX_BYTES ||
			    !quota_take(sender, QUOTA_WAITING, size_bytes)))
		goto refused;
	if (hold != pause->hold || !list_is_linked(&pause->by_cause)) {
		if (pause->hold)
			quota_give(sender, QUOTA_WAITING, pause->size_bytes);
		pause->size_bytes = 0;
		pause->hold = hold;
		list_remove(&pause->by_cause);
		list_append(hold ? &hold->pauses : &target->slowed, &pause->by_cause);
	}
	pause->size_bytes += size_bytes;
	if (!hold)
		return member_out_for(target, size_bytes);
	target->held_bytes += size_bytes;
	hold->size_bytes += size_bytes;
	return &hold->frames;
refused:
	if (pause && !list_is_linked(&pause->by_cause)) {
		pause->hold = hold;
		list_append(hold ? &hold->pauses : &target->slowed, &pause->by_cause);
	}
	return NULL;
}

void pauses_written(struct member *target, const struct buf *out)
{
	if (buf_error(out) < 0)
		member_doom(target, false, "out of memory for what is written to it");
	else
		member_written(target);
}

void pauses_drained(struct member *target)
{
	target->congested = false;
	list_remove(&target->congested_link);
	pauses_end(&target->slowed);
}

/* NULL: nobody is congested whom the log has not named. */
static struct member *pauses_first_congested(const struct broker *broker)
{
	const struct list *list = &broker->pauses.congested;

	return list_is_empty(list) ? NULL : container_of(list->next, struct member, congested_link);
}

void pauses_tick(struct broker *broker)
{
	struct member *member;
	char who[MEMBER_WHO_MAX];

	while ((member = pauses_first_congested(broker)) &&
		member->congested_ns + PAUSES_STALLED_NS <= broker->now_ns) {
		list_remove(&member->congested_link);
		broker_complain(broker, member->pid, member->uid,
			"%s does not read: %zu bytes wait for it, and so does who sends to it",
			member_who(member, who), member_unread_bytes(member));
	}
}

int64_t pauses_deadline_ns(const struct broker *broker)
{
	const struct member *member = pauses_first_congested(broker);

	return member ? member->congested_ns + PAUSES_STALLED_NS : INT64_MAX;
}

void pauses_forget(struct member *member)
{
	list_for_each_safe(it, &member->pauses)
		pause_free(container_of(it, struct pause, by_sender));
	list_for_each_safe(it, &member->holds) {
		struct hold *hold = container_of(it, struct hold, by_target);

		pauses_end(&hold->pauses);
		hold_free(hold);
	}
	pauses_drained(member);
}

void pauses_deinit(struct pauses *pauses)
{
	hash_deinit(&pauses->by_sender);
	hash_deinit(&pauses->by_ref);
}
