/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's own answers to a call of @member. A frame that is not a call gets no answer. */
#pragma once

#include "libactor/protocol/wire.h"

struct member;
struct buf;

/* @name: one of the protocol's error names. */
void answer_refuse(struct member *member, const struct wire_frame *call, const char *name, const char *text);
void answer_result(struct member *member, const struct wire_frame *call, const struct buf *result);
void answer_done(struct member *member, const struct wire_frame *call); /* the result is nil */
/* Answers nil to a call whose frame is gone: the actor @to made the call, with @id. */
void answer_nil(struct member *member, actor_ref to, uint64_t id);
