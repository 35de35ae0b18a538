/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands frames to a group as if they had come over a link. The group has one actor and some peers without a
 * pipe. A story says which peer says what.
 */
#pragma once

#include "libactor/base/base.h"
#include "libactor/peer/peer.h"
#include "libactor/util/buf.h"
#include "tests/unit/story.h"

#define ASKED    7u /* the group that is asked, or watched */
#define THIRD    9u /* a group that has nothing to do with it */
#define BROKER   2u
#define SPAWNER  3u
#define NEWCOMER (UINT64_C(1) << 63 | 0x21) /* any client */

extern const struct actor_behavior asker, watcher;
extern int asker_result;     /* what the last call of an asker returned; 1: nothing yet */
extern int64_t asker_number; /* the number that was its answer */
extern uint64_t monitor_of_self;
extern unsigned n_downs; /* how many DOWNs all watchers have got */
extern char down_reason[64];

void story(story_fn fn);
/* Makes the peer @id, with a link. BROKER is the broker's group. */
struct peer *peer_of(actor_group *group, uint64_t id, const char *name);
/* This is what the next peer says. */
extern struct buf frame;
/* Gives what is in `frame` to the group, as said by @peer. True: that has cost @peer its link. */
bool says(struct peer *peer);
actor_ref ref_of(uint64_t group, uint64_t serial);
void put_reply(actor_ref to, actor_ref from, uint64_t id, int number);
void put_down(actor_ref to, actor_ref from, uint64_t id, const char *reason);
void put_cast(actor_ref to, actor_ref from, const char *method, const char *format, ...);
/* Starts an asker that waits for @callee's answer. Returns the id of its call. */
uint64_t ask(actor *self, actor_ref callee, actor_ref *ret_asker);
/* Starts a watcher of @who. Returns the id of its monitor. */
uint64_t watch(actor *self, actor_ref who, actor_ref *ret_watcher);
void broker_tells_the_end(actor_group *group); /* the end of ASKED */
void expect_downs(actor *self, unsigned n);
