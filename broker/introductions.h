/* SPDX-License-Identifier: Apache-2.0 */
/* Which groups have a direct pipe, which groups get one now, and which groups monitor which others. */
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
	struct hash pairs; /* struct pair, by both group ids */
	struct hash open;  /* struct pair, by introduction id */
	/*
	 * the last introduction id; its upper half is the broker's incarnation, so that no path is used twice
	 */
	uint64_t n;
};

void introductions_init(struct introductions *introductions, uint64_t incarnation);
void introductions_deinit(struct introductions *introductions);

/*
 * Handles the `introduce` call of @asker. If the other group is not there yet, or their old pipe is not known
 * to be over, the answer waits for that.
 */
void introductions_ask(struct member *asker, uint64_t group, const struct wire_frame *call);
/* From now on @member can be told to make pipes. Introductions that waited for that begin. */
void introductions_came(struct member *member);
void introductions_listening(struct member *listener, uint64_t id);
/*
 * @member has said where its door is, or that it has none. Groups that could not dial @member are told again
 * where to dial.
 */
void introductions_door(struct member *member);
/*
 * Handles the `admit` call of @member: a process came to its door and says that it is @group. The answer
 * comes when it is known whether that is true. If it is, the pair has a pipe.
 */
void introductions_admit(
	struct member *member, uint64_t group, uid_t uid, pid_t pid, const struct wire_frame *call);
void introductions_failed(struct member *member, uint64_t id, struct wire_str text);
/* @member says that its pipe with @group is gone. @id: the introduction that made the pipe; 0: any. */
void introductions_link_down(struct member *member, uint64_t group, uint64_t id);
/*
 * After a restart of the broker @member announced a link with @other, a monitor of it, or both. 0, or -EDQUOT
 * (also when memory ran out)
 */
int introductions_announce(struct member *member, struct member *other, bool has_link, bool monitors);
/*
 * Is there a group that monitors @member and has no pipe with it? A group with a pipe sees the end of @member
 * itself.
 */
bool introductions_is_monitored(const struct member *member);
/*
 * @member ended. Casts @group_down (unless NULL) to all groups of its pairs that are not marked yet, and
 * forgets the pairs.
 */
void introductions_end(struct member *member, const struct buf *group_down);
