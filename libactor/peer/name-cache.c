/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of actors in other groups, as the broker last told them. A look-up subscribes to the name. So the
 * broker keeps the cache current, and later sends by the name cost a hash look-up. While the broker is away
 * the cache is used unchanged.
 */
#include "libactor/peer/name-cache.h"

#include <stdlib.h>
#include <string.h>

#include "libactor/base/base.h"
#include "libactor/peer/dead-groups.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"

struct cached_name {
	struct hash_node node; /* group->name_cache, by name */
	/*
	 * In group->name_owners, by the owner's group, so that the death of a group does not walk over all
	 * names.
	 */
	struct hash_node group_node;
	actor_ref ref;
	uint32_t length;
	char name[];
};

void names_init(actor_group *group)
{
	hash_init(&group->name_cache);
	hash_init(&group->name_owners);
}

static void cached_name_free(struct hash_node *node, void *arg)
{
	actor_group *group = arg;

	struct cached_name *cached = container_of(node, struct cached_name, node);

	hash_remove(&group->name_cache, &cached->node);
	hash_remove(&group->name_owners, &cached->group_node);
	free(cached);
}

void names_forget_all(actor_group *group)
{
	hash_each(&group->name_cache, cached_name_free, group);
}

void names_deinit(actor_group *group)
{
	names_forget_all(group);
	hash_deinit(&group->name_cache);
	hash_deinit(&group->name_owners);
}

static struct cached_name *name_find(actor_group *group, struct wire_str name)
{
	uint64_t hash = hash_of_bytes(&group->name_cache, name.s, name.len);

	for (struct hash_node *node = hash_first(&group->name_cache, hash); node; node = hash_next(node)) {
		struct cached_name *cached = container_of(node, struct cached_name, node);

		if (cached->length == name.len && !memcmp(cached->name, name.s, name.len))
			return cached;
	}
	return NULL;
}

static void name_store(actor_group *group, struct wire_str name, actor_ref ref)
{
	struct cached_name *cached = name_find(group, name);

	if (cached) {
		hash_remove(&group->name_owners, &cached->group_node);
	} else {
		cached = malloc(sizeof(*cached) + name.len + 1);
		if (!cached)
			return; /* the broker is asked again next time */
		cached->length = (uint32_t)name.len;
		memcpy(cached->name, name.s, name.len);
		cached->name[name.len] = 0;
		if (hash_insert(&group->name_cache, &cached->node,
			    hash_of_bytes(&group->name_cache, name.s, name.len)) < 0) {
			free(cached);
			return;
		}
	}
	cached->ref = ref;
	if (hash_insert(&group->name_owners, &cached->group_node,
		    hash_of_u64(&group->name_owners, ref.group)) < 0) {
		hash_remove(&group->name_cache, &cached->node);
		free(cached);
	}
}

bool name_cached(actor_group *group, const char *name, actor_ref *ret)
{
	struct cached_name *cached = name_find(group, wire_cstr(name));

	if (!cached)
		return false;
	*ret = cached->ref;
	return true;
}

void name_changed(actor_group *group, struct wire_str name, actor_ref ref)
{
	struct cached_name *cached;

	if (!actor_ref_is_nobody(ref) && !group_is_dead(group, ref.group)) {
		name_store(group, name, ref);
		return;
	}
	cached = name_find(group, name);
	if (cached)
		cached_name_free(&cached->node, group);
}

static void names_forget_owner(actor_group *group, actor_ref owner, bool whole_group)
{
	struct hash_node *node = hash_first(
				 &group->name_owners, hash_of_u64(&group->name_owners, owner.group)),
			 *next;

	for (; node; node = next) {
		struct cached_name *cached = container_of(node, struct cached_name, group_node);

		next = hash_next(node);
		if (whole_group ? cached->ref.group == owner.group : actor_ref_equal(cached->ref, owner))
			cached_name_free(&cached->node, group);
	}
}

void names_forget_group(actor_group *group, uint64_t group_id)
{
	names_forget_owner(group, (actor_ref){group->node, group_id, 0}, true);
}

void names_forget_ref(actor_group *group, actor_ref ref)
{
	names_forget_owner(group, ref, false);
}

struct name_walk {
	void (*fn)(const char *name, void *arg);
	void *arg;
};

static void name_visit(struct hash_node *node, void *arg)
{
	const struct name_walk *walk = arg;

	walk->fn(container_of(node, struct cached_name, node)->name, walk->arg);
}

void names_each_cached(actor_group *group, void (*fn)(const char *name, void *arg), void *arg)
{
	struct name_walk walk = {fn, arg};

	hash_each(&group->name_cache, name_visit, &walk);
}
