/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"

struct watch {
	struct hash_node node; /* registry.watches */
	struct list by_name;
	struct list by_member;
	struct name *name;
	struct member *member;
};

void registry_init(struct registry *registry)
{
	*registry = (struct registry){0};
	hash_init(&registry->table);
	hash_init(&registry->watches);
	list_init(&registry->awaited);
}

/* ---- order: a treap whose priorities are the seeded hashes, so nobody outside can choose its shape ---- */

static int name_compare(const struct name *name, const char *text, size_t len)
{
	int c = memcmp(name->text, text, name->len < len ? name->len : len);

	return c ? c : (name->len > len) - (name->len < len);
}

static void order_replace_child(
	struct registry *registry, struct name *parent, struct name *old, struct name *new)
{
	if (!parent)
		registry->root = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
	if (new)
		new->parent = parent;
}

/* @child takes its parent's place. */
static void order_rotate_up(struct registry *registry, struct name *child)
{
	struct name *parent = child->parent;
	struct name *moved;

	order_replace_child(registry, parent->parent, parent, child);
	if (parent->left == child) {
		moved = child->right;
		child->right = parent;
		parent->left = moved;
	} else {
		moved = child->left;
		child->left = parent;
		parent->right = moved;
	}
	if (moved)
		moved->parent = parent;
	parent->parent = child;
}

static void order_insert(struct registry *registry, struct name *name)
{
	struct name *parent = NULL;
	struct name **at = &registry->root;

	while (*at) {
		parent = *at;
		at = name_compare(parent, name->text, name->len) > 0 ? &parent->left : &parent->right;
	}
	*at = name;
	name->parent = parent;
	name->left = name->right = NULL;
	while (name->parent && name->parent->node.hash < name->node.hash)
		order_rotate_up(registry, name);
}

static void order_remove(struct registry *registry, struct name *name)
{
	while (name->left && name->right)
		order_rotate_up(
			registry, name->left->node.hash > name->right->node.hash ? name->left : name->right);
	order_replace_child(registry, name->parent, name, name->left ? name->left : name->right);
}

static struct name *order_at_least(const struct registry *registry, const char *text, size_t len)
{
	struct name *best = NULL;

	for (struct name *at = registry->root; at;) {
		if (name_compare(at, text, len) >= 0) {
			best = at;
			at = at->left;
		} else {
			at = at->right;
		}
	}
	return best;
}

static struct name *order_next(struct name *name)
{
	if (name->right) {
		for (name = name->right; name->left;)
			name = name->left;
		return name;
	}
	while (name->parent && name->parent->right == name)
		name = name->parent;
	return name->parent;
}

/* ---- the table ---- */

static struct name *name_find(const struct registry *registry, struct wire_str text)
{
	struct hash_node *node =
		hash_first(&registry->table, hash_of_bytes(&registry->table, text.s, text.len));

	for (; node; node = hash_next(node)) {
		struct name *name = container_of(node, struct name, node);

		if (name_compare(name, text.s, text.len) == 0)
			return name;
	}
	return NULL;
}

static struct name *name_new(struct registry *registry, struct wire_str text)
{
	struct name *name;

	assert(text.len <= WIRE_NAME_MAX_BYTES);
	name = calloc(1, sizeof(*name) + text.len);
	if (!name)
		return NULL;
	list_init(&name->watches);
	list_init(&name->look_ups);
	name->len = (uint8_t)text.len;
	memcpy(name->text, text.s, text.len);
	if (hash_insert(&registry->table, &name->node, hash_of_bytes(&registry->table, text.s, text.len)) <
		0) {
		free(name);
		return NULL;
	}
	return name;
}

/* Frees it unless somebody holds, watches or awaits it. */
static void name_settle(struct registry *registry, struct name *name)
{
	if (!actor_ref_is_nobody(name->ref) || !list_is_empty(&name->watches) ||
		list_is_linked(&name->awaited))
		return;
	hash_remove(&registry->table, &name->node);
	free(name);
}

static void name_tell(struct broker *broker, struct name *name)
{
	struct buf *body;

	if (list_is_empty(&name->watches))
		return;
	body = broker_body(broker);
	mp_put_array(body, 2);
	mp_put_str(body, name->text, name->len);
	if (actor_ref_is_nobody(name->ref))
		mp_put_nil(body);
	else
		mp_put_ref(body, name->ref);
	list_for_each(it, &name->watches)
		member_cast(container_of(it, struct watch, by_name)->member, "name", body);
}

static void name_give_back(struct broker *broker, struct name *name)
{
	struct registry *registry = &broker->registry;

	order_remove(registry, name);
	registry->n_registered--;
	list_remove(&name->owned);
	if (name->owner)
		quota_give(name->owner, QUOTA_NAMES, 1);
	name->owner = NULL;
	name->ref = ACTOR_NOBODY;
	waits_release(broker, &name->look_ups);
	name_tell(broker, name);
	name_settle(registry, name);
}

int registry_register(struct broker *broker, struct member *member, struct wire_str text, actor_ref ref,
	actor_ref *ret_holder)
{
	struct registry *registry = &broker->registry;
	struct name *name = name_find(registry, text);

	if (name && !actor_ref_is_nobody(name->ref)) {
		if (actor_ref_equal(name->ref, ref))
			return 0;
		*ret_holder = name->ref;
		return -EEXIST;
	}
	if (member && !quota_take(member, QUOTA_NAMES, 1))
		return -EDQUOT;
	if (!name)
		name = name_new(registry, text);
	if (!name) {
		if (member)
			quota_give(member, QUOTA_NAMES, 1);
		return -ENOMEM;
	}
	name->ref = ref;
	name->owner = member;
	if (member)
		list_append(&member->names, &name->owned);
	order_insert(registry, name);
	registry->n_registered++;
	list_remove(&name->awaited);
	waits_release(broker, &name->look_ups);
	name_tell(broker, name);
	return 0;
}

void registry_unregister(struct broker *broker, struct member *member, struct wire_str text, actor_ref ref)
{
	struct name *name = name_find(&broker->registry, text);

	if (name && name->owner == member && actor_ref_equal(name->ref, ref))
		name_give_back(broker, name);
}

bool registry_find(const struct broker *broker, struct wire_str text, actor_ref *ret)
{
	struct name *name = name_find(&broker->registry, text);

	if (!name || actor_ref_is_nobody(name->ref))
		return false;
	*ret = name->ref;
	return true;
}

bool registry_wait(
	struct member *asker, const struct wire_frame *look_up, struct wire_str text, int *ret_error)
{
	struct name *name = name_find(&asker->broker->registry, text);

	if (!name || !name->owner || !member_is_in_doubt(name->owner))
		return false;
	*ret_error = waits_add(asker, &name->look_ups, look_up, false);
	return true;
}

int registry_await(struct member *asker, const struct wire_frame *look_up, struct wire_str text)
{
	struct registry *registry = &asker->broker->registry;
	struct name *name = name_find(registry, text);
	int r;

	if (!name)
		name = name_new(registry, text);
	if (!name)
		return -ENOMEM;
	r = waits_add(asker, &name->look_ups, look_up, false);
	/* If the asker ends, its look-up is freed and the name stays: the recovery is short. */
	if (r == 0 && !list_is_linked(&name->awaited))
		list_append(&registry->awaited, &name->awaited);
	name_settle(registry, name);
	return r;
}

int registry_wait_for_owner(
	struct member *asker, const struct wire_frame *look_up, struct wire_str text, int64_t deadline_ns)
{
	struct name *name = name_find(&asker->broker->registry, text);

	return waits_add_until(asker, &name->look_ups, look_up, deadline_ns);
}

void registry_recovered(struct broker *broker)
{
	struct list *it;

	while ((it = list_pop(&broker->registry.awaited))) {
		struct name *name = container_of(it, struct name, awaited);

		waits_release(broker, &name->look_ups);
		name_settle(&broker->registry, name);
	}
}

void registry_back(struct member *member)
{
	list_for_each(it, &member->names)
		waits_release(member->broker, &container_of(it, struct name, owned)->look_ups);
}

void registry_list(const struct broker *broker, struct wire_str prefix, size_t max, struct buf *b)
{
	struct name *first = order_at_least(&broker->registry, prefix.s, prefix.len);
	struct name *name = first;
	uint32_t n = 0;

	for (; name && n < max; name = order_next(name), n++) {
		if (name->len < prefix.len || memcmp(name->text, prefix.s, prefix.len))
			break;
	}
	mp_put_array(b, n);
	for (name = first; n; name = order_next(name), n--) {
		mp_put_array(b, 2);
		mp_put_str(b, name->text, name->len);
		mp_put_ref(b, name->ref);
	}
}

void registry_release(struct member *member)
{
	list_for_each_safe(it, &member->names)
		name_give_back(member->broker, container_of(it, struct name, owned));
}

/* ---- watches ---- */

static uint64_t watch_hash(
	const struct registry *registry, const struct name *name, const struct member *member)
{
	const void *key[2] = {name, member};

	return hash_of_bytes(&registry->watches, key, sizeof(key));
}

static void watch_free(struct registry *registry, struct watch *watch)
{
	hash_remove(&registry->watches, &watch->node);
	list_remove(&watch->by_name);
	list_remove(&watch->by_member);
	quota_give(watch->member, QUOTA_WATCHES, 1);
	name_settle(registry, watch->name);
	free(watch);
}

int registry_watch(struct broker *broker, struct member *member, struct wire_str text)
{
	struct registry *registry = &broker->registry;
	struct name *name = name_find(registry, text);
	struct watch *watch;

	if (name) {
		struct hash_node *node = hash_first(&registry->watches, watch_hash(registry, name, member));

		for (; node; node = hash_next(node)) {
			watch = container_of(node, struct watch, node);
			if (watch->name == name && watch->member == member)
				return 0;
		}
	}
	if (!quota_take(member, QUOTA_WATCHES, 1))
		return -EDQUOT;
	watch = calloc(1, sizeof(*watch));
	if (watch && !name)
		name = name_new(registry, text);
	if (!watch || !name)
		goto fail;
	watch->name = name;
	watch->member = member;
	if (hash_insert(&registry->watches, &watch->node, watch_hash(registry, name, member)) < 0) {
		name_settle(registry, name);
		goto fail;
	}
	list_append(&name->watches, &watch->by_name);
	list_append(&member->watches, &watch->by_member);
	return 0;
fail:
	free(watch);
	quota_give(member, QUOTA_WATCHES, 1);
	return -ENOMEM;
}

void registry_unwatch(struct member *member)
{
	list_for_each_safe(it, &member->watches)
		watch_free(&member->broker->registry, container_of(it, struct watch, by_member));
}

void registry_deinit(struct registry *registry)
{
	struct hash_node *node;

	while ((node = hash_any(&registry->watches)))
		watch_free(registry, container_of(node, struct watch, node));
	while ((node = hash_any(&registry->table))) {
		hash_remove(&registry->table, node);
		free(container_of(node, struct name, node));
	}
	hash_deinit(&registry->table);
	hash_deinit(&registry->watches);
}
