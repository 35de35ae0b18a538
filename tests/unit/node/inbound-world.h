/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames as they come from a link are handed to a group of one actor and some peers that have no link. A
 * story says who sends what.
 */
#pragma once

#include "libactor/base/base.h"
#include "libactor/peer/peer.h"
#include "libactor/util/buf.h"
#include "tests/unit/story.h"

#define ASKED    7u /* the group that was asked, or is watched */
#define THIRD    9u /* one that has nothing to do with it */
#define BROKER   2u
#define SPAWNER  3u
#define NEWCOMER (UINT64_C(1) << 63 | 0x21) /* any client */

extern const struct actor_behavior asker, watcher;
extern int asker_result;     /* of the last call that was asked for; 1: none yet */
extern int64_t asker_number; /* and the number that was its answer */
extern uint64_t monitor_of_self;
extern unsigned n_downs; /* of all watchers */
extern char down_reason[64];

void story(story_fn fn);
/* The group of that id, with a link; BROKER is the daemon. */
struct peer *peer_of(actor_group *group, uint64_t id, const char *name);
/* What is said next. */
extern struct buf frame;
/* True: it cost the sender its link. */
bool says(struct peer *peer);
actor_ref ref_of(uint64_t group, uint64_t serial);
void put_reply(actor_ref to, actor_ref from, uint64_t id, int number);
void put_down(actor_ref to, actor_ref from, uint64_t id, const char *reason);
void put_cast(actor_ref to, actor_ref from, const char *method, const char *format, ...);
/* An asker that waits for @callee's answer; the id of its call. */
uint64_t ask(actor *self, actor_ref callee, actor_ref *ret_asker);
/* A watcher of @who; the id of its monitor. */
uint64_t watch(actor *self, actor_ref who, actor_ref *ret_watcher);
void broker_tells_the_end(actor_group *group); /* of ASKED */
void expect_downs(actor *self, unsigned n);
