/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the broker itself to a call of @member. What is no call gets none. */
#pragma once

#include "libactor/protocol/wire.h"

struct member;
struct buf;

/* @name: one of the protocol's error names. */
void answer_refuse(struct member *member, const struct wire_frame *call, const char *name, const char *text);
void answer_result(struct member *member, const struct wire_frame *call, const struct buf *result);
void answer_done(struct member *member, const struct wire_frame *call); /* nil */
/* The same to a call that was kept: @to made it, with @id. */
void answer_nil(struct member *member, actor_ref to, uint64_t id);
