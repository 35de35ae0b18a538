/* SPDX-License-Identifier: Apache-2.0 */
/* pg ls, members, join, leave: shows process groups and their members, and changes them */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/names.h"
#include "tools/commands/commands.h"
#include "tools/lib/json.h"
#include "tools/view/listing.h"
#include "tools/view/message.h"
#include "tools/view/output.h"
#include "tools/view/pg.h"
#include "tools/view/table.h"
#include "tools/view/wait.h"

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "?";
}

/* ---- ls ---- */

static int ls_scope(struct ctl *ctl, struct session *session, const char *scope, json_t *rows)
{
	json_t *groups = NULL;
	const json_t *group;
	int status;
	size_t i;

	status = listing_ask(ctl, session, "pg_groups", json_pack("[s]", scope), &groups);
	json_array_foreach(groups, i, group)
		json_array_append_new(
			rows, json_pack("{sssOsO}", "scope", scope, "group", json_array_get(group, 0),
				      "members", json_array_get(group, 1)));
	json_decref(groups);
	return status;
}

static int ls_all(struct ctl *ctl, struct session *session, json_t *rows)
{
	json_t *scopes = NULL;
	const json_t *scope;
	int status;
	size_t i;

	status = listing_ask(ctl, session, "pg_scopes", json_array(), &scopes);
	json_array_foreach(scopes, i, scope)
		if (!status && json_is_string(json_array_get(scope, 0)))
			status = ls_scope(ctl, session, json_string_value(json_array_get(scope, 0)), rows);
	json_decref(scopes);
	return status;
}

static int ls_print(struct ctl *ctl, const json_t *rows)
{
	static const struct table_column columns[] = {{"SCOPE"}, {"GROUP"}, {"MEMBERS", TABLE_RIGHT}, {NULL}};
	struct table *table = table_new(ctl, columns);
	const json_t *row;
	size_t i;

	if (!table)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot list the process groups");
	json_array_foreach(rows, i, row) {
		char n[24];
		const char *cells[] = {text_of(row, "scope"), text_of(row, "group"), n};

		snprintf(
			n, sizeof(n), "%lld", (long long)json_integer_value(json_object_get(row, "members")));
		table_add(table, cells);
	}
	table_print(table);
	table_free(table);
	return CTL_OK;
}

static int ls_run(struct ctl *ctl, const struct args *args)
{
	const char *scope = args->n_values ? args->values[0] : NULL;
	struct session *session;
	json_t *rows;
	int status = scope ? session_check_name(ctl, scope) : 0;

	if (!status)
		status = session_open(ctl, ACTOR_JOIN_BROKER, &session);
	if (status)
		return status;
	rows = json_array();
	status = scope ? ls_scope(ctl, session, scope, rows) : ls_all(ctl, session, rows);
	session_close(session);
	if (!status && ctl->json)
		output_json(ctl, rows);
	else if (!status)
		status = ls_print(ctl, rows);
	json_decref(rows);
	return status;
}

static const struct command command_pg_ls = {
	.name = "pg ls",
	.synopsis = "[SCOPE]",
	.summary = "list process groups with their number of members",
	.examples = "  actorctl pg ls\n"
		    "  actorctl pg ls app\n",
	.details = PG_DETAILS,
	.args_max = 1,
	.run = ls_run,
};

/* ---- members ---- */

/* {ref: [name …]} */
static json_t *names_by_ref(const json_t *pairs)
{
	json_t *by_ref = json_object();
	const json_t *pair;
	size_t i;

	json_array_foreach(pairs, i, pair) {
		const char *ref = json_ref_text(json_array_get(pair, 1));
		json_t *names = ref ? json_object_get(by_ref, ref) : NULL;

		if (ref && !names) {
			names = json_array();
			json_object_set_new(by_ref, ref, names);
		}
		json_array_append(names, json_array_get(pair, 0));
	}
	return by_ref;
}

static int members_add_names(struct ctl *ctl, struct session *session, const json_t *members)
{
	json_t *pairs = NULL, *by_ref, *names, *member;
	int status;
	size_t i;

	status = listing_ask(ctl, session, "names", json_pack("[s]", ""), &pairs);
	if (status)
		return status;
	by_ref = names_by_ref(pairs);
	json_array_foreach(members, i, member) {
		const char *ref = json_ref_text(json_object_get(member, "ref"));

		names = ref ? json_object_get(by_ref, ref) : NULL;
		json_object_set_new(member, "names", names ? json_incref(names) : json_array());
	}
	json_decref(by_ref);
	json_decref(pairs);
	return 0;
}

/* The names as one text, which the caller frees. NULL: out of memory. */
static char *names_text(const json_t *names)
{
	size_t n = json_array_size(names), size = 2;
	char *text;

	for (size_t i = 0; i < n; i++)
		size += json_string_length(json_array_get(names, i)) + 2;
	text = malloc(size);
	if (text)
		strcpy(text, n ? "" : "-");
	for (size_t i = 0; text && i < n; i++) {
		if (i)
			strcat(text, ", ");
		strcat(text, json_string_value(json_array_get(names, i)));
	}
	return text;
}

static int members_print(struct ctl *ctl, const json_t *members)
{
	static const struct table_column columns[] = {{"REF"}, {"NAMES"}, {"METADATA", TABLE_CUT}, {NULL}};
	struct table *table = table_new(ctl, columns);
	const json_t *member;
	size_t i;

	if (!table)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot list the members");
	json_array_foreach(members, i, member) {
		const char *ref = json_ref_text(json_object_get(member, "ref"));
		char *names = names_text(json_object_get(member, "names"));
		char *metadata = output_json_text(json_object_get(member, "metadata"));
		const char *cells[] = {ref ? ref : "?", names, metadata};

		table_add(table, cells);
		free(names);
		free(metadata);
	}
	table_print(table);
	table_free(table);
	return CTL_OK;
}

static int members_run(struct ctl *ctl, const struct args *args)
{
	struct session *session;
	json_t *members = NULL;
	struct pg_name pg;
	int status;

	status = pg_of_args(ctl, args, &pg);
	if (!status)
		status = session_open(ctl, ACTOR_JOIN_BROKER, &session);
	if (status)
		return status;
	status = pg_members(ctl, session, &pg, &members);
	if (!status)
		status = members_add_names(ctl, session, members);
	session_close(session);
	if (!status && ctl->json)
		output_json(ctl, members);
	else if (!status)
		status = members_print(ctl, members);
	json_decref(members);
	return status;
}

static const struct option_spec scope_options[] = {PG_SCOPE_OPTION, {0}};

static const struct command command_pg_members = {
	.name = "pg members",
	.synopsis = "[-s SCOPE] GROUP",
	.summary = "show who is in a process group",
	.examples = "  actorctl pg members workers\n"
		    "  actorctl pg members -s app workers\n",
	.details =
		"One line for each membership, in the order of joining: an actor that joined twice has two. Metadata is what it\n"
		"joined with, as JSON.\n",
	.options = scope_options,
	.args_min = 1,
	.args_max = 1,
	.run = members_run,
};

/* ---- join, leave ---- */

/*
 * Asks the actor DEST to join or leave GROUP. @verb is the word for people, @method the method of the actor.
 */
static int let_run(struct ctl *ctl, const struct args *args, const char *verb, const char *method)
{
	int64_t timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS);
	struct session_error error;
	struct session *session;
	json_t *nothing = NULL;
	actor_dest destination;
	struct pg_name pg;
	char what[300];
	int r, status;

	status = pg_of_args(ctl, args, &pg);
	if (!status)
		status = message_destination(ctl, args->values[1], &destination);
	if (!status)
		status = session_open(ctl, ACTOR_JOIN_BROKER, &session);
	if (status)
		return status;
	wait_note_later(ctl, "waiting for %.64s to %s %.64s", args->values[1], verb, pg.group);
	r = session_ask(session, &destination, method, json_pack("[ss]", pg.scope, pg.group), timeout_ms,
		&nothing, &error);
	wait_note_cancel();
	session_close(session);
	json_decref(nothing);
	snprintf(what, sizeof(what), "%s %s", verb, pg.group);
	if (r == -EREMOTEIO && !strcmp(error.name, ERROR_NOT_JOINED))
		return ctl_fail(ctl, CTL_REMOTE, ERROR_NOT_JOINED, "see actorctl pg members",
			"%s is no member of '%s' in scope '%s'", args->values[1], pg.group, pg.scope);
	if (r == -EREMOTEIO && !strcmp(error.name, ERROR_OVERLOADED))
		return ctl_fail(ctl, CTL_OVERLOADED, ERROR_OVERLOADED, NULL, "cannot make %s %s: %s",
			args->values[1], what, error.text);
	return r ? message_fail(ctl, "make", args->values[1], what, r, &error, timeout_ms) : CTL_OK;
}

#define LET_DETAILS                                                                                          \
	"DEST is a registered name, or a ref in quotes: '<1f.2.1>'. Actors of libactor do this when asked; " \
	"those in other languages may not.\n"

static int join_run(struct ctl *ctl, const struct args *args)
{
	return let_run(ctl, args, "join", METHOD_PG_JOIN);
}

static const struct command command_pg_join = {
	.name = "pg join",
	.synopsis = "[-s SCOPE] GROUP DEST",
	.summary = "make an actor join a process group",
	.examples = "  actorctl pg join workers worker.3\n",
	.details = LET_DETAILS
	"The membership is as one that the actor asked for itself, without metadata. Who is a member already is then one\n"
	"twice, and has to leave twice.\n",
	.options = scope_options,
	.args_min = 2,
	.args_max = 2,
	.run = join_run,
};

static int leave_run(struct ctl *ctl, const struct args *args)
{
	return let_run(ctl, args, "leave", METHOD_PG_LEAVE);
}

static const struct command command_pg_leave = {
	.name = "pg leave",
	.synopsis = "[-s SCOPE] GROUP DEST",
	.summary = "make an actor leave a process group: out of service",
	.examples = "  actorctl pg leave workers worker.3\n"
		    "  actorctl pg leave workers '<1f.2.1>'\n",
	.details = LET_DETAILS
	"It leaves once, with its newest membership, and goes on with what it has to do. Nothing is sent to it through the\n"
	"process group any more. A restart of its process brings it back.\n",
	.options = scope_options,
	.args_min = 2,
	.args_max = 2,
	.run = leave_run,
};

/* ---- the family ---- */

static const struct command *const pg_commands[] = {
	&command_pg_ls,
	&command_pg_members,
	&command_pg_join,
	&command_pg_leave,
	&command_pg_watch,
	&command_pg_cast,
	&command_pg_call,
	NULL,
};

const struct command command_pg = {
	.name = "pg",
	.synopsis = "COMMAND [ARGUMENT]...",
	.summary = "look at process groups, and send to their members",
	.examples = "  actorctl pg ls\n"
		    "  actorctl pg members workers\n"
		    "  actorctl pg leave workers worker.3          take one out of service\n"
		    "  actorctl pg call --all workers load         ask every one\n",
	.details = PG_DETAILS "\n'actorctl pg COMMAND --help' tells more about one.\n",
	.family = pg_commands,
};
