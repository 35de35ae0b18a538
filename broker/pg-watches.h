/* SPDX-License-Identifier: Apache-2.0 */
/* Watches of process groups, and the notices to watchers. */
#pragma once

#include "broker/pg.h"

bool pg_is_watched(const struct broker *broker, const struct pg *pg);
/*
 * Tells each watching process once, however many watches it has. @entries: @n entries, one after the other.
 */
void pg_tell_watchers(
	struct broker *broker, struct pg *pg, const char *kind, uint32_t n, const struct buf *entries);
