/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/actor/call.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

/*
 * A stream, at the caller's end. It is open until the actor has taken or handled its end, or cancels it.
 * Items wait here until they are taken. If the actor has a function for items, they wait in its mailbox.
 */
struct inflow {
	struct call call;
	struct call_stream items_of;
	struct actor *owner;
	bool owner_waits;
	bool outside; /* it is a client's: the program waits for items outside of a handler */
	bool ended;
	bool call_open;
	uint64_t id;           /* in actor_group.streams */
	struct hash_node node; /* actor_group.inflows */
	struct list items;     /* actor_msg.link */
	struct wire_credit window;
	struct wire_credit taken;
	int r; /* of the end */
	actor_msg *end;
	int (*on_item)(actor *self, uint64_t stream, int r, actor_msg *item, void *arg);
	void *arg;
	actor_msg *
		token; /* the message for on_item about the end; NULL: it is queued, or there is no on_item */
};

/* Makes a stream that is in the table and has no call yet. */
int inflow_new(struct actor *owner, struct inflow **ret);
/* Makes the call. The caller must have called send_ready(). */
int inflow_start(struct inflow *stream, const struct wire_dest *to, struct wire_str method, const void *args,
	size_t args_bytes, int64_t deadline_ns);
void inflow_free(struct inflow *stream); /* cancels the stream if it has not ended */
/* NULL: @owner has no stream with that id. */
struct inflow *inflow_find(struct actor *owner, uint64_t id);
/* Waits for the next item or the end, as actor_stream_next(). */
int inflow_next(struct actor *owner, uint64_t id, int64_t timeout_ms, actor_msg **ret_msg);
int inflow_handle(struct actor *self, const actor_msg *msg); /* calls on_item */
void inflows_end(struct actor *self);
void inflows_init(actor_group *group);
void inflows_deinit(actor_group *group);
