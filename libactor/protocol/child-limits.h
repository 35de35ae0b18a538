/* SPDX-License-Identifier: Apache-2.0 */
/* The resource limits of a child: `limits` of a spec ⇄ a plain table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"

/* RTTIME is missing: by that limit the node recognizes its processes. */
#define CHILD_LIMITS_N 15

#define CHILD_LIMIT_NONE UINT64_MAX /* unlimited; as RLIM_INFINITY */

struct child_limits {
	struct child_limit {
		bool set;
		uint64_t soft, hard;
	} of[CHILD_LIMITS_N]; /* by the place in the table of names */
};

/* "nofile" … and the kernel's number. NULL: @i is beyond the last one. */
const char *child_limit_name(size_t i);
int child_limit_resource(size_t i);

/* Sets the limit that is called @name. 0; -ENOENT: no limit is called so; -EINVAL: @soft is above @hard. */
int child_limits_set(struct child_limits *limits, const char *name, uint64_t soft, uint64_t hard);
uint32_t child_limits_count(const struct child_limits *limits);

/* The map name → [soft, hard]; nil is unlimited. Reading: 0, or -EINVAL. */
void child_limits_put(struct buf *b, const struct child_limits *limits);
int child_limits_parse(struct mp_reader *r, struct child_limits *ret);
