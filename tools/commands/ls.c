/* SPDX-License-Identifier: Apache-2.0 */
/* ls, status: shows which processes there are, and their state */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/names.h"
#include "libactor/util/clock.h"
#include "spawner/logs/reader.h"
#include "tools/commands/commands.h"
#include "tools/lib/duration.h"
#include "tools/lib/json.h"
#include "tools/view/child.h"
#include "tools/view/node.h"
#include "tools/view/output.h"
#include "tools/view/session.h"
#include "tools/view/table.h"

#define STATUS_LOG_LINES 10

static int ls_ask(
	const struct ctl *ctl, struct session *session, const char *verb, const char *name, json_t **ret)
{
	json_t *args = json_array(), *children = NULL, *shown;
	const json_t *child;
	size_t i;
	int status;

	if (name)
		json_array_append_new(args, json_string(name));
	status = session_ask_spawner(
		session, verb, name, "ls", args, ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS), &children);
	if (status)
		return status;
	if (name && !json_array_size(children)) {
		json_decref(children);
		return ctl_fail(ctl, CTL_NO_NAME, ERROR_NOPROC, "see actorctl ls",
			"cannot %s '%s': no process has this name", verb, name);
	}
	shown = json_array();
	json_array_foreach(children, i, child)
		json_array_append_new(shown, child_public(child, child_clock_offset_us()));
	json_decref(children);
	*ret = shown;
	return 0;
}

/* ---- ls ---- */

static const struct table_column ls_columns[] = {
	{"NAME"},
	{"STATE"},
	{"PID", TABLE_RIGHT},
	{"UPTIME", TABLE_RIGHT},
	{"RESTARTS", TABLE_RIGHT},
	{"LAST EXIT", TABLE_CUT},
	{NULL},
};

static void ls_add(struct table *table, const json_t *child, int64_t now_us)
{
	char pid[24] = "-", uptime[DURATION_TEXT_MAX] = "-", restarts[24], last[CHILD_TEXT_MAX];
	const char *cells[] = {child_name(child), child_state(child), pid, uptime, restarts, last};

	if (child_pid(child)) {
		snprintf(pid, sizeof(pid), "%" PRId64, child_pid(child));
		duration_format(json_integer_value(json_object_get(child, "uptime_ms")), uptime);
	}
	snprintf(restarts, sizeof(restarts), "%lld",
		(long long)json_integer_value(json_object_get(child, "restarts")));
	child_last_exit_text(child, now_us, last);
	if (!table_add(table, cells))
		table_color(table, 1, child_state_color(child));
}

static int ls_print_table(struct ctl *ctl, const json_t *children)
{
	struct table *table = table_new(ctl, ls_columns);
	int64_t now_us = clock_now_us();
	const json_t *child;
	size_t i;

	if (!table)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot list");
	json_array_foreach(children, i, child)
		ls_add(table, child, now_us);
	table_print(table);
	table_free(table);
	return CTL_OK;
}

static int ls_run(struct ctl *ctl, const struct args *args)
{
	json_t *children = NULL;
	struct session *session;
	int status;

	status = session_open(ctl, ACTOR_JOIN_SPAWNER, &session);
	if (status)
		return status;
	status = ls_ask(ctl, session, "list", args->values[0], &children);
	if (!status && ctl->json)
		output_json(ctl, children);
	else if (!status)
		status = ls_print_table(ctl, children);
	json_decref(children);
	session_close(session);
	return status;
}

const struct command command_ls = {
	.name = "ls",
	.synopsis = "[NAME]",
	.summary = "list the processes",
	.examples = "  actorctl ls\n"
		    "  actorctl ls web\n"
		    "  actorctl ls --json | jq -r '.[] | select(.state == \"backoff\") | .name'\n",
	.details =
		"States: starting, up, ready (an actor program that has started its actors), stopping, backoff (waits for its next\n"
		"start), failed (it was restarted as often as --max-restarts allows; 'actorctl start' begins anew), down (stays listed\n"
		"until 'actorctl rm'): stopped by a command, done (it ended well by itself) or failed. The name of one that is down and\n"
		"done or failed may be taken at once. 'actorctl explain NAME' says more.\n",
	.args_max = 1,
	.run = ls_run,
};

/* ---- status of one child ---- */

static json_t *status_log_lines(const char *path)
{
	json_t *lines = json_array();
	struct log_reader log;
	char *text = NULL;
	size_t size = 0;
	FILE *to;

	if (!path || log_reader_open(&log, path))
		return lines;
	to = open_memstream(&text, &size);
	if (to) {
		log_reader_tail(&log, STATUS_LOG_LINES, to);
		fclose(to);
		for (char *at = text; *at;) {
			size_t len = strcspn(at, "\n");
			json_t *line = json_stringn(at, len);

			json_array_append_new(lines, line ? line : json_string("(not UTF-8)"));
			at += len + (at[len] == '\n');
		}
		free(text);
	}
	log_reader_close(&log);
	return lines;
}

static void status_field(const char *name)
{
	printf("%11s  ", name);
}

static void status_print_argv(const json_t *argv)
{
	const json_t *word;
	size_t i;

	status_field("command");
	json_array_foreach(argv, i, word) {
		size_t size_bytes;
		char *text = json_to_bytes(word, &size_bytes);

		if (i)
			putchar(' ');
		output_word(text ? text : "?", text ? size_bytes : 1);
		free(text);
	}
	putchar('\n');
}

static void status_print_child(struct ctl *ctl, const json_t *child)
{
	const char *ref = json_ref_text(json_object_get(child, "ref")),
		   *owner = json_ref_text(json_object_get(child, "owner"));
	const char *restart = json_string_value(json_object_get(child, "restart"));
	const char *log = json_string_value(json_object_get(child, "log"));
	json_int_t lost = json_integer_value(json_object_get(child, "log_lost_bytes"));
	const char *outcome = json_string_value(json_object_get(child, "outcome"));
	const json_t *line, *lines = json_object_get(child, "log_lines");
	const char *color = ctl_colors(ctl) ? child_state_color(child) : NULL;
	char text[CHILD_TEXT_MAX], span[DURATION_TEXT_MAX];
	size_t i;

	status_field("name");
	output_text(child_name(child));
	putchar('\n');
	status_field("state");
	if (color)
		printf("\033[%dm", !strcmp(color, "green") ? 32 : !strcmp(color, "yellow") ? 33 : 31);
	output_text(child_state(child));
	if (color)
		printf("\033[0m");
	if (outcome && strcmp(outcome, child_state(child)))
		printf(", %s", !strcmp(outcome, "stopped") ? "stopped by a command"
			       : !strcmp(outcome, "done")  ? "done: it ended well by itself"
							   : outcome);
	if (child_pid(child))
		printf(", pid %" PRId64 ", for %s", child_pid(child),
			duration_format(json_integer_value(json_object_get(child, "uptime_ms")), span));
	putchar('\n');
	if (json_is_array(json_object_get(child, "argv")))
		status_print_argv(json_object_get(child, "argv"));
	status_field("restart");
	printf("%s, %lld restarts\n", restart ? restart : "?",
		(long long)json_integer_value(json_object_get(child, "restarts")));
	status_field("last exit");
	output_text(child_last_exit_text(child, clock_now_us(), text));
	putchar('\n');
	if (child_last_words(child))
		status_field("last words"), output_text(child_last_words(child)), putchar('\n');
	if (ref && child_pid(child))
		status_field("actor"), puts(ref);
	if (owner)
		status_field("owner"), puts(owner);
	if (log)
		status_field("log"), output_text(log), putchar('\n');
	if (lost)
		status_field("lost"),
			printf("%lld bytes of its output could not be written to the log\n", (long long)lost);
	if (json_array_size(lines))
		putchar('\n');
	json_array_foreach(lines, i, line)
		output_text(json_string_value(line)), putchar('\n');
}

static int status_child(struct ctl *ctl, struct session *session, const char *name)
{
	json_t *children = NULL, *child;
	int status = ls_ask(ctl, session, "show", name, &children);

	if (status)
		return status;
	child = json_array_get(children, 0);
	json_object_set_new(
		child, "log_lines", status_log_lines(json_string_value(json_object_get(child, "log"))));
	if (ctl->json)
		output_json(ctl, child);
	else
		status_print_child(ctl, child);
	json_decref(children);
	return CTL_OK;
}

/* ---- status of the node ---- */

static void status_print_daemon(const json_t *node, const char *name)
{
	const json_t *daemon = json_object_get(node, name), *restarts = json_object_get(daemon, "restarts");
	const char *state = json_string_value(json_object_get(daemon, "state"));
	char span[DURATION_TEXT_MAX];

	status_field(name);
	if (json_integer_value(json_object_get(daemon, "pid")))
		printf("pid %lld, for %s", (long long)json_integer_value(json_object_get(daemon, "pid")),
			duration_format(json_integer_value(json_object_get(daemon, "uptime_ms")), span));
	else
		printf("%s", state ? state : "down");
	if (json_integer_value(restarts))
		printf(", %lld restarts", (long long)json_integer_value(restarts));
	putchar('\n');
}

/* Says what was lost with the state of a supervisor that failed again and again. */
static void status_print_loss(const json_t *supervisor)
{
	const json_t *lost_ms = json_object_get(supervisor, "state_lost_ms");
	json_int_t n = json_integer_value(json_object_get(supervisor, "adopted"));
	char span[DURATION_TEXT_MAX];

	if (!json_is_integer(lost_ms))
		return;
	status_field("state");
	printf("lost %s ago, set aside after faults of the supervisor or unreadable: what was down then is forgotten",
		duration_format(json_integer_value(lost_ms), span));
	if (n)
		printf(", %lld %s adopted and not restarted (rm and spawn anew)", (long long)n,
			n == 1 ? "process is" : "processes are");
	putchar('\n');
}

static void status_print_text(const json_t *node, const char *label, const char *key)
{
	const char *text = json_string_value(json_object_get(node, key));

	if (text)
		status_field(label), output_text(text), putchar('\n');
}

static void status_print_node(const json_t *node)
{
	const json_t *count, *children = json_object_get(node, "children");
	char span[DURATION_TEXT_MAX];
	const char *state;
	bool first = true;

	status_print_text(node, "node", "runtime_dir");
	status_field("uptime");
	puts(duration_format(json_integer_value(json_object_get(node, "uptime_ms")), span));
	status_print_text(node, "id", "node");
	status_print_text(node, "version", "version");
	status_print_text(node, "logs", "log_dir");
	status_print_daemon(node, "keeper");
	status_print_daemon(node, "supervisor");
	status_print_loss(json_object_get(node, "supervisor"));
	status_print_daemon(node, "broker");
	status_field("processes");
	json_object_foreach((json_t *)children, state, count) {
		if (!json_integer_value(count))
			continue;
		printf("%s%lld %s", first ? "" : ", ", (long long)json_integer_value(count), state);
		first = false;
	}
	puts(first ? "none" : "");
}

/* Shows the node's id as it stands in refs. Half of all ids are too big for a JSON number. */
static void status_show_id(json_t *node)
{
	const json_t *id = json_object_get(node, "node"), *big = json_object_get(id, "$uint");
	char text[24];

	if (json_is_integer(id))
		snprintf(text, sizeof(text), "%llx", (unsigned long long)json_integer_value(id));
	else if (json_is_string(big))
		snprintf(text, sizeof(text), "%llx", strtoull(json_string_value(big), NULL, 10));
	else
		return;
	json_object_set_new(node, "node", json_string(text));
}

static int status_node(struct ctl *ctl, struct session *session)
{
	json_t *node = NULL;
	int status = session_ask_spawner(session, "show the node", NULL, "status", json_array(),
		ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS), &node);

	if (status)
		return status;
	status_show_id(node);
	if (ctl->json)
		output_json(ctl, node);
	else
		status_print_node(node);
	json_decref(node);
	return CTL_OK;
}

static int status_run(struct ctl *ctl, const struct args *args)
{
	struct session *session;
	int status = session_open(ctl, ACTOR_JOIN_SPAWNER, &session);

	if (status)
		return status;
	status = args->n_values ? status_child(ctl, session, args->values[0]) : status_node(ctl, session);
	session_close(session);
	return status;
}

const struct command command_status = {
	.name = "status",
	.synopsis = "[NAME]",
	.summary = "describe the node, or one process",
	.examples = "  actorctl status\n"
		    "  actorctl status web\n"
		    "  actorctl status --json | jq .broker.pid\n",
	.args_max = 1,
	.run = status_run,
};
