/* SPDX-License-Identifier: Apache-2.0 */
/* Who was told to pause, and for which actor. */
#pragma once

#include "broker/member.h"

#define PAUSES_RECORD_BYTES 128 /* what a record is charged with */

struct hold;
struct pauses;

/* A sender was told to pause for one ref. */
struct pause {
	struct hash_node node; /* pauses.by_sender */
	struct list by_sender; /* member.pauses */
	struct list by_cause;  /* hold.pauses, or member.slowed of the target */
	struct member *sender;
	struct member *target;
	struct hold *hold; /* NULL: the target is congested, or has no pipe */
	actor_ref ref;
	uint64_t name_hash; /* of the name that the sender heard with it last; 0: of none */
	size_t size_bytes;  /* what the sender sent since, which is charged to it */
};

struct pause *pause_find(const struct pauses *pauses, const struct member *sender, actor_ref ref);
/* NULL: no memory, or @sender has its limit. */
struct pause *pause_new(struct member *sender, struct member *target, actor_ref ref);
/* A sender that calls the actor by a name does not know which ref that is. */
void pause_say(struct pause *pause, struct wire_str name);
bool pause_is_told(const struct pause *pause, struct wire_str name);
/* From now on it ends with @hold; NULL: with the congestion of its target. */
void pause_depend(struct pause *pause, struct hold *hold);
/* @sender ends, or is lost: what it sent waits on, and is charged to nobody. */
void pause_leave(struct pause *pause);
/* Their senders may go on. */
void pauses_lift(struct list *pauses);
