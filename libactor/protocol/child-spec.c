/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/child-spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/variables.h"
#include "libactor/protocol/wire.h"

static const char *const restart_names[] = {
	[ACTOR_PERMANENT] = "permanent",
	[ACTOR_TRANSIENT] = "transient",
	[ACTOR_TEMPORARY] = "temporary",
};
#define N_RESTARTS (sizeof(restart_names) / sizeof(restart_names[0]))

const char *child_restart_name(enum actor_restart restart)
{
	return (size_t)restart < N_RESTARTS ? restart_names[restart] : "?";
}

int child_restart_parse(const char *s, size_t len, enum actor_restart *ret)
{
	for (size_t i = 0; i < N_RESTARTS; i++)
		if (mp_str_is(s, len, restart_names[i])) {
			*ret = (enum actor_restart)i;
			return 0;
		}
	return -EINVAL;
}

/* Variables that tell a process its node and its group. Only the node sets them. */
static bool env_is_reserved(const char *variable, size_t len)
{
	static const char *const reserved[] = {ENV_GROUP, ENV_TOKEN, ENV_NODE_FD, ENV_RUNTIME_DIR};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strlen(reserved[i]) == len && !memcmp(reserved[i], variable, len))
			return true;
	return false;
}

static void strv_free(const char *const *strv)
{
	for (const char *const *s = strv; s && *s; s++)
		free((void *)*s);
	free((void *)strv);
}

void child_spec_deinit(struct child_spec *spec)
{
	free((void *)spec->name);
	free((void *)spec->cwd);
	strv_free(spec->argv);
	strv_free(spec->env);
	*spec = (struct child_spec){0};
}

__attribute__((format(printf, 2, 3))) static int wrong(char *text, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, CHILD_SPEC_TEXT_BYTES, format, ap);
	va_end(ap);
	return -EINVAL;
}

/* Reads a string without a NUL, because it becomes a C string of another process. */
static int read_string(struct mp_reader *r, const char *what, const char **ret, size_t *io_budget, char *text)
{
	const char *s;
	size_t len;
	char *copy;

	if (mp_read_str(r, &s, &len) < 0)
		return wrong(text, "`%s` must be a string", what);
	if (memchr(s, 0, len))
		return wrong(text, "`%s` holds a NUL byte", what);
	if (len + 1 + sizeof(char *) > *io_budget)
		return wrong(text, "argv and env together are over %u bytes", CHILD_SPEC_BYTES_MAX);
	*io_budget -= len + 1 + sizeof(char *);
	copy = strndup(s, len);
	if (!copy)
		return -ENOMEM;
	free((void *)*ret);
	*ret = copy;
	return 0;
}

static int read_argv(struct mp_reader *r, struct child_spec *spec, size_t *io_budget, char *text)
{
	const char **argv;
	uint32_t n;
	int err = 0;

	if (spec->argv)
		return wrong(text, "`argv` is given twice");
	if (mp_read_array(r, &n) < 0 || !n)
		return wrong(text, "`argv` must be an array of at least one string");
	if (n > *io_budget / (sizeof(char *) + 1))
		return wrong(text, "argv and env together are over %u bytes", CHILD_SPEC_BYTES_MAX);
	argv = calloc((size_t)n + 1, sizeof(char *));
	if (!argv)
		return -ENOMEM;
	spec->argv = argv;
	for (uint32_t i = 0; i < n && !err; i++)
		err = read_string(r, "argv", &argv[i], io_budget, text);
	if (!err && !spec->argv[0][0])
		return wrong(text, "`argv[0]` is empty");
	return err;
}

static int read_env(struct mp_reader *r, struct child_spec *spec, size_t *io_budget, char *text)
{
	char **env;
	uint32_t n;

	if (spec->env)
		return wrong(text, "`env` is given twice");
	if (mp_read_map(r, &n) < 0)
		return wrong(text, "`env` must be a map of strings");
	if (n > *io_budget / (sizeof(char *) + 1))
		return wrong(text, "argv and env together are over %u bytes", CHILD_SPEC_BYTES_MAX);
	env = calloc((size_t)n + 1, sizeof(char *));
	if (!env)
		return -ENOMEM;
	spec->env = (const char *const *)env;
	for (uint32_t i = 0; i < n; i++) {
		const char *k, *v;
		size_t k_len, v_len;

		if (mp_read_str(r, &k, &k_len) < 0 || mp_read_str(r, &v, &v_len) < 0)
			return wrong(text, "`env` must be a map of strings");
		if (!k_len || memchr(k, '=', k_len) || memchr(k, 0, k_len) || memchr(v, 0, v_len))
			return wrong(
				text, "`env` has a name or value that cannot be (empty, with `=` or NUL)");
		if (env_is_reserved(k, k_len))
			return wrong(text, "`env`: %.*s is set by the node itself", (int)k_len, k);
		if (k_len + v_len + 2 + sizeof(char *) > *io_budget)
			return wrong(text, "argv and env together are over %u bytes", CHILD_SPEC_BYTES_MAX);
		*io_budget -= k_len + v_len + 2 + sizeof(char *);
		env[i] = malloc(k_len + v_len + 2);
		if (!env[i])
			return -ENOMEM;
		memcpy(env[i], k, k_len);
		env[i][k_len] = '=';
		memcpy(env[i] + k_len + 1, v, v_len);
		env[i][k_len + 1 + v_len] = 0;
	}
	return 0;
}

static int read_ms(struct mp_reader *r, const char *what, uint64_t *ret, char *text)
{
	if (mp_read_uint(r, ret) < 0 || *ret > CHILD_SPEC_TIMEOUT_MAX_MS)
		return wrong(text, "`%s` must be milliseconds, 0 to %u", what, CHILD_SPEC_TIMEOUT_MAX_MS);
	return 0;
}

static int read_restart(struct mp_reader *r, enum actor_restart *ret, char *text)
{
	const char *s;
	size_t len;

	if (mp_read_str(r, &s, &len) == 0 && child_restart_parse(s, len, ret) == 0)
		return 0;
	return wrong(text, "`restart` must be permanent, transient or temporary");
}

static int read_key(struct mp_reader *r, const char *k, size_t k_len, struct child_spec *spec,
	size_t *io_budget, char *text)
{
	size_t name_budget = SIZE_MAX;
	const char *s;
	size_t len;

	if (mp_str_is(k, k_len, "name")) {
		if (mp_peek(r) == MP_NIL)
			return mp_read_nil(r);
		return read_string(r, "name", &spec->name, &name_budget, text);
	}
	if (mp_str_is(k, k_len, "argv"))
		return read_argv(r, spec, io_budget, text);
	if (mp_str_is(k, k_len, "env"))
		return read_env(r, spec, io_budget, text);
	if (mp_str_is(k, k_len, "cwd")) {
		if (mp_peek(r) == MP_NIL)
			return mp_read_nil(r);
		return read_string(r, "cwd", &spec->cwd, io_budget, text);
	}
	if (mp_str_is(k, k_len, "restart"))
		return read_restart(r, &spec->restart, text);
	if (mp_str_is(k, k_len, "backoff_min_ms"))
		return read_ms(r, "backoff_min_ms", &spec->backoff_min_ms, text);
	if (mp_str_is(k, k_len, "backoff_max_ms"))
		return read_ms(r, "backoff_max_ms", &spec->backoff_max_ms, text);
	if (mp_str_is(k, k_len, "stop_timeout_ms"))
		return read_ms(r, "stop_timeout_ms", &spec->stop_timeout_ms, text);
	if (mp_str_is(k, k_len, "ready_timeout_ms"))
		return read_ms(r, "ready_timeout_ms", &spec->ready_timeout_ms, text);
	if (mp_str_is(k, k_len, "ready")) {
		if (mp_read_str(r, &s, &len) < 0 ||
			(!mp_str_is(s, len, "exec") && !mp_str_is(s, len, "actor")))
			return wrong(text, "`ready` must be exec or actor");
		spec->ready_actor = mp_str_is(s, len, "actor");
		return 0;
	}
	if (mp_str_is(k, k_len, "stamps")) {
		bool stamps;

		if (mp_read_bool(r, &stamps) < 0)
			return wrong(text, "`stamps` must be true or false");
		spec->no_stamps = !stamps;
		return 0;
	}
	if (mp_str_is(k, k_len, "cookie"))
		return mp_read_uint(r, &spec->cookie) < 0 ? wrong(text, "`cookie` must be a number") : 0;
	if (mp_str_is(k, k_len, "owned"))
		return mp_read_bool(r, &spec->owned) < 0 ? wrong(text, "`owned` must be true or false") : 0;
	if (mp_str_is(k, k_len, "monitor")) {
		if (mp_peek(r) == MP_NIL)
			return mp_read_nil(r);
		spec->monitor = true;
		return mp_read_uint(r, &spec->monitor_id) < 0 ? wrong(text, "`monitor` must be a number") : 0;
	}
	return mp_skip(r) < 0 ? wrong(text, "the spec is malformed") : 0;
}

int child_spec_parse(struct mp_reader *r, struct child_spec *ret, char text[CHILD_SPEC_TEXT_BYTES])
{
	struct child_spec spec = CHILD_SPEC_DEFAULT;
	size_t budget = CHILD_SPEC_BYTES_MAX;
	bool max_given = false;
	uint32_t n;
	int err = 0;

	text[0] = 0;
	if (mp_read_map(r, &n) < 0)
		return wrong(text, "the spec must be a map");
	for (uint32_t i = 0; i < n && !err; i++) {
		const char *k;
		size_t k_len;

		if (mp_read_str(r, &k, &k_len) < 0) {
			err = wrong(text, "the keys of a spec are strings");
			break;
		}
		max_given |= mp_str_is(k, k_len, "backoff_max_ms");
		err = read_key(r, k, k_len, &spec, &budget, text);
	}
	if (!err && !spec.argv)
		err = wrong(text, "`argv` is missing: what shall run?");
	if (!err && spec.name && (!wire_name_is_valid(spec.name, strlen(spec.name)) || spec.name[0] == '$'))
		err = wrong(text,
			"`name` must be 1 to 255 bytes of UTF-8 without control characters and not begin with $");
	if (!err && spec.cwd && spec.cwd[0] != '/')
		err = wrong(text, "`cwd` must be an absolute path, not %.100s", spec.cwd);
	if (!err && !max_given && spec.backoff_max_ms < spec.backoff_min_ms)
		spec.backoff_max_ms = spec.backoff_min_ms;
	if (!err && !spec.backoff_min_ms)
		spec.backoff_max_ms = 0;
	if (!err && spec.backoff_max_ms < spec.backoff_min_ms)
		err = wrong(text, "`backoff_max_ms` %llu is below `backoff_min_ms` %llu",
			(unsigned long long)spec.backoff_max_ms, (unsigned long long)spec.backoff_min_ms);
	if (err) {
		if (err == -EPROTO)
			err = wrong(text, "the spec is malformed");
		child_spec_deinit(&spec);
		return err;
	}
	*ret = spec;
	return 0;
}

/* ---- writing ---- */

bool child_variable_is_valid(const char *variable)
{
	const char *equals = strchr(variable, '=');

	return equals && equals != variable;
}

static uint32_t strv_count(const char *const *strv)
{
	uint32_t n = 0;

	while (strv[n])
		n++;
	return n;
}

static void put_argv(struct buf *b, const char *const *argv)
{
	mp_put_cstr(b, "argv");
	mp_put_array(b, strv_count(argv));
	for (; *argv; argv++)
		mp_put_cstr(b, *argv);
}

static void put_env(struct buf *b, const char *const *env)
{
	mp_put_cstr(b, "env");
	mp_put_map(b, strv_count(env));
	for (; *env; env++) {
		const char *equals = strchr(*env, '=');

		mp_put_str(b, *env, (size_t)(equals - *env));
		mp_put_cstr(b, equals + 1);
	}
}

static void put_str(struct buf *b, const char *key, const char *value)
{
	mp_put_cstr(b, key);
	mp_put_cstr(b, value);
}

static void put_uint(struct buf *b, const char *key, uint64_t value)
{
	mp_put_cstr(b, key);
	mp_put_uint(b, value);
}

static void put_bool(struct buf *b, const char *key, bool value)
{
	mp_put_cstr(b, key);
	mp_put_bool(b, value);
}

/*
 * A value whose default may change with a version is always written. A value that is false or 0 is left out;
 * every version reads its absence as false or 0.
 */
void child_spec_put(struct buf *b, const struct child_spec *spec)
{
	uint32_t n_optional = (spec->name != NULL) + (spec->env != NULL) + (spec->cwd != NULL) +
			      (spec->ready_timeout_ms != 0) + spec->no_stamps + (spec->cookie != 0) +
			      spec->owned + spec->monitor;

	mp_put_map(b, 6 + n_optional);
	put_argv(b, spec->argv);
	put_str(b, "restart", child_restart_name(spec->restart));
	put_uint(b, "backoff_min_ms", spec->backoff_min_ms);
	put_uint(b, "backoff_max_ms", spec->backoff_max_ms);
	put_uint(b, "stop_timeout_ms", spec->stop_timeout_ms);
	put_str(b, "ready", spec->ready_actor ? "actor" : "exec");
	if (spec->name)
		put_str(b, "name", spec->name);
	if (spec->env)
		put_env(b, spec->env);
	if (spec->cwd)
		put_str(b, "cwd", spec->cwd);
	if (spec->ready_timeout_ms)
		put_uint(b, "ready_timeout_ms", spec->ready_timeout_ms);
	if (spec->no_stamps)
		put_bool(b, "stamps", false);
	if (spec->cookie)
		put_uint(b, "cookie", spec->cookie);
	if (spec->owned)
		put_bool(b, "owned", true);
	if (spec->monitor)
		put_uint(b, "monitor", spec->monitor_id);
}
