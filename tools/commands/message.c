/* SPDX-License-Identifier: Apache-2.0 */
/* call, send: sends a message to an actor */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/commands/commands.h"
#include "tools/view/message.h"
#include "tools/view/output.h"
#include "tools/view/session.h"
#include "tools/view/wait.h"

#define MESSAGE_JSON_HELP                                                                                    \
	"DEST is a registered name, or a ref in quotes: '<1f.2.1>'. Each argument is one JSON value, "       \
	"'-' for stdin or @FILE for a\n"                                                                     \
	"file. A string needs its quotes: '\"text\"'. What JSON has not is written "                         \
	"{\"$ref\": \"<1f.2.1>\"}, {\"$bin\": \"base64\"},\n"                                                \
	"see actorctl(1).\n"

static void call_item(const struct ctl *ctl, const json_t *value)
{
	wait_note_cancel();
	output_json_line(value);
	fflush(stdout);
}

static int call_run(struct ctl *ctl, const struct args *args)
{
	bool is_stream = args_has(args, "stream");
	int64_t timeout_ms = ctl_timeout_ms(ctl, is_stream ? ACTOR_FOREVER : CTL_TIMEOUT_DEFAULT_MS);
	const char *to = args->values[0], *method = args->values[1];
	actor_dest destination;
	struct buf request = BUF_INIT;
	json_t *result = NULL;
	struct session_error error;
	struct session *session;
	int r, status;

	status = message_destination(ctl, to, &destination);
	if (!status)
		status = message_args(ctl, args->values + 2, args->n_values - 2, &request);
	if (!status)
		status = session_open(ctl, ACTOR_JOIN_BROKER, &session);
	if (status) {
		buf_deinit(&request);
		return status;
	}
	wait_note_later(ctl, "waiting for %.64s to answer %.64s", to, method);
	if (is_stream)
		r = session_stream(
			session, &destination, method, request, timeout_ms, call_item, &result, &error);
	else
		r = session_call(session, &destination, method, request, timeout_ms, &result, &error);
	wait_note_cancel();
	session_close(session);
	if (r)
		return message_fail(ctl, "call", to, method, r, &error, timeout_ms);
	if (!is_stream)
		output_json(ctl, result);
	else if (!json_is_null(result))
		output_json_line(result);
	json_decref(result);
	return CTL_OK;
}

static const struct option_spec call_options[] = {
	{0, "stream", OPTION_FLAG, NULL, "take a stream: a line for each item as it comes, until the end"},
	{0},
};

const struct command command_call = {
	.name = "call",
	.options = call_options,
	.synopsis = "[--stream] DEST METHOD [JSON]...",
	.summary = "ask an actor, print its answer as JSON",
	.examples = "  actorctl call counter add 5\n"
		    "  actorctl call -t 100ms counter get\n"
		    "  actorctl call store put '\"key\"' '{\"a\": [1, 2.5, null]}'\n"
		    "  actorctl call '<1f.2.1>' get\n"
		    "  actorctl call --stream store list\n",
	.details = MESSAGE_JSON_HELP "An error that the actor answers with ends actorctl with status 6.\n",
	.args_flags = ARGS_NUMBERS,
	.args_min = 2,
	.args_max = -1,
	.run = call_run,
};

static int send_run(struct ctl *ctl, const struct args *args)
{
	const char *to = args->values[0], *method = args->values[1];
	int64_t timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS);
	struct session_error error = {0};
	actor_dest destination;
	struct buf request = BUF_INIT;
	struct session *session;
	actor_ref ref;
	int r = 0, status;

	status = message_destination(ctl, to, &destination);
	if (!status)
		status = message_args(ctl, args->values + 2, args->n_values - 2, &request);
	if (!status)
		status = session_open(ctl, ACTOR_JOIN_BROKER, &session);
	if (status) {
		buf_deinit(&request);
		return status;
	}
	/*
	 * A cast to a name that no actor has is no error on the wire, but a person who typed the name must be
	 * told.
	 */
	if (destination.name)
		r = session_whereis(session, destination.name, timeout_ms, &ref, &error);
	if (r) {
		buf_deinit(&request);
	} else {
		if (destination.name)
			destination = actor_to(ref);
		r = session_send(session, &destination, method, request);
	}
	session_close(session); /* says bye, and waits until the message is sent */
	return r ? message_fail(ctl, "send", to, method, r, &error, timeout_ms) : CTL_OK;
}

const struct command command_send = {
	.name = "send",
	.synopsis = "DEST METHOD [JSON]...",
	.summary = "send to an actor, do not wait for an answer",
	.examples = "  actorctl send counter reset\n"
		    "  actorctl send logger line '\"hello\"'\n",
	.details = MESSAGE_JSON_HELP,
	.args_flags = ARGS_NUMBERS,
	.args_min = 2,
	.args_max = -1,
	.run = send_run,
};
