/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a member comes, loses its pipe and ends. Each step calls every part that keeps something about members.
 */
#pragma once

#include "libactor/protocol/cause.h"
#include "libactor/protocol/wire.h"

struct broker;
struct member;

void member_up(struct member *member);
/* The pipe of @member is gone. @member ends, or has one grace to come back. */
void member_lost(struct member *member, const char *why);
void member_leave(struct member *member, struct wire_str reason); /* @member said bye */
void member_exited(struct member *member, const struct actor_cause *cause);
/* The group is over. Its names are free first; then those who must hear of its end are told. */
void member_end(struct member *member, const struct actor_cause *cause);
/*
 * Removes @member and tells nobody, because nobody knew of it. As after member_end(), its memory stays until
 * members_free_forgotten(), when the current event has been handled.
 */
void member_forget(struct member *member);
void members_free_forgotten(struct broker *broker);
void member_expired(struct member *member); /* its grace is over */
/*
 * The recovery window is no longer open. A member that has not come is late if the supervisor listed it as
 * speaking, if it was listed and announced by another group, or if it is a client and the kernel says that it
 * lives. What is for a late member waits. A listed member of which nothing else is known stays absent. Any
 * other is over.
 */
void members_give_up_absent(struct broker *broker);
