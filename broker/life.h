/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a member. Above everything that keeps something about one. */
#pragma once

#include "libactor/protocol/cause.h"
#include "libactor/protocol/wire.h"

struct broker;
struct member;

void member_up(struct member *member);
/* Its pipe is gone: end, or one grace to come back. */
void member_lost(struct member *member, const char *why);
void member_leave(struct member *member, struct wire_str reason); /* it said bye */
void member_exited(struct member *member, const struct actor_cause *cause);
/* The group is over: names first, then everybody who cares is told; then it is freed. */
void member_end(struct member *member, const struct actor_cause *cause);
/*
 * Takes it out without a word: nobody knew of it. Like whatever was said to end above, its memory stays until
 * the event at hand is over.
 */
void member_forget(struct member *member);
void members_free_forgotten(struct broker *broker);
void member_expired(struct member *member); /* its grace is over */
/*
 * The recovery is over. Who has not come by now: one that lives by the supervisor's or the kernel's word is
 * late, and what is for it waits; others end.
 */
void members_give_up_absent(struct broker *broker);
