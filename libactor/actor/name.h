/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct actor;

struct own_name {
	struct hash_node node; /* group->own_names */
	struct list link;      /* owner->names */
	struct actor *owner;
	uint32_t length;
	char name[];
};

/* own-names.c */
void own_names_init(actor_group *group);
void own_names_deinit(actor_group *group);
/*
 * Gives back all names of @self, an actor that is ending. If the link to the broker is up and the group is
 * not closing, this also unregisters them at the broker, and waits for its answer.
 */
void names_release(struct actor *self);
void names_discard(struct actor *self); /* the same without telling the broker: the group is being freed */
/* @name was registered for an actor of @group, and the broker says that it has another owner now. */
void names_lost(actor_group *group, struct wire_str name);
int own_name_resolve(actor_group *group, const char *name, actor_ref *ret); /* 0 or -ESRCH */
int name_register(actor_group *group, struct actor *self, const char *name);
/*
 * name.c. Asks the broker, unless the ref is cached. The wait parks @self, or pumps the loop if @self is
 * NULL.
 */
int name_resolve(
	actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, actor_ref *ret);
/* The same, but waits until an actor has the name. @timeout_ms: more than a day counts as a day. */
int name_resolve_wait(
	actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, actor_ref *ret);
/* The link to the broker was made again: looks up every cached name again. */
void names_refresh(actor_group *group);
