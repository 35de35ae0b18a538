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

void names_init(actor_group *group);
void names_deinit(actor_group *group);
/* Gives the names of an ending actor back and waits for the broker's word if there is one. */
void names_release(struct actor *self);
int name_register(actor_group *group, struct actor *self, const char *name);
int name_resolve(actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, actor_ref *ret); /* parks or pumps */
bool name_cached(actor_group *group, const char *name, actor_ref *ret);
void name_changed(actor_group *group, struct wire_str name, actor_ref ref); /* nobody: gone */
void names_forget_all(actor_group *group);
void names_lost(actor_group *group, struct wire_str name); /* one of ours is another's now */
void names_forget_group(actor_group *group, uint64_t group_id);
void names_forget_ref(actor_group *group, actor_ref ref);
void names_refresh(actor_group *group); /* the broker is a new one */
