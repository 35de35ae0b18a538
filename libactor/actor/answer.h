/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/list.h"

struct actor;

/* in a handler a pointer to it is what the program has; of a kept one it has a number (answer.c) */
struct actor_from {
	actor_group *group;
	struct actor *callee; /* answers in its name, whoever does; its end answers what it kept */
	actor_ref to;
	uint64_t id;
	uint64_t way;         /* back: peer_way() */
	const actor_msg *msg; /* the call; NULL: a kept one */
	bool answered;
	uint64_t kept_id;
	struct list link; /* kept ones: actor.froms */
};

void from_init(struct actor_from *from, struct actor *callee, const actor_msg *msg);
void from_refuse(struct actor_from *from, const char *error, const char *text);
void froms_end(struct actor *callee, const char *reason);

/* Answers a call that is not (or cannot be) handled. */
void call_refuse(actor_group *group, actor_ref caller, uint64_t way, actor_ref callee, uint64_t id,
	const char *error, const char *text);
