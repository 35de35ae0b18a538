/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

/*
 * Calls $spawner. A supervisor that died is started again at once, so the request is repeated until the
 * time-out, even if an earlier one may have been heard. So a repeated request must do no harm. Errors are
 * those of actor_call(), but -ENOTCONN in place of -ESRCH and -ECONNRESET. @self: the actor whose handler
 * runs, or the letter box of a client, outside of the loop.
 */
int spawner_ask(struct actor *self, const char *method, int64_t timeout_ms, actor_msg **ret_msg,
	const char *format, ...);
