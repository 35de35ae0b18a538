/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/served.h"

#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/guests.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/util/clock.h"
#include "libactor/util/slots.h"

#define EARLY_MAX                                                                                            \
	1024u /* noted cancels of calls that wait in mailboxes; beyond this the oldest is forgotten */

struct early {
	struct hash_node node;
	uint64_t group, id;
	bool used;
};

struct served_early {
	struct hash table;
	uint32_t next;
	struct early entries[EARLY_MAX];
};

void served_init(actor_group *group)
{
	hash_init(&group->served);
}

void served_deinit(actor_group *group)
{
	struct served_early *early = group->served_early;

	hash_deinit(&group->served);
	if (!early)
		return;
	for (uint32_t i = 0; i < EARLY_MAX; i++)
		if (early->entries[i].used)
			hash_remove(&early->table, &early->entries[i].node);
	hash_deinit(&early->table);
	free(early);
}

/* ---- the table ---- */

static struct actor_from *from_of_node(struct hash_node *node)
{
	return container_of(node, struct actor_from, served.node);
}

static struct actor_from *served_find(actor_group *group, actor_ref from, uint64_t id)
{
	struct hash_node *node = hash_first(&group->served, hash_of_pair(&group->served, from.group, id));

	for (; node; node = hash_next(node)) {
		struct actor_from *found = from_of_node(node);

		if (found->to.group == from.group && found->id == id)
			return found;
	}
	return NULL;
}

void served_call(struct actor_from *from, const struct wire_credit *credit)
{
	struct served *served = &from->served;

	served->listed = served->cancelled = false;
	served->is_stream = credit;
	served->sent.items = 0;
	if (!credit)
		return;
	served->sender = 0;
	served->wants_credit = served->starved = false;
	served->credit = *credit;
	served->sent.bytes = 0;
	for (int i = 0; i < SERVED_EVENT_N; i++)
		served->events[i].token = NULL;
	served_list(from);
}

void served_list(struct actor_from *from)
{
	struct served *served = &from->served;
	actor_group *group = from->group;
	struct peer *peer = NULL;

	served->by_peer = (struct list){0};
	if (from->to.group != group->id) {
		peer = peer_back(group, from->to.group, from->way);
		if (!peer)
			served->cancelled = true;
	}
	if (served->cancelled)
		return;
	if (hash_insert(&group->served, &served->node,
		    hash_of_pair(&group->served, from->to.group, from->id)) < 0) {
		served->cancelled = served->starved = served->is_stream;
		return;
	}
	served->listed = true;
	if (peer)
		list_append(&peer->served, &served->by_peer);
}

static void served_unlist(struct actor_from *from)
{
	if (!from->served.listed)
		return;
	from->served.listed = false;
	hash_remove(&from->group->served, &from->served.node);
	list_remove(&from->served.by_peer);
}

void served_move(struct actor_from *from, struct actor_from *to)
{
	served_unlist(from);
	to->served.listed = false;
	if (!to->served.is_stream) {
		to->served.sender = 0;
		to->served.wants_credit = false;
		for (int i = 0; i < SERVED_EVENT_N; i++)
			to->served.events[i].token = NULL;
	}
	served_list(to);
}

static void served_wake(struct actor_from *from)
{
	struct actor *sender = from->served.sender ? actor_find(from->group, from->served.sender) : NULL;

	if (sender)
		actor_wake(sender, 0);
}

void served_end(struct actor_from *from)
{
	struct served *served = &from->served;

	served_unlist(from);
	if (!served->is_stream && !from->kept_id)
		return;
	served_wake(from);
	for (int i = 0; i < SERVED_EVENT_N; i++)
		served->events[i].token = actor_msg_free(served->events[i].token);
}

/* ---- what its caller says ---- */

static void served_tell(struct actor_from *from, enum served_event event)
{
	actor_msg *token = from->served.events[event].token;

	if (!token || from->callee->status == ACTOR_ENDING)
		return;
	from->served.events[event].token = NULL;
	mailbox_push(from->callee, token);
}

static void served_is_cancelled(struct actor_from *from)
{
	from->served.cancelled = true;
	if (!from->served.is_stream && !from->kept_id)
		return; /* its handler runs, and may ask actor_call_cancelled() */
	served_unlist(from);
	served_wake(from);
	served_tell(from, SERVED_CANCEL);
}

static void early_note(actor_group *group, uint64_t caller_group, uint64_t id)
{
	struct served_early *early = group->served_early;
	struct early *entry;

	if (!early) {
		early = group->served_early = calloc(1, sizeof(*early));
		if (!early)
			return; /* the call is handled all the same, and its answer dropped */
		hash_init(&early->table);
	}
	entry = &early->entries[early->next++ % EARLY_MAX];
	if (entry->used)
		hash_remove(&early->table, &entry->node);
	entry->group = caller_group;
	entry->id = id;
	entry->used =
		hash_insert(&early->table, &entry->node, hash_of_pair(&early->table, caller_group, id)) == 0;
}

/* Notes that @id, which waits in the mailbox of @to, was cancelled. */
static void served_note(struct actor *to, uint64_t caller_group, uint64_t id)
{
	to->has_cancelled = true;
	early_note(to->group, caller_group, id);
}

void served_put_back(struct actor_from *from)
{
	served_unlist(from);
	if (from->served.cancelled)
		served_note(from->callee, from->to.group, from->id);
}

void served_cancel(actor_group *group, struct actor *to, actor_ref from, uint64_t id)
{
	struct actor_from *found = served_find(group, from, id);

	if (group->guest_hooks && group->guest_hooks->cancelled(group, from, id))
		return;
	if (!found && to && to->status == ACTOR_RUNNING && to->answering && !to->answering->answered &&
		to->answering->to.group == from.group && to->answering->id == id)
		found = to->answering;
	if (found) {
		served_is_cancelled(found);
	} else if (to && (to->mailbox.n_messages || to->stashes)) {
		served_note(to, from.group, id);
	}
}

bool served_was_cancelled(struct actor *to, const actor_msg *msg)
{
	struct served_early *early = to->group->served_early;
	struct hash_node *node;

	if (!early)
		return false;
	node = hash_first(&early->table, hash_of_pair(&early->table, msg->sender.group, msg->id));
	for (; node; node = hash_next(node)) {
		struct early *entry = container_of(node, struct early, node);

		if (entry->group != msg->sender.group || entry->id != msg->id)
			continue;
		hash_remove(&early->table, node);
		entry->used = false;
		return true;
	}
	return false;
}

void served_credit(actor_group *group, actor_ref from, uint64_t id, struct wire_credit credit)
{
	struct actor_from *found = served_find(group, from, id);
	struct served *served = found ? &found->served : NULL;

	if (!found || !served->is_stream)
		return;
	if (credit.items > served->credit.items)
		served->credit.items = credit.items;
	if (credit.bytes > served->credit.bytes)
		served->credit.bytes = credit.bytes;
	if (!served_has_credit(found))
		return;
	served_wake(found);
	if (served->wants_credit)
		served_tell(found, SERVED_CREDIT);
	served->wants_credit = false;
}

void served_end_by_peer(struct peer *peer)
{
	while (!list_is_empty(&peer->served))
		served_is_cancelled(container_of(peer->served.next, struct actor_from, served.by_peer));
}

/* ---- what is known of it ---- */

bool served_has_credit(const struct actor_from *from)
{
	const struct served *served = &from->served;

	return served->sent.items < served->credit.items && served->sent.bytes < served->credit.bytes;
}

bool served_is_over(const struct actor_from *from)
{
	actor_group *group = from->group;
	struct peer *peer;

	if (from->served.cancelled || (from->deadline_us && clock_now_us() > from->deadline_us))
		return true;
	if (from->to.group == group->id)
		return !slots_get(&group->calls, from->id);
	peer = peer_back(group, from->to.group, from->way);
	return !peer || peer->exited || peer->state == PEER_ENDED;
}
