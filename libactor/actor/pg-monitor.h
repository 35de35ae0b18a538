/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "libactor/protocol/wire.h"

struct actor;
struct pg_monitor;

/*
 * Makes a monitor of a process group for @self. @name.s NULL: of a whole scope; @scope.s NULL as well: of
 * all. Returns NULL when out of memory.
 */
struct pg_monitor *pg_monitor_new(struct actor *self, struct wire_str scope, struct wire_str name);
/*
 * @self ends: ends its monitors of process groups and frees self->pg. Its memberships must have ended
 * already.
 */
void actor_pg_end(struct actor *self);
