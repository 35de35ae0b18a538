/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables that a node hands on from its own environment. The keeper gives them to the supervisor, the
 * supervisor to every child.
 */
#pragma once

#include <stddef.h>

#include "libactor/protocol/variables.h"

#define INHERITED_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct {
	const char *name;
	/* the child's value if the node has none; NULL: then the child has none either */
	const char *otherwise;
} inherited[] = {
	{"HOME", "/"},
	{"PATH", INHERITED_PATH},
	{"USER", NULL},
	{"LANG", NULL},
	{ENV_LOG_LEVEL, NULL},
	{ENV_SPIN_US, NULL},
};
#define INHERITED_N (sizeof(inherited) / sizeof(inherited[0]))
