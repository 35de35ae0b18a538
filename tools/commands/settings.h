/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of a process that are a name and a value: options of `actorctl spawn`. Each is read here into
 * a child spec.
 */
#pragma once

#include "libactor/protocol/child-spec.h"
#include "tools/view/ctl.h"

/*
 * Reads one setting, "NAME=VALUE". *ret_keys: the two keys of the spec that it changes, the second of which may
 * be NULL. Returns 0, or the exit status after a report.
 */
int settings_set(
	const struct ctl *ctl, struct child_spec *spec, const char *text, const char *const **ret_keys);

/* Reads all settings that stand among the options. */
int settings_read(const struct ctl *ctl, struct child_spec *spec, const struct args *args);
