/* The methods of `$broker` (docs/protocol.md §4). */
#pragma once

#include "libactor/protocol/wire.h"

struct broker;
struct member;
struct buf;

void service_frame(struct broker *broker, struct member *member, const struct wire_frame *frame);
/* Answers of the broker itself; @name is one of the protocol's error names. */
void service_error(struct member *member, const struct wire_frame *call, const char *name, const char *text);
void service_answer(struct member *member, const struct wire_frame *call, const struct buf *result);
void service_nil(struct member *member, actor_ref to, uint64_t id);
