/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct actor;

/* Its monitors of process groups end, and what it keeps for process groups. */
void actor_pg_end(struct actor *self);
