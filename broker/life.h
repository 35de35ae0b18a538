/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a member comes, loses its pipe and ends. Each step tells every part of the broker that keeps something
 * about members.
 */
#pragma once

#include "libactor/protocol/cause.h"
#include "libactor/protocol/wire.h"

struct broker;
struct member;

void member_up(struct member *member);
/*
 * The pipe of @member is gone. A client or the supervisor ends at once. Any other group has one grace to come
 * back.
 */
void member_lost(struct member *member, const char *why);
void member_leave(struct member *member, struct wire_str reason); /* @member said bye */
void member_exited(struct member *member, const struct actor_cause *cause);
/* The group is over. First its names become free, then those who must hear of its end are told. */
void member_end(struct member *member, const struct actor_cause *cause);
/*
 * Removes @member without telling anybody. Its memory stays until members_free_forgotten(), which is called
 * when the current event has been handled. The same holds after member_end().
 */
void member_forget(struct member *member);
void members_free_forgotten(struct broker *broker);
void member_expired(struct member *member); /* its grace is over */
/*
 * The recovery window is no longer open. A member that has not come is late in three cases: the supervisor
 * listed it as speaking, it was listed and another group announced it, or the kernel says that it lives.
 * Frames for a late member wait. A listed member of which nothing else is known stays absent. Any other
 * member is over.
 */
void members_give_up_absent(struct broker *broker);
