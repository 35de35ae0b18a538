/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"

void names_init(actor_group *group);
void names_deinit(actor_group *group);
bool name_cached(actor_group *group, const char *name, actor_ref *ret);
void name_changed(
	actor_group *group, struct wire_str name, actor_ref ref); /* @ref nobody: the name is free */
void names_each_cached(actor_group *group, void (*fn)(const char *name, void *arg), void *arg);
void names_forget_all(actor_group *group);
void names_forget_group(actor_group *group, uint64_t group_id);
void names_forget_ref(actor_group *group, actor_ref ref);
