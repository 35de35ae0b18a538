/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

struct actor;

/*
 * An exit signal comes to @to; exits.c decides what it does. @link: the id of the link that ended; 0:
 * actor_exit() sent the signal. @take_msg: a message with room for a cause, set to NULL if it is used; NULL:
 * a message is made if one is needed.
 */
void exit_received(struct actor *to, actor_ref from, const struct actor_cause *cause, uint64_t link,
	actor_msg **take_msg);
