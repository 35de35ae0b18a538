/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/hello.h"

#include <errno.h>
#include <string.h>

#include "libactor/protocol/mp.h"
#include "libactor/util/utf8.h"

#define HELLO_URL_PREFIX    "ipc://"
#define HELLO_SINGLE        "single"
#define HELLO_URL_MAX_BYTES 4096

void hello_put(struct buf *b, const struct hello *hello)
{
	mp_put_map(b, hello->token ? 5 : 4);
	mp_put_cstr(b, "v");
	mp_put_array(b, 2);
	mp_put_uint(b, hello->version_min);
	mp_put_uint(b, hello->version_max);
	mp_put_cstr(b, "name");
	mp_put_str(b, hello->name.s, hello->name.len);
	mp_put_cstr(b, "pid");
	mp_put_uint(b, hello->pid);
	if (hello->token) {
		mp_put_cstr(b, "token");
		mp_put_bin(b, hello->token, hello->token_bytes);
	}
	mp_put_cstr(b, "features");
	mp_put_array(b, hello->single ? 1 : 0);
	if (hello->single)
		mp_put_cstr(b, HELLO_SINGLE);
}

void hello_answer_put(struct buf *b, const struct hello_answer *answer)
{
	if (answer->error.s) {
		mp_put_map(b, 2);
		mp_put_cstr(b, "error");
		mp_put_str(b, answer->error.s, answer->error.len);
		mp_put_cstr(b, "text");
		mp_put_str(b, answer->text.s, answer->text.len);
		return;
	}
	mp_put_map(b, answer->resume ? 7 : 6);
	mp_put_cstr(b, "v");
	mp_put_uint(b, answer->version);
	mp_put_cstr(b, "url");
	mp_put_str(b, answer->url.s, answer->url.len);
	mp_put_cstr(b, "node");
	mp_put_uint(b, answer->node);
	mp_put_cstr(b, "group");
	mp_put_uint(b, answer->group);
	mp_put_cstr(b, "self");
	mp_put_ref(b, answer->self);
	if (answer->resume) {
		mp_put_cstr(b, "resume");
		mp_put_bin(b, answer->resume, answer->resume_bytes);
	}
	mp_put_cstr(b, "restarted");
	mp_put_bool(b, answer->restarted);
}

/* ---- parsing: each known key comes at most once, in any order; unknown keys are skipped ---- */

struct hello_keys {
	const char *const *names;
	unsigned n;
	unsigned seen; /* bits */
};

#define HELLO_KEY_OTHER (-1)

/* Reads the next key. Returns its index, HELLO_KEY_OTHER (the key and its value were skipped), or -EPROTO. */
static int hello_next_key(struct mp_reader *r, struct hello_keys *keys)
{
	const char *s;
	size_t len;

	if (mp_peek(r) == MP_STR) {
		if (mp_read_str(r, &s, &len))
			return -EPROTO;
		for (unsigned i = 0; i < keys->n; i++) {
			if (!mp_str_is(s, len, keys->names[i]))
				continue;
			if (keys->seen & 1u << i)
				return -EPROTO;
			keys->seen |= 1u << i;
			return (int)i;
		}
	} else if (mp_skip(r)) {
		return -EPROTO;
	}
	return mp_skip(r) ? -EPROTO : HELLO_KEY_OTHER;
}

static bool hello_has(const struct hello_keys *keys, unsigned required)
{
	return (keys->seen & required) == required;
}

enum { HELLO_V, HELLO_NAME, HELLO_PID, HELLO_TOKEN, HELLO_FEATURES, HELLO_KEY_N };

static const char *const hello_key_names[HELLO_KEY_N] = {
	[HELLO_V] = "v",
	[HELLO_NAME] = "name",
	[HELLO_PID] = "pid",
	[HELLO_TOKEN] = "token",
	[HELLO_FEATURES] = "features",
};

static int hello_parse_versions(struct mp_reader *r, struct hello *hello)
{
	uint32_t n;

	if (mp_read_array(r, &n) || n != 2 || mp_read_uint(r, &hello->version_min) ||
		mp_read_uint(r, &hello->version_max))
		return -EPROTO;
	return hello->version_min <= hello->version_max ? 0 : -EPROTO;
}

static int hello_parse_features(struct mp_reader *r, struct hello *hello)
{
	const char *s;
	size_t len;
	uint32_t n;

	if (mp_read_array(r, &n))
		return -EPROTO;
	while (n--) {
		if (mp_read_str(r, &s, &len))
			return -EPROTO;
		if (mp_str_is(s, len, HELLO_SINGLE))
			hello->single = true;
	}
	return 0;
}

int hello_parse(const void *data, size_t size_bytes, struct hello *ret)
{
	struct mp_reader r = mp_reader(data, size_bytes);
	struct hello_keys keys = {hello_key_names, HELLO_KEY_N, 0};
	struct hello hello = {0};
	uint32_t n;

	if (mp_read_map(&r, &n))
		return -EPROTO;
	while (n--) {
		int e = 0;

		switch (hello_next_key(&r, &keys)) {
		case HELLO_V:
			e = hello_parse_versions(&r, &hello);
			break;
		case HELLO_NAME:
			e = mp_read_str(&r, &hello.name.s, &hello.name.len);
			/*
			 * The name appears in logs and listings. It may be empty, because not every program
			 * knows its name.
			 */
			if (!e && (hello.name.len > WIRE_NAME_MAX_BYTES ||
					  !utf8_is_plain(hello.name.s, hello.name.len)))
				e = -EPROTO;
			break;
		case HELLO_PID:
			e = mp_read_uint(&r, &hello.pid);
			break;
		case HELLO_TOKEN:
			e = mp_read_bin(&r, &hello.token, &hello.token_bytes);
			break;
		case HELLO_FEATURES:
			e = hello_parse_features(&r, &hello);
			break;
		case HELLO_KEY_OTHER:
			break;
		default:
			e = -EPROTO;
		}
		if (e)
			return e;
	}
	if (r.at != r.end || !hello_has(&keys, 1u << HELLO_V | 1u << HELLO_NAME | 1u << HELLO_PID))
		return -EPROTO;
	*ret = hello;
	return 0;
}

enum {
	ANSWER_ERROR,
	ANSWER_TEXT,
	ANSWER_V,
	ANSWER_URL,
	ANSWER_NODE,
	ANSWER_GROUP,
	ANSWER_SELF,
	ANSWER_RESUME,
	ANSWER_RESTARTED,
	ANSWER_KEY_N
};

static const char *const answer_key_names[ANSWER_KEY_N] = {
	[ANSWER_ERROR] = "error",
	[ANSWER_TEXT] = "text",
	[ANSWER_V] = "v",
	[ANSWER_URL] = "url",
	[ANSWER_NODE] = "node",
	[ANSWER_GROUP] = "group",
	[ANSWER_SELF] = "self",
	[ANSWER_RESUME] = "resume",
	[ANSWER_RESTARTED] = "restarted",
};

/* The URL becomes a path, so it must be an ipc URL without a NUL. */
static int answer_parse_url(struct mp_reader *r, struct wire_str *url)
{
	size_t prefix_len = strlen(HELLO_URL_PREFIX);

	if (mp_read_str(r, &url->s, &url->len) || url->len <= prefix_len || url->len > HELLO_URL_MAX_BYTES)
		return -EPROTO;
	if (memcmp(url->s, HELLO_URL_PREFIX, prefix_len) || memchr(url->s, 0, url->len))
		return -EPROTO;
	return 0;
}

static int answer_parse_value(struct mp_reader *r, int key, struct hello_answer *answer)
{
	switch (key) {
	case ANSWER_ERROR:
		if (mp_read_str(r, &answer->error.s, &answer->error.len))
			return -EPROTO;
		return wire_name_is_valid(answer->error.s, answer->error.len) ? 0 : -EPROTO;
	case ANSWER_TEXT:
		return mp_read_str(r, &answer->text.s, &answer->text.len);
	case ANSWER_V:
		return mp_read_uint(r, &answer->version);
	case ANSWER_URL:
		return answer_parse_url(r, &answer->url);
	case ANSWER_NODE:
		return mp_read_uint(r, &answer->node);
	case ANSWER_GROUP:
		return mp_read_uint(r, &answer->group);
	case ANSWER_SELF:
		return mp_read_ref(r, &answer->self);
	case ANSWER_RESUME:
		return mp_read_bin(r, &answer->resume, &answer->resume_bytes);
	case ANSWER_RESTARTED:
		return mp_read_bool(r, &answer->restarted);
	case HELLO_KEY_OTHER:
		return 0;
	default:
		return -EPROTO;
	}
}

int hello_answer_parse(const void *data, size_t size_bytes, struct hello_answer *ret)
{
	const unsigned refused = 1u << ANSWER_ERROR | 1u << ANSWER_TEXT;
	const unsigned admitted = 1u << ANSWER_V | 1u << ANSWER_URL | 1u << ANSWER_NODE | 1u << ANSWER_GROUP |
				  1u << ANSWER_SELF;
	struct mp_reader r = mp_reader(data, size_bytes);
	struct hello_keys keys = {answer_key_names, ANSWER_KEY_N, 0};
	struct hello_answer answer = {0};
	uint32_t n;

	if (mp_read_map(&r, &n))
		return -EPROTO;
	while (n--) {
		int e = answer_parse_value(&r, hello_next_key(&r, &keys), &answer);

		if (e)
			return e;
	}
	if (r.at != r.end || !hello_has(&keys, hello_has(&keys, 1u << ANSWER_ERROR) ? refused : admitted))
		return -EPROTO;
	*ret = answer;
	return 0;
}
