/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/child.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "libactor/util/clock.h"
#include "tools/lib/duration.h"

static const char *child_string(const json_t *map, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(map, key));

	return text ? text : otherwise;
}

const char *child_name(const json_t *child)
{
	return child_string(child, "name", "?");
}

const char *child_state(const json_t *child)
{
	return child_string(child, "state", "unknown");
}

bool child_is_down(const json_t *child)
{
	return !strcmp(child_state(child), "down") || !strcmp(child_state(child), "failed");
}

int64_t child_pid(const json_t *child)
{
	return json_integer_value(json_object_get(child, "pid"));
}

/* Copies @key from @from to @to. If @from does not have it, @otherwise is set. Takes @otherwise. */
static int child_copy(json_t *to, const json_t *from, const char *key, json_t *otherwise)
{
	json_t *value = json_object_get(from, key);

	if (!value)
		return json_object_set_new(to, key, otherwise);
	json_decref(otherwise);
	return json_object_set(to, key, value);
}

static int child_copy_rest(json_t *to, const json_t *from)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)from, key, value)
		if (!json_object_get(to, key) && json_object_set(to, key, value))
			return -ENOMEM;
	return 0;
}

int64_t child_clock_offset_us(void)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return (int64_t)wall.tv_sec * 1000000 + wall.tv_nsec / 1000 - clock_now_us();
}

/* A time in UTC as RFC 3339 has it, with microseconds. */
static json_t *child_time(int64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char text[64], whole[32];
	struct tm tm;

	if (wall_us < 0 || !gmtime_r(&seconds, &tm) ||
		!strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm))
		return json_null();
	snprintf(text, sizeof(text), "%s.%06dZ", whole, (int)(wall_us % 1000000));
	return json_string(text);
}

static json_t *child_public_exit(const json_t *exit, int64_t wall_offset_us)
{
	const json_t *at = json_object_get(exit, "at_us");
	json_t *shown;
	int r = 0;

	if (!json_is_object(exit))
		return json_null();
	shown = json_object();
	r |= child_copy(shown, exit, "kind", json_string("exit"));
	r |= child_copy(shown, exit, "code", json_integer(0));
	r |= child_copy(shown, exit, "signal", json_null());
	r |= child_copy(shown, exit, "core", json_false());
	if (wall_offset_us && json_is_integer(at))
		r |= json_object_set_new(shown, "at", child_time(json_integer_value(at) + wall_offset_us));
	r |= child_copy_rest(shown, exit);
	if (r) {
		json_decref(shown);
		return NULL;
	}
	return shown;
}

json_t *child_public(const json_t *child, int64_t wall_offset_us)
{
	json_t *shown;
	int r = 0;

	if (!json_is_object(child))
		return NULL;
	shown = json_object();
	r |= child_copy(shown, child, "name", json_string("?"));
	r |= child_copy(shown, child, "state", json_string("unknown"));
	r |= child_copy(shown, child, "pid", json_null());
	r |= child_copy(shown, child, "restarts", json_integer(0));
	r |= child_copy(shown, child, "uptime_ms", json_integer(0));
	r |= json_object_set_new(
		shown, "last_exit", child_public_exit(json_object_get(child, "last_exit"), wall_offset_us));
	r |= child_copy_rest(shown, child);
	if (r) {
		json_decref(shown);
		return NULL;
	}
	return shown;
}

/* Says how the child ended, without the time. */
static void child_end_text(const json_t *exit, char *text, size_t size)
{
	const char *kind = child_string(exit, "kind", "exit");
	json_int_t code = json_integer_value(json_object_get(exit, "code"));
	char number[32];

	snprintf(number, sizeof(number), "signal %lld", (long long)code);
	if (!strcmp(kind, "signal"))
		snprintf(text, size, "%s%s", child_string(exit, "signal", number),
			json_is_true(json_object_get(exit, "core")) ? " (core)" : "");
	else if (!strcmp(kind, "exec"))
		snprintf(text, size, "exec: %s", strerror((int)code));
	else
		snprintf(text, size, "%s %lld%s", kind, (long long)code,
			code == 127   ? " (command not found?)"
			: code == 126 ? " (cannot be run?)" /* as shells use these codes */
			: json_is_true(json_object_get(exit, "left")) ? " (left processes behind)"
								      : "");
}

const char *child_last_words(const json_t *child)
{
	const char *text = child_string(json_object_get(child, "last_exit"), "text", "");

	return *text ? text : NULL;
}

static void child_exit_text(const json_t *child, int64_t now_us, char text[CHILD_TEXT_MAX])
{
	const json_t *exit = json_object_get(child, "last_exit");
	const json_t *next = json_object_get(child, "next_start_ms");
	const json_t *at = json_object_get(exit, "at_us");
	const char *outcome = child_string(child, "outcome", NULL);
	char end[CHILD_TEXT_MAX / 2] = "-", span[DURATION_TEXT_MAX];
	const char *comma = outcome ? ", " : "";

	if (json_is_object(exit)) {
		child_end_text(exit, end, sizeof(end));
	} else if (outcome) {
		snprintf(text, CHILD_TEXT_MAX, "%s", outcome);
		return;
	}
	if (!outcome)
		outcome = "";
	if (!strcmp(child_state(child), "backoff") && json_is_integer(next))
		snprintf(text, CHILD_TEXT_MAX, "%s, next try in %s%s%s", end,
			duration_format(json_integer_value(next), span), comma, outcome);
	else if (json_is_object(exit) && json_is_integer(at))
		snprintf(text, CHILD_TEXT_MAX, "%s %s ago%s%s", end,
			duration_format((now_us - json_integer_value(at)) / 1000, span), comma, outcome);
	else
		snprintf(text, CHILD_TEXT_MAX, "%s%s%s", end, comma, outcome);
}

static void child_denied_text(const json_t *child, char text[CHILD_TEXT_MAX])
{
	const json_t *denied = json_object_get(child, "denied");
	json_int_t uid = json_integer_value(json_object_get(denied, "uid"));
	size_t n = strcmp(text, "-") ? strlen(text) : 0;
	char as[32] = "";

	if (uid >= 0)
		snprintf(as, sizeof(as), " (uid %lld)", (long long)uid);
	snprintf(text + n, CHILD_TEXT_MAX - n, "%s%lld runs as another user%s, not stopped", n ? "; " : "",
		(long long)json_integer_value(json_object_get(denied, "pid")), as);
}

char *child_last_exit_text(const json_t *child, int64_t now_us, char text[CHILD_TEXT_MAX])
{
	size_t n;

	child_exit_text(child, now_us, text);
	if (json_is_object(json_object_get(child, "denied")))
		child_denied_text(child, text);
	if (json_is_true(json_object_get(child, "adopted"))) { /* its restart type is not known */
		n = strcmp(text, "-") ? strlen(text) : 0;
		snprintf(text + n, CHILD_TEXT_MAX - n, "%sadopted, is not restarted", n ? ", " : "");
	}
	return text;
}

const char *child_state_color(const json_t *child)
{
	static const struct {
		const char *state, *color;
	} colors[] = {{"up", "green"}, {"ready", "green"}, {"starting", "yellow"}, {"stopping", "yellow"},
		{"backoff", "red"}};
	const char *state = child_state(child);

	if (!strcmp(child_string(child, "outcome", ""), "failed"))
		return "red";
	for (size_t i = 0; i < sizeof(colors) / sizeof(*colors); i++)
		if (!strcmp(colors[i].state, state))
			return colors[i].color;
	return NULL;
}

int child_exit_status(const json_t *child)
{
	const json_t *exit = json_object_get(child, "last_exit");
	const char *kind = child_string(exit, "kind", "exit");
	int code = (int)json_integer_value(json_object_get(exit, "code"));

	if (!json_is_object(exit))
		return -1;
	if (!strcmp(kind, "signal"))
		return 128 + code;
	if (!strcmp(kind, "exec"))
		return code == ENOENT ? 127 : 126;
	return code & 0xff;
}
