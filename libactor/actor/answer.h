/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/actor/served.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"

struct actor;

/*
 * The address of a caller. In a handler the program has a pointer to it; a kept address is a number for the
 * program (answer.c).
 */
struct actor_from {
	actor_group *group;
	/* the answer comes from this actor; when it ends, its kept addresses are answered */
	struct actor *callee;
	actor_ref to;
	uint64_t id;
	uint64_t way;                   /* how the call came, and the answer goes: peer_way() */
	int64_t deadline_us;            /* of the call; 0: none */
	const actor_msg *msg;           /* the call; NULL: a kept address */
	const struct wire_trace *trace; /* of the call, in the call or in own_trace; NULL: none */
	bool answered;
	uint64_t kept_id;
	struct served served;
	struct list link;              /* of a kept address: in actor.froms */
	struct wire_trace own_trace[]; /* one, if this is a kept address and the call had a trace */
};

/*
 * Finds the address of @from. Returns 0; -EINVAL when @from is NULL; -EALREADY when it was answered; -ESRCH
 * when it is a kept one that was answered or freed, or whose actor has ended.
 */
int from_find(const actor_from *from, struct actor_from **ret);
bool from_is_kept(const actor_from *from);
actor_from *from_of_id(uint64_t kept_id);
void from_init(struct actor_from *from, struct actor *callee, const actor_msg *msg);
void from_refuse(struct actor_from *from, const char *error, const char *text);
void froms_end(struct actor *callee, const char *reason);

/* The part of a call that its answer needs. */
struct answer_to {
	actor_ref caller;
	uint64_t id;
	uint64_t way;                   /* the way by which the call came (peer_way()) */
	const struct wire_trace *trace; /* NULL: none */
	uint64_t n_items;               /* the number of items that were sent before the answer */
};

/* Answers a call with a result, one well-formed value. */
void call_answer(actor_group *group, const struct answer_to *to, actor_ref callee, const void *result,
	size_t result_bytes);
/* Answers a call with an error. */
void call_refuse(actor_group *group, const struct answer_to *to, actor_ref callee, const char *error,
	const char *text);
