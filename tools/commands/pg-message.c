/* SPDX-License-Identifier: Apache-2.0 */
/* pg cast, pg call: sends a message to one member of a process group, or to all */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/util/buf.h"
#include "tools/commands/commands.h"
#include "tools/lib/json.h"
#include "tools/view/message.h"
#include "tools/view/output.h"
#include "tools/view/pg.h"
#include "tools/view/wait.h"

#define PG_MESSAGE_DETAILS                                                                                   \
	"Each argument is one JSON value, '-' for stdin or @FILE for a file, as of actorctl call. One of "   \
	"them: each in its turn,\n"                                                                          \
	"or with --key the one that this key belongs to for as long as it is a member.\n"

/* Reads the arguments GROUP METHOD [JSON]... */
static int read_args(struct ctl *ctl, const struct args *args, struct pg_name *pg, struct buf *ret)
{
	int status = pg_of_args(ctl, args, pg);

	if (!status && args_has(args, "all") && args_has(args, "key"))
		status = ctl_fail(ctl, CTL_USAGE, "usage", NULL, "--all and --key exclude each other");
	return status ? status : message_args(ctl, args->values + 2, args->n_values - 2, ret);
}

static actor_dest one_of(const struct pg_name *pg, const char *key)
{
	return key ? actor_to_pg_key(pg->scope, pg->group, key) : actor_to_pg(pg->scope, pg->group);
}

/* ---- cast ---- */

static int cast_run(struct ctl *ctl, const struct args *args)
{
	const char *method = args->values[1], *key = args_value(args, "key");
	bool to_one = key || args_has(args, "one");
	struct buf request = BUF_INIT;
	struct session *session;
	json_t *members = NULL;
	struct pg_name pg;
	actor_dest to;
	int r, status;

	status = read_args(ctl, args, &pg, &request);
	if (!status)
		status = session_open(ctl, ACTOR_JOIN_BROKER, &session);
	if (status) {
		buf_deinit(&request);
		return status;
	}
	/*
	 * A cast to all members is no error if there are none, but a person who typed the name must be told.
	 */
	if (!to_one)
		status = pg_members(ctl, session, &pg, &members);
	json_decref(members);
	if (status) {
		buf_deinit(&request);
		session_close(session);
		return status;
	}
	to = to_one ? one_of(&pg, key) : actor_to_pg_all(pg.scope, pg.group);
	r = session_send(session, &to, method, request);
	session_close(session); /* says bye, and waits until the message is sent */
	if (r == -ESRCH)
		return pg_fail_nobody(ctl, &pg);
	return r ? message_fail(ctl, "cast to", pg.group, method, r, NULL, CTL_TIMEOUT_DEFAULT_MS) : CTL_OK;
}

static const struct option_spec cast_options[] = {
	PG_SCOPE_OPTION,
	{0, "one", OPTION_FLAG, NULL, "to one member; otherwise to all, each once"},
	{0, "key", OPTION_VALUE, "KEY", "to the one that this key belongs to"},
	{0},
};

const struct command command_pg_cast = {
	.name = "pg cast",
	.synopsis = "[-s SCOPE] [--one | --key KEY] GROUP METHOD [JSON]...",
	.summary = "send to the members, do not wait for an answer",
	.examples = "  actorctl pg cast workers reload\n"
		    "  actorctl pg cast --one workers job '{\"url\": \"http://example.org\"}'\n"
		    "  actorctl pg cast --key alice sessions expire '\"alice\"'\n",
	.details = PG_MESSAGE_DETAILS,
	.options = cast_options,
	.args_flags = ARGS_NUMBERS,
	.args_min = 2,
	.args_max = -1,
	.run = cast_run,
};

/* ---- call ---- */

static int call_one(struct ctl *ctl, const struct pg_name *pg, const char *key, const char *method,
	struct buf take_request)
{
	int64_t timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS);
	const actor_dest to = one_of(pg, key);
	struct session_error error;
	struct session *session;
	json_t *result = NULL;
	int r, status;

	status = session_open(ctl, ACTOR_JOIN_BROKER, &session);
	if (status) {
		buf_deinit(&take_request);
		return status;
	}
	wait_note_later(ctl, "waiting for one of %.64s to answer %.64s", pg->group, method);
	r = session_call(session, &to, method, take_request, timeout_ms, &result, &error);
	wait_note_cancel();
	session_close(session);
	if (r == -ESRCH)
		return pg_fail_nobody(ctl, pg);
	if (r)
		return message_fail(ctl, "call", pg->group, method, r, &error, timeout_ms);
	output_json(ctl, result);
	json_decref(result);
	return CTL_OK;
}

struct call_all {
	struct ctl *ctl;
	json_t *list; /* with --json: the result for each member */
	bool failed;
};

static json_t *call_shown(const char *ref, const char *what, json_t *value)
{
	return json_pack("{s{ss}sO}", "ref", "$ref", ref, what, value);
}

static void call_answered(struct question *question, void *arg)
{
	struct call_all *all = arg;
	json_t *shown = NULL, *error = NULL;

	if (question->r) {
		all->failed = true;
		all->ctl->keep_error = all->list ? &error : NULL;
		message_fail(all->ctl, "call", question->name, question->method, question->r,
			&question->error, question->timeout_ms);
		all->ctl->keep_error = NULL;
		if (error)
			shown = call_shown(question->name, "error", json_object_get(error, "error"));
		json_decref(error);
	} else if (all->list) {
		shown = call_shown(question->name, "answer", question->ret);
	} else {
		printf("%s%s", question->name, all->ctl->stdout_is_tty ? "  " : "\t");
		output_json_line(question->ret);
	}
	if (shown)
		json_array_append_new(all->list, shown);
}

/* Makes one question for each actor, however often it has joined. The questions use strings of @members. */
static size_t make_questions(const json_t *members, struct question *questions)
{
	json_t *seen = json_object();
	const json_t *member;
	size_t i, n = 0;

	json_array_foreach(members, i, member) {
		const char *text = json_ref_text(json_object_get(member, "ref"));
		actor_ref ref;

		if (!text || json_object_get(seen, text) || actor_ref_parse(text, &ref))
			continue;
		json_object_set_new(seen, text, json_true());
		questions[n++] = (struct question){.name = text, .to = actor_to(ref)};
	}
	json_decref(seen);
	return n;
}

static int ask_all(struct ctl *ctl, struct session *session, const json_t *members, const char *method,
	const struct buf *request)
{
	struct call_all all = {.ctl = ctl, .list = ctl->json ? json_array() : NULL};
	const struct vigil vigil = {.goal = "to answer", .answered = call_answered, .arg = &all};
	struct question *questions = calloc(json_array_size(members), sizeof(*questions));
	size_t n = questions ? make_questions(members, questions) : 0;
	int status = CTL_OK;

	for (size_t i = 0; i < n; i++) {
		questions[i].method = method;
		questions[i].same_args = request;
		questions[i].timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS);
	}
	if (questions)
		session_ask_all(session, questions, n, &vigil);
	else
		status = ctl_fail_errno(ctl, ENOMEM, NULL, "cannot call %s", method);
	if (questions && all.list)
		output_json(ctl, all.list);
	for (size_t i = 0; i < n; i++)
		json_decref(questions[i].ret);
	free(questions);
	json_decref(all.list);
	return all.failed ? CTL_FAILED : status;
}

static int call_all(struct ctl *ctl, const struct pg_name *pg, const char *method, struct buf take_request)
{
	struct session *session = NULL;
	json_t *members = NULL;
	int status;

	status = session_open_many(ctl, &session);
	if (!status)
		status = pg_members(ctl, session, pg, &members);
	if (!status)
		status = ask_all(ctl, session, members, method, &take_request);
	json_decref(members);
	buf_deinit(&take_request);
	session_close(session);
	return status;
}

static int call_run(struct ctl *ctl, const struct args *args)
{
	const char *method = args->values[1];
	struct buf request = BUF_INIT;
	struct pg_name pg;
	int status;

	status = read_args(ctl, args, &pg, &request);
	if (status)
		return status;
	return args_has(args, "all") ? call_all(ctl, &pg, method, request)
				     : call_one(ctl, &pg, args_value(args, "key"), method, request);
}

static const struct option_spec call_options[] = {
	PG_SCOPE_OPTION,
	{0, "all", OPTION_FLAG, NULL, "ask every member; otherwise one"},
	{0, "key", OPTION_VALUE, "KEY", "ask the one that this key belongs to"},
	{0},
};

const struct command command_pg_call = {
	.name = "pg call",
	.synopsis = "[-s SCOPE] [--all | --key KEY] GROUP METHOD [JSON]...",
	.summary = "ask one member, or all, print the answer as JSON",
	.examples = "  actorctl pg call workers get\n"
		    "  actorctl pg call --key alice sessions get '\"alice\"'\n"
		    "  actorctl pg call --all workers load\n",
	.details = PG_MESSAGE_DETAILS
	"With --all each member is asked once. A line for each says its ref and its answer, or on stderr why there is none;\n"
	"then the exit status is 1. With --json they are one array: objects with \"ref\" and \"answer\" or \"error\".\n",
	.options = call_options,
	.args_flags = ARGS_NUMBERS,
	.args_min = 2,
	.args_max = -1,
	.run = call_run,
};
