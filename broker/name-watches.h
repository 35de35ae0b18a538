/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches of names by a pattern: a group is told of each change of a name that fits. The group chooses the id
 * of its watch. A change is not compared with every pattern: watches are found by the literal with which
 * their pattern begins.
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
	uint32_t n_of_length[PATTERN_MAX_BYTES + 1]; /* how many watches have a literal of so many bytes */
};

void name_watches_init(struct name_watches *watches);
void name_watches_deinit(struct name_watches *watches); /* all watches must have ended */

/* Replaces the watch that @member has with the same id, if there is one. 0, -EDQUOT, -ENOMEM */
int name_watch_begin(struct member *member, uint64_t id, const struct pattern *pattern);
void name_watch_end(struct member *member, uint64_t id);
void name_watches_end(struct member *member); /* ends all watches of @member */

/* To be called when @name led to @was and now leads to @ref. Either may be nobody. */
void name_watches_tell(struct broker *broker, struct wire_str name, actor_ref ref, actor_ref was);
