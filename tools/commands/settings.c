/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/commands/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "tools/lib/duration.h"

/* What each reader gets. It returns 0, or -EINVAL: the value is wrong. */
typedef int (*setting_reader)(struct child_spec *spec, const char *value);

static int read_restart(struct child_spec *spec, const char *value)
{
	return child_restart_parse(value, strlen(value), &spec->restart);
}

static int read_time(uint64_t *ret_ms, const char *value)
{
	int64_t ms;

	if (duration_parse(value, &ms) || ms > CHILD_SPEC_TIMEOUT_MAX_MS)
		return -EINVAL;
	*ret_ms = (uint64_t)ms;
	return 0;
}

static int read_number(uint64_t *ret, const char *value, uint64_t min, uint64_t max)
{
	char *end;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(value, &end, 10);
	return errno || *end || *ret < min || *ret > max ? -EINVAL : 0;
}

static int read_backoff(struct child_spec *spec, const char *value)
{
	int64_t min_ms, max_ms = CHILD_BACKOFF_MAX_DEFAULT_MS;

	if (duration_parse_range(value, &min_ms, &max_ms))
		return -EINVAL;
	if (!min_ms && !strchr(value, ':'))
		max_ms = 0;
	spec->backoff_min_ms = (uint64_t)min_ms;
	spec->backoff_max_ms = (uint64_t)max_ms;
	return 0;
}

static int read_backoff_factor(struct child_spec *spec, const char *value)
{
	return read_number(&spec->backoff_factor, value, 1, CHILD_BACKOFF_FACTOR_MAX);
}

static int read_backoff_jitter(struct child_spec *spec, const char *value)
{
	return read_number(&spec->backoff_jitter_pct, value, 0, 100);
}

static int read_backoff_reset(struct child_spec *spec, const char *value)
{
	return read_time(&spec->backoff_reset_ms, value);
}

static int read_max_restarts(struct child_spec *spec, const char *value)
{
	const char *slash = strchr(value, '/');
	char number[8];
	uint64_t n, ms;

	if (!strcmp(value, "unlimited")) {
		spec->intensity = spec->period_ms = 0;
		return 0;
	}
	if (!slash || (size_t)(slash - value) >= sizeof(number))
		return -EINVAL;
	snprintf(number, sizeof(number), "%.*s", (int)(slash - value), value);
	if (read_number(&n, number, 0, CHILD_INTENSITY_MAX) || read_time(&ms, slash + 1) || !ms)
		return -EINVAL;
	spec->intensity = n;
	spec->period_ms = ms;
	return 0;
}

static int read_exits(struct child_exits *ret, const char *value)
{
	struct child_exits exits = {0};
	char word[16];

	while (*value) {
		size_t length = strcspn(value, ",");

		if (length >= sizeof(word))
			return -EINVAL;
		snprintf(word, sizeof(word), "%.*s", (int)length, value);
		if (child_exits_add_word(&exits, word))
			return -EINVAL;
		value += length + (value[length] == ',');
	}
	*ret = exits;
	return 0;
}

static int read_fatal_on(struct child_spec *spec, const char *value)
{
	return read_exits(&spec->fatal_on, value);
}

static int read_ok_exit(struct child_spec *spec, const char *value)
{
	return read_exits(&spec->ok_exit, value);
}

static int read_stop_signal(struct child_spec *spec, const char *value)
{
	int signo = cause_signal_number(value);

	if (signo < 1 || signo > 64)
		return -EINVAL;
	spec->stop_signal = signo;
	return 0;
}

static int read_up_for(struct child_spec *spec, const char *value)
{
	return read_time(&spec->up_for_ms, value);
}

static int read_name(const char **ret, const char *value)
{
	*ret = value;
	return *value ? 0 : -EINVAL;
}

static int read_user(struct child_spec *spec, const char *value)
{
	return read_name(&spec->user, value);
}

static int read_group(struct child_spec *spec, const char *value)
{
	return read_name(&spec->group, value);
}

static int read_umask(struct child_spec *spec, const char *value)
{
	char *end;
	unsigned long mask = strtoul(value, &end, 8);

	if (*value < '0' || *value > '7' || *end || mask > 0777)
		return -EINVAL;
	spec->umask = (unsigned)mask;
	spec->has_umask = true;
	return 0;
}

static int read_signed(bool *ret_has, int *ret, const char *value, long min, long max)
{
	char *end;
	long number = strtol(value, &end, 10);

	if (!*value || *end || number < min || number > max)
		return -EINVAL;
	*ret = (int)number;
	*ret_has = true;
	return 0;
}

static int read_nice(struct child_spec *spec, const char *value)
{
	return read_signed(&spec->has_nice, &spec->nice, value, -20, 19);
}

static int read_oom_score_adj(struct child_spec *spec, const char *value)
{
	return read_signed(&spec->has_oom_score_adj, &spec->oom_score_adj, value, -1000, 1000);
}

/* A number with K, M, G or T (powers of 1024), or unlimited. Returns what follows it, or NULL. */
static const char *read_amount(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	if (!strncmp(text, "unlimited", 9)) {
		*ret = CHILD_LIMIT_NONE;
		return text + 9;
	}
	if (*text < '0' || *text > '9')
		return NULL;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		unsigned shift = 10 * (unsigned)(unit - units + 1);

		if (*ret > UINT64_MAX >> shift)
			return NULL;
		*ret <<= shift;
		end++;
	}
	return errno ? NULL : end;
}

static int read_limit(struct child_spec *spec, const char *value)
{
	const char *equals = strchr(value, '='), *rest;
	uint64_t soft, hard;
	char name[16];

	if (!equals || (size_t)(equals - value) >= sizeof(name))
		return -EINVAL;
	snprintf(name, sizeof(name), "%.*s", (int)(equals - value), value);
	rest = read_amount(equals + 1, &soft);
	hard = soft;
	if (rest && *rest == ':')
		rest = read_amount(rest + 1, &hard);
	return rest && !*rest ? child_limits_set(&spec->limits, name, soft, hard) : -EINVAL;
}

static int read_stop_timeout(struct child_spec *spec, const char *value)
{
	return read_time(&spec->stop_timeout_ms, value);
}

static const struct setting {
	const char *name;
	setting_reader read;
	const char *is_no; /* "'VALUE' is no …" */
	const char *hint;
	const char *keys[2]; /* of the spec; the second may be NULL */
} settings[] = {
	{"restart", read_restart, "restart type",
		"permanent: always; transient: unless it ends well; temporary: never", {"restart"}},
	{"backoff", read_backoff, "backoff", "write MIN:MAX like 100ms:30s, or 0",
		{"backoff_min_ms", "backoff_max_ms"}},
	{"backoff-factor", read_backoff_factor, "factor of a backoff", "write a number, 1 to 100",
		{"backoff_factor"}},
	{"backoff-jitter", read_backoff_jitter, "jitter", "write a percentage, 0 to 100",
		{"backoff_jitter_pct"}},
	{"backoff-reset", read_backoff_reset, "time", "write seconds, or 500ms, 10s, 1m; 0: never",
		{"backoff_reset_ms"}},
	{"max-restarts", read_max_restarts, "limit of restarts",
		"write N/PERIOD like 5/1m, at most 1000, or unlimited", {"intensity", "period_ms"}},
	{"fatal-on", read_fatal_on, "list of ends", "write exit statuses and signals like 2,78,SIGSEGV",
		{"fatal_on"}},
	{"ok-exit", read_ok_exit, "list of ends", "write exit statuses and signals like 3,SIGINT",
		{"ok_exit"}},
	{"up-for", read_up_for, "time", "write seconds, or 500ms, 10s, 1m; 0: it is up as soon as it runs",
		{"up_for_ms"}},
	{"stop-signal", read_stop_signal, "signal", "write a name like INT or SIGQUIT, or a number",
		{"stop_signal"}},
	{"user", read_user, "user", "write a name or a number", {"user"}},
	{"group", read_group, "group", "write a name or a number", {"group"}},
	{"umask", read_umask, "umask", "write an octal number like 022", {"umask"}},
	{"nice", read_nice, "nice value", "write a number, -20 to 19", {"nice"}},
	{"oom-score-adj", read_oom_score_adj, "oom score", "write a number, -1000 to 1000",
		{"oom_score_adj"}},
	{"limit", read_limit, "limit",
		"write NAME=SOFT or NAME=SOFT:HARD like nofile=4096, core=unlimited, as=2G; names: as core cpu data "
		"fsize locks memlock msgqueue nice nofile nproc rss rtprio sigpending stack",
		{"limits"}},
	{"stop-timeout", read_stop_timeout, "stop timeout", "write seconds, or 500ms, 10s, 1m; at most a day",
		{"stop_timeout_ms"}},
};
#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int setting_apply(
	const struct ctl *ctl, const struct setting *setting, struct child_spec *spec, const char *value)
{
	if (!setting->read(spec, value))
		return 0;
	return ctl_fail(ctl, CTL_USAGE, "usage", setting->hint, "'%s' is no %s", value, setting->is_no);
}

int settings_set(
	const struct ctl *ctl, struct child_spec *spec, const char *text, const char *const **ret_keys)
{
	size_t length = strcspn(text, "=");

	for (size_t i = 0; i < N_SETTINGS; i++)
		if (text[length] && strlen(settings[i].name) == length &&
			!memcmp(settings[i].name, text, length)) {
			*ret_keys = settings[i].keys;
			return setting_apply(ctl, &settings[i], spec, text + length + 1);
		}
	return ctl_fail(ctl, CTL_USAGE, "usage", "see actorctl help set", "there is no setting '%.*s'",
		(int)length, text);
}

int settings_read(const struct ctl *ctl, struct child_spec *spec, const struct args *args)
{
	int status = 0;

	for (size_t i = 0; i < N_SETTINGS && !status; i++) {
		const char *value;
		size_t at = 0;

		while (!status && (value = args_next(args, settings[i].name, &at)))
			status = setting_apply(ctl, &settings[i], spec, value);
	}
	spec->no_new_privs |= args_has(args, "no-new-privs");
	spec->clear_env |= args_has(args, "clear-env");
	return status;
}
