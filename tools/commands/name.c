/* SPDX-License-Identifier: Apache-2.0 */
/* whereis: finds the actor that has a name */
#include <errno.h>
#include <stdio.h>

#include "libactor/protocol/names.h"
#include "tools/commands/commands.h"
#include "tools/lib/duration.h"
#include "tools/lib/json.h"
#include "tools/view/message.h"
#include "tools/view/output.h"
#include "tools/view/session.h"
#include "tools/view/wait.h"

/* How long to wait for the name. *ret 0: not at all. */
static int whereis_wait_ms(const struct ctl *ctl, const struct args *args, int64_t *ret)
{
	const char *wait = args_value(args, "wait");

	*ret = args_has(args, "wait") ? ctl_timeout_ms(ctl, ACTOR_FOREVER) : 0;
	if (!wait || (!duration_parse(wait, ret) && *ret))
		return 0;
	return ctl_fail(
		ctl, CTL_USAGE, "usage", "write seconds, or 100ms, 2s, 1m", "'%s' is no time to wait", wait);
}

static int whereis_run(struct ctl *ctl, const struct args *args)
{
	const char *name = args->values[0];
	char after[DURATION_TEXT_MAX];
	struct session *session;
	int64_t timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS), wait_ms;
	struct session_error error = {0};
	actor_ref ref;
	int r, status;

	status = whereis_wait_ms(ctl, args, &wait_ms);
	if (!status)
		status = session_open(ctl, ACTOR_JOIN_BROKER, &session);
	if (status)
		return status;
	if (wait_ms)
		wait_note_later(ctl, "waiting for an actor with the name %.64s", name);
	r = wait_ms ? session_whereis_wait(session, name, wait_ms, &ref)
		    : session_whereis(session, name, timeout_ms, &ref, &error);
	wait_note_cancel();
	if (r == -ETIMEDOUT && wait_ms) {
		status = ctl_fail(ctl, CTL_TIMEOUT, "timeout", "see actorctl names",
			"no actor has had the name '%s' within %s", name, duration_format(wait_ms, after));
	} else if (r == -ESRCH) {
		status = ctl_fail(ctl, CTL_NO_NAME, ERROR_NOPROC, "see actorctl names",
			"no actor has the name '%s'", name);
	} else if (r) {
		status = message_fail(ctl, "look up", name, "", r, &error, timeout_ms);
	} else {
		char text[ACTOR_REF_TEXT_MAX];

		actor_ref_format(ref, text);
		if (ctl->json) {
			json_t *shown = json_pack("{sss{ss}}", "name", name, "ref", "$ref", text);

			output_json(ctl, shown);
			json_decref(shown);
		} else {
			puts(text);
		}
	}
	session_close(session);
	return status;
}

static const struct option_spec whereis_options[] = {
	{0, "wait", OPTION_OPTIONAL, "TIME", "wait until some actor has it: for ever, or --timeout, or TIME"},
	{0},
};

const struct command command_whereis = {
	.name = "whereis",
	.synopsis = "[--wait[=TIME]] NAME",
	.summary = "show which actor has a name",
	.examples = "  actorctl whereis counter\n"
		    "  actorctl whereis --wait=10s counter\n",
	.options = whereis_options,
	.args_min = 1,
	.args_max = 1,
	.run = whereis_run,
};
