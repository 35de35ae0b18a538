/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/child-limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
	const char *name;
	int resource;
} names[CHILD_LIMITS_N] = {
	{"as", RLIMIT_AS},
	{"core", RLIMIT_CORE},
	{"cpu", RLIMIT_CPU},
	{"data", RLIMIT_DATA},
	{"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS},
	{"memlock", RLIMIT_MEMLOCK},
	{"msgqueue", RLIMIT_MSGQUEUE},
	{"nice", RLIMIT_NICE},
	{"nofile", RLIMIT_NOFILE},
	{"nproc", RLIMIT_NPROC},
	{"rss", RLIMIT_RSS},
	{"rtprio", RLIMIT_RTPRIO},
	{"sigpending", RLIMIT_SIGPENDING},
	{"stack", RLIMIT_STACK},
};

const char *child_limit_name(size_t i)
{
	return i < CHILD_LIMITS_N ? names[i].name : NULL;
}

int child_limit_resource(size_t i)
{
	return names[i].resource;
}

static int limits_set(
	struct child_limits *limits, const char *name, size_t length, uint64_t soft, uint64_t hard)
{
	if (soft > hard)
		return -EINVAL;
	for (size_t i = 0; i < CHILD_LIMITS_N; i++)
		if (mp_str_is(name, length, names[i].name)) {
			limits->of[i] = (struct child_limit){true, soft, hard};
			return 0;
		}
	return -ENOENT;
}

int child_limits_set(struct child_limits *limits, const char *name, uint64_t soft, uint64_t hard)
{
	return limits_set(limits, name, strlen(name), soft, hard);
}

uint32_t child_limits_count(const struct child_limits *limits)
{
	uint32_t n = 0;

	for (size_t i = 0; i < CHILD_LIMITS_N; i++)
		n += limits->of[i].set;
	return n;
}

static void put_value(struct buf *b, uint64_t value)
{
	if (value == CHILD_LIMIT_NONE)
		mp_put_nil(b);
	else
		mp_put_uint(b, value);
}

void child_limits_put(struct buf *b, const struct child_limits *limits)
{
	mp_put_map(b, child_limits_count(limits));
	for (size_t i = 0; i < CHILD_LIMITS_N; i++) {
		if (!limits->of[i].set)
			continue;
		mp_put_cstr(b, names[i].name);
		mp_put_array(b, 2);
		put_value(b, limits->of[i].soft);
		put_value(b, limits->of[i].hard);
	}
}

static int read_value(struct mp_reader *r, uint64_t *ret)
{
	if (mp_peek(r) != MP_NIL)
		return mp_read_uint(r, ret);
	*ret = CHILD_LIMIT_NONE;
	return mp_read_nil(r);
}

int child_limits_parse(struct mp_reader *r, struct child_limits *ret)
{
	struct child_limits limits = {0};
	uint32_t n, n_values;

	if (mp_read_map(r, &n) < 0)
		return -EINVAL;
	while (n--) {
		uint64_t soft, hard;
		const char *name;
		size_t length;

		if (mp_read_str(r, &name, &length) < 0 || mp_read_array(r, &n_values) < 0 || n_values != 2 ||
			read_value(r, &soft) < 0 || read_value(r, &hard) < 0 ||
			limits_set(&limits, name, length, soft, hard) < 0)
			return -EINVAL;
	}
	*ret = limits;
	return 0;
}
