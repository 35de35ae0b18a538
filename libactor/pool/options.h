/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a pool: checked, with defaults, and with copies of all strings. */
#pragma once

#include <stddef.h>

#include "actor/pool.h"
#include "libactor/pool/core.h"

struct options {
	struct actor_pool_options given; /* its strings and behavior are the copies below */
	struct actor_behavior behavior;
	char **argv, **env; /* env has two free places before its NULL */
	size_t n_env;
	char *name, *cwd;
};

/* Returns 0, -EINVAL, -E2BIG or -ENOMEM. */
int options_read(struct options *ret, const struct actor_pool_options *given, size_t given_bytes);
void options_free(struct options *options);
/* Takes from @given the options that can be set while a pool runs. */
int options_set(struct options *options, const struct actor_pool_options *given, size_t given_bytes);
/*
 * Reads "[{workers: …}]", the arguments of the method `settings`. Returns 0; -EPROTO, and *ret_text says why.
 */
int options_set_map(struct options *options, const actor_msg *msg, const char **ret_text);
struct core_settings options_core(const struct options *options);
