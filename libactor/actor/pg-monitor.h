/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct actor;

/* @self ends: ends its monitors of process groups and frees self->pg. Its memberships have ended already. */
void actor_pg_end(struct actor *self);
