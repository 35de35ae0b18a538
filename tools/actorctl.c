/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actorctl: controls the node, its processes and its actors from a shell. This file has the list of commands
 * and the global options, and finds the command that was typed.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tools/commands/commands.h"
#include "tools/lib/duration.h"
#include "tools/lib/path.h"
#include "tools/view/ctl.h"
#include "tools/view/output.h"

static const struct command *const commands[] = {
	&command_up,
	&command_down,
	&command_status,
	&command_ls,
	&command_explain,
	&command_spawn,
	&command_stop,
	&command_start,
	&command_restart,
	&command_set,
	&command_kill,
	&command_rm,
	&command_logs,
	&command_send_input,
	&command_call,
	&command_send,
	&command_describe,
	&command_actors,
	&command_inspect,
	&command_suspend,
	&command_resume,
	&command_whereis,
	&command_names,
	&command_pg,
	&command_monitor,
	&command_trace,
	&command_quota,
	&command_metrics,
	&command_help,
	&command_version,
	&command_complete,
	NULL,
};

/* ---- global options ---- */

static int ctl_apply(struct ctl *ctl, const struct args *args)
{
	const char *color = args_value(args, "color");
	const char *timeout = args_value(args, "timeout");
	const char *runtime_dir = args_value(args, "runtime-dir");
	int64_t ms;

	if (args_has(args, "json"))
		ctl->json = true;
	if (args_has(args, "no-headings"))
		ctl->headings = false;
	if (timeout) {
		if (duration_parse(timeout, &ms) || ms < 1)
			return ctl_fail(ctl, CTL_USAGE, "usage", "write seconds, or 100ms, 2s, 1m",
				"'%s' is no time to wait", timeout);
		ctl->timeout_ms = ms;
	}
	if (args_has(args, "color")) {
		if (!color || !strcmp(color, "always"))
			ctl->color = CTL_COLOR_ALWAYS;
		else if (!strcmp(color, "auto"))
			ctl->color = CTL_COLOR_AUTO;
		else if (!strcmp(color, "never"))
			ctl->color = CTL_COLOR_NEVER;
		else
			return ctl_fail(ctl, CTL_USAGE, "usage", "use --color=auto, always or never",
				"unknown colour mode '%s'", color);
	}
	if (runtime_dir) {
		if (!*runtime_dir)
			return ctl_fail(
				ctl, CTL_USAGE, "usage", NULL, "option --runtime-dir needs a directory");
		free((char *)ctl->runtime_dir);
		ctl->runtime_dir = path_absolute(runtime_dir);
		if (!ctl->runtime_dir)
			return ctl_fail_errno(
				ctl, errno, NULL, "cannot use the runtime directory %s", runtime_dir);
	}
	return 0;
}

/* Looks for --json before anything is parsed, since errors of parsing must be JSON too. */
static bool ctl_wants_json(int argc, char *const argv[])
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j"))
			return true;
	return false;
}

/* ---- main ---- */

static int ctl_run_one(struct ctl *ctl, const struct command *command, int argc, const char *const argv[])
{
	struct args args = ARGS_INIT;
	char error[ARGS_ERROR_MAX], hint[64];
	int status;

	ctl->command = command;
	snprintf(hint, sizeof(hint), "see actorctl %s --help", command->name);
	if (args_parse(&args, command->options, ctl_global_options, command->args_flags, argc - 1, argv + 1,
		    error))
		return ctl_fail(ctl, CTL_USAGE, "usage", hint, "%s: %s", command->name, error);
	status = ctl_apply(ctl, &args);
	if (status)
		goto out;
	if (args_has(&args, "help")) {
		status = help_print_command(command, stdout);
		goto out;
	}
	if (args_has(&args, "version")) {
		status = command_version.run(ctl, &args);
		goto out;
	}
	if ((int)args.n_values < command->args_min)
		status = ctl_fail(ctl, CTL_USAGE, "usage", hint, "%s needs %s: actorctl %s %s", command->name,
			args.n_values ? "more arguments" : "an argument", command->name, command->synopsis);
	else if (command->args_max >= 0 && (int)args.n_values > command->args_max)
		status = ctl_fail(ctl, CTL_USAGE, "usage", hint, "%s: unexpected argument '%s'",
			command->name, args.values[command->args_max]);
	else
		status = command->run(ctl, &args);
out:
	args_deinit(&args);
	return status;
}

/* Runs the command argv[0]. @family: the command of which argv[0] is a subcommand, or NULL. */
static int ctl_run_command(struct ctl *ctl, const struct command *family, int argc, const char *const argv[])
{
	const struct command *command = ctl_command_find(family ? family->family : ctl->commands, argv[0]);
	struct args args = ARGS_INIT;
	char error[ARGS_ERROR_MAX], hint[64];
	int status;

	if (!command)
		return help_unknown_command(ctl, family, argv[0]);
	if (!command->family)
		return ctl_run_one(ctl, command, argc, argv);
	snprintf(hint, sizeof(hint), "see actorctl %s --help", command->name);
	if (args_parse(&args, NULL, ctl_global_options, ARGS_STOP_AT_FIRST, argc - 1, argv + 1, error))
		return ctl_fail(ctl, CTL_USAGE, "usage", hint, "%s: %s", command->name, error);
	status = ctl_apply(ctl, &args);
	if (status)
		goto out;
	if (args_has(&args, "help"))
		status = help_print_command(command, stdout);
	else if (args_has(&args, "version"))
		status = command_version.run(ctl, &args);
	else if (!args.n_values)
		status = ctl_fail(ctl, CTL_USAGE, "usage", hint, "%s needs a command: actorctl %s %s",
			command->name, command->name, command->synopsis);
	else
		status = ctl_run_command(ctl, command, (int)args.n_values, args.values);
out:
	args_deinit(&args);
	return status;
}

/*
 * Opens descriptors 0, 1 and 2 if they are closed, since no socket must get these numbers. stdout and stderr
 * are opened only for reading, so that writing to them still fails and is reported.
 */
static void ctl_open_std_fds(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
			open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(CTL_FAILED);
}

#define STACK_MIN_BYTES (64u << 10) /* commands need up to 48 KiB */

/* On a smaller stack a command would end by SIGSEGV, which says nothing. */
static bool ctl_has_stack(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
	       limit.rlim_cur >= STACK_MIN_BYTES;
}

int main(int argc, char *argv[])
{
	struct ctl ctl = {.commands = commands, .timeout_ms = CTL_NO_TIMEOUT, .headings = true};
	struct args args = ARGS_INIT;
	char error[ARGS_ERROR_MAX];
	int status;

	ctl_open_std_fds();
	setlocale(LC_CTYPE, ""); /* libsmartcols counts the columns of UTF-8 */
	signal(SIGPIPE, SIG_IGN);
	ctl.stdout_is_tty = isatty(STDOUT_FILENO);
	ctl.stderr_is_tty = isatty(STDERR_FILENO);
	ctl.json = ctl_wants_json(argc, argv);
	if (!ctl_has_stack()) {
		status = ctl_fail(&ctl, CTL_FAILED, "stack", "raise the limit: ulimit -s unlimited",
			"the limit of the stack is below %u KiB", STACK_MIN_BYTES >> 10);
		goto out;
	}

	if (args_parse(&args, NULL, ctl_global_options, ARGS_STOP_AT_FIRST, argc - 1,
		    (const char *const *)argv + 1, error)) {
		status = ctl_fail(&ctl, CTL_USAGE, "usage", "see actorctl --help", "%s", error);
		goto out;
	}
	status = ctl_apply(&ctl, &args);
	if (status)
		goto out;
	if (args_has(&args, "help"))
		status = help_print(&ctl, stdout);
	else if (args_has(&args, "version"))
		status = command_version.run(&ctl, &args);
	else if (!args.n_values && ctl.json)
		status = ctl_fail(&ctl, CTL_USAGE, "usage", "see actorctl --help", "no command was given");
	else if (!args.n_values)
		help_print(&ctl, stderr), status = CTL_USAGE;
	else
		status = ctl_run_command(&ctl, NULL, (int)args.n_values, args.values);
out:
	args_deinit(&args);
	free((char *)ctl.runtime_dir);
	return output_finish(status);
}
