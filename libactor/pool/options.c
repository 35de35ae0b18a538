/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/pool/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/mp.h"
#include "libactor/util/sized.h"

#define FIRST_BYTES              sizeof(struct actor_pool_options) /* the size in version 0.1 */
#define DEFAULT_QUEUE_MAX        16384u
#define DEFAULT_QUEUE_MAX_BYTES  (UINT64_C(64) << 20)
#define DEFAULT_BACKOFF_MIN_MS   100
#define DEFAULT_BACKOFF_MAX_MS   5000
#define DEFAULT_START_TIMEOUT_MS 10000
#define DEFAULT_STOP_TIMEOUT_MS  2000
#define DEFAULT_SCALE_MS         1000
#define DEFAULT_QUEUE_LIMIT_MS   10000
#define MS_MAX                   (INT64_C(1000) * 86400 * 366)

static bool ms_is_valid(int64_t ms)
{
	return ms >= 0 && ms <= MS_MAX;
}

static int options_check(const struct actor_pool_options *o)
{
	if ((o->workers > ACTOR_POOL_WORKERS_MAX && o->workers != ACTOR_POOL_NONE) ||
		o->pipeline > ACTOR_POOL_PIPELINE_MAX || (unsigned)o->router > ACTOR_POOL_CUSTOM ||
		(unsigned)o->shed > ACTOR_POOL_SHED_OLDEST || o->retries > ACTOR_POOL_RETRIES_MAX ||
		(o->router == ACTOR_POOL_CUSTOM) != (o->route != NULL))
		return -EINVAL;
	if (!ms_is_valid(o->start_timeout_ms) || !ms_is_valid(o->stop_timeout_ms) ||
		!ms_is_valid(o->queue_limit_ms) || !ms_is_valid(o->ttl_ms) || !ms_is_valid(o->stuck_ms) ||
		!ms_is_valid(o->backoff_min_ms) || !ms_is_valid(o->backoff_max_ms) ||
		!ms_is_valid(o->scale_ms) || o->backoff_min_ms > UINT32_MAX / 4 ||
		o->backoff_max_ms > UINT32_MAX / 4)
		return -EINVAL;
	return 0;
}

static void options_default(struct actor_pool_options *o)
{
	o->workers = o->workers == ACTOR_POOL_NONE ? 0 : o->workers ? o->workers : 1;
	o->pipeline = o->pipeline ? o->pipeline : 1;
	o->queue_max = o->queue_max ? o->queue_max : DEFAULT_QUEUE_MAX;
	o->queue_max_bytes = o->queue_max_bytes ? o->queue_max_bytes : DEFAULT_QUEUE_MAX_BYTES;
	o->start_timeout_ms = o->start_timeout_ms ? o->start_timeout_ms : DEFAULT_START_TIMEOUT_MS;
	o->stop_timeout_ms = o->stop_timeout_ms ? o->stop_timeout_ms : DEFAULT_STOP_TIMEOUT_MS;
	o->backoff_min_ms = o->backoff_min_ms ? o->backoff_min_ms : DEFAULT_BACKOFF_MIN_MS;
	o->backoff_max_ms = o->backoff_max_ms ? o->backoff_max_ms : DEFAULT_BACKOFF_MAX_MS;
	if (o->backoff_max_ms < o->backoff_min_ms)
		o->backoff_max_ms = o->backoff_min_ms;
	o->scale_ms = o->scale_ms ? o->scale_ms : DEFAULT_SCALE_MS;
	o->queue_limit_ms = o->queue_limit_ms ? o->queue_limit_ms : DEFAULT_QUEUE_LIMIT_MS;
}

/* A copy of @strv with @more free places. Returns NULL when out of memory. */
static char **strv_copy(const char *const *strv, size_t more, size_t *ret_n)
{
	size_t n = 0;
	char **copy;

	while (strv && strv[n])
		n++;
	copy = calloc(n + more + 1, sizeof(*copy));
	*ret_n = n;
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(strv[i]);
		if (!copy[i]) {
			for (size_t j = 0; j < i; j++)
				free(copy[j]);
			free(copy);
			return NULL;
		}
	}
	return copy;
}

static void strv_free(char **strv)
{
	for (char **s = strv; s && *s; s++)
		free(*s);
	free(strv);
}

void options_free(struct options *options)
{
	strv_free(options->argv);
	strv_free(options->env);
	free(options->name);
	free(options->cwd);
	*options = (struct options){0};
}

int options_read(struct options *ret, const struct actor_pool_options *given, size_t given_bytes)
{
	struct actor_pool_options *o = &ret->given;
	size_t n;
	int r;

	*ret = (struct options){0};
	r = given ? sized_read(o, sizeof(*o), given, given_bytes, FIRST_BYTES) : -EINVAL;
	if (r == 0)
		r = options_check(o);
	if (r == 0 && (!(o->argv && o->argv[0])) == (!o->behavior))
		r = -EINVAL; /* exactly one of the two is needed */
	if (r == 0 && o->behavior) {
		r = o->behavior_bytes ? sized_read(&ret->behavior, sizeof(ret->behavior), o->behavior,
						o->behavior_bytes, offsetof(struct actor_behavior, on_pg))
				      : -EINVAL;
	}
	if (r < 0)
		return r;
	options_default(o);
	ret->argv = strv_copy(o->argv, 0, &n);
	ret->env = strv_copy(o->env, 2, &ret->n_env);
	ret->name = o->name ? strdup(o->name) : NULL;
	ret->cwd = o->cwd ? strdup(o->cwd) : NULL;
	if (!ret->argv || !ret->env || (o->name && !ret->name) || (o->cwd && !ret->cwd)) {
		options_free(ret);
		return -ENOMEM;
	}
	return 0;
}

int options_set(struct options *options, const struct actor_pool_options *given, size_t given_bytes)
{
	struct actor_pool_options o, *own = &options->given;
	int r = given ? sized_read(&o, sizeof(o), given, given_bytes, FIRST_BYTES) : -EINVAL;

	if (r == 0)
		r = options_check(&o);
	if (r < 0 || o.router != own->router)
		return r < 0 ? r : -EINVAL;
	options_default(&o);
	o.name = own->name;
	o.argv = own->argv;
	o.env = own->env;
	o.cwd = own->cwd;
	o.behavior = own->behavior;
	o.behavior_bytes = own->behavior_bytes;
	o.worker_arg = own->worker_arg;
	o.pipeline = own->pipeline;
	*own = o;
	return 0;
}

static int read_u32(struct mp_reader *r, uint32_t max, uint32_t *ret)
{
	uint64_t u;

	if (mp_read_uint(r, &u) < 0 || u > max)
		return -EPROTO;
	*ret = (uint32_t)u;
	return 0;
}

static int read_ms(struct mp_reader *r, int64_t *ret)
{
	return mp_read_int(r, ret) < 0 || !ms_is_valid(*ret) ? -EPROTO : 0;
}

static int read_shed(struct mp_reader *r, enum actor_pool_shed *ret)
{
	const char *s;
	size_t n;

	if (mp_read_str(r, &s, &n) < 0)
		return -EPROTO;
	if (mp_str_is(s, n, "oldest"))
		*ret = ACTOR_POOL_SHED_OLDEST;
	else if (mp_str_is(s, n, "newest"))
		*ret = ACTOR_POOL_SHED_NEWEST;
	else
		return -EPROTO;
	return 0;
}

static int read_setting(struct mp_reader *r, const char *key, size_t n, struct actor_pool_options *o)
{
	int e;

	if (mp_str_is(key, n, "workers"))
		return read_u32(r, ACTOR_POOL_WORKERS_MAX, &o->workers);
	if (mp_str_is(key, n,
		    "queue_max")) { /* in this map 0 means none, because it has no other word for that */
		e = read_u32(r, UINT32_MAX, &o->queue_max);
		o->queue_max = e == 0 && !o->queue_max ? ACTOR_POOL_NONE : o->queue_max;
		return e;
	}
	if (mp_str_is(key, n, "queue_max_bytes"))
		return mp_read_uint(r, &o->queue_max_bytes);
	if (mp_str_is(key, n, "shed"))
		return read_shed(r, &o->shed);
	if (mp_str_is(key, n, "rate_per_s"))
		return read_u32(r, UINT32_MAX, &o->rate_per_s);
	if (mp_str_is(key, n, "rate_burst"))
		return read_u32(r, UINT32_MAX, &o->rate_burst);
	if (mp_str_is(key, n, "ttl_ms"))
		return read_ms(r, &o->ttl_ms);
	if (mp_str_is(key, n, "retries"))
		return read_u32(r, ACTOR_POOL_RETRIES_MAX, &o->retries);
	if (mp_str_is(key, n, "stuck_ms"))
		return read_ms(r, &o->stuck_ms);
	if (mp_str_is(key, n, "spare_stuck"))
		return mp_read_bool(r, &o->spare_stuck);
	return -ENOENT;
}

int options_set_map(struct options *options, const actor_msg *msg, const char **ret_text)
{
	struct actor_pool_options o = options->given;
	const char *key;
	size_t size_bytes, length;
	const void *body = actor_msg_body(msg, &size_bytes);
	struct mp_reader r = mp_reader(body, size_bytes);
	uint32_t n;
	int e;

	*ret_text = "settings wants one map";
	if (mp_read_array(&r, &n) < 0 || n != 1 || mp_read_map(&r, &n) < 0)
		return -EPROTO;
	while (n--) {
		if (mp_read_str(&r, &key, &length) < 0)
			return -EPROTO;
		e = read_setting(&r, key, length, &o);
		if (e < 0) {
			*ret_text = e == -ENOENT ? "there is no such setting" : "a setting has a wrong value";
			return -EPROTO;
		}
	}
	options->given = o;
	return 0;
}

struct core_settings options_core(const struct options *options)
{
	const struct actor_pool_options *o = &options->given;

	return (struct core_settings){
		.router = o->router,
		.route = o->route,
		.arg = o->arg,
		.pipeline = o->pipeline,
		.queue_max = o->queue_max,
		.queue_max_bytes = o->queue_max_bytes,
		.shed = o->shed,
		.rate_per_s = o->rate_per_s,
		.rate_burst = o->rate_burst,
		.spare_stuck = o->spare_stuck,
		.backoff = {.min_ms = (uint32_t)o->backoff_min_ms,
			.max_ms = (uint32_t)o->backoff_max_ms,
			.factor = 2,
			.jitter_pct = 20,
			.reset_after_ms = 60000,
			.killed_max_ms = (uint32_t)o->backoff_min_ms},
	};
}
