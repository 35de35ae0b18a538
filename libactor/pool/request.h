/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a job from the message "[key, method, args, options]" (docs/protocol.md §9). */
#pragma once

#include <stdint.h>

#include "actor/actor.h"
#include "libactor/pool/options.h"
#include "libactor/pool/pool.h"

/*
 * Returns 0; -ENOMEM; -EPROTO, and *ret_text says why. @now_us: of the monotonic clock. @deadline_us: until
 * when the caller waits; 0: no caller waits.
 */
int request_new(struct request **ret, const void *body, size_t body_bytes,
	const struct actor_pool_options *options, int64_t now_us, int64_t deadline_us, const char **ret_text);
