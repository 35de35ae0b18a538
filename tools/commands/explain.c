/* SPDX-License-Identifier: Apache-2.0 */
/* explain: says why a process is in its state, and what comes next */
#include <inttypes.h>
#include <string.h>

#include "libactor/protocol/names.h"
#include "libactor/util/clock.h"
#include "tools/commands/commands.h"
#include "tools/lib/duration.h"
#include "tools/lib/json.h"
#include "tools/view/child.h"
#include "tools/view/output.h"
#include "tools/view/session.h"

static void explain_field(const char *name)
{
	printf("%11s  ", name);
}

static const char *explain_time(const json_t *spec, const char *key, char text[DURATION_TEXT_MAX])
{
	return duration_format(json_integer_value(json_object_get(spec, key)), text);
}

static json_int_t explain_number(const json_t *map, const char *key, json_int_t otherwise)
{
	const json_t *value = json_object_get(map, key);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static void explain_limit(const json_t *answer, const json_t *spec)
{
	char period[DURATION_TEXT_MAX];

	if (!explain_number(spec, "period_ms", 0))
		return;
	explain_field("limit");
	printf("%" JSON_INTEGER_FORMAT " restarts in %s", explain_number(spec, "intensity", 0),
		explain_time(spec, "period_ms", period));
	printf(", of which %" JSON_INTEGER_FORMAT " are used\n",
		explain_number(answer, "recent_restarts", 0));
}

/* The coming delays, and what comes after them. */
static void explain_delays(const json_t *answer, const json_t *spec)
{
	const json_t *delay, *delays = json_object_get(answer, "delays_ms");
	json_int_t left = explain_number(spec, "intensity", 0) - explain_number(answer, "recent_restarts", 0);
	bool limited = explain_number(spec, "period_ms", 0) > 0;
	char text[DURATION_TEXT_MAX];
	size_t i;

	if (!json_array_size(delays))
		return;
	explain_field("next delays");
	json_array_foreach(delays, i, delay)
		printf("%s%s", i ? ", " : "",
			json_integer_value(delay) ? duration_format(json_integer_value(delay), text)
						  : "none");
	if (limited && left <= (json_int_t)json_array_size(delays))
		printf(", then it is given up");
	else
		printf(" ...");
	if (explain_number(spec, "backoff_max_ms", 0) && explain_number(spec, "backoff_jitter_pct", 20))
		printf(" (each up to %" JSON_INTEGER_FORMAT " %% longer or shorter)",
			explain_number(spec, "backoff_jitter_pct", 20));
	putchar('\n');
	if (!explain_number(spec, "backoff_max_ms", 0) || !explain_number(spec, "backoff_reset_ms", 1))
		return;
	explain_field("new series");
	printf("when it has run for %s\n", json_object_get(spec, "backoff_reset_ms")
						   ? explain_time(spec, "backoff_reset_ms", text)
						   : duration_format(60000, text));
}

static void explain_ends(const json_t *spec, const char *key, const char *name, const char *first)
{
	const json_t *end, *ends = json_object_get(spec, key);
	size_t i;

	if (!json_array_size(ends))
		return;
	explain_field(name);
	printf("%s", first);
	json_array_foreach(ends, i, end)
		if (json_is_string(end))
			printf(", %s", json_string_value(end));
		else
			printf(", %" JSON_INTEGER_FORMAT, json_integer_value(end));
	putchar('\n');
}

static void explain_print(const json_t *answer)
{
	const json_t *child = json_object_get(answer, "child"), *spec = json_object_get(answer, "spec");
	const char *why = json_string_value(json_object_get(answer, "why"));
	const char *restart = json_string_value(json_object_get(spec, "restart"));
	const char *signal = json_string_value(json_object_get(spec, "stop_signal"));
	char text[CHILD_TEXT_MAX], stop[DURATION_TEXT_MAX];

	explain_field("name");
	output_text(child_name(child));
	putchar('\n');
	explain_field("state");
	output_text(child_state(child));
	putchar('\n');
	explain_field("why");
	output_text(why ? why : "?");
	putchar('\n');
	explain_field("last exit");
	output_text(child_last_exit_text(child, clock_now_us(), text));
	putchar('\n');
	explain_field("restart");
	printf("%s, %" JSON_INTEGER_FORMAT " restarts\n", restart ? restart : "?",
		explain_number(child, "restarts", 0));
	explain_limit(answer, spec);
	explain_delays(answer, spec);
	explain_ends(spec, "fatal_on", "never after", "125");
	explain_ends(spec, "ok_exit", "good ends", "0");
	explain_field("stop");
	printf("%s, and SIGKILL after %s\n", signal ? signal : "SIGTERM",
		explain_time(spec, "stop_timeout_ms", stop));
}

static int explain_run(struct ctl *ctl, const struct args *args)
{
	json_t *answer = NULL, *child;
	struct session *session;
	int status = session_open(ctl, ACTOR_JOIN_SPAWNER, &session);

	if (status)
		return status;
	status = session_ask_spawner(session, "explain", args->values[0], "explain",
		json_pack("[s]", args->values[0]), ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS), &answer);
	if (!status) {
		child = child_public(json_object_get(answer, "child"), child_clock_offset_us());
		if (child)
			json_object_set_new(answer, "child", child);
		if (ctl->json)
			output_json(ctl, answer);
		else
			explain_print(answer);
	}
	json_decref(answer);
	session_close(session);
	return status;
}

const struct command command_explain = {
	.name = "explain",
	.synopsis = "NAME",
	.summary = "say why a process is in its state, and what comes next",
	.examples = "  actorctl explain web\n"
		    "  actorctl explain --json web | jq '.delays_ms'\n",
	.details =
		"Says why it runs, waits or is down, how many of its restarts count for --max-restarts, and how long the restarts after\n"
		"the next failures wait.\n",
	.args_min = 1,
	.args_max = 1,
	.run = explain_run,
};
