/* SPDX-License-Identifier: Apache-2.0 */
/* describe: shows the methods of an actor */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libactor/protocol/names.h"
#include "tools/commands/commands.h"
#include "tools/view/message.h"
#include "tools/view/output.h"
#include "tools/view/session.h"
#include "tools/view/table.h"
#include "tools/view/wait.h"

static const struct table_column describe_columns[] = {
	{.heading = "METHOD"},
	{.heading = "KIND"},
	{.heading = "ARGUMENTS"},
	{.heading = "DOES", .flags = TABLE_CUT},
	{0},
};

static const char *describe_text(const json_t *method, const char *key)
{
	const char *text = json_string_value(json_object_get(method, key));

	return text ? text : "";
}

static const char *describe_kind(const json_t *method)
{
	bool call = json_is_true(json_object_get(method, "call")),
	     cast = json_is_true(json_object_get(method, "cast"));

	return call && cast ? "call, send" : call ? "call" : "send";
}

/*
 * Shows the mailbox of an actor that has limits. The answer comes from another process, so any of its fields
 * may be missing or wrong.
 */
static void describe_mailbox(const json_t *mailbox)
{
	const json_t *lost = json_object_get(mailbox, "lost"), *value;
	json_int_t n = 0;
	const char *why, *between = " (";
	void *at;

	if (!json_is_object(lost))
		return;
	for (at = json_object_iter((json_t *)lost); at; at = json_object_iter_next((json_t *)lost, at))
		n += json_integer_value(json_object_iter_value(at));
	printf("\nmailbox: ");
	output_text(describe_text(mailbox, "overflow"));
	printf(", %lld of %lld messages wait; received %lld, handled %lld, lost %lld",
		(long long)json_integer_value(json_object_get(mailbox, "messages")),
		(long long)json_integer_value(json_object_get(mailbox, "max_messages")),
		(long long)json_integer_value(json_object_get(mailbox, "received")),
		(long long)json_integer_value(json_object_get(mailbox, "handled")), (long long)n);
	json_object_foreach((json_t *)lost, why, value) {
		printf("%s", between);
		output_text(why);
		printf(" %lld", (long long)json_integer_value(value));
		between = ", ";
	}
	printf("%s\n", n ? ")" : "");
}

static int describe_print(struct ctl *ctl, const json_t *about)
{
	struct table *table = table_new(ctl, describe_columns);
	const json_t *method;
	size_t i;

	if (!table)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot list the methods");
	json_array_foreach(json_object_get(about, "methods"), i, method) {
		const char *cells[] = {describe_text(method, "name"), describe_kind(method),
			describe_text(method, "args"), describe_text(method, "doc")};

		table_add(table, cells);
	}
	if (json_is_true(json_object_get(about, "others"))) {
		const char *cells[] = {"*", "call, send", "", "handles what no method fits"};

		table_add(table, cells);
	}
	table_print(table);
	table_free(table);
	if (ctl->headings)
		describe_mailbox(json_object_get(about, "mailbox"));
	return CTL_OK;
}

static int describe_run(struct ctl *ctl, const struct args *args)
{
	int64_t timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS);
	const char *to = args->values[0];
	actor_dest destination;
	struct session_error error;
	struct session *session;
	json_t *about = NULL;
	int r, status;

	status = message_destination(ctl, to, &destination);
	if (!status)
		status = session_open(ctl, ACTOR_JOIN_BROKER, &session);
	if (status)
		return status;
	wait_note_later(ctl, "waiting for %.64s to describe itself", to);
	r = session_ask(session, &destination, "$describe", json_array(), timeout_ms, &about, &error);
	wait_note_cancel();
	session_close(session);
	if (r == -EREMOTEIO && !strcmp(error.name, ERROR_NO_METHOD))
		return ctl_fail(ctl, CTL_REMOTE, ERROR_NO_METHOD,
			"actors of libactor do, those in other languages may not",
			"%s does not describe itself", to);
	if (r)
		return message_fail(ctl, "describe", to, "", r, &error, timeout_ms);
	if (ctl->json)
		output_json(ctl, about);
	else if (!json_is_array(json_object_get(about, "methods")))
		status = ctl_fail(ctl, CTL_REMOTE, ERROR_BAD_RESULT, NULL,
			"%s does not describe itself: its answer has no methods", to);
	else
		status = describe_print(ctl, about);
	json_decref(about);
	return status;
}

const struct command command_describe = {
	.name = "describe",
	.synopsis = "DEST",
	.summary = "show what an actor can be asked",
	.examples = "  actorctl describe counter\n"
		    "  actorctl describe '$spawner'\n",
	.details = "DEST is a registered name, or a ref in quotes: '<1f.2.1>'.\n",
	.args_min = 1,
	.args_max = 1,
	.run = describe_run,
};
