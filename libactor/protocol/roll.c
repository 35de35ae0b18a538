/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/roll.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/mp-encode.h"
#include "libactor/util/list.h"
#include "libactor/util/siphash.h"

#define SLOTS_FIRST 4u

void roll_init(struct roll *roll, size_t member_bytes)
{
	*roll = (struct roll){.member_bytes = member_bytes};
	hash_init(&roll->members);
}

void roll_deinit(struct roll *roll)
{
	struct hash_node *node;

	while ((node = hash_any(&roll->members))) {
		struct roll_member *member = container_of(node, struct roll_member, node);

		roll_leave(roll, &member);
	}
	hash_deinit(&roll->members);
	free(roll->slots);
	roll->slots = NULL;
}

static uint64_t member_hash(const struct roll *roll, uint64_t group, uint64_t id)
{
	return hash_of_pair(&roll->members, group, id);
}

struct roll_member *roll_find(const struct roll *roll, uint64_t group, uint64_t id)
{
	struct hash_node *node = hash_first(&roll->members, member_hash(roll, group, id));

	for (; node; node = hash_next(node)) {
		struct roll_member *member = container_of(node, struct roll_member, node);

		if (member->ref.group == group && member->id == id)
			return member;
	}
	return NULL;
}

/* ---- the order ---- */

/* Removes the empty slots; the members keep their order. */
static void slots_close_up(struct roll *roll)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < roll->n_slots; i++) {
		if (i == roll->turn)
			roll->turn = n;
		if (!roll->slots[i])
			continue;
		roll->slots[i]->index = n;
		roll->slots[n++] = roll->slots[i];
	}
	roll->n_slots = n;
}

static int slots_reserve(struct roll *roll)
{
	struct roll_member **slots;
	uint32_t n;

	if (roll->n_slots < roll->n_slots_max)
		return 0;
	if (roll->n_members <= roll->n_slots_max / 2)
		slots_close_up(roll);
	if (roll->n_slots < roll->n_slots_max)
		return 0;
	n = roll->n_slots_max ? roll->n_slots_max * 2 : SLOTS_FIRST;
	slots = realloc(roll->slots, n * sizeof(struct roll_member *));
	if (!slots)
		return -ENOMEM;
	roll->slots = slots;
	roll->n_slots_max = n;
	return 0;
}

/* ---- joining and leaving ---- */

int roll_join(struct roll *roll, const struct roll_entry *entry, struct roll_member **ret)
{
	struct roll_member *member = roll_find(roll, entry->ref.group, entry->id);
	uint8_t *meta;

	if (member) {
		if (ret)
			*ret = member;
		return -EEXIST;
	}
	if (slots_reserve(roll) < 0)
		return -ENOMEM;
	member = calloc(1, roll->member_bytes + entry->meta_bytes);
	if (!member)
		return -ENOMEM;
	if (hash_insert(&roll->members, &member->node, member_hash(roll, entry->ref.group, entry->id)) < 0) {
		free(member);
		return -ENOMEM;
	}
	meta = (uint8_t *)member + roll->member_bytes;
	if (entry->meta_bytes)
		memcpy(meta, entry->meta, entry->meta_bytes);
	member->ref = entry->ref;
	member->id = entry->id;
	member->index = roll->n_slots;
	member->meta = meta;
	member->meta_bytes = (uint32_t)entry->meta_bytes;
	roll->slots[roll->n_slots++] = member;
	roll->n_members++;
	roll->size_bytes += roll_entry_bytes(entry->meta_bytes);
	if (ret)
		*ret = member;
	return 0;
}

void roll_leave(struct roll *roll, struct roll_member **at)
{
	struct roll_member *member = *at;

	roll->slots[member->index] = NULL;
	while (roll->n_slots && !roll->slots[roll->n_slots - 1])
		roll->n_slots--;
	roll->n_members--;
	roll->size_bytes -= roll_entry_bytes(member->meta_bytes);
	hash_remove(&roll->members, &member->node);
	free(member);
	*at = NULL;
}

/* ---- looking ---- */

static const struct roll_member *pick_any(struct roll *roll)
{
	const struct roll_member *member = roll_next(roll, &roll->turn);

	if (member)
		return member;
	roll->turn = 0;
	return roll_next(roll, &roll->turn);
}

/* Tries random slots until one has a member: two tries at most on average. */
static const struct roll_member *pick_random(struct roll *roll, uint64_t random)
{
	for (;;) {
		const struct roll_member *member =
			roll->slots[(uint32_t)((random >> 32) * roll->n_slots >> 32)];

		if (member)
			return member;
		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	}
}

static uint64_t key_weight(actor_ref ref, uint64_t key_hash)
{
	static const uint8_t seed[16] = {0}; /* fixed, so that all processes get the same weights */
	uint64_t bytes[3] = {htole64(ref.group), htole64(ref.serial), htole64(key_hash)};

	return siphash64(bytes, sizeof(bytes), seed);
}

static bool ref_is_less(actor_ref a, actor_ref b)
{
	return a.group != b.group ? a.group < b.group : a.serial < b.serial;
}

static const struct roll_member *pick_by_key(const struct roll *roll, struct wire_str key)
{
	static const uint8_t seed[16] = {0};
	uint64_t hash = siphash64(key.s, key.len, seed), best_weight = 0;
	const struct roll_member *best = NULL, *member;
	uint32_t at = 0;

	while ((member = roll_next(roll, &at))) {
		uint64_t weight = key_weight(member->ref, hash);

		if (!best || weight > best_weight ||
			(weight == best_weight && ref_is_less(member->ref, best->ref))) {
			best = member;
			best_weight = weight;
		}
	}
	return best;
}

/*
 * Keeps at least half of the slots filled, so that a pick does not become slower when many members have left.
 */
static void slots_prepare(struct roll *roll)
{
	if (roll->n_members <= roll->n_slots / 2)
		slots_close_up(roll);
}

bool roll_pick(struct roll *roll, enum roll_how how, uint64_t random, struct wire_str key, actor_ref *ret)
{
	const struct roll_member *member;

	if (!roll->n_members)
		return false;
	slots_prepare(roll);
	member = how == ROLL_ANY      ? pick_any(roll)
		 : how == ROLL_RANDOM ? pick_random(roll, random)
				      : pick_by_key(roll, key);
	*ret = member->ref;
	return true;
}

bool roll_pick_least(struct roll *roll, uint64_t (*load)(actor_ref ref, void *arg), void *arg, actor_ref *ret)
{
	uint64_t least = UINT64_MAX;
	uint32_t best = 0;

	slots_prepare(roll);
	for (uint32_t n = 0; n < roll->n_members && least; n++) {
		const struct roll_member *member = pick_any(roll);
		uint64_t its = load(member->ref, arg);

		if (n && its >= least)
			continue;
		least = its;
		best = roll->turn;
		*ret = member->ref;
	}
	roll->turn = best;
	return roll->n_members > 0;
}

/* ---- the wire ---- */

size_t roll_entry_bytes(size_t meta_bytes)
{
	return 1 + MP_REF_BYTES + MP_INT_MAX_BYTES + (meta_bytes ? meta_bytes : 1);
}

void roll_put_entry(struct buf *b, const struct roll_entry *entry)
{
	mp_put_array(b, 3);
	mp_put_ref(b, entry->ref);
	mp_put_uint(b, entry->id);
	if (entry->meta_bytes)
		mp_put_raw(b, entry->meta, entry->meta_bytes);
	else
		mp_put_nil(b);
}

void roll_put(struct buf *b, const struct roll_member *member)
{
	roll_put_entry(b, &(struct roll_entry){member->ref, member->id, member->meta, member->meta_bytes});
}

void roll_put_all(struct buf *b, const struct roll *roll)
{
	const struct roll_member *member;
	uint32_t at = 0;

	while ((member = roll_next(roll, &at)))
		roll_put(b, member);
}

int roll_read(struct mp_reader *r, struct roll_entry *ret)
{
	uint32_t n;

	*ret = (struct roll_entry){.meta = NULL};
	if (mp_read_array(r, &n) < 0 || n < 2 || mp_read_ref(r, &ret->ref) < 0 ||
		mp_read_uint(r, &ret->id) < 0)
		return -EPROTO;
	if (n > 2 && mp_read_nil(r) < 0 && mp_read_raw(r, &ret->meta, &ret->meta_bytes) < 0)
		return -EPROTO;
	while (n-- > 3) {
		if (mp_skip(r) < 0)
			return -EPROTO;
	}
	return 0;
}
