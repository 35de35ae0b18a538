/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables that a node hands on from its own environment. The keeper gives them to the supervisor, the
 * supervisor to every child.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "libactor/protocol/variables.h"

#define INHERITED_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct {
	const char *name;
	/* the child's value if the node has none; NULL: then the child has none either */
	const char *otherwise;
	bool always; /* a child has it even if its spec asks for a clear environment */
} inherited[] = {
	{"HOME", "/", false},
	{"PATH", INHERITED_PATH, false},
	{"USER", NULL, false},
	{"LANG", NULL, true},
	{"LC_ALL", NULL, true},
	{"LC_COLLATE", NULL, true},
	{"LC_CTYPE", NULL, true},
	{"LC_MESSAGES", NULL, true},
	{"LC_MONETARY", NULL, true},
	{"LC_NUMERIC", NULL, true},
	{"LC_TIME", NULL, true},
	{"TZ", NULL, true},
	{ENV_LOG_LEVEL, NULL, true},
	{ENV_SPIN_US, NULL, true},
};
#define INHERITED_N (sizeof(inherited) / sizeof(inherited[0]))
