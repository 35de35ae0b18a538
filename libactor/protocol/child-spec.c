/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/child-spec.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
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

/* ---- sets of ends ---- */

int child_exits_add_status(struct child_exits *exits, uint64_t status)
{
	if (status > 255)
		return -EINVAL;
	exits->statuses[status / 64] |= UINT64_C(1) << (status % 64);
	return 0;
}

int child_exits_add_signal(struct child_exits *exits, int signo)
{
	if (signo < 1 || signo > 64)
		return -EINVAL;
	exits->signals |= UINT64_C(1) << (signo - 1);
	return 0;
}

int child_exits_add_word(struct child_exits *exits, const char *word)
{
	char *end;
	unsigned long status;

	if (*word < '0' || *word > '9')
		return child_exits_add_signal(exits, cause_signal_number(word));
	status = strtoul(word, &end, 10);
	return *end ? -EINVAL : child_exits_add_status(exits, status);
}

static bool has_status(const struct child_exits *exits, unsigned status)
{
	return exits->statuses[status / 64] >> (status % 64) & 1;
}

static bool has_signal(const struct child_exits *exits, int signo)
{
	return exits->signals >> (signo - 1) & 1;
}

bool child_exits_has(const struct child_exits *exits, const struct actor_cause *cause)
{
	if (cause->kind == ACTOR_EXIT_STATUS)
		return cause->code >= 0 && cause->code <= 255 && has_status(exits, (unsigned)cause->code);
	if (cause->kind == ACTOR_EXIT_SIGNAL)
		return cause->code >= 1 && cause->code <= 64 && has_signal(exits, cause->code);
	return false;
}

static bool exits_meet(const struct child_exits *a, const struct child_exits *b)
{
	bool meet = a->signals & b->signals;

	for (size_t i = 0; i < 4; i++)
		meet |= (a->statuses[i] & b->statuses[i]) != 0;
	return meet;
}

static uint32_t exits_count(const struct child_exits *exits)
{
	uint32_t n = (uint32_t)__builtin_popcountll(exits->signals);

	for (size_t i = 0; i < 4; i++)
		n += (uint32_t)__builtin_popcountll(exits->statuses[i]);
	return n;
}

/* ---- numbers ---- */

/* A key of the spec whose value is a number. */
static const struct number {
	const char *key;
	size_t offset; /* in struct child_spec, of a uint64_t */
	uint64_t max;
	uint64_t absent; /* what a spec without the key has */
	bool always;     /* it is written in any case, since what @absent is may change with a version */
} numbers[] = {
#define MS(key, absent, always)                                                                              \
	{                                                                                                    \
#key, offsetof(struct child_spec, key), CHILD_SPEC_TIMEOUT_MAX_MS, absent, always            \
	}
	MS(backoff_min_ms, CHILD_BACKOFF_MIN_DEFAULT_MS, true),
	MS(backoff_max_ms, CHILD_BACKOFF_MAX_DEFAULT_MS, true),
	MS(backoff_reset_ms, CHILD_BACKOFF_RESET_DEFAULT_MS, false),
	MS(stop_timeout_ms, CHILD_STOP_TIMEOUT_DEFAULT_MS, true),
	MS(ready_timeout_ms, 0, false),
	MS(period_ms, 0, false),
	MS(up_for_ms, 0, false),
#undef MS
	{"backoff_factor", offsetof(struct child_spec, backoff_factor), CHILD_BACKOFF_FACTOR_MAX,
		CHILD_BACKOFF_FACTOR_DEFAULT, false},
	{"backoff_jitter_pct", offsetof(struct child_spec, backoff_jitter_pct), 100,
		CHILD_BACKOFF_JITTER_DEFAULT, false},
	{"intensity", offsetof(struct child_spec, intensity), CHILD_INTENSITY_MAX, 0, false},
};
#define N_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static const struct number *number_of(const char *k, size_t k_len)
{
	for (size_t i = 0; i < N_NUMBERS; i++)
		if (mp_str_is(k, k_len, numbers[i].key))
			return &numbers[i];
	return NULL;
}

static uint64_t number_get(const struct child_spec *spec, const struct number *number)
{
	return *(const uint64_t *)(const void *)((const char *)spec + number->offset);
}

static bool number_is_written(const struct child_spec *spec, const struct number *number)
{
	return number->always || number_get(spec, number) != number->absent;
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
	free((void *)spec->user);
	free((void *)spec->group);
	free((void *)spec->input);
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

static int read_number(struct mp_reader *r, const struct number *number, struct child_spec *spec, char *text)
{
	uint64_t *ret = (uint64_t *)(void *)((char *)spec + number->offset);

	if (mp_read_uint(r, ret) == 0 && *ret <= number->max)
		return 0;
	return wrong(text, "`%s` must be %s, 0 to %llu", number->key,
		number->max == CHILD_SPEC_TIMEOUT_MAX_MS ? "milliseconds" : "a number",
		(unsigned long long)number->max);
}

/* Reads the name of a signal. Returns its number, or -EINVAL. */
static int read_signal_name(struct mp_reader *r)
{
	char word[16];
	const char *s;
	size_t len;

	if (mp_read_str(r, &s, &len) < 0 || len >= sizeof(word) || memchr(s, 0, len))
		return -EINVAL;
	snprintf(word, sizeof(word), "%.*s", (int)len, s);
	return cause_signal_number(word);
}

static int read_signal(struct mp_reader *r, int *ret, char *text)
{
	int signo = read_signal_name(r);

	if (signo < 1 || signo > 64)
		return wrong(text, "`stop_signal` must be the name of a signal");
	*ret = signo;
	return 0;
}

static int read_exits(struct mp_reader *r, const char *what, struct child_exits *ret, char *text)
{
	struct child_exits exits = {0};
	uint64_t status;
	uint32_t n;
	int r_word;

	if (mp_read_array(r, &n) < 0)
		return wrong(text, "`%s` must be an array of exit statuses and names of signals", what);
	while (n--) {
		if (mp_read_uint(r, &status) == 0)
			r_word = child_exits_add_status(&exits, status);
		else
			r_word = child_exits_add_signal(&exits, read_signal_name(r));
		if (r_word)
			return wrong(text,
				"`%s` has what is neither an exit status, 0 to 255, nor the name of a signal",
				what);
	}
	*ret = exits;
	return 0;
}

/* A number from @min to @max. */
static int read_small(
	struct mp_reader *r, const char *what, int64_t min, int64_t max, bool *ret_has, int *ret, char *text)
{
	int64_t value;

	if (mp_read_int(r, &value) < 0 || value < min || value > max)
		return wrong(
			text, "`%s` must be a number, %lld to %lld", what, (long long)min, (long long)max);
	*ret_has = true;
	*ret = (int)value;
	return 0;
}

static int read_flag(struct mp_reader *r, const char *what, bool *ret, char *text)
{
	return mp_read_bool(r, ret) < 0 ? wrong(text, "`%s` must be true or false", what) : 0;
}

/* What a process may do and use. 1: it is another key. */
static int read_isolation_key(struct mp_reader *r, const char *k, size_t k_len, struct child_spec *spec,
	size_t *io_budget, char *text)
{
	int umask = 0, err;

	if (mp_str_is(k, k_len, "user"))
		return read_string(r, "user", &spec->user, io_budget, text);
	if (mp_str_is(k, k_len, "group"))
		return read_string(r, "group", &spec->group, io_budget, text);
	if (mp_str_is(k, k_len, "umask")) {
		err = read_small(r, "umask", 0, 0777, &spec->has_umask, &umask, text);
		spec->umask = err ? 0 : (unsigned)umask;
		return err;
	}
	if (mp_str_is(k, k_len, "nice"))
		return read_small(r, "nice", -20, 19, &spec->has_nice, &spec->nice, text);
	if (mp_str_is(k, k_len, "oom_score_adj"))
		return read_small(r, "oom_score_adj", -1000, 1000, &spec->has_oom_score_adj,
			&spec->oom_score_adj, text);
	if (mp_str_is(k, k_len, "no_new_privs"))
		return read_flag(r, "no_new_privs", &spec->no_new_privs, text);
	if (mp_str_is(k, k_len, "clear_env"))
		return read_flag(r, "clear_env", &spec->clear_env, text);
	if (!mp_str_is(k, k_len, "limits"))
		return 1;
	if (child_limits_parse(r, &spec->limits) < 0)
		return wrong(text, "`limits` must be a map of limits like nofile: [soft, hard]");
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
	const struct number *number = number_of(k, k_len);
	size_t name_budget = SIZE_MAX;
	const char *s;
	size_t len;
	int err;

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
	if (number)
		return read_number(r, number, spec, text);
	if (mp_str_is(k, k_len, "stop_signal"))
		return read_signal(r, &spec->stop_signal, text);
	if (mp_str_is(k, k_len, "fatal_on"))
		return read_exits(r, "fatal_on", &spec->fatal_on, text);
	if (mp_str_is(k, k_len, "ok_exit"))
		return read_exits(r, "ok_exit", &spec->ok_exit, text);
	if (mp_str_is(k, k_len, "ready")) {
		if (mp_read_str(r, &s, &len) < 0 ||
			(!mp_str_is(s, len, "exec") && !mp_str_is(s, len, "actor")))
			return wrong(text, "`ready` must be exec or actor");
		spec->ready_actor = mp_str_is(s, len, "actor");
		return 0;
	}
	if (mp_str_is(k, k_len, "stdin")) {
		if (mp_peek(r) == MP_NIL)
			return mp_read_nil(r);
		return read_string(r, "stdin", &spec->input, io_budget, text);
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
	err = read_isolation_key(r, k, k_len, spec, io_budget, text);
	if (err <= 0)
		return err;
	return mp_skip(r) < 0 ? wrong(text, "the spec is malformed") : 0;
}

/* Whether what the spec says about starts and restarts goes together. */
static int check_restarts(struct child_spec *spec, bool max_given, char *text)
{
	if (!max_given && spec->backoff_max_ms < spec->backoff_min_ms)
		spec->backoff_max_ms = spec->backoff_min_ms;
	if (!spec->backoff_min_ms)
		spec->backoff_max_ms = 0;
	if (spec->backoff_max_ms < spec->backoff_min_ms)
		return wrong(text, "`backoff_max_ms` %llu is below `backoff_min_ms` %llu",
			(unsigned long long)spec->backoff_max_ms, (unsigned long long)spec->backoff_min_ms);
	if (!spec->backoff_factor)
		return wrong(text, "`backoff_factor` must be at least 1");
	if (spec->intensity && !spec->period_ms)
		return wrong(
			text, "`intensity` needs `period_ms`: in which time so many restarts are allowed");
	if (spec->ready_actor && spec->up_for_ms)
		return wrong(text, "`up_for_ms` and `ready` actor are two ways to be ready: choose one");
	if (exits_meet(&spec->fatal_on, &spec->ok_exit))
		return wrong(text, "`fatal_on` and `ok_exit` have the same exit status or signal");
	return 0;
}

/* Whether the whole goes together. @max_given: backoff_max_ms was said, and not taken from the defaults. */
static int check_spec(struct child_spec *spec, bool max_given, char *text)
{
	if (!spec->argv)
		return wrong(text, "`argv` is missing: what shall run?");
	if (spec->name && (!wire_name_is_valid(spec->name, strlen(spec->name)) || spec->name[0] == '$'))
		return wrong(text,
			"`name` must be 1 to 255 bytes of UTF-8 without control characters and not begin with $");
	if (spec->input && spec->input[0] != '/' && strcmp(spec->input, "pipe"))
		return wrong(text, "`stdin` must be `pipe` or an absolute path, not %.100s", spec->input);
	if (spec->cwd && spec->cwd[0] != '/')
		return wrong(text, "`cwd` must be an absolute path, not %.100s", spec->cwd);
	return check_restarts(spec, max_given, text);
}

/* Reads the keys of a map into @spec. @changes: only those that may be changed. */
static int read_keys(struct mp_reader *r, struct child_spec *spec, bool changes, char *text)
{
	size_t budget = CHILD_SPEC_BYTES_MAX;
	bool max_given = changes;
	uint32_t n;
	int err = 0;

	if (mp_read_map(r, &n) < 0)
		return wrong(text, "the spec must be a map");
	for (uint32_t i = 0; i < n && !err; i++) {
		const char *k;
		size_t k_len;

		if (mp_read_str(r, &k, &k_len) < 0)
			return wrong(text, "the keys of a spec are strings");
		if (changes && child_spec_key(k, k_len) == CHILD_KEY_UNKNOWN)
			return wrong(text, "`%.*s` cannot be changed", (int)(k_len < 40 ? k_len : 40), k);
		if (changes && mp_str_is(k, k_len, "argv")) {
			strv_free(spec->argv);
			spec->argv = NULL;
		}
		max_given |= mp_str_is(k, k_len, "backoff_max_ms");
		err = read_key(r, k, k_len, spec, &budget, text);
	}
	if (err == -EPROTO)
		return wrong(text, "the spec is malformed");
	return err ? err : check_spec(spec, max_given, text);
}

int child_spec_parse(struct mp_reader *r, struct child_spec *ret, char text[CHILD_SPEC_TEXT_BYTES])
{
	struct child_spec spec = CHILD_SPEC_DEFAULT;
	int err;

	text[0] = 0;
	err = read_keys(r, &spec, false, text);
	if (err) {
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

static void put_exits(struct buf *b, const char *key, const struct child_exits *exits)
{
	char scratch[16];

	mp_put_cstr(b, key);
	mp_put_array(b, exits_count(exits));
	for (unsigned status = 0; status <= 255; status++)
		if (has_status(exits, status))
			mp_put_uint(b, status);
	for (int signo = 1; signo <= 64; signo++)
		if (has_signal(exits, signo))
			mp_put_cstr(b, cause_signal_name(signo, scratch));
}

static void put_int(struct buf *b, const char *key, int value)
{
	mp_put_cstr(b, key);
	mp_put_int(b, value);
}

static uint32_t isolation_count(const struct child_spec *spec)
{
	return (spec->user != NULL) + (spec->group != NULL) + spec->has_umask + spec->has_nice +
	       spec->has_oom_score_adj + spec->no_new_privs + spec->clear_env +
	       (child_limits_count(&spec->limits) > 0);
}

static void put_isolation(struct buf *b, const struct child_spec *spec)
{
	if (spec->user)
		put_str(b, "user", spec->user);
	if (spec->group)
		put_str(b, "group", spec->group);
	if (spec->has_umask)
		put_uint(b, "umask", spec->umask);
	if (spec->has_nice)
		put_int(b, "nice", spec->nice);
	if (spec->has_oom_score_adj)
		put_int(b, "oom_score_adj", spec->oom_score_adj);
	if (spec->no_new_privs)
		put_bool(b, "no_new_privs", true);
	if (spec->clear_env)
		put_bool(b, "clear_env", true);
	if (child_limits_count(&spec->limits)) {
		mp_put_cstr(b, "limits");
		child_limits_put(b, &spec->limits);
	}
}

/*
 * A value whose default may change with a version is always written. A value that is false or 0 is left out;
 * every version reads its absence as false or 0.
 */
void child_spec_put(struct buf *b, const struct child_spec *spec)
{
	char scratch[16];
	bool fatal_on = exits_count(&spec->fatal_on) > 0, ok_exit = exits_count(&spec->ok_exit) > 0;
	uint32_t n_optional = (spec->name != NULL) + (spec->env != NULL) + (spec->cwd != NULL) + fatal_on +
			      ok_exit + (spec->stop_signal != 0) + (spec->input != NULL) + spec->no_stamps +
			      (spec->cookie != 0) + spec->owned + spec->monitor;

	for (size_t i = 0; i < N_NUMBERS; i++)
		n_optional += number_is_written(spec, &numbers[i]);
	mp_put_map(b, 3 + n_optional + isolation_count(spec));
	put_argv(b, spec->argv);
	put_str(b, "restart", child_restart_name(spec->restart));
	for (size_t i = 0; i < N_NUMBERS; i++)
		if (number_is_written(spec, &numbers[i]))
			put_uint(b, numbers[i].key, number_get(spec, &numbers[i]));
	put_str(b, "ready", spec->ready_actor ? "actor" : "exec");
	if (spec->name)
		put_str(b, "name", spec->name);
	if (spec->env)
		put_env(b, spec->env);
	if (spec->cwd)
		put_str(b, "cwd", spec->cwd);
	if (spec->stop_signal)
		put_str(b, "stop_signal", cause_signal_name(spec->stop_signal, scratch));
	if (spec->input)
		put_str(b, "stdin", spec->input);
	if (fatal_on)
		put_exits(b, "fatal_on", &spec->fatal_on);
	if (ok_exit)
		put_exits(b, "ok_exit", &spec->ok_exit);
	put_isolation(b, spec);
	if (spec->no_stamps)
		put_bool(b, "stamps", false);
	if (spec->cookie)
		put_uint(b, "cookie", spec->cookie);
	if (spec->owned)
		put_bool(b, "owned", true);
	if (spec->monitor)
		put_uint(b, "monitor", spec->monitor_id);
}

/* ---- changes ---- */

static const struct {
	const char *key;
	enum child_key kind;
} changeable[] = {
	{"restart", CHILD_KEY_POLICY},
	{"backoff_min_ms", CHILD_KEY_POLICY},
	{"backoff_max_ms", CHILD_KEY_POLICY},
	{"backoff_factor", CHILD_KEY_POLICY},
	{"backoff_jitter_pct", CHILD_KEY_POLICY},
	{"backoff_reset_ms", CHILD_KEY_POLICY},
	{"intensity", CHILD_KEY_POLICY},
	{"period_ms", CHILD_KEY_POLICY},
	{"fatal_on", CHILD_KEY_POLICY},
	{"ok_exit", CHILD_KEY_POLICY},
	{"stop_signal", CHILD_KEY_POLICY},
	{"stop_timeout_ms", CHILD_KEY_POLICY},
	{"up_for_ms", CHILD_KEY_LIFE},
	{"argv", CHILD_KEY_LIFE},
	{"cwd", CHILD_KEY_LIFE},
	{"user", CHILD_KEY_LIFE},
	{"group", CHILD_KEY_LIFE},
	{"umask", CHILD_KEY_LIFE},
	{"limits", CHILD_KEY_LIFE},
	{"nice", CHILD_KEY_LIFE},
	{"oom_score_adj", CHILD_KEY_LIFE},
};
#define N_CHANGEABLE (sizeof(changeable) / sizeof(changeable[0]))

enum child_key child_spec_key(const char *key, size_t length)
{
	for (size_t i = 0; i < N_CHANGEABLE; i++)
		if (mp_str_is(key, length, changeable[i].key))
			return changeable[i].kind;
	return CHILD_KEY_UNKNOWN;
}

static void put_key(struct buf *b, const struct child_spec *spec, const char *key)
{
	const struct number *number = number_of(key, strlen(key));
	char scratch[16];

	if (number) {
		put_uint(b, key, number_get(spec, number));
	} else if (!strcmp(key, "restart")) {
		put_str(b, key, child_restart_name(spec->restart));
	} else if (!strcmp(key, "fatal_on")) {
		put_exits(b, key, &spec->fatal_on);
	} else if (!strcmp(key, "ok_exit")) {
		put_exits(b, key, &spec->ok_exit);
	} else if (!strcmp(key, "stop_signal")) {
		put_str(b, key, cause_signal_name(spec->stop_signal ? spec->stop_signal : SIGTERM, scratch));
	} else if (!strcmp(key, "argv")) {
		put_argv(b, spec->argv);
	} else if (!strcmp(key, "cwd")) {
		put_str(b, key, spec->cwd);
	} else if (!strcmp(key, "user")) {
		put_str(b, key, spec->user);
	} else if (!strcmp(key, "group")) {
		put_str(b, key, spec->group);
	} else if (!strcmp(key, "umask")) {
		put_uint(b, key, spec->umask);
	} else if (!strcmp(key, "nice")) {
		put_int(b, key, spec->nice);
	} else if (!strcmp(key, "oom_score_adj")) {
		put_int(b, key, spec->oom_score_adj);
	} else {
		mp_put_cstr(b, "limits");
		child_limits_put(b, &spec->limits);
	}
}

void child_spec_put_keys(struct buf *b, const struct child_spec *spec, const char *const *keys, size_t n)
{
	mp_put_map(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		put_key(b, spec, keys[i]);
}

/* Writes @spec as if its policy were that of @other. */
static void put_life(struct buf *b, const struct child_spec *spec, const struct child_spec *other)
{
	struct child_spec life = *spec;

	for (size_t i = 0; i < N_NUMBERS; i++)
		if (child_spec_key(numbers[i].key, strlen(numbers[i].key)) == CHILD_KEY_POLICY)
			*(uint64_t *)(void *)((char *)&life + numbers[i].offset) =
				number_get(other, &numbers[i]);
	life.restart = other->restart;
	life.fatal_on = other->fatal_on;
	life.ok_exit = other->ok_exit;
	life.stop_signal = other->stop_signal;
	child_spec_put(b, &life);
}

int child_spec_change(const struct child_spec *spec, struct mp_reader *r, struct child_spec *ret,
	bool *ret_life, char text[CHILD_SPEC_TEXT_BYTES])
{
	struct buf before = BUF_INIT, after = BUF_INIT;
	struct child_spec copy;
	struct mp_reader whole;
	int err;

	child_spec_put(&before, spec);
	err = buf_error(&before);
	whole = mp_reader(before.data, before.size_bytes);
	if (!err)
		err = child_spec_parse(&whole, &copy, text);
	if (err)
		goto out;
	err = read_keys(r, &copy, true, text);
	if (!err) {
		put_life(&after, &copy, spec);
		err = buf_error(&after);
	}
	if (err) {
		child_spec_deinit(&copy);
		goto out;
	}
	*ret_life = before.size_bytes != after.size_bytes ||
		    memcmp(before.data, after.data, before.size_bytes) != 0;
	*ret = copy;
out:
	buf_deinit(&before);
	buf_deinit(&after);
	return err;
}
