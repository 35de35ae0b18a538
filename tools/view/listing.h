/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that the broker tells in parts: names, pg_groups, pg_scopes (docs/protocol.md §4). */
#pragma once

#include <jansson.h>

#include "tools/view/ctl.h"
#include "tools/view/session.h"

/*
 * listing_ask() - all of a list, however many parts it has
 * @take_head: the arguments of @method before max and after, an array
 *
 * Return: 0 and *ret, one array; or the exit status after the failure was told.
 */
int listing_ask(
	const struct ctl *ctl, struct session *session, const char *method, json_t *take_head, json_t **ret);
