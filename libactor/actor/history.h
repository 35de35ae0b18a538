/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last messages that an actor has begun to handle, for people who look at it (sys.c) and for the report
 * of a crash. The idea is that of sys:log of OTP. They are kept only on request: an actor without a history
 * pays one branch for each message. A history is one allocation of a fixed size, so to note a message
 * allocates nothing.
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
/* Of all actors of a group: whoever may call them may ask for it. */
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
		node; /* group->histories: few actors have one, and no other shall be larger for it */
	uint64_t serial;
	uint32_t n_entries; /* that are filled */
	uint32_t max_entries;
	uint32_t next; /* to be filled */
	struct history_entry entries[];
};

/*
 * From now on keeps the last @n messages; 0: none. What was kept is gone. Returns 0, -EINVAL (n), or -ENOMEM:
 * the group keeps as much as it may, or there is no memory.
 */
int history_keep(struct actor *self, uint64_t n);
size_t history_bytes(const struct history *history);
void history_drop(struct actor *self);
struct history *history_of(const struct actor *self); /* NULL: none is kept */
void history_note(struct actor *self, const actor_msg *msg);
const char *history_kind(enum msg_kind kind); /* for people */
/* The @i-th entry that is kept, the oldest first. @i must be below n_entries. */
const struct history_entry *history_at(const struct history *history, uint32_t i);
void history_put(struct buf *out, const struct history *history);
