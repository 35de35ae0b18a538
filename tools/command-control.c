/* stop, start, restart, kill, rm: one verb, any number of names */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "child.h"
#include "commands.h"
#include "output.h"
#include "session.h"

/* What a verb asks for one name: the method's arguments, a new reference. */
typedef json_t *control_args(const struct args *args, const char *name);

struct control {
	const char *verb;   /* and method */
	const char *done;   /* "stopped" */
	bool waits;         /* takes as long as the process takes: no timeout unless one is given */
	control_args *make;
};

static void control_tell(const struct ctl *ctl, const struct control *control, const char *name,
	const json_t *child)
{
	if (ctl->json)
		return;
	output_text(name);
	printf(": %s", control->done);
	if (child_pid(child))
		printf(", pid %" PRId64, child_pid(child));
	putchar('\n');
}

/*
 * One failure does not keep the others from being tried; the first one gives the exit status. With --json one
 * line for each name: the child, or null where there is none any more.
 */
static int control_run(struct ctl *ctl, const struct args *args, const struct control *control)
{
	int64_t timeout_ms = ctl_timeout_ms(ctl, control->waits ? ACTOR_FOREVER : CTL_TIMEOUT_DEFAULT_MS);
	struct session *session;
	int status, first = 0;

	status = session_open(ctl, ACTOR_LINK_SPAWNER, &session);
	if (status)
		return status;
	for (size_t i = 0; i < args->n_values; i++) {
		const char *name = args->values[i];
		json_t *child = NULL;

		status = session_ask_spawner(session, control->verb, name, control->verb,
			control->make(args, name), timeout_ms, &child);
		if (!status && ctl->json) {
			json_t *shown = child_public(child, child_clock_offset_us());

			output_json(ctl, shown ? shown : json_null());
			json_decref(shown);
		}
		if (!status)
			control_tell(ctl, control, name, child);
		if (status && !first)
			first = status;
		json_decref(child);
		if (status == CTL_UNREACHABLE)
			break;
	}
	session_close(session);
	return first;
}

static json_t *control_args_wait(const struct args *args, const char *name)
{
	return json_pack("[sb]", name, !args_has(args, "no-wait"));
}

static const struct option_spec wait_options[] = {
	{0, "no-wait", OPTION_FLAG, NULL, "do not wait until it has happened"},
	{0},
};

/* ---- stop, start, restart -------------------------------------------------------------------- */

static int stop_run(struct ctl *ctl, const struct args *args)
{
	static const struct control control = {"stop", "stopped", true, control_args_wait};

	return control_run(ctl, args, &control);
}

const struct command command_stop = {
	.name = "stop",
	.synopsis = "NAME...",
	.summary = "end processes and leave them down",
	.examples = "  actorctl stop web\n"
		    "  actorctl stop --no-wait web worker\n",
	.details =
		"SIGTERM first; what is left after the stop timeout of the process (spawn --stop-timeout, 10s) is killed, its whole tree.\n"
		"A stopped process stays listed; 'actorctl start' brings it back, 'actorctl rm' forgets it.\n",
	.options = wait_options,
	.args_min = 1,
	.args_max = -1,
	.run = stop_run,
};

static int start_run(struct ctl *ctl, const struct args *args)
{
	static const struct control control = {"start", "started", true, control_args_wait};

	return control_run(ctl, args, &control);
}

const struct command command_start = {
	.name = "start",
	.synopsis = "NAME...",
	.summary = "start processes that are down or wait for their next try",
	.examples = "  actorctl start web\n",
	.options = wait_options,
	.args_min = 1,
	.args_max = -1,
	.run = start_run,
};

static int restart_run(struct ctl *ctl, const struct args *args)
{
	static const struct control control = {"restart", "restarted", true, control_args_wait};

	return control_run(ctl, args, &control);
}

const struct command command_restart = {
	.name = "restart",
	.synopsis = "NAME...",
	.summary = "stop processes and start them again",
	.examples = "  actorctl restart web\n",
	.options = wait_options,
	.args_min = 1,
	.args_max = -1,
	.run = restart_run,
};

/* ---- kill ------------------------------------------------------------------------------------ */

static json_t *control_args_kill(const struct args *args, const char *name)
{
	const char *signal = args_value(args, "signal");

	return json_pack("[si]", name, cause_signal_number(signal ? signal : "TERM"));
}

static int kill_run(struct ctl *ctl, const struct args *args)
{
	static const struct control control = {"kill", "signalled", false, control_args_kill};
	const char *signal = args_value(args, "signal");

	if (signal && cause_signal_number(signal) < 1)
		return ctl_fail(ctl, CTL_USAGE, "usage", "write KILL, SIGUSR1 or 10, see kill -l",
			"there is no signal '%s'", signal);
	return control_run(ctl, args, &control);
}

static const struct option_spec kill_options[] = {
	{'s', "signal", OPTION_VALUE, "SIGNAL", "name or number (default TERM)"},
	{0},
};

const struct command command_kill = {
	.name = "kill",
	.synopsis = "[-s SIGNAL] NAME...",
	.summary = "send a signal",
	.examples = "  actorctl kill web\n"
		    "  actorctl kill -s HUP web\n"
		    "  actorctl kill -s KILL web       the whole tree of it\n",
	.details =
		"The signal goes to the main process, KILL to its whole tree. What ends by it is restarted as its restart type says;\n"
		"to end a process and keep it down use 'actorctl stop'.\n",
	.options = kill_options,
	.args_min = 1,
	.args_max = -1,
	.run = kill_run,
};

/* ---- rm -------------------------------------------------------------------------------------- */

static json_t *control_args_rm(const struct args *args, const char *name)
{
	return json_pack("[sb]", name, args_has(args, "force"));
}

static int rm_run(struct ctl *ctl, const struct args *args)
{
	static const struct control control = {"rm", "removed", true, control_args_rm};

	return control_run(ctl, args, &control);
}

static const struct option_spec rm_options[] = {
	{'f', "force", OPTION_FLAG, NULL, "stop it first if it runs"},
	{0},
};

const struct command command_rm = {
	.name = "rm",
	.synopsis = "[-f] NAME...",
	.summary = "forget processes that are down",
	.examples = "  actorctl rm web\n"
		    "  actorctl rm -f web      stop it first\n",
	.options = rm_options,
	.args_min = 1,
	.args_max = -1,
	.run = rm_run,
};
