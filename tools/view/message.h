/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that commands about messages and names share: destinations, arguments, and reports of failures.
 */
#pragma once

#include "libactor/util/buf.h"
#include "tools/view/ctl.h"
#include "tools/view/session.h"

/*
 * Reads a destination: a name, or a ref like "<node.group.serial>". 0, or the exit status after the failure
 * was reported.
 */
int message_destination(const struct ctl *ctl, const char *text, actor_dest *ret);

/*
 * Makes a body of arguments. Each text is one JSON value, "@FILE" or "-" (stdin). @ret: the body, an array,
 * which the caller deinits. 0, or the exit status after the failure was reported with the number of the
 * argument.
 */
int message_args(const struct ctl *ctl, const char *const texts[], size_t n, struct buf *ret);

/* Reports why "<verb> <to> <method>" failed. @r: the result of session_call(). Returns the exit status. */
int message_fail(const struct ctl *ctl, const char *verb, const char *to, const char *method, int r,
	const struct session_error *error, int64_t timeout_ms);
