/* SPDX-License-Identifier: Apache-2.0 */
/* quota: shows how much groups have of the things that the broker limits */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/names.h"
#include "tools/commands/commands.h"
#include "tools/lib/json.h"
#include "tools/view/message.h"
#include "tools/view/output.h"
#include "tools/view/table.h"

#define NUMBER_MAX 24
#define STATE_MAX  96

/* ---- the answer, as --json shows it ---- */

static char *number_text(const json_t *value, char text[NUMBER_MAX])
{
	snprintf(text, NUMBER_MAX, "%" PRIu64, json_to_uint(value));
	return text;
}

/* Group ids are shown as text, since many languages have no number of 64 bits for JSON. */
static json_t *id_public(const json_t *id)
{
	char text[NUMBER_MAX];

	return json_string(number_text(id, text));
}

/*
 * {kind: {"used": n, "limit": n}} for each kind. The limit is what this group may have now, which can be less
 * than the limit of all groups.
 */
static json_t *limits_public(const json_t *group, const json_t *limits)
{
	json_t *shown = json_object(), *limit;
	const char *kind;

	json_object_foreach((json_t *)limits, kind, limit) {
		const json_t *used = json_object_get(json_object_get(group, "used"), kind);
		const json_t *may = json_object_get(json_object_get(group, "may"), kind);

		if (!used)
			used = json_object_get(group, kind);
		if (used)
			json_object_set_new(
				shown, kind, json_pack("{sOsO}", "used", used, "limit", may ? may : limit));
	}
	return shown;
}

static json_t *group_public(const json_t *group, const json_t *limits)
{
	static const char *const keys[] = {"name", "pid", "uid", "state", "late", "congested", "stalled",
		"paused", "waits_for", "dropped", "refused", "over_quota", "stalls", NULL};
	const json_t *top = json_object_get(group, "top_sender");
	json_t *shown = json_object();

	json_object_set_new(shown, "group", id_public(json_object_get(group, "group")));
	for (const char *const *key = keys; *key; key++)
		json_object_set(shown, *key, json_object_get(group, *key));
	json_object_set_new(shown, "top_sender",
		json_is_array(top) ? json_pack("{sosOsO}", "group", id_public(json_array_get(top, 0)), "name",
					     json_array_get(top, 1), "pid", json_array_get(top, 2))
				   : json_null());
	json_object_set_new(shown, "quota", limits_public(group, limits));
	return shown;
}

static json_t *groups_public(const json_t *answer)
{
	json_t *shown = json_array();
	const json_t *group;
	size_t i;

	json_array_foreach(json_object_get(answer, "groups"), i, group)
		json_array_append_new(shown, group_public(group, json_object_get(answer, "limits")));
	return shown;
}

/* ---- tables ---- */

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "?";
}

/* "up", "up, congested, 2 paused", "lost" */
static char *state_text(const json_t *group, char text[STATE_MAX])
{
	uint64_t n_paused = json_to_uint(json_object_get(group, "paused"));
	const char *state = text_of(group, "state");
	char paused[32] = "";

	if (n_paused)
		snprintf(paused, sizeof(paused), ", %" PRIu64 " paused", n_paused);
	snprintf(text, STATE_MAX, "%.16s%s%s%s", state,
		json_is_true(json_object_get(group, "stalled"))     ? ", stalled"
		: json_is_true(json_object_get(group, "congested")) ? ", congested"
								    : "",
		json_is_true(json_object_get(group, "late")) && strcmp(state, "lost") != 0 ? ", late" : "",
		paused);
	return text;
}

static const json_t *used_of(const json_t *group, const char *kind)
{
	return json_object_get(json_object_get(json_object_get(group, "quota"), kind), "used");
}

static const struct table_column groups_columns[] = {
	{"GROUP", TABLE_RIGHT},
	{"NAME"},
	{"PID", TABLE_RIGHT},
	{"STATE"},
	{"UNREAD", TABLE_RIGHT},
	{"HELD", TABLE_RIGHT},
	{"NAMES", TABLE_RIGHT},
	{"CALLS", TABLE_RIGHT},
	{"MONITORS", TABLE_RIGHT},
	{"LINKS", TABLE_RIGHT},
	{"MEMBERSHIPS", TABLE_RIGHT},
	{"WAITING", TABLE_RIGHT},
	{"TOP SENDER", TABLE_CUT},
	{NULL},
};

static void groups_add(struct table *table, const json_t *group)
{
	static const char *const kinds[] = {"unread_bytes", "held_bytes", "names", "calls", "monitors",
		"links", "memberships", "waiting_bytes"};
	enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };
	const json_t *top = json_object_get(group, "top_sender");
	char numbers[N_KINDS][NUMBER_MAX], pid[NUMBER_MAX], state[STATE_MAX], sender[320] = "-";
	const char *cells[5 + N_KINDS] = {text_of(group, "group"), text_of(group, "name"),
		number_text(json_object_get(group, "pid"), pid), state_text(group, state)};

	for (int i = 0; i < N_KINDS; i++)
		cells[4 + i] = number_text(used_of(group, kinds[i]), numbers[i]);
	if (json_is_object(top))
		snprintf(sender, sizeof(sender), "%s %s", text_of(top, "group"), text_of(top, "name"));
	cells[4 + N_KINDS] = sender;
	if (!table_add(table, cells))
		table_color(table, 3,
			strstr(state, "stalled") ? "red"
			: strchr(state, ',')     ? "yellow"
						 : NULL);
}

static int groups_print(struct ctl *ctl, const json_t *groups)
{
	struct table *table = table_new(ctl, groups_columns);
	const json_t *group;
	size_t i;

	if (!table)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot show the quotas");
	json_array_foreach(groups, i, group)
		groups_add(table, group);
	table_print(table);
	table_free(table);
	return CTL_OK;
}

static const struct table_column kinds_columns[] = {
	{"GROUP", TABLE_RIGHT},
	{"NAME"},
	{"KIND"},
	{"USED", TABLE_RIGHT},
	{"LIMIT", TABLE_RIGHT},
	{NULL},
};

/* Prints a line for each kind of each group. */
static int kinds_print(struct ctl *ctl, const json_t *groups)
{
	struct table *table = table_new(ctl, kinds_columns);
	const json_t *group;
	size_t i;

	if (!table)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot show the quotas");
	json_array_foreach(groups, i, group) {
		json_t *quota = json_object_get(group, "quota"), *one;
		const char *kind;

		json_object_foreach(quota, kind, one) {
			char used[NUMBER_MAX], limit[NUMBER_MAX];
			const char *cells[] = {text_of(group, "group"), text_of(group, "name"), kind,
				number_text(json_object_get(one, "used"), used),
				number_text(json_object_get(one, "limit"), limit)};

			table_add(table, cells);
		}
	}
	table_print(table);
	table_free(table);
	return CTL_OK;
}

/* ---- the command ---- */

/* The arguments of `quota`. A @name that is a number of 64 bits is a group's id, as it stands in logs. */
static json_t *request_of(const char *name)
{
	if (!name)
		return json_array();
	errno = 0;
	if (name[strspn(name, "0123456789")] || (strtoull(name, NULL, 10) == ULLONG_MAX && errno))
		return json_pack("[s]", name);
	return json_pack("[{ss}]", "$uint", name);
}

static int quota_ask(struct ctl *ctl, const char *name, json_t **ret)
{
	const actor_dest broker = actor_named(NAME_BROKER);
	int64_t timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS);
	struct session_error error = {0};
	struct session *session;
	int r, status;

	status = session_open(ctl, ACTOR_JOIN_BROKER, &session);
	if (status)
		return status;
	r = session_ask(session, &broker, "quota", request_of(name), timeout_ms, ret, &error);
	session_close(session);
	if (r == -ESRCH)
		return ctl_fail(ctl, CTL_NO_NAME, ERROR_NOPROC, "see actorctl quota",
			"no actor and no group is called '%s'", name);
	return r ? message_fail(ctl, "ask", NAME_BROKER, "quota", r, &error, timeout_ms) : 0;
}

static int quota_run(struct ctl *ctl, const struct args *args)
{
	const char *name = args->n_values ? args->values[0] : NULL;
	json_t *answer = NULL, *groups;
	int status = name ? session_check_name(ctl, name) : 0;
	uint64_t n;

	if (!status)
		status = quota_ask(ctl, name, &answer);
	if (status)
		return status;
	groups = groups_public(answer);
	n = json_to_uint(json_object_get(answer, "n"));
	json_decref(answer);
	if (ctl->json)
		output_json(ctl, groups);
	else
		status = name ? kinds_print(ctl, groups) : groups_print(ctl, groups);
	if (n > json_array_size(groups))
		ctl_note(ctl, "%zu of %" PRIu64 " groups are shown, those for which most waits",
			json_array_size(groups), n);
	json_decref(groups);
	return status;
}

const struct command command_quota = {
	.name = "quota",
	.synopsis = "[NAME]",
	.summary = "show what groups have of what the broker limits",
	.examples = "  actorctl quota\n"
		    "  actorctl quota counter\n"
		    "  actorctl quota --json | jq '.[] | select(.stalled)'\n",
	.details =
		"One line for each group, those first for which most bytes wait at the broker. UNREAD: bytes written for it that it has\n"
		"not read; HELD: what others sent to its paused actors; WAITING: bytes of its own frames that wait at the broker. NAME is a registered name, the name of a group (all that have it), or the number of a group: then\n"
		"a line for each kind, with its limit.\n",
	.args_max = 1,
	.run = quota_run,
};
