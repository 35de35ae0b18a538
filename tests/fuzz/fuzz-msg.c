/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a body that is read by a format. Its first byte chooses the format, the rest is the body. The
 * body need not be well-formed: no reader may rely on an earlier check of it. A string that a format gives
 * must lie inside the message or be a copy.
 */
#include <errno.h>
#include <string.h>

#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "tests/fuzz/fuzz.h"

static void check_inside(const actor_msg *msg, const void *p, size_t size_bytes)
{
	const uint8_t *at = p;

	FUZZ_CHECK(at >= msg->body && size_bytes <= msg->body_bytes &&
		   at + size_bytes <= msg->body + msg->body_bytes);
}

static void unpack(const actor_msg *msg, unsigned choice)
{
	const struct msgpack_object *object = NULL;
	const char *s = NULL, *t = NULL;
	const void *raw = NULL;
	size_t len = 0, raw_len = 0;
	int64_t i64 = 0;
	uint64_t u64 = 0;
	unsigned u = 0;
	double f = 0;
	bool b = false;
	actor_ref ref = ACTOR_NOBODY;
	int i = 0, e;

	switch (choice % 12) {
	case 0:
		e = actor_msg_unpack(msg, "iIuU*", &i, &i64, &u, &u64);
		break;
	case 1:
		e = actor_msg_unpack(msg, "s*", &s);
		if (!e)
			FUZZ_CHECK(strlen(s) <= msg->body_bytes);
		break;
	case 2:
		e = actor_msg_unpack(msg, "s#y#*", &s, &len, &raw, &raw_len);
		if (!e) {
			check_inside(msg, s, len);
			check_inside(msg, raw, raw_len);
		}
		break;
	case 3:
		e = actor_msg_unpack(msg, "rbfn?*", &ref, &b, &f);
		break;
	case 4:
		e = actor_msg_unpack(msg, "m*", &raw, &raw_len);
		if (!e)
			check_inside(msg, raw, raw_len);
		break;
	case 5:
		e = actor_msg_unpack(msg, "oo?", &object, &object);
		break;
	case 6:
		e = actor_msg_unpack(msg, "{s:i,s:s?,s:[iI*]?,s:{s:m?}?}*", "a", &i, "b", &s, "c", &i, &i64,
			"d", "e", &raw, &raw_len);
		break;
	case 7:
		e = actor_msg_unpack(msg, "[[[i?]?]?]?s?*", &i, &s);
		break;
	case 8:
		e = actor_msg_unpack(msg, "{s:s#,s:y#,s:r,s:o}", "k", &t, &len, "l", &raw, &raw_len, "m",
			&ref, "n", &object);
		if (!e)
			check_inside(msg, t, len);
		break;
	case 9:
		e = actor_msg_unpack(msg, "");
		break;
	case 10:
		e = actor_msg_unpack(msg, "*");
		break;
	default:
		e = actor_msg_unpack(msg, "{s:i?,s:i?,s:i?}{s:U?}?*", "c", &i, "b", &i, "a", &i, "x", &u64);
		break;
	}
	/* -EINVAL may only come from a result: it is one value, and most formats here are for several. */
	FUZZ_CHECK(e == 0 || e == -EPROTO || e == -ERANGE || e == -ENOENT ||
		   (e == -EINVAL && msg->kind == MSG_REPLY));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	struct mp_reader r;
	actor_msg *msg;
	bool sound;

	if (size_bytes < 2)
		return 0;
	FUZZ_CHECK(msg_new_received(&msg, ACTOR_NOBODY, wire_cstr(data[0] & 0x80 ? "" : "m"), data + 1,
			   size_bytes - 1) == 0);
	unpack(msg, data[0]);
	r = mp_reader(msg->body, msg->body_bytes);
	sound = mp_skip(&r) == 0;
	FUZZ_CHECK((actor_msg_object(msg) != NULL) == sound);
	if (sound && r.at == r.end) {
		struct buf b = BUF_INIT;

		FUZZ_CHECK(body_pack(&b, BODY_RESULT, "m", msg->body, msg->body_bytes) == 0);
		FUZZ_CHECK(b.size_bytes == msg->body_bytes);
		buf_deinit(&b);
	}
	actor_msg_free(msg);
	return 0;
}
