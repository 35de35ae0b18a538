/* SPDX-License-Identifier: Apache-2.0 */
/* stop, start, restart, kill, rm: each takes any number of names */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/util/clock.h"
#include "spawner/shared/proc.h"
#include "tools/commands/commands.h"
#include "tools/view/child.h"
#include "tools/view/output.h"
#include "tools/view/session.h"

/* Makes the arguments of the method for one name. Returns a new reference. */
typedef json_t *control_args(const struct args *args, const char *name);

struct control {
	const char *verb; /* the verb, and the method of the supervisor */
	const char *done; /* "stopped" */
	const char *goal; /* for the note "waiting for NAME …"; NULL: the answer comes at once */
	/* said when actorctl is interrupted: what goes on without it; NULL: nothing is said */
	const char *goes_on;
	bool ends; /* what is waited for is the end of a process */
	control_args *make;
};

struct control_run {
	struct ctl *ctl;
	struct session *session;
	const struct control *control;
	int64_t asked_ms;
	bool waits;
	json_t *list; /* with --json and several names: the result for each name */
	int status;   /* exit status of the first failure */
};

static const char *control_done(const struct control_run *run, const json_t *child)
{
	int64_t uptime_ms = json_integer_value(json_object_get(child, "uptime_ms"));

	/* The process was already running when it was asked for. */
	if (!strcmp(run->control->verb, "start") && uptime_ms > clock_now_ms() - run->asked_ms)
		return !strcmp(child_state(child), "ready") ? "already ready" : "already up";
	if (!run->waits && !strcmp(child_state(child), "stopping"))
		return "stopping";
	if (!run->waits && !strcmp(run->control->verb, "start") && !child_pid(child))
		return "starting";
	return run->control->done;
}

static void control_tell(const struct control_run *run, const char *name, const json_t *child)
{
	output_text(name);
	printf(": %s", control_done(run, child));
	if (child_pid(child))
		printf(", pid %" PRId64, child_pid(child));
	putchar('\n');
}

/* With --json: shows the child, or null if there is none any more. */
static void control_show(const struct control_run *run, const json_t *child)
{
	json_t *shown = child_public(child, child_clock_offset_us());

	if (!shown)
		shown = json_null();
	if (run->list)
		json_array_append(run->list, shown);
	else
		output_json(run->ctl, shown);
	json_decref(shown);
}

/*
 * Shows one answer. A failure does not stop the others from being shown. The first failure gives the exit
 * status.
 */
static void control_answered(struct question *question, void *arg)
{
	struct control_run *run = arg;
	json_t *error = NULL;
	int status;

	if (!question->r) {
		if (run->ctl->json)
			control_show(run, question->ret);
		else
			control_tell(run, question->name, question->ret);
		return;
	}
	if (run->status == CTL_UNREACHABLE && !run->list)
		return; /* if nobody answers, one message for all names suffices */
	run->ctl->keep_error = run->list ? &error : NULL;
	status = session_fail_answer(run->session, run->control->verb, question);
	run->ctl->keep_error = NULL;
	if (error) {
		json_object_set_new(error, "name", json_string(question->name));
		json_array_append_new(run->list, error);
	}
	if (!run->status)
		run->status = status;
}

#define CONTROL_LOOK_MS 1000

/* Names who debugs a process that should end: until the debugger has heard of its end, it is not gone. */
static void control_tell_tracers(const struct question *questions, size_t n, void *arg)
{
	const struct control_run *run = arg;
	const actor_dest spawner = actor_named(NAME_SPAWNER);
	char name[PROCESS_NAME_SIZE];
	struct session_error error;
	json_t *children = NULL;
	const json_t *child;
	pid_t pid, tracer;
	size_t i, at;

	if (session_ask(run->session, &spawner, "ls", json_array(), CONTROL_LOOK_MS, &children, &error))
		return;
	json_array_foreach(children, at, child) {
		for (i = 0; i < n; i++)
			if (!questions[i].answered && child_name(child) &&
				!strcmp(questions[i].name, child_name(child)))
				break;
		pid = i < n ? (pid_t)child_pid(child) : 0;
		tracer = pid > 0 ? process_tracer(pid) : 0;
		if (tracer <= 0)
			continue;
		process_name_read(tracer, name);
		ctl_note(run->ctl, "%s does not end: %d is traced by %d (%s)", questions[i].name, (int)pid,
			(int)tracer, name);
	}
	json_decref(children);
}

static int control_check_names(struct ctl *ctl, const struct args *args)
{
	int status = 0;

	for (size_t i = 0; i < args->n_values && !status; i++)
		status = session_check_name(ctl, args->values[i]);
	return status;
}

/*
 * All names are asked at once, so the whole takes as long as the slowest. The results are shown in the order
 * of the names.
 */
static int control_run(struct ctl *ctl, const struct args *args, const struct control *control)
{
	struct control_run run = {
		.ctl = ctl, .control = control, .waits = control->goal && !args_has(args, "no-wait")};
	int64_t timeout_ms = ctl_timeout_ms(ctl, run.waits ? ACTOR_FOREVER : CTL_TIMEOUT_DEFAULT_MS);
	struct vigil vigil = {.goal = control->goal,
		.goes_on = control->goes_on,
		.late = control->ends ? control_tell_tracers : NULL,
		.answered = control_answered,
		.arg = &run};
	struct question *questions;
	int status;

	status = control_check_names(ctl, args);
	if (!status)
		status = session_open(ctl, ACTOR_JOIN_SPAWNER, &run.session);
	if (status)
		return status;
	questions = calloc(args->n_values, sizeof(*questions));
	if (ctl->json && args->n_values > 1)
		run.list = json_array();
	for (size_t i = 0; questions && i < args->n_values; i++)
		questions[i] = (struct question){.name = args->values[i],
			.to = actor_named(NAME_SPAWNER),
			.method = control->verb,
			.args = session_args(control->make(args, args->values[i])),
			.timeout_ms = timeout_ms};
	run.asked_ms = clock_now_ms();
	if (questions)
		session_ask_all(run.session, questions, args->n_values, &vigil);
	else
		run.status = ctl_fail_errno(ctl, ENOMEM, NULL, "cannot %s", control->verb);
	if (run.list && questions)
		output_json(ctl, run.list);
	for (size_t i = 0; questions && i < args->n_values; i++)
		json_decref(questions[i].ret);
	free(questions);
	json_decref(run.list);
	session_close(run.session);
	return run.status;
}

static json_t *control_args_wait(const struct args *args, const char *name)
{
	return json_pack("[sb]", name, !args_has(args, "no-wait"));
}

static const struct option_spec wait_options[] = {
	{0, "no-wait", OPTION_FLAG, NULL, "do not wait until it has happened"},
	{0},
};

/* ---- stop, start, restart ---- */

static int stop_run(struct ctl *ctl, const struct args *args)
{
	static const struct control control = {"stop", "stopped", "to end",
		"asked to end, and killed when its stop timeout is over", true, control_args_wait};

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
	static const struct control control = {
		"start", "started", "to start", "started without us", false, control_args_wait};

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
	static const struct control control = {"restart", "restarted", "to end and start again",
		"stopped and started again without us", true, control_args_wait};

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

/* ---- kill ---- */

static json_t *control_args_kill(const struct args *args, const char *name)
{
	const char *signal = args_value(args, "signal");

	return json_pack("[si]", name, cause_signal_number(signal ? signal : "TERM"));
}

static int kill_run(struct ctl *ctl, const struct args *args)
{
	static const struct control control = {"kill", "signalled", NULL, NULL, false, control_args_kill};
	const char *signal = args_value(args, "signal");

	if (signal && cause_signal_number(signal) < 1)
		return ctl_fail(ctl, CTL_USAGE, "usage", "write KILL, SIGUSR1, RTMIN+1 or 10, see kill -l",
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

/* ---- rm ---- */

static json_t *control_args_rm(const struct args *args, const char *name)
{
	return json_pack("[sb]", name, args_has(args, "force"));
}

static int rm_run(struct ctl *ctl, const struct args *args)
{
	static const struct control control = {
		"rm", "removed", "to end", "asked to end, and removed without us", true, control_args_rm};

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
