/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches of names by a pattern. Each watch has a table of the names that its watcher knows. After a restart
 * the new broker tells all names, and the watcher gets the differences.
 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

struct actor;
struct mp_reader;

void name_watchers_init(actor_group *group);
void name_watchers_deinit(actor_group *group);
void name_watchers_end(struct actor *self); /* the watches of an actor that ends */
/* The broker cast `watched` with these arguments. */
void name_watches_told(actor_group *group, struct mp_reader *args, uint32_t n);
/* The link to the broker was made again: asks for every watch again. */
void name_watches_refresh(actor_group *group);
int actor_name_handle(struct actor *self, const actor_msg *msg); /* handles a MSG_NAME: calls on_name */
