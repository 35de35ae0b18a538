/* SPDX-License-Identifier: Apache-2.0 */
/* Which groups have a direct pipe, which get one now, and which group wants to hear of the end of which. */
#pragma once

#include <sys/types.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct broker;
struct member;
struct buf;

struct introductions {
	struct hash pairs; /* by both group ids */
	struct hash open;  /* by introduction id */
	/* the last id; the upper half is the broker's incarnation, so that no path is used twice */
	uint64_t n;
};

void introductions_init(struct introductions *introductions, uint64_t incarnation);
void introductions_deinit(struct introductions *introductions);

/*
 * Handles the `introduce` call of @asker. The answer comes at once, or when the other group is there and the
 * old pipe of the two is known to be over.
 */
void introductions_ask(struct member *asker, uint64_t group, const struct wire_frame *call);
/* @member can be told to make pipes now: introductions that waited for that begin. */
void introductions_came(struct member *member);
void introductions_listening(struct member *listener, uint64_t id);
/* @member said where its door is, or that it has none. Groups that could not dial it are told anew. */
void introductions_door(struct member *member);
/*
 * Handles the `admit` call of @member: a process came to its door and says that it is @group. The answer
 * comes when it is known whether that is true. If it is, the pair has a pipe.
 */
void introductions_admit(
	struct member *member, uint64_t group, uid_t uid, pid_t pid, const struct wire_frame *call);
void introductions_failed(struct member *member, uint64_t id, struct wire_str text);
/* @id: of the introduction that made the pipe; 0: any. */
void introductions_link_down(struct member *member, uint64_t group, uint64_t id);
/* @member announced this after a restart. 0, or -EDQUOT (also when memory ran out) */
int introductions_announce(struct member *member, struct member *other, bool has_link, bool monitors);
/* Is there a group that monitors @member and has no pipe with it? With a pipe it would see the end itself. */
bool introductions_is_monitored(const struct member *member);
/* @member ended: casts `group_down` (unless NULL) to all who are not yet marked, and forgets its pairs. */
void introductions_end(struct member *member, const struct buf *group_down);
