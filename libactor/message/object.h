/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion between msgpack-c's objects and bytes. Only this room's object.c knows msgpack-c's types. Our
 * own reader reads the bytes, for two reasons: msgpack-c's reader stops at 32 levels, ours at MP_DEPTH_MAX;
 * and here the number of values that the bytes can hold (24 or 48 bytes each) bounds the memory.
 */
#pragma once

#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"

struct msgpack_object;

/* Appends @object. Returns 0; -EPROTO (deeper than @depth_max); -EINVAL (no such type); -ENOMEM. */
int object_put(struct buf *b, const struct msgpack_object *object, unsigned depth_max);
/*
 * Reads one value; its strings point into the input. Returns 0, -EPROTO or -ENOMEM. After an error the reader
 * has not moved.
 */
int object_read(struct mp_reader *r, void **arena, const struct msgpack_object **ret);
