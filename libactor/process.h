/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

/*
 * A call to $spawner. A supervisor that died is started again at once, so the request is repeated until the
 * time-out. It is repeated even if the first one may have been heard: asking twice must do no harm. Errors
 * are those of actor_call(), but -ENOTCONN instead of -ESRCH and -ECONNRESET.
 */
int spawner_ask(struct actor *self, const char *method, int64_t timeout_ms, actor_msg **ret_msg,
	const char *format, ...);
