/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/message/object.h"

#include <errno.h>
#include <msgpack/object.h>

#include "libactor/util/arena.h"

int object_put(struct buf *b, const msgpack_object *object, unsigned depth_max)
{
	int e = 0;

	switch (object->type) {
	case MSGPACK_OBJECT_NIL:
		mp_put_nil(b);
		break;
	case MSGPACK_OBJECT_BOOLEAN:
		mp_put_bool(b, object->via.boolean);
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		mp_put_uint(b, object->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		mp_put_int(b, object->via.i64);
		break;
	case MSGPACK_OBJECT_FLOAT32:
		mp_put_float(b, (float)object->via.f64);
		break;
	case MSGPACK_OBJECT_FLOAT64:
		mp_put_double(b, object->via.f64);
		break;
	case MSGPACK_OBJECT_STR:
		mp_put_str(b, object->via.str.ptr, object->via.str.size);
		break;
	case MSGPACK_OBJECT_BIN:
		mp_put_bin(b, object->via.bin.ptr, object->via.bin.size);
		break;
	case MSGPACK_OBJECT_EXT:
		mp_put_ext(b, object->via.ext.type, object->via.ext.ptr, object->via.ext.size);
		break;
	case MSGPACK_OBJECT_ARRAY:
		if (!depth_max)
			return -EPROTO;
		mp_put_array(b, object->via.array.size);
		for (uint32_t i = 0; i < object->via.array.size && !e; i++)
			e = object_put(b, &object->via.array.ptr[i], depth_max - 1);
		break;
	case MSGPACK_OBJECT_MAP:
		if (!depth_max)
			return -EPROTO;
		mp_put_map(b, object->via.map.size);
		for (uint32_t i = 0; i < object->via.map.size && !e; i++) {
			e = object_put(b, &object->via.map.ptr[i].key, depth_max - 1);
			if (!e)
				e = object_put(b, &object->via.map.ptr[i].val, depth_max - 1);
		}
		break;
	default:
		return -EINVAL;
	}
	return e ? e : buf_error(b);
}

static void *object_room(void **arena, uint32_t n, size_t size_bytes)
{
	size_t bytes;

	if (__builtin_mul_overflow((size_t)n, size_bytes, &bytes))
		return NULL;
	return arena_alloc(arena, bytes);
}

static int object_decode(struct mp_reader *r, void **arena, msgpack_object *ret);

static int object_decode_array(struct mp_reader *r, void **arena, msgpack_object *ret)
{
	uint32_t n;
	int e = mp_read_array(r, &n);

	if (e)
		return e;
	ret->type = MSGPACK_OBJECT_ARRAY;
	ret->via.array.size = n;
	ret->via.array.ptr = object_room(arena, n, sizeof(msgpack_object));
	if (!ret->via.array.ptr)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && !e; i++)
		e = object_decode(r, arena, &ret->via.array.ptr[i]);
	return e;
}

static int object_decode_map(struct mp_reader *r, void **arena, msgpack_object *ret)
{
	uint32_t n;
	int e = mp_read_map(r, &n);

	if (e)
		return e;
	ret->type = MSGPACK_OBJECT_MAP;
	ret->via.map.size = n;
	ret->via.map.ptr = object_room(arena, n, sizeof(msgpack_object_kv));
	if (!ret->via.map.ptr)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && !e; i++) {
		e = object_decode(r, arena, &ret->via.map.ptr[i].key);
		if (!e)
			e = object_decode(r, arena, &ret->via.map.ptr[i].val);
	}
	return e;
}

/* The recursion is bounded: mp_read_raw() has found that the value is no deeper than MP_DEPTH_MAX. */
static int object_decode(struct mp_reader *r, void **arena, msgpack_object *ret)
{
	const uint8_t *data;
	const char *s;
	size_t len;
	bool single;

	switch (mp_peek(r)) {
	case MP_NIL:
		ret->type = MSGPACK_OBJECT_NIL;
		return mp_read_nil(r);
	case MP_BOOL:
		ret->type = MSGPACK_OBJECT_BOOLEAN;
		return mp_read_bool(r, &ret->via.boolean);
	case MP_UINT:
		ret->type = MSGPACK_OBJECT_POSITIVE_INTEGER;
		return mp_read_uint(r, &ret->via.u64);
	case MP_INT:
		ret->type = MSGPACK_OBJECT_NEGATIVE_INTEGER;
		return mp_read_int(r, &ret->via.i64);
	case MP_FLOAT:
		single = *r->at == 0xca;
		ret->type = single ? MSGPACK_OBJECT_FLOAT32 : MSGPACK_OBJECT_FLOAT64;
		return mp_read_double(r, &ret->via.f64);
	case MP_STR:
		if (mp_read_str(r, &s, &len))
			return -EPROTO;
		ret->type = MSGPACK_OBJECT_STR;
		ret->via.str.ptr = s;
		ret->via.str.size = (uint32_t)len;
		return 0;
	case MP_BIN:
		if (mp_read_bin(r, &data, &len))
			return -EPROTO;
		ret->type = MSGPACK_OBJECT_BIN;
		ret->via.bin.ptr = (const char *)data;
		ret->via.bin.size = (uint32_t)len;
		return 0;
	case MP_EXT:
		if (mp_read_ext(r, &ret->via.ext.type, &data, &len))
			return -EPROTO;
		ret->type = MSGPACK_OBJECT_EXT;
		ret->via.ext.ptr = (const char *)data;
		ret->via.ext.size = (uint32_t)len;
		return 0;
	case MP_ARRAY:
		return object_decode_array(r, arena, ret);
	case MP_MAP:
		return object_decode_map(r, arena, ret);
	case MP_BAD:
		break;
	}
	return -EPROTO;
}

int object_read(struct mp_reader *r, void **arena, const msgpack_object **ret)
{
	struct mp_reader value, copy = *r;
	msgpack_object *object;
	const uint8_t *raw;
	size_t raw_bytes;
	int e;

	if (mp_read_raw(&copy, &raw, &raw_bytes))
		return -EPROTO;
	object = arena_alloc(arena, sizeof(*object));
	if (!object)
		return -ENOMEM;
	value = mp_reader(raw, raw_bytes);
	e = object_decode(&value, arena, object);
	if (e)
		return e;
	*ret = object;
	*r = copy;
	return 0;
}
