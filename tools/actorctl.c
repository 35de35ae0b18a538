/*
 * actorctl: the node, its processes and its actors from a shell. This file: what all commands share, and the
 * way to one.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "actor/actor.h"
#include "tools/commands/commands.h"
#include "tools/view/ctl.h"
#include "tools/lib/duration.h"
#include "tools/view/output.h"
#include "tools/lib/path.h"
#include "tools/lib/suggest.h"
#include "libactor/util/utf8.h"

const struct option_spec ctl_global_options[] = {
	{'j', "json", OPTION_FLAG, NULL, "write JSON on stdout, errors too"},
	{'t', "timeout", OPTION_VALUE, "TIME", "how long to wait: seconds, or 100ms, 2s, 1m (default 5s)"},
	{0, "runtime-dir", OPTION_VALUE, "DIR", "the node's runtime directory"},
	{0, "no-headings", OPTION_FLAG, NULL, "tables without their first line"},
	{0, "color", OPTION_OPTIONAL, "WHEN", "auto, always or never"},
	{'h', "help", OPTION_FLAG, NULL, "show this help"},
	{0, "version", OPTION_FLAG, NULL, "show the version"},
	{0},
};

const struct command *const ctl_commands[] = {
	&command_up, &command_down, &command_status, &command_ls, &command_spawn, &command_stop, &command_start,
	&command_restart, &command_kill, &command_rm, &command_logs, &command_call, &command_send,
	&command_whereis, &command_names, &command_help, &command_version, &command_complete, NULL,
};

const struct command *ctl_command_find(const char *name)
{
	for (const struct command *const *c = ctl_commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

/* ---- failing --------------------------------------------------------------------------------- */

/* What came from elsewhere stays on its line, and is UTF-8. */
static void ctl_flatten(char *text)
{
	size_t left = strlen(text), n;

	for (; left; text += n, left -= n) {
		n = utf8_char_bytes(text, left);
		if (!n)
			*text = '?';
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
		n += !n;
	}
}

static int ctl_vfail(const struct ctl *ctl, enum ctl_exit status, const char *code, const char *hint,
	const char *format, va_list list)
{
	char message[1024] = "failed";

	vsnprintf(message, sizeof(message), format, list);
	ctl_flatten(message);
	if (ctl->json) {
		json_t *error = json_pack("{s{sssssO?}}", "error", "code", code, "message", message, "hint",
			NULL);

		if (hint)
			json_object_set_new(json_object_get(error, "error"), "hint", json_string(hint));
		if (error && ctl->keep_error && !*ctl->keep_error) {
			*ctl->keep_error = error;
			return status;
		}
		if (error) {
			output_json(ctl, error);
			json_decref(error);
			return status;
		}
	}
	fflush(stdout);
	/* A question mark ends its own sentence. */
	fprintf(stderr, "actorctl: %s%s%s\n", message,
		!hint ? "" : message[strlen(message) - 1] == '?' ? " " : "; ", hint ? hint : "");
	return status;
}

int ctl_fail(const struct ctl *ctl, enum ctl_exit status, const char *code, const char *hint,
	const char *format, ...)
{
	va_list list;

	va_start(list, format);
	ctl_vfail(ctl, status, code, hint, format, list);
	va_end(list);
	return status;
}

int ctl_fail_errno(const struct ctl *ctl, int error, const char *hint, const char *format, ...)
{
	enum ctl_exit status = CTL_FAILED;
	char message[768];
	va_list list;

	if (error == EACCES || error == EPERM)
		status = CTL_PERMISSION;
	else if (error == ETIMEDOUT)
		status = CTL_TIMEOUT;
	va_start(list, format);
	vsnprintf(message, sizeof(message), format, list);
	va_end(list);
	return ctl_fail(ctl, status, strerrorname_np(error) ? strerrorname_np(error) : "failed", hint,
		"%s: %s", message, strerror(error));
}

void ctl_note(const struct ctl *ctl, const char *format, ...)
{
	va_list list;

	if (ctl->json)
		return;
	fflush(stdout);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

int64_t ctl_timeout_ms(const struct ctl *ctl, int64_t otherwise_ms)
{
	return ctl->timeout_ms == CTL_NO_TIMEOUT ? otherwise_ms : ctl->timeout_ms;
}

bool ctl_colors(const struct ctl *ctl)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (ctl->color != CTL_COLOR_AUTO)
		return ctl->color == CTL_COLOR_ALWAYS;
	if (no_color && *no_color)
		return false;
	return ctl->stdout_is_tty && term && strcmp(term, "dumb");
}

/* ---- global options -------------------------------------------------------------------------- */

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
			return ctl_fail(ctl, CTL_USAGE, "usage", NULL,
				"option --runtime-dir needs a directory");
		free((char *)ctl->runtime_dir);
		ctl->runtime_dir = path_absolute(runtime_dir);
		if (!ctl->runtime_dir)
			return ctl_fail_errno(ctl, errno, NULL, "cannot use the runtime directory %s",
				runtime_dir);
	}
	return 0;
}

/* Before anything was parsed: does the caller want its errors as JSON? */
static bool ctl_wants_json(int argc, char *const argv[])
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j"))
			return true;
	return false;
}

/* ---- help ------------------------------------------------------------------------------------ */

static void ctl_print_options(const struct option_spec *options, FILE *to)
{
	for (const struct option_spec *o = options; o && o->name; o++) {
		char left[64], letter[8] = "    ";

		if (!o->help)
			continue;
		if (o->letter)
			snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		if (o->value == OPTION_FLAG)
			snprintf(left, sizeof(left), "%s--%s", letter, o->name);
		else
			snprintf(left, sizeof(left), o->value == OPTION_VALUE ? "%s--%s %s" : "%s--%s[=%s]",
				letter, o->name, o->value_name);
		fprintf(to, "  %-28s %s\n", left, o->help);
	}
}

int ctl_print_help(const struct ctl *ctl, FILE *to)
{
	fputs("Run crash-isolated processes, and talk to the actors in them.\n\n"
	      "Examples:\n"
	      "  actorctl up -d                              start a node in the background\n"
	      "  actorctl spawn --name web -- ./server 8080  run a program; it comes back when it crashes\n"
	      "  actorctl ls                                 what runs, since when, how it ended last\n"
	      "  actorctl logs -f web                        what it prints\n"
	      "  actorctl call counter add 5                 ask an actor; arguments are JSON\n"
	      "  actorctl down                               stop everything, in order\n\n"
	      "Usage: actorctl [OPTION]... COMMAND [ARGUMENT]...\n\n"
	      "Commands:\n",
		to);
	for (const struct command *const *c = ctl_commands; *c; c++)
		if ((*c)->summary)
			fprintf(to, "  %-10s %s\n", (*c)->name, (*c)->summary);
	fputs("\nOptions:\n", to);
	ctl_print_options(ctl_global_options, to);
	fputs("\n'actorctl help COMMAND' tells more about one. Exit status: 0 done, 1 failed, 2 usage, 4 no such name, 5 timed out,\n"
	      "6 the called method answered with an error, 7 no node, 8 not permitted, 9 conflict, 10 overloaded.\n",
		to);
	return CTL_OK;
}

int ctl_print_command_help(const struct command *command, FILE *to)
{
	if (command->summary) {
		const char *s = command->summary;

		fprintf(to, "%c%s.\n", *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s, s + 1);
	}
	if (command->examples)
		fprintf(to, "\nExamples:\n%s", command->examples);
	fprintf(to, "\nUsage: actorctl %s%s%s\n", command->name, *command->synopsis ? " " : "",
		command->synopsis);
	if (command->options) {
		fputs("\nOptions:\n", to);
		ctl_print_options(command->options, to);
	}
	fputs("\nGlobal options:\n", to);
	ctl_print_options(ctl_global_options, to);
	if (command->details)
		fprintf(to, "\n%s", command->details);
	return CTL_OK;
}

/* ---- main ------------------------------------------------------------------------------------ */

static int ctl_no_command(const struct ctl *ctl, const char *name)
{
	struct suggest suggest = SUGGEST_INIT;
	char hint[96];

	for (const struct command *const *c = ctl_commands; *c; c++)
		if ((*c)->summary)
			suggest_offer(&suggest, name, (*c)->name);
	if (suggest.best)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", suggest.best);
	else
		snprintf(hint, sizeof(hint), "see actorctl --help");
	return ctl_fail(ctl, CTL_USAGE, "unknown_command", hint, "unknown command '%s'", name);
}

static int ctl_run_command(struct ctl *ctl, int argc, const char *const argv[])
{
	const struct command *command = ctl_command_find(argv[0]);
	struct args args = ARGS_INIT;
	char error[ARGS_ERROR_MAX], hint[64];
	int status;

	if (!command)
		return ctl_no_command(ctl, argv[0]);
	ctl->command = command;
	snprintf(hint, sizeof(hint), "see actorctl %s --help", command->name);
	if (args_parse(&args, command->options, ctl_global_options, command->args_flags, argc - 1, argv + 1,
		error))
		return ctl_fail(ctl, CTL_USAGE, "usage", hint, "%s: %s", command->name, error);
	status = ctl_apply(ctl, &args);
	if (status)
		goto out;
	if (args_has(&args, "help")) {
		status = ctl_print_command_help(command, stdout);
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

/*
 * Sockets must not land on 0, 1 or 2. A closed stdout is opened for reading, so that writing to it still
 * fails and is told.
 */
static void ctl_open_std_fds(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
			open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(CTL_FAILED);
}

int main(int argc, char *argv[])
{
	struct ctl ctl = {.timeout_ms = CTL_NO_TIMEOUT, .headings = true};
	struct args args = ARGS_INIT;
	char error[ARGS_ERROR_MAX];
	int status;

	ctl_open_std_fds();
	setlocale(LC_CTYPE, ""); /* libsmartcols counts the columns of UTF-8 */
	signal(SIGPIPE, SIG_IGN);
	ctl.stdout_is_tty = isatty(STDOUT_FILENO);
	ctl.stderr_is_tty = isatty(STDERR_FILENO);
	ctl.json = ctl_wants_json(argc, argv);

	if (args_parse(&args, NULL, ctl_global_options, ARGS_STOP_AT_FIRST, argc - 1,
		(const char *const *)argv + 1, error)) {
		status = ctl_fail(&ctl, CTL_USAGE, "usage", "see actorctl --help", "%s", error);
		goto out;
	}
	status = ctl_apply(&ctl, &args);
	if (status)
		goto out;
	if (args_has(&args, "help"))
		status = ctl_print_help(&ctl, stdout);
	else if (args_has(&args, "version"))
		status = command_version.run(&ctl, &args);
	else if (!args.n_values && ctl.json)
		status = ctl_fail(&ctl, CTL_USAGE, "usage", "see actorctl --help", "no command was given");
	else if (!args.n_values)
		ctl_print_help(&ctl, stderr), status = CTL_USAGE;
	else
		status = ctl_run_command(&ctl, (int)args.n_values, args.values);
out:
	args_deinit(&args);
	free((char *)ctl.runtime_dir);
	return output_finish(status);
}
