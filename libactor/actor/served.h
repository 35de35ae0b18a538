/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are being served, as their callers' groups know them: by the group of the caller and the id of
 * the call. By this table a `cancel` and a `credit` find the call that they are about (docs/protocol.md §3).
 *
 * In the table are the streams, and the kept addresses (answer.h). A plain call whose handler still runs is
 * found by its actor, so that calls that are answered at once cost nothing here. A call that still waits in
 * the mailbox of its actor is not looked for: its `cancel` is noted, and is found when the call is handled.
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

/* What struct actor_from has of it. */
struct served {
	bool listed;    /* in actor_group.served */
	bool cancelled; /* nobody waits for the answer any more */
	bool is_stream; /* the caller takes items */
	/* of a stream: */
	bool wants_credit; /* a sender that does not wait was told that there is none */
	bool starved;      /* cancelled, since there was no memory for it; its caller waits for its end */
	uint64_t sender;   /* serial of the actor that is parked until there is credit; 0: none */
	struct wire_credit credit, sent;
	struct hash_node node; /* actor_group.served */
	struct list by_peer;   /* peer.served */
	/* What the actor asked to be told (cancel.c); token NULL: nothing, or it is in the mailbox */
	struct {
		int (*told)(actor *self, actor_from *from, void *arg);
		void *arg;
		actor_msg *token;
	} events[SERVED_EVENT_N];
};

void served_init(actor_group *group);
void served_deinit(actor_group *group);

/* A new call: @credit NULL, it is no stream. It is not in the table. */
void served_call(struct actor_from *from, const struct wire_credit *credit);
/*
 * Puts the call into the table. If there is no memory, it is not found there: then nobody hears of a cancel,
 * and a stream is cancelled, and ends `overloaded`.
 */
void served_list(struct actor_from *from);
void served_move(struct actor_from *from, struct actor_from *to); /* @to is a copy of @from */
void served_put_back(struct actor_from *from); /* the call waits again, and what was heard is kept */
void served_end(struct actor_from *from);      /* it is answered: wakes who waits for credit */
/* Whether nobody waits for the answer of @from, as far as this group knows. */
bool served_is_over(const struct actor_from *from);
bool served_has_credit(const struct actor_from *from);

/* The caller @from of the call @id gives up. @to: the actor that it called; NULL: that has ended. */
void served_cancel(actor_group *group, struct actor *to, actor_ref from, uint64_t id);
void served_credit(actor_group *group, actor_ref from, uint64_t id, struct wire_credit credit);
/* Whether the call @msg, which comes out of the mailbox of @to now, was cancelled there. */
bool served_was_cancelled(struct actor *to, const actor_msg *msg);
void served_end_by_peer(struct peer *peer); /* @peer, or its link, is gone: nobody waits for these answers */
