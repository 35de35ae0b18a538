/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/pool/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"

#define MS_MAX       (INT64_C(1000) * 86400 * 366)
#define PRIORITY_MIN (-4)
#define PRIORITY_MAX 3

struct wanted {
	int64_t priority, ttl_ms, limit_ms;
	uint64_t retries;
	bool keep;
};

static int read_ms(struct mp_reader *r, int64_t *ret)
{
	return mp_read_int(r, ret) < 0 || *ret < 0 || *ret > MS_MAX ? -EPROTO : 0;
}

/* Unknown keys are skipped, because a newer caller may say more. */
static int read_wanted(struct mp_reader *r, struct wanted *ret)
{
	const char *key;
	size_t length;
	uint32_t n;
	int e = 0;

	if (mp_read_map(r, &n) < 0)
		return -EPROTO;
	while (n-- && e == 0) {
		if (mp_read_str(r, &key, &length) < 0)
			return -EPROTO;
		if (mp_str_is(key, length, "priority"))
			e = mp_read_int(r, &ret->priority) < 0 || ret->priority < PRIORITY_MIN ||
					    ret->priority > PRIORITY_MAX
				    ? -EPROTO
				    : 0;
		else if (mp_str_is(key, length, "ttl_ms"))
			e = read_ms(r, &ret->ttl_ms);
		else if (mp_str_is(key, length, "limit_ms"))
			e = read_ms(r, &ret->limit_ms);
		else if (mp_str_is(key, length, "retries"))
			e = mp_read_uint(r, &ret->retries) < 0 || ret->retries > ACTOR_POOL_RETRIES_MAX
				    ? -EPROTO
				    : 0;
		else if (mp_str_is(key, length, "keep"))
			e = mp_read_bool(r, &ret->keep);
		else
			e = mp_skip(r);
	}
	return e;
}

static int64_t expires_of(int64_t now_us, int64_t ttl_ms, int64_t deadline_us)
{
	int64_t ttl_ns = ttl_ms ? (now_us + ttl_ms * 1000) * 1000 : NEVER_NS;
	int64_t deadline_ns = deadline_us ? deadline_us * 1000 : NEVER_NS;

	return ttl_ns < deadline_ns ? ttl_ns : deadline_ns;
}

int request_new(struct request **ret, const void *body, size_t body_bytes,
	const struct actor_pool_options *options, int64_t now_us, int64_t deadline_us, const char **ret_text)
{
	struct mp_reader r = mp_reader(body, body_bytes);
	struct wanted wanted = {
		.ttl_ms = options->ttl_ms, .limit_ms = options->stuck_ms, .retries = options->retries};
	size_t method_bytes, key_bytes, args_bytes;
	const uint8_t *key, *args;
	struct request *request;
	const char *method;
	uint32_t n, n_args;
	struct mp_reader args_reader;

	*ret_text = "a job is [key, method, args] and may have a map of options";
	if (mp_read_array(&r, &n) < 0 || (n != 3 && n != 4) || mp_read_raw(&r, &key, &key_bytes) < 0 ||
		mp_read_str(&r, &method, &method_bytes) < 0 || mp_read_raw(&r, &args, &args_bytes) < 0)
		return -EPROTO;
	args_reader = mp_reader(args, args_bytes);
	if (!wire_name_is_valid(method, method_bytes) || mp_read_array(&args_reader, &n_args) < 0)
		return -EPROTO;
	*ret_text = "a job's key has at most 1,024 bytes";
	if (key_bytes > ACTOR_POOL_KEY_MAX_BYTES)
		return -EPROTO;
	*ret_text = "an option of the job has a wrong value";
	if (n == 4 && read_wanted(&r, &wanted) < 0)
		return -EPROTO;
	if (key_bytes == 1 && key[0] == 0xc0) /* nil: no key */
		key_bytes = 0;
	request = malloc(sizeof(*request) + method_bytes + 1 + key_bytes + args_bytes);
	if (!request)
		return -ENOMEM;
	*request = (struct request){
		.job =
			{
				.key_bytes = (uint32_t)key_bytes,
				.level = (uint8_t)(PRIORITY_MAX - wanted.priority),
				.keep = wanted.keep,
				.retries = (uint32_t)wanted.retries,
				.bytes = (uint32_t)(sizeof(*request) + method_bytes + key_bytes + args_bytes),
				.expires_ns = expires_of(now_us, wanted.ttl_ms, deadline_us),
				.limit_ns = wanted.limit_ms * 1000000,
			},
		.method = request->data,
		.args_bytes = args_bytes,
	};
	memcpy(request->data, method, method_bytes);
	request->data[method_bytes] = '\0';
	request->job.key = memcpy(request->data + method_bytes + 1, key, key_bytes);
	request->args = memcpy(request->data + method_bytes + 1 + key_bytes, args, args_bytes);
	*ret = request;
	return 0;
}
