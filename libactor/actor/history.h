/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last messages that an actor has begun to handle, for people who look at the actor (sys.c) and for the
 * report of a crash. Source of the idea: sys:log of OTP. Messages are kept only on request; an actor without
 * a history pays one branch for each message. A history is one allocation of a fixed size, so noting a
 * message allocates nothing.
 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"
#include "libactor/message/msg.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"

struct actor;

#define HISTORY_MAX          1024u
#define HISTORY_METHOD_BYTES 64u  /* a longer name is cut */
#define HISTORY_BODY_BYTES   256u /* of a larger body only the size is kept */
/* Of all actors of a group together, since anybody who may call an actor may ask for a history. */
#define HISTORIES_MAX_BYTES (64u << 20)

struct history_entry {
	int64_t time_ns; /* CLOCK_MONOTONIC, at the beginning of the loop's turn */
	actor_ref sender;
	enum msg_kind kind;
	uint32_t body_bytes;
	char method[HISTORY_METHOD_BYTES];
	uint8_t body[HISTORY_BODY_BYTES];
};

struct history {
	struct hash_node
		node; /* in group->histories, and not in struct actor, because few actors have a history */
	uint64_t serial;
	uint32_t n_entries; /* the number of filled entries */
	uint32_t max_entries;
	uint32_t next; /* the entry that is filled next */
	struct history_entry entries[];
};

/*
 * From now on keeps the last @n messages; 0: none. Messages that were kept before are dropped. Returns 0;
 * -EINVAL when @n is too large; -ENOMEM when there is no memory, or the group keeps HISTORIES_MAX_BYTES.
 */
int history_keep(struct actor *self, uint64_t n);
size_t history_bytes(const struct history *history);
void history_drop(struct actor *self);
struct history *history_of(const struct actor *self); /* NULL: it has none */
void history_note(struct actor *self, const actor_msg *msg);
const char *history_kind(enum msg_kind kind); /* for people */
/* The @i-th entry that is kept, the oldest first. @i must be below n_entries. */
const struct history_entry *history_at(const struct history *history, uint32_t i);
void history_put(struct buf *out, const struct history *history);
