/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/pg-gone.h"

#include <stdlib.h>

#include "libactor/actor/broker.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/peer/dead-groups.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct gone {
	struct hash_node node; /* group->pg_gone */
	struct list link;      /* group->pg_gone_new, or pg_gone_asked */
	actor_ref ref;
};

void pg_gone_init(actor_group *group)
{
	hash_init(&group->pg_gone);
	list_init(&group->pg_gone_new);
	list_init(&group->pg_gone_asked);
}

static uint64_t gone_hash(const actor_group *group, actor_ref ref)
{
	uint64_t key[2] = {ref.group, ref.serial};

	return hash_of_bytes(&group->pg_gone, key, sizeof(key));
}

static void forget(actor_group *group, struct list *list)
{
	struct list *it;

	while ((it = list_pop(list))) {
		struct gone *gone = container_of(it, struct gone, link);

		hash_remove(&group->pg_gone, &gone->node);
		free(gone);
	}
}

void pg_gone_deinit(actor_group *group)
{
	forget(group, &group->pg_gone_new);
	forget(group, &group->pg_gone_asked);
	hash_deinit(&group->pg_gone);
}

bool pg_is_gone(const actor_group *group, actor_ref ref)
{
	struct hash_node *node;

	if (group_is_dead(group, ref.group))
		return true;
	if (!group->pg_gone.n_items)
		return false;
	for (node = hash_first(&group->pg_gone, gone_hash(group, ref)); node; node = hash_next(node))
		if (actor_ref_equal(container_of(node, struct gone, node)->ref, ref))
			return true;
	return false;
}

static void answered(struct broker_request *request, int error, actor_msg *reply);

/*
 * Asks for as little as possible, because only the fact of an answer counts. One question is under way at a
 * time.
 */
static void ask(actor_group *group)
{
	struct buf args = BUF_INIT;
	int r;

	list_splice(&group->pg_gone_asked, &group->pg_gone_new);
	r = body_pack(&args, BODY_ARGS, "si", ACTOR_PG_SCOPE, 0);
	if (r == 0)
		r = broker_ask(group, "pg_groups", &args, ACTOR_FOREVER, answered, NULL);
	buf_deinit(&args);
	if (r < 0)
		forget(group, &group->pg_gone_asked);
}

static void answered(struct broker_request *request, int error, actor_msg *reply)
{
	actor_group *group = request->group;

	forget(group, &group->pg_gone_asked);
	if (!list_is_empty(&group->pg_gone_new))
		ask(group);
}

void pg_gone_add(actor_group *group, actor_ref ref)
{
	struct gone *gone;

	if (!group->pg_asked || ref.group == group->id || pg_is_gone(group, ref))
		return;
	gone = calloc(1, sizeof(*gone));
	if (!gone)
		return;
	gone->ref = ref;
	if (hash_insert(&group->pg_gone, &gone->node, gone_hash(group, ref)) < 0) {
		free(gone);
		return;
	}
	list_append(&group->pg_gone_new, &gone->link);
	if (list_is_empty(&group->pg_gone_asked))
		ask(group);
}
