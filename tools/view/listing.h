/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that the broker sends in parts: names, pg_groups, pg_scopes (docs/protocol.md §4). */
#pragma once

#include <jansson.h>

#include "tools/view/ctl.h"
#include "tools/view/session.h"

/*
 * listing_ask() - asks for a whole list, however many parts it has
 * @take_head: an array of the arguments of @method that come before max and after
 *
 * Return: 0, and *ret is one array; or the exit status after the failure was reported.
 */
int listing_ask(
	const struct ctl *ctl, struct session *session, const char *method, json_t *take_head, json_t **ret);
