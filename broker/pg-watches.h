/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of changes in process groups. */
#pragma once

#include "broker/pg.h"

bool pg_is_watched(const struct broker *broker, const struct pg *pg);
/* Each watching process hears it once, however many watches it has. @entries: @n of them. */
void pg_tell_watchers(
	struct broker *broker, struct pg *pg, const char *kind, uint32_t n, const struct buf *entries);
