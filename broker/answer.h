/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's own answers to a call of @member. A frame that is not a call gets no answer. */
#pragma once

#include "libactor/protocol/wire.h"

struct member;
struct buf;

/* @name: one of the protocol's error names. */
void answer_refuse(struct member *member, const struct wire_frame *call, const char *name, const char *text);
void answer_result(struct member *member, const struct wire_frame *call, const struct buf *result);
void answer_done(struct member *member, const struct wire_frame *call); /* nil */
/*
 * Writes a reply or an error that the broker makes, and shows it to whoever follows its trace: nobody else
 * does.
 */
void answer_put(struct member *member, const struct wire_frame *answer);
/* The same for a call whose frame is gone: @to made it, with @id. */
void answer_nil(struct member *member, actor_ref to, uint64_t id);
