/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"

#define LOOK_MAX_STEPS (1u << 20) /* for one answer; some milliseconds if few names fit the pattern */

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
	name_watches_init(&registry->by_pattern);
}

/* ---- the table ---- */

static struct name *name_find(const struct registry *registry, struct wire_str text)
{
	struct hash_node *node =
		hash_first(&registry->table, hash_of_bytes(&registry->table, text.s, text.len));

	for (; node; node = hash_next(node)) {
		struct name *name = container_of(node, struct name, node);

		if (name->len == text.len && !memcmp(name->text, text.s, text.len))
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

/* Frees @name unless some group owns, watches or awaits it. */
static void name_settle(struct registry *registry, struct name *name)
{
	if (!actor_ref_is_nobody(name->ref) || !list_is_empty(&name->watches) ||
		list_is_linked(&name->awaited))
		return;
	hash_remove(&registry->table, &name->node);
	free(name);
}

/* Tells watchers that @name no longer leads to @was. */
static void name_tell(struct broker *broker, const struct name *name, actor_ref was)
{
	struct buf *body;

	if (!list_is_empty(&name->watches)) {
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
	name_watches_tell(broker, wire_str(name->text, name->len), name->ref, was);
}

static void name_give_back(struct broker *broker, struct name *name)
{
	struct registry *registry = &broker->registry;
	actor_ref was = name->ref;

	order_remove(&registry->order, &name->in_order);
	registry->n_registered--;
	list_remove(&name->owned);
	if (name->owner)
		quota_give(name->owner, QUOTA_NAMES, 1);
	name->owner = NULL;
	name->ref = ACTOR_NOBODY;
	waits_release(broker, &name->look_ups);
	name_tell(broker, name, was);
	name_settle(registry, name);
}

/* From now on @member owns @name. If it did not before, the caller has charged it. */
static void name_give(struct broker *broker, struct name *name, struct member *member, actor_ref ref)
{
	struct registry *registry = &broker->registry;
	actor_ref was = name->ref;

	if (actor_ref_is_nobody(was)) {
		order_insert(
			&registry->order, &name->in_order, wire_str(name->text, name->len), name->node.hash);
		registry->n_registered++;
		list_remove(&name->awaited);
	} else if (name->owner) {
		if (name->owner != member)
			quota_give(name->owner, QUOTA_NAMES, 1);
		list_remove(&name->owned);
	}
	name->ref = ref;
	name->owner = member;
	if (member)
		list_append(&member->names, &name->owned);
	waits_release(broker, &name->look_ups);
	name_tell(broker, name, was);
}

/*
 * Is @holder an earlier life of the same supervised program as @member? A program that crashed may be back,
 * and register its name, before the broker hears of the end of its earlier life. The supervisor gives the
 * tokens of all lives the same name, and starts a life with a later id only after the earlier life is over.
 */
static bool is_predecessor(const struct member *holder, const struct member *member)
{
	return holder && member && member_is_supervised(holder) && member_is_supervised(member) &&
	       holder->group < member->group && !strcmp(holder->name, member->name);
}

static bool name_can_be_given(const struct name *name, const struct member *member, actor_ref ref)
{
	return !name || actor_ref_is_nobody(name->ref) || actor_ref_equal(name->ref, ref) ||
	       is_predecessor(name->owner, member);
}

int registry_register(struct broker *broker, struct member *member, struct wire_str text, actor_ref ref,
	actor_ref *ret_holder)
{
	struct registry *registry = &broker->registry;
	struct name *name = name_find(registry, text);

	if (!name_can_be_given(name, member, ref)) {
		*ret_holder = name->ref;
		return -EEXIST;
	}
	if (name && actor_ref_equal(name->ref, ref))
		return 0;
	if (member && !quota_take(member, QUOTA_NAMES, 1))
		return -EDQUOT;
	if (!name)
		name = name_new(registry, text);
	if (!name) {
		if (member)
			quota_give(member, QUOTA_NAMES, 1);
		return -ENOMEM;
	}
	name_give(broker, name, member, ref);
	return 0;
}

/* Finds or makes the names of all entries. Charges @member for those that it does not own yet. */
static int entries_prepare(
	struct member *member, struct registry_entry *entries, uint32_t n, size_t *ret_n_charged)
{
	struct registry *registry = &member->broker->registry;
	size_t n_new = 0;

	for (uint32_t i = 0; i < n; i++)
		n_new += !entries[i].name || !actor_ref_equal(entries[i].name->ref, entries[i].ref);
	if (!quota_take(member, QUOTA_NAMES, n_new))
		return -EDQUOT;
	*ret_n_charged = n_new;
	for (uint32_t i = 0; i < n; i++) {
		if (!entries[i].name)
			entries[i].name = name_new(registry, entries[i].text);
		if (!entries[i].name)
			return -ENOMEM;
	}
	return 0;
}

int registry_register_all(struct member *member, struct registry_entry *entries, uint32_t n,
	const struct registry_entry **ret_refused)
{
	struct broker *broker = member->broker;
	struct registry *registry = &broker->registry;
	size_t n_charged = 0;
	int r;

	for (uint32_t i = 0; i < n; i++) {
		entries[i].name = name_find(registry, entries[i].text);
		if (!name_can_be_given(entries[i].name, member, entries[i].ref)) {
			entries[i].holder = entries[i].name->ref;
			*ret_refused = &entries[i];
			return -EEXIST;
		}
	}
	r = entries_prepare(member, entries, n, &n_charged);
	if (r == 0) {
		/*
		 * From here on nothing can fail. So no watcher is told of a name that would have to be taken
		 * back.
		 */
		for (uint32_t i = 0; i < n; i++) {
			if (!actor_ref_equal(entries[i].name->ref, entries[i].ref))
				name_give(broker, entries[i].name, member, entries[i].ref);
		}
		return 0;
	}
	quota_give(member, QUOTA_NAMES, n_charged);
	for (uint32_t i = 0; i < n; i++) {
		if (entries[i].name)
			name_settle(registry, entries[i].name);
	}
	return r;
}

int registry_replace(
	struct member *member, struct wire_str text, actor_ref from, actor_ref to, actor_ref *ret_holder)
{
	struct name *name = name_find(&member->broker->registry, text);

	if (!name || actor_ref_is_nobody(name->ref))
		return -ESRCH;
	if (name->owner == member && actor_ref_equal(name->ref, to))
		return 0;
	if (name->owner != member || !actor_ref_equal(name->ref, from)) {
		*ret_holder = name->ref;
		return -EEXIST;
	}
	name_give(member->broker, name, member, to);
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
	/*
	 * If the asker ends, its look-up is freed, but the name stays until the recovery is over. That is
	 * soon.
	 */
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

static bool begins_with(const struct order_node *node, struct wire_str text)
{
	return node->len >= text.len && !memcmp(node->text, text.s, text.len);
}

void registry_list(const struct broker *broker, const struct pattern *pattern, struct wire_str after,
	size_t max, struct buf *b)
{
	struct wire_str literal = pattern->literal;
	struct order_node *node = order_first(&broker->registry.order, literal, after);
	struct buf names = BUF_INIT;
	struct wire_str last = after;
	size_t steps = 0;
	uint32_t n = 0;

	for (; node && begins_with(node, literal); node = order_next(node)) {
		if (n >= max || steps > LOOK_MAX_STEPS)
			break;
		last = order_text(node);
		if (!pattern_fits(pattern, last, &steps))
			continue;
		mp_put_array(&names, 2);
		mp_put_str(&names, last.s, last.len);
		mp_put_ref(&names, container_of(node, struct name, in_order)->ref);
		n++;
	}
	order_put_list(b, &names, n, max && node && begins_with(node, literal) ? last : wire_str(NULL, 0));
	buf_deinit(&names);
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
	name_watches_deinit(&registry->by_pattern);
}
