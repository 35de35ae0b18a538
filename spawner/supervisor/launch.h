/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a child's spec into what the keeper's forked child reads: arguments, environment and token in a
 * sealed memfd.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/protocol/token.h"
#include "spawner/node/child.h"

#define LAUNCH_TEXT_BYTES 256

struct launch {
	const char *runtime_dir;
	uint8_t key[TOKEN_KEY_BYTES];
};

/*
 * Whether the child can run as the user and group of its spec. 0; -EPERM: the node is not root's; -ENOENT: no
 * such user or group; @text says it in a line.
 */
int launch_check(const struct child_spec *spec, char text[LAUNCH_TEXT_BYTES]);

/*
 * The environment is HOME, PATH, USER, LANG, LC_*, TZ, ACTOR_LOG_LEVEL and ACTOR_SPIN_US as the supervisor
 * has them, then the variables of the spec, then ACTOR_RUNTIME_DIR and ACTOR_TOKEN of this incarnation. The
 * first three are missing if the spec says clear_env; HOME and USER are those of the user that the spec has.
 * A later variable replaces an earlier one of the same name. 0; or negative errno, with a line for people in
 * @text.
 */
int launch_seal(
	const struct launch *launch, const struct child *child, int *ret_fd, char text[LAUNCH_TEXT_BYTES]);

/*
 * Finds out why exec failed with @error (a positive errno) although the file exists: its interpreter, its
 * loader or its format may be the reason. True: @text has one line about it. False: there is no more to say
 * than @error does.
 */
bool launch_explain(const struct child *child, int error, char text[LAUNCH_TEXT_BYTES]);
