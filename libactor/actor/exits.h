/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

struct actor;

/*
 * An exit signal comes to @to: what it does is in exits.c. @link: the id of the link that ended; 0: it was
 * sent. @take_msg: a message with room for a cause, set to NULL if it is used; NULL: one is made if need be.
 */
void exit_received(struct actor *to, actor_ref from, const struct actor_cause *cause, uint64_t link,
	actor_msg **take_msg);
