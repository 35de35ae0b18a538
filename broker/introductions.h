/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a direct pipe with whom, who gets one now, and who wants to hear of whose end. */
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
 * The `introduce` call of @asker; answers it, now or when the other is there and the old pipe is known to be
 * over.
 */
void introductions_ask(struct member *asker, uint64_t group, const struct wire_frame *call);
/* @member can be told to make pipes: what waited for that begins. */
void introductions_came(struct member *member);
void introductions_listening(struct member *listener, uint64_t id);
/* It said where its door is, or that it has none: who could not get there is told. */
void introductions_door(struct member *member);
/*
 * The `admit` call of @member, to which somebody came who says to be @group: is it? Answers it, when that is
 * known; the pipe counts then.
 */
void introductions_admit(
	struct member *member, uint64_t group, uid_t uid, pid_t pid, const struct wire_frame *call);
void introductions_failed(struct member *member, uint64_t id, struct wire_str text);
/* @id: of the introduction that made the pipe; 0: whichever it was. */
void introductions_link_down(struct member *member, uint64_t group, uint64_t id);
/* Announced after a restart. 0, -EDQUOT, -ENOMEM */
int introductions_announce(struct member *member, struct member *other, bool has_link, bool monitors);
/* Does a group monitor @member that has no pipe with it, by which it would see for itself? */
bool introductions_is_monitored(const struct member *member);
/* @member ended: casts `group_down` (unless NULL) to all who are not yet marked, and forgets its pairs. */
void introductions_end(struct member *member, const struct buf *group_down);
