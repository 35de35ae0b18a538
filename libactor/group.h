/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "actor/actor.h"

int group_new(actor_group **ret, enum actor_join_mode mode, size_t stack_bytes);
int group_check_runtime_dir(actor_group *group); /* 0 if the owner of the directory may be trusted */
int group_read_options(
	struct actor_group_options *ret, const struct actor_group_options *given, size_t given_bytes);
int group_spawn(actor_group *group, const struct actor_behavior *behavior, const void *arg, bool internal,
	actor_ref *ret);
