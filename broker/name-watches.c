/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/name-watches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"

struct name_watch {
	struct hash_node node; /* name_watches.by_literal */
	struct list by_member; /* member.name_watches */
	struct member *member;
	uint64_t id;
	struct pattern pattern;
	char text[];
};

void name_watches_init(struct name_watches *watches)
{
	*watches = (struct name_watches){0};
	hash_init(&watches->by_literal);
}

void name_watches_deinit(struct name_watches *watches)
{
	hash_deinit(&watches->by_literal);
}

static struct name_watch *watch_find(const struct member *member, uint64_t id)
{
	/* QUOTA_PATTERNS keeps the list short. */
	list_for_each(it, &member->name_watches) {
		struct name_watch *watch = container_of(it, struct name_watch, by_member);

		if (watch->id == id)
			return watch;
	}
	return NULL;
}

static void watch_free(struct name_watch *watch)
{
	struct name_watches *watches = &watch->member->broker->registry.by_pattern;

	watches->n_of_length[watch->pattern.literal.len]--;
	hash_remove(&watches->by_literal, &watch->node);
	list_remove(&watch->by_member);
	quota_give(watch->member, QUOTA_PATTERNS, 1);
	free(watch);
}

int name_watch_begin(struct member *member, uint64_t id, const struct pattern *pattern)
{
	struct name_watches *watches = &member->broker->registry.by_pattern;
	struct name_watch *watch = watch_find(member, id);
	struct wire_str literal = pattern->literal;

	if (watch && wire_str_equal(watch->pattern.text, pattern->text))
		return 0;
	if (watch)
		watch_free(watch);
	if (!quota_take(member, QUOTA_PATTERNS, 1))
		return -EDQUOT;
	watch = calloc(1, sizeof(*watch) + pattern->text.len);
	if (!watch || hash_insert(&watches->by_literal, &watch->node,
			      hash_of_bytes(&watches->by_literal, literal.s, literal.len)) < 0) {
		free(watch);
		quota_give(member, QUOTA_PATTERNS, 1);
		return -ENOMEM;
	}
	memcpy(watch->text, pattern->text.s, pattern->text.len);
	(void)pattern_parse(wire_str(watch->text, pattern->text.len), &watch->pattern);
	watch->member = member;
	watch->id = id;
	watches->n_of_length[literal.len]++;
	list_append(&member->name_watches, &watch->by_member);
	return 0;
}

void name_watch_end(struct member *member, uint64_t id)
{
	struct name_watch *watch = watch_find(member, id);

	if (watch)
		watch_free(watch);
}

void name_watches_end(struct member *member)
{
	list_for_each_safe(it, &member->name_watches)
		watch_free(container_of(it, struct name_watch, by_member));
}

static void put_ref_or_nil(struct buf *b, actor_ref ref)
{
	if (actor_ref_is_nobody(ref))
		mp_put_nil(b);
	else
		mp_put_ref(b, ref);
}

static void watch_tell(const struct name_watch *watch, struct wire_str name, actor_ref ref, actor_ref was)
{
	struct buf *body = broker_body(watch->member->broker);

	mp_put_array(body, 4);
	mp_put_uint(body, watch->id);
	mp_put_str(body, name.s, name.len);
	put_ref_or_nil(body, ref);
	put_ref_or_nil(body, was);
	/*
	 * A watcher that missed one event would be wrong for ever, so its pipe is cut. Then it says hello
	 * again and asks for everything anew.
	 */
	if (buf_error(body) < 0)
		member_doom(watch->member, false, "out of memory for what it watches");
	else
		member_cast(watch->member, "watched", body);
}

void name_watches_tell(struct broker *broker, struct wire_str name, actor_ref ref, actor_ref was)
{
	const struct name_watches *watches = &broker->registry.by_pattern;
	size_t steps = 0;

	for (size_t length = 0; length <= name.len && watches->by_literal.n_items; length++) {
		struct hash_node *node;

		if (!watches->n_of_length[length])
			continue;
		node = hash_first(&watches->by_literal, hash_of_bytes(&watches->by_literal, name.s, length));
		for (; node; node = hash_next(node)) {
			const struct name_watch *watch = container_of(node, struct name_watch, node);

			/*
			 * A watch whose literal has another length is here by a chance of hashes. It is found
			 * with its own length.
			 */
			if (watch->pattern.literal.len == length &&
				pattern_fits(&watch->pattern, name, &steps))
				watch_tell(watch, name, ref, was);
		}
	}
}
