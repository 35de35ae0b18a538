/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"

struct actor;

struct own_name {
	struct list link;
	uint32_t length;
	char name[];
};

/* Gives the names of an ending actor back and waits for the broker's word if there is one. */
void names_release(struct actor *self);
int name_register(actor_group *group, struct actor *self, const char *name);
/* parks or pumps */
int name_resolve(
	actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, actor_ref *ret);
void names_lost(actor_group *group, struct wire_str name); /* one of ours is another's now */
void names_refresh(actor_group *group);                    /* the broker is a new one */
