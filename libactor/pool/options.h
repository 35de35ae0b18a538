/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool was made with: checked, with its defaults, and copies of its own. */
#pragma once

#include <stddef.h>

#include "actor/pool.h"
#include "libactor/pool/core.h"

struct options {
	struct actor_pool_options given; /* strings and behavior below are the copies */
	struct actor_behavior behavior;
	char **argv, **env; /* env has two free places before its NULL */
	size_t n_env;
	char *name, *cwd;
};

/* 0, -EINVAL, -E2BIG, -ENOMEM */
int options_read(struct options *ret, const struct actor_pool_options *given, size_t given_bytes);
void options_free(struct options *options);
/* Takes over from @given what can be set while a pool runs. */
int options_set(struct options *options, const struct actor_pool_options *given, size_t given_bytes);
/* "[{workers: …}]", as of the method `settings`. 0; -EPROTO, *ret_text: why not. */
int options_set_map(struct options *options, const actor_msg *msg, const char **ret_text);
struct core_settings options_core(const struct options *options);
