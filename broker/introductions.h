/* Who has a direct link with whom, who gets one now, and who wants to hear of whose end. */
#pragma once

#include "actor/actor.h"
#include "util/hash.h"
#include "util/list.h"
#include "wire.h"

struct broker;
struct member;
struct buf;

struct introductions {
	struct hash pairs; /* by both group ids */
	struct hash open;  /* by introduction id */
	struct list timers;
	uint64_t n; /* the last id; the upper half is the broker's incarnation, so that no path is used twice */
};

void introductions_init(struct introductions *introductions, uint64_t incarnation);
void introductions_deinit(struct introductions *introductions);

/* The `introduce` call of @asker; answers it, now or when the old link is known to be over. */
void introductions_ask(struct member *asker, uint64_t group, const struct wire_frame *call);
void introductions_listening(struct member *listener, uint64_t id);
void introductions_failed(struct member *member, uint64_t id, struct wire_str text);
void introductions_link_down(struct member *member, uint64_t group);
/* Announced after a restart. 0, -EDQUOT, -ENOMEM */
int introductions_announce(struct member *member, struct member *other, bool has_link, bool monitors);
/* Does a group monitor @member that has no link with it, by which it would see for itself? */
bool introductions_is_monitored(const struct member *member);
/* @member ended: casts `group_down` (unless NULL) to all who are not yet marked, and forgets its pairs. */
void introductions_end(struct member *member, const struct buf *group_down);
void introductions_tick(struct broker *broker);
int64_t introductions_deadline_ns(const struct broker *broker);
