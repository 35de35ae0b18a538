/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What call, send, whereis and names have in common: destinations, arguments, and what can go wrong with a
 * message.
 */
#pragma once

#include "libactor/util/buf.h"
#include "tools/view/ctl.h"
#include "tools/view/session.h"

/* A name, or a ref as "<node.group.serial>". 0, or the exit status after the failure was told. */
int message_destination(const struct ctl *ctl, const char *text, actor_dest *ret);

/*
 * Each text is one JSON value, "@FILE" or "-" (stdin). @ret: the body, an array, for the caller to deinit.
 * 0, or the exit status after the failure was told, with the number of the argument.
 */
int message_args(const struct ctl *ctl, const char *const texts[], size_t n, struct buf *ret);

/* Tells why "<verb> <to> <method>" failed; @r as of session_call(). Returns the exit status. */
int message_fail(const struct ctl *ctl, const char *verb, const char *to, const char *method, int r,
	const struct session_error *error, int64_t timeout_ms);
