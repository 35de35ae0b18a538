/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

/*
 * A call to $spawner. A supervisor that is away is started again in a moment, so a request is sent again
 * until the time-out, also one of which it is not known whether it was heard: asking twice must do no harm.
 * As actor_call_name(), but never -ESRCH or -ECONNRESET: -ENOTCONN.
 */
int spawner_ask(struct actor *self, const char *method, int64_t timeout_ms, actor_msg **ret_msg,
	const char *format, ...);
