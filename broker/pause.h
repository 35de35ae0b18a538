/* SPDX-License-Identifier: Apache-2.0 */
/* Which senders were told to pause, and for which actors. */
#pragma once

#include "broker/member.h"

#define PAUSES_RECORD_BYTES 128 /* the charge for one record */

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
	uint64_t name_hash; /* hash of the name in the last `pause` to the sender; 0: it had no name */
	size_t size_bytes;  /* bytes that the sender has sent since, and that are charged to it */
};

struct pause *pause_find(const struct pauses *pauses, const struct member *sender, actor_ref ref);
/* NULL: memory ran out, or @sender is at its limit. */
struct pause *pause_new(struct member *sender, struct member *target, actor_ref ref);
/*
 * Tells the sender to pause. The frame also has the name by which the sender calls the actor, since the
 * sender does not know the ref of the name.
 */
void pause_say(struct pause *pause, struct wire_str name);
bool pause_is_told(const struct pause *pause, struct wire_str name);
/* From now on @pause ends with @hold. NULL: it ends with the congestion of its target. */
void pause_depend(struct pause *pause, struct hold *hold);
/* The sender has ended or is lost. Its frames wait on, and nobody is charged for them any more. */
void pause_leave(struct pause *pause);
/* Ends these pauses: their senders are told to go on. */
void pauses_lift(struct list *pauses);
