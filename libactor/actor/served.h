/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that actors of this group are serving. The frames `cancel` and `credit` name a call by the group
 * of its caller and its id (docs/protocol.md §3); a table finds the call by these two.
 *
 * The table has streams and kept addresses (answer.h). A plain call whose handler still runs is not in the
 * table: its actor has it. So a call that is answered at once costs nothing here. A call that still waits in
 * a mailbox is not searched for: its `cancel` is noted, and found when the call is handled.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct actor;
struct actor_from;
struct peer;

enum served_event { SERVED_CANCEL, SERVED_CREDIT, SERVED_EVENT_N };

/* The part of a struct actor_from that this file owns. */
struct served {
	bool listed;    /* in actor_group.served */
	bool cancelled; /* nobody waits for the answer any more */
	bool is_stream; /* the caller takes items */
	/* of a stream: */
	bool wants_credit; /* a sender that does not wait was told that there is none */
	bool starved; /* a stream that was cancelled for want of memory; its caller still waits for the end */
	uint64_t sender; /* serial of the actor that is parked until there is credit; 0: none */
	struct wire_credit credit, sent;
	struct hash_node node; /* actor_group.served */
	struct list by_peer;   /* peer.served */
	/* What the actor wants to hear (cancel.c). token NULL: nothing, or the token is in the mailbox. */
	struct {
		int (*told)(actor *self, actor_from *from, void *arg);
		void *arg;
		actor_msg *token;
	} events[SERVED_EVENT_N];
};

void served_init(actor_group *group);
void served_deinit(actor_group *group);

/* Begins a new call, which is not in the table. @credit NULL: it is no stream. */
void served_call(struct actor_from *from, const struct wire_credit *credit);
/*
 * Puts the call into the table. If there is no memory, a plain call goes on and does not hear of a cancel; a
 * stream is cancelled, and ends with the error `overloaded`.
 */
void served_list(struct actor_from *from);
void served_move(struct actor_from *from, struct actor_from *to); /* @to is a copy of @from */
void served_put_back(
	struct actor_from *from); /* the call goes back to the mailbox; a cancel of it is noted again */
void served_end(struct actor_from *from); /* the call is answered: wakes the actor that waits for credit */
/* Whether nobody waits for the answer of @from, as far as this group knows. */
bool served_is_over(const struct actor_from *from);
bool served_has_credit(const struct actor_from *from);

/* The caller @from of the call @id gives up. @to: the called actor; NULL: it has ended. */
void served_cancel(actor_group *group, struct actor *to, actor_ref from, uint64_t id);
void served_credit(actor_group *group, actor_ref from, uint64_t id, struct wire_credit credit);
/* Whether the call @msg, which comes out of the mailbox of @to now, was cancelled there. */
bool served_was_cancelled(struct actor *to, const actor_msg *msg);
void served_end_by_peer(
	struct peer *peer); /* @peer or its link is gone: nobody waits for the answers to its calls */
