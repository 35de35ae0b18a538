/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack-c's objects ⇄ bytes. The only place that knows msgpack-c's types. The bytes are read by our own
 * reader: msgpack-c's stops at 32 levels, ours at MP_DEPTH_MAX, and here what is allocated is bounded by what
 * the bytes can hold (24 or 48 bytes a value).
 */
#pragma once

#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"

struct msgpack_object;

/* Appends @object. 0, -EPROTO (deeper than @depth_max), -EINVAL (no such type), -ENOMEM. */
int object_put(struct buf *b, const struct msgpack_object *object, unsigned depth_max);
/* One value; strings point into the input. -EPROTO, -ENOMEM; the reader stays where it was on error. */
int object_read(struct mp_reader *r, void **arena, const struct msgpack_object **ret);
