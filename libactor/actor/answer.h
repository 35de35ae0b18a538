/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/list.h"

struct actor;

/*
 * The address of a caller. In a handler the program has a pointer to it; of a kept one it has a number
 * (answer.c).
 */
struct actor_from {
	actor_group *group;
	struct actor *callee; /* the answer is in its name; its end answers what it kept */
	actor_ref to;
	uint64_t id;
	uint64_t way;         /* the way back: peer_way() */
	int64_t deadline_us;  /* of the call; 0: none */
	const actor_msg *msg; /* the call; NULL: a kept one */
	bool answered;
	uint64_t kept_id;
	struct list link; /* kept ones: actor.froms */
};

void from_init(struct actor_from *from, struct actor *callee, const actor_msg *msg);
void from_refuse(struct actor_from *from, const char *error, const char *text);
void froms_end(struct actor *callee, const char *reason);

/* Answers a call with an error. */
void call_refuse(actor_group *group, actor_ref caller, uint64_t way, actor_ref callee, uint64_t id,
	const char *error, const char *text);
