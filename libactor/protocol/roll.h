/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roll of one process group: who is a member, in the order of joining. The broker keeps the true one, and
 * whoever watches a process group keeps a copy; both apply the same joins and leaves with this code, so they
 * come to the same roll.
 *
 * An actor may join several times. Each *membership* has an id that the joining process chose and uses only
 * once, so a join or leave that is said twice counts once. Joining, leaving and picking at random cost the
 * same however many members there are. Picking by key looks at each member, and so may picking by least load.
 * ROLL_ANY skips the slots of members that have left.
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

/* The first field of what the roll's owner keeps for a membership (roll_init). */
struct roll_member {
	struct hash_node node; /* roll.members */
	actor_ref ref;
	uint64_t id;
	uint32_t index; /* in roll.slots */
	uint32_t meta_bytes;
	const uint8_t *meta; /* one msgpack value, in this allocation; size 0: nil */
};

struct roll {
	struct hash members; /* by group and id */
	size_t member_bytes;
	struct roll_member **slots; /* in order; NULL where somebody left */
	uint32_t n_slots, n_slots_max;
	uint32_t n_members;
	uint32_t turn;     /* of ROLL_ANY */
	size_t size_bytes; /* at most so many does roll_put_all() write */
};

enum roll_how {
	ROLL_ANY,    /* one after the other */
	ROLL_RANDOM, /* each with the same chance */
	ROLL_KEY,    /* a key decides, and everybody who asks gets the same one: rendezvous hashing */
};

/* A membership as the protocol has it: [ref, id, metadata]. */
struct roll_entry {
	actor_ref ref;
	uint64_t id;
	const uint8_t *meta;
	size_t meta_bytes; /* 0: nil */
};

/*
 * @member_bytes: the size of the owner's struct, which begins with a roll_member. roll_join() zeroes the
 * rest.
 */
void roll_init(struct roll *roll, size_t member_bytes);
void roll_deinit(struct roll *roll); /* frees the members too */

/* NULL: no such membership. */
struct roll_member *roll_find(const struct roll *roll, uint64_t group, uint64_t id);
/* 0; -EEXIST: it is there (*ret says where); -ENOMEM. @ret may be NULL. */
int roll_join(struct roll *roll, const struct roll_entry *entry, struct roll_member **ret);
/* Ends a membership, frees it, and sets *at to NULL. */
void roll_leave(struct roll *roll, struct roll_member **at);

/* The next member; NULL: no more. *at is 0 at first. */
static inline struct roll_member *roll_next(const struct roll *roll, uint32_t *at)
{
	while (*at < roll->n_slots) {
		struct roll_member *member = roll->slots[(*at)++];

		if (member)
			return member;
	}
	return NULL;
}
/* False: no members. @random: for ROLL_RANDOM alone. @key: for ROLL_KEY alone. */
bool roll_pick(struct roll *roll, enum roll_how how, uint64_t random, struct wire_str key, actor_ref *ret);
/* The one with the least load; equals in turn. Looks at each, unless one has 0. */
bool roll_pick_least(
	struct roll *roll, uint64_t (*load)(actor_ref ref, void *arg), void *arg, actor_ref *ret);

void roll_put_entry(struct buf *b, const struct roll_entry *entry);
void roll_put(struct buf *b, const struct roll_member *member);
void roll_put_all(struct buf *b, const struct roll *roll); /* the entries, without the array's head */
int roll_read(struct mp_reader *r, struct roll_entry *ret);
size_t roll_entry_bytes(size_t meta_bytes); /* at most */
