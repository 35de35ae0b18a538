/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is told of each change of the names that fit a pattern. A watch has an id that its group chose. A
 * change is not compared with every pattern there is: watches are found by what their pattern begins with.
 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/pattern.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"

struct broker;
struct member;

struct name_watches {
	struct hash by_literal;
	uint32_t n_of_length[PATTERN_MAX_BYTES + 1]; /* how many have a literal of so many bytes */
};

void name_watches_init(struct name_watches *watches);
void name_watches_deinit(struct name_watches *watches); /* no watch is left by then */

/* A watch that @member has with that id is replaced. 0, -EDQUOT, -ENOMEM */
int name_watch_begin(struct member *member, uint64_t id, const struct pattern *pattern);
void name_watch_end(struct member *member, uint64_t id);
void name_watches_end(struct member *member); /* all watches of @member */

/* @name led to @was and leads to @ref now; either may be nobody. */
void name_watches_tell(struct broker *broker, struct wire_str name, actor_ref ref, actor_ref was);
