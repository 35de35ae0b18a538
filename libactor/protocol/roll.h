/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roll of one process group: its members in the order of joining. The broker keeps the true roll. A group
 * that watches a process group keeps a copy. Both apply the same joins and leaves with this code, so both
 * have the same roll.
 *
 * An actor may join several times. Each *membership* has an id that the joining process chose and uses only
 * once, so a repeated join or leave counts once. Joining, leaving and picking at random cost the same for any
 * number of members. Picking by key looks at each member, and picking by least load may do so. ROLL_ANY skips
 * the slots of members that have left.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"

/*
 * A membership. It is the first field of the struct in which the owner of the roll keeps a membership
 * (roll_init).
 */
struct roll_member {
	struct hash_node node; /* roll.members */
	actor_ref ref;
	uint64_t id;
	uint32_t index; /* in roll.slots */
	uint32_t meta_bytes;
	const uint8_t *meta; /* one msgpack value, in this allocation; meta_bytes 0: nil */
};

struct roll {
	struct hash members; /* by group and id */
	size_t member_bytes;
	struct roll_member **slots; /* in the order of joining; NULL where a member has left */
	uint32_t n_slots, n_slots_max;
	uint32_t n_members;
	uint32_t turn;     /* for ROLL_ANY: the next slot */
	size_t size_bytes; /* an upper bound of what roll_put_all() writes */
};

enum roll_how {
	ROLL_ANY,    /* each in turn */
	ROLL_RANDOM, /* each with the same chance */
	ROLL_KEY,    /* a key decides: all senders get the same member for it (rendezvous hashing) */
};

/* A membership in the form of the protocol: [ref, id, metadata]. */
struct roll_entry {
	actor_ref ref;
	uint64_t id;
	const uint8_t *meta;
	size_t meta_bytes; /* 0: nil */
};

/*
 * @member_bytes: the size of the owner's struct, which begins with a roll_member. roll_join() zeroes the
 * other fields.
 */
void roll_init(struct roll *roll, size_t member_bytes);
void roll_deinit(struct roll *roll); /* also frees the members */

/* Returns NULL when there is no such membership. */
struct roll_member *roll_find(const struct roll *roll, uint64_t group, uint64_t id);
/* Returns 0; -EEXIST when the membership is there already (*ret is it); -ENOMEM. @ret may be NULL. */
int roll_join(struct roll *roll, const struct roll_entry *entry, struct roll_member **ret);
/* Ends a membership, frees it, and sets *at to NULL. */
void roll_leave(struct roll *roll, struct roll_member **at);

/* Returns the next member; NULL: no more. *at begins with 0. */
static inline struct roll_member *roll_next(const struct roll *roll, uint32_t *at)
{
	while (*at < roll->n_slots) {
		struct roll_member *member = roll->slots[(*at)++];

		if (member)
			return member;
	}
	return NULL;
}
/* Returns false when there are no members. @random is used by ROLL_RANDOM only, @key by ROLL_KEY only. */
bool roll_pick(struct roll *roll, enum roll_how how, uint64_t random, struct wire_str key, actor_ref *ret);
/*
 * Picks the member with the least load; members with equal loads take turns. Looks at each member until one
 * has load
 * 0. Returns false when there are no members.
 */
bool roll_pick_least(
	struct roll *roll, uint64_t (*load)(actor_ref ref, void *arg), void *arg, actor_ref *ret);

void roll_put_entry(struct buf *b, const struct roll_entry *entry);
void roll_put(struct buf *b, const struct roll_member *member);
void roll_put_all(struct buf *b, const struct roll *roll); /* the entries, without the array's head */
int roll_read(struct mp_reader *r, struct roll_entry *ret);
size_t roll_entry_bytes(size_t meta_bytes); /* an upper bound */
