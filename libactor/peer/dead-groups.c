/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/peer/dead-groups.h"

#include <stdlib.h>

#include "libactor/base/base.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

#define DEAD_MAX 4096

struct dead_group {
	struct hash_node node; /* group->dead_groups, by id */
	struct list by_age;    /* group->dead_by_age, the oldest first */
	uint64_t id;
};

void dead_groups_init(actor_group *group)
{
	hash_init(&group->dead_groups);
	list_init(&group->dead_by_age);
}

static void forget_oldest(actor_group *group)
{
	struct dead_group *dead = container_of(list_pop(&group->dead_by_age), struct dead_group, by_age);

	hash_remove(&group->dead_groups, &dead->node);
	free(dead);
}

void dead_groups_deinit(actor_group *group)
{
	while (!list_is_empty(&group->dead_by_age))
		forget_oldest(group);
	hash_deinit(&group->dead_groups);
}

void dead_groups_add(actor_group *group, uint64_t id)
{
	struct dead_group *dead;

	if (group_is_dead(group, id))
		return;
	dead = calloc(1, sizeof(*dead));
	if (!dead)
		return;
	dead->id = id;
	if (hash_insert(&group->dead_groups, &dead->node, hash_of_u64(&group->dead_groups, id)) < 0) {
		free(dead);
		return;
	}
	list_append(&group->dead_by_age, &dead->by_age);
	if (group->dead_groups.n_items > DEAD_MAX)
		forget_oldest(group);
}

bool group_is_dead(const actor_group *group, uint64_t id)
{
	struct hash_node *node;

	if (!group->dead_groups.n_items)
		return false;
	for (node = hash_first(&group->dead_groups, hash_of_u64(&group->dead_groups, id)); node;
		node = hash_next(node))
		if (container_of(node, struct dead_group, node)->id == id)
			return true;
	return false;
}
