/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "libactor/protocol/wire.h"

struct actor;
struct pg_monitor;

/* Its monitor of a process group; @name.s NULL: of a scope, and @scope.s NULL: of all. NULL: no memory. */
struct pg_monitor *pg_monitor_new(struct actor *self, struct wire_str scope, struct wire_str name);
/* @self ends: ends its monitors of process groups and frees self->pg. Its memberships have ended already. */
void actor_pg_end(struct actor *self);
