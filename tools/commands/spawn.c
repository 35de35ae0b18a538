/* SPDX-License-Identifier: Apache-2.0 */
/* spawn: runs a program under supervision */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "libactor/protocol/child-spec.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/util/clock.h"
#include "tools/commands/commands.h"
#include "tools/commands/settings.h"
#include "tools/lib/duration.h"
#include "tools/lib/json.h"
#include "tools/lib/path.h"
#include "tools/view/child.h"
#include "tools/view/node.h"
#include "tools/view/output.h"
#include "tools/view/session.h"

#define SPAWN_AGAIN_MAX 10    /* so many supervisors may die while they are asked */
#define SPAWN_AGAIN_MS  10000 /* how long to wait for the next one; the keeper pauses 5 s at most */
#define SPAWN_PAUSE_MS  10
#define SPAWN_SLACK_MS  2000 /* this much longer than the supervisor's own timeout, whose message says more */
#define SPAWN_NAMES_MAX 1000
#define SPAWN_LOOK_MS   1000 /* a user who interrupts does not want to wait longer */

struct spawn {
	struct ctl *ctl;
	struct session *session;
	/* Its strings are those of the command line, or are kept in argv, env, program, cwd and name. */
	struct child_spec spec;
	const char **argv;
	char **env;
	char *program, *cwd, *input;
	char name[SESSION_NAME_MAX_BYTES + 1];
	bool name_is_made;
	const char *wait;
	int64_t timeout_ms; /* 0: none */
};

/* ---- the spec ---- */

/* Takes @variable. NULL means that memory ran out. */
static int spawn_env_add(struct spawn *spawn, size_t n, char *variable)
{
	char **env = variable ? realloc(spawn->env, (n + 2) * sizeof(*env)) : NULL;

	if (!env) {
		free(variable);
		return ctl_fail_errno(spawn->ctl, ENOMEM, NULL, "cannot make its environment");
	}
	env[n] = variable;
	env[n + 1] = NULL;
	spawn->env = env;
	spawn->spec.env = (const char *const *)env;
	return 0;
}

static char *spawn_variable(const char *name, const char *value)
{
	char *variable;

	return asprintf(&variable, "%s=%s", name, value) < 0 ? NULL : variable;
}

/* @line without the blanks around it, and without `export `. It is changed. */
static char *env_line(char *line)
{
	size_t length;

	line += strspn(line, " \t");
	if (!strncmp(line, "export ", 7))
		line += 7 + strspn(line + 7, " \t");
	length = strlen(line);
	while (length && strchr(" \t\r\n", line[length - 1]))
		line[--length] = 0;
	return line;
}

/* Takes the quotes off a value that is quoted as a whole. */
static void env_unquote(char *variable)
{
	char *value = strchr(variable, '=') + 1;
	size_t length = strlen(value);

	if (length < 2 || (*value != '"' && *value != '\'') || value[length - 1] != *value)
		return;
	memmove(value, value + 1, length - 2);
	value[length - 2] = 0;
}

/* Adds the variables of a file: lines NAME=VALUE, empty lines, and comments that begin with #. */
static int spawn_env_file(struct spawn *spawn, size_t *io_n, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0, number = 0;
	int status = 0;

	if (!file)
		return ctl_fail_errno(spawn->ctl, errno, NULL, "cannot read %s", path);
	while (!status && getline(&line, &size, file) >= 0) {
		char *variable = env_line(line);

		number++;
		if (!*variable || *variable == '#')
			continue;
		if (!child_variable_is_valid(variable)) {
			status = ctl_fail(spawn->ctl, CTL_USAGE, "usage",
				"write NAME=VALUE, or # and a comment", "%s:%zu: '%s' is no variable", path,
				number, variable);
			break;
		}
		env_unquote(variable);
		status = spawn_env_add(spawn, (*io_n)++, strdup(variable));
	}
	if (!status && ferror(file))
		status = ctl_fail_errno(spawn->ctl, errno, NULL, "cannot read %s", path);
	free(line);
	fclose(file);
	return status;
}

/* Names and values may have any bytes but NUL. If a name comes twice, the last value counts. */
static int spawn_spec_env(struct spawn *spawn, const struct args *args)
{
	const char *variable, *name;
	size_t n = 0, at = 0;
	int status = 0;

	while (!status && (name = args_next(args, "env-file", &at)))
		status = spawn_env_file(spawn, &n, name);
	at = 0;
	while (!status && (name = args_next(args, "pass", &at))) {
		const char *value = getenv(name);

		if (!*name || strchr(name, '='))
			return ctl_fail(spawn->ctl, CTL_USAGE, "usage", "to set it write --env NAME=VALUE",
				"'%s' cannot be the name of a variable", name);
		if (value)
			status = spawn_env_add(spawn, n++, spawn_variable(name, value));
	}
	at = 0;
	while (!status && (variable = args_next(args, "env", &at))) {
		if (!child_variable_is_valid(variable))
			return ctl_fail(spawn->ctl, CTL_USAGE, "usage",
				"write --env NAME=VALUE, or --pass NAME to give it what it is here",
				"'%s' is no variable", variable);
		status = spawn_env_add(spawn, n++, strdup(variable));
	}
	return status;
}

static int spawn_spec_argv(struct spawn *spawn, const struct args *args)
{
	spawn->argv = calloc(args->n_values + 1, sizeof(*spawn->argv));
	if (!spawn->argv)
		return ctl_fail_errno(spawn->ctl, ENOMEM, NULL, "cannot make its arguments");
	memcpy(spawn->argv, args->values, args->n_values * sizeof(*spawn->argv));
	spawn->spec.argv = spawn->argv;
	/* The path is made absolute, since the node has another current directory than this shell. */
	if (strchr(args->values[0], '/')) {
		spawn->program = path_absolute(args->values[0]);
		if (!spawn->program)
			return ctl_fail_errno(
				spawn->ctl, errno, NULL, "cannot find out where %s is", args->values[0]);
		spawn->argv[0] = spawn->program;
	}
	return *args->values[0] ? 0 : ctl_fail(spawn->ctl, CTL_USAGE, "usage", NULL, "the command is empty");
}

static int spawn_spec_cwd(struct spawn *spawn, const struct args *args)
{
	spawn->cwd = path_absolute(args_has(args, "cwd") ? args_value(args, "cwd") : ".");
	if (!spawn->cwd)
		return ctl_fail_errno(
			spawn->ctl, errno, "say --cwd DIR", "cannot find out the current directory");
	spawn->spec.cwd = spawn->cwd;
	return 0;
}

/* A file's path is made absolute, as that of the program. */
static int spawn_spec_input(struct spawn *spawn, const struct args *args)
{
	const char *input = args_value(args, "stdin");

	if (!input || !strcmp(input, "null"))
		return 0;
	spawn->input = !strcmp(input, "pipe") ? strdup(input) : path_absolute(input);
	if (!spawn->input)
		return ctl_fail_errno(spawn->ctl, errno, NULL, "cannot find out where %s is", input);
	spawn->spec.input = spawn->input;
	return 0;
}

static int spawn_wait(struct spawn *spawn, const struct args *args)
{
	const char *wait = args_value(args, "wait");

	if (args_has(args, "wait") && !wait)
		wait = spawn->spec.restart == ACTOR_TEMPORARY ? "exit" : "up";
	if (!wait)
		wait = spawn->spec.up_for_ms ? "ready" : "up";
	if (strcmp(wait, "none") && strcmp(wait, "up") && strcmp(wait, "ready") && strcmp(wait, "exit"))
		return ctl_fail(spawn->ctl, CTL_USAGE, "usage", "use --wait=up, ready, exit or none",
			"cannot wait for '%s'", wait);
	spawn->wait = wait;
	spawn->spec.ready_actor = !strcmp(wait, "ready") && !spawn->spec.up_for_ms;
	spawn->timeout_ms = ctl_timeout_ms(spawn->ctl,
		strcmp(wait, "exit") ? CTL_TIMEOUT_DEFAULT_MS + (int64_t)spawn->spec.up_for_ms : 0);
	return 0;
}

/* ---- asking ---- */

/* The child as `ls` shows it now. NULL: it is not listed, or nobody answers. */
static json_t *spawn_look(struct spawn *spawn, int64_t timeout_ms)
{
	const actor_dest spawner = actor_named(NAME_SPAWNER);
	json_t *children = NULL, *child = NULL;
	struct session_error error;

	if (!session_ask(spawn->session, &spawner, "ls", json_pack("[s]", spawn->name), timeout_ms, &children,
		    &error))
		child = json_incref(json_array_get(children, 0));
	json_decref(children);
	return child;
}

/* Says that the process goes on without actorctl, and how to end it. */
static void spawn_interrupted(void *arg)
{
	struct spawn *spawn = arg;
	json_t *child = spawn_look(spawn, SPAWN_LOOK_MS);
	char hint[SESSION_NAME_MAX_BYTES + 64], pid[40] = "";

	if (child_pid(child))
		snprintf(pid, sizeof(pid), ", pid %" PRId64 ",", child_pid(child));
	snprintf(hint, sizeof(hint), "end it with: actorctl stop %s", spawn->name);
	if (child && child_is_down(child))
		ctl_fail(spawn->ctl, CTL_INTERRUPTED, "interrupted", "see actorctl ls",
			"interrupted; '%s' has ended", spawn->name);
	else
		ctl_fail(spawn->ctl, CTL_INTERRUPTED, "interrupted", hint, "interrupted; '%s'%s goes on%s",
			spawn->name, pid, child ? "" : ", if it has been started");
	json_decref(child);
}

static int spawn_ask_once(struct spawn *spawn, json_t **ret, struct session_error *ret_error)
{
	const struct vigil vigil = {
		.goal = !strcmp(spawn->wait, "exit")    ? "to end"
			: !strcmp(spawn->wait, "ready") ? "to be ready"
							: "to start",
		.interrupted = spawn_interrupted,
		.arg = spawn,
	};
	struct question question = {.name = spawn->name, .to = actor_named(NAME_SPAWNER), .method = "spawn"};

	mp_put_array(&question.args, 3);
	child_spec_put(&question.args, &spawn->spec);
	mp_put_cstr(&question.args, spawn->wait);
	mp_put_int(&question.args, spawn->timeout_ms);
	question.timeout_ms = spawn->timeout_ms ? spawn->timeout_ms + SPAWN_SLACK_MS : ACTOR_FOREVER;
	session_ask_all(spawn->session, &question, 1, &vigil);
	*ret = question.ret;
	*ret_error = question.error;
	return question.r;
}

/*
 * Opens a session with the next supervisor as soon as there is one. Until then the socket is missing, or
 * nobody listens.
 */
static int spawn_reopen(struct spawn *spawn)
{
	int64_t deadline_ms = clock_now_ms() + SPAWN_AGAIN_MS;
	int r;

	spawn->session = session_close(spawn->session);
	for (;;) {
		r = session_try_open(spawn->ctl, ACTOR_JOIN_SPAWNER, SPAWN_AGAIN_MS, &spawn->session);
		if (!r || r == -EPERM || r == -EACCES || !node_is_running(spawn->ctl) ||
			clock_now_ms() >= deadline_ms)
			return r;
		poll(NULL, 0, SPAWN_PAUSE_MS);
	}
}

/*
 * If a supervisor dies, its answer is lost, and its successor is asked again. By the cookie the successor
 * knows whether the process was started already.
 */
static int spawn_ask(struct spawn *spawn, json_t **ret, struct session_error *ret_error)
{
	int r = spawn_ask_once(spawn, ret, ret_error);

	for (int i = 0; i < SPAWN_AGAIN_MAX && (r == -ECONNRESET || r == -ENOTCONN || r == -ESRCH); i++) {
		if (spawn_reopen(spawn) < 0)
			break;
		r = spawn_ask_once(spawn, ret, ret_error);
	}
	return r;
}

/* Finds the first of base, base.2, base.3 … that no listed child has. */
static bool spawn_next_name(struct spawn *spawn, const char *base)
{
	const actor_dest spawner = actor_named(NAME_SPAWNER);
	json_t *children = NULL, *names = json_object();
	struct session_error error;
	const json_t *child;
	bool found = false;
	size_t i;

	if (!session_ask(spawn->session, &spawner, "ls", json_array(), CTL_TIMEOUT_DEFAULT_MS, &children,
		    &error)) {
		json_array_foreach(children, i, child)
			json_object_set_new(names, child_name(child), json_true());
		for (i = 2; !found && i < 100000; i++) {
			snprintf(spawn->name, sizeof(spawn->name), "%.240s.%zu", base, i);
			found = !json_object_get(names, spawn->name);
		}
	}
	json_decref(children);
	json_decref(names);
	return found;
}

/*
 * A missing name is made here and not by the supervisor: if the program cannot be run, actorctl must know
 * which child to remove. Another actorctl may take the same name first, so further names are tried until one
 * works.
 */
static int spawn_ask_named(struct spawn *spawn, json_t **ret, struct session_error *ret_error)
{
	char base[SESSION_NAME_MAX_BYTES + 1];
	int r = spawn_ask(spawn, ret, ret_error);

	memcpy(base, spawn->name, sizeof(base));
	for (unsigned i = 0; i < SPAWN_NAMES_MAX; i++) {
		if (!spawn->name_is_made || r != -EREMOTEIO || strcmp(ret_error->name, ERROR_IN_USE) ||
			!spawn_next_name(spawn, base))
			break;
		r = spawn_ask(spawn, ret, ret_error);
	}
	return r;
}

/*
 * The program could not be run. Its child is removed, else the node would try to run it again and again.
 * Before that the errno is looked up, for the exit status. (With --wait=none this is never called.)
 */
static int spawn_fail_exec(struct spawn *spawn, const struct session_error *error)
{
	const actor_dest spawner = actor_named(NAME_SPAWNER);
	struct session_error ignored;
	json_t *child = spawn_look(spawn, CTL_TIMEOUT_DEFAULT_MS), *gone = NULL;
	enum ctl_exit status = CTL_FAILED;
	int code = 0, exec_errno = 0;

	if (child) {
		code = child_exit_status(child);
		exec_errno =
			(int)json_integer_value(json_object_get(json_object_get(child, "last_exit"), "code"));
	}
	json_decref(child);
	session_ask(spawn->session, &spawner, "rm", json_pack("[sb]", spawn->name, 1), CTL_TIMEOUT_DEFAULT_MS,
		&gone, &ignored);
	json_decref(gone);
	if (exec_errno == EACCES || exec_errno == EPERM)
		status = CTL_PERMISSION;
	if (!strcmp(spawn->wait, "exit") && code >= 126)
		status = (enum ctl_exit)code;
	return ctl_fail(spawn->ctl, status, "exec", NULL, "cannot spawn '%s': %s", spawn->name, error->text);
}

static void spawn_tell(const struct spawn *spawn, const json_t *child)
{
	const char *ref = json_ref_text(json_object_get(child, "ref"));

	if (spawn->ctl->json) {
		json_t *shown = child_public(child, child_clock_offset_us());

		output_json(spawn->ctl, shown ? shown : child);
		json_decref(shown);
		return;
	}
	output_text(child_name(child));
	printf(": %s", child_state(child));
	if (child_pid(child))
		printf(", pid %" PRId64, child_pid(child));
	if (ref && !spawn->spec.up_for_ms && !strcmp(child_state(child), "ready"))
		printf(", actor %s", ref);
	if (!strcmp(spawn->wait, "exit")) {
		char text[CHILD_TEXT_MAX];
		json_t *without_time = json_copy(json_object_get(child, "last_exit"));
		json_t *shown = json_pack("{ss}", "state", "down");

		json_object_del(without_time, "at_us");
		json_object_set_new(shown, "last_exit", without_time);
		printf(", %s", child_last_exit_text(shown, 0, text));
		json_decref(shown);
	}
	putchar('\n');
}

/* The process ended before it was ready, and is started again by its restart type. */
static int spawn_fail_ended(struct spawn *spawn, const struct session_error *error)
{
	char hint[2 * SESSION_NAME_MAX_BYTES + 64];

	snprintf(hint, sizeof(hint), "see actorctl logs %s, end it with: actorctl rm -f %s", spawn->name,
		spawn->name);
	return ctl_fail(
		spawn->ctl, CTL_FAILED, "ended", hint, "cannot spawn '%s': %s", spawn->name, error->text);
}

static int spawn_fail_timeout(struct spawn *spawn)
{
	const char *goal = !strcmp(spawn->wait, "exit")    ? "has not ended"
			   : !strcmp(spawn->wait, "ready") ? "is not ready"
							   : "is not up";
	char after[DURATION_TEXT_MAX];

	return ctl_fail(spawn->ctl, CTL_TIMEOUT, "timeout",
		"it goes on: see actorctl ls; give it longer with --timeout", "'%s' %s after %s", spawn->name,
		goal, duration_format(spawn->timeout_ms, after));
}

static int spawn_go(struct spawn *spawn)
{
	struct session_error error;
	json_t *child = NULL;
	int status, r;

	status = session_open(spawn->ctl, ACTOR_JOIN_SPAWNER, &spawn->session);
	if (status)
		return status;
	r = spawn_ask_named(spawn, &child, &error);
	if (r == -EREMOTEIO && !strcmp(error.name, "exec")) {
		status = spawn_fail_exec(spawn, &error);
	} else if (r == -EREMOTEIO && !strcmp(error.name, "ended")) {
		status = spawn_fail_ended(spawn, &error);
	} else if (r == -ETIMEDOUT) {
		status = spawn_fail_timeout(spawn);
	} else if (r) {
		status = session_fail_spawner(spawn->ctl, "spawn", spawn->name, r, &error, spawn->timeout_ms);
	} else {
		spawn_tell(spawn, child);
		if (!strcmp(spawn->wait, "exit"))
			status = child_exit_status(child) < 0 ? CTL_FAILED : child_exit_status(child);
	}
	json_decref(child);
	spawn->session = session_close(spawn->session);
	return status;
}

static int spawn_name(struct spawn *spawn, const struct args *args)
{
	const char *name = args_value(args, "name"), *program = args->values[0],
		   *slash = strrchr(program, '/');

	if (!name) {
		spawn->name_is_made = true;
		name = slash && slash[1] ? slash + 1 : program;
		if (*name == '$')
			name++;
		snprintf(spawn->name, sizeof(spawn->name), "%.240s", *name ? name : "process");
		for (char *c = spawn->name; *c; c++)
			if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
				*c = '_';
		return 0;
	}
	snprintf(spawn->name, sizeof(spawn->name), "%s", name);
	return session_check_name(spawn->ctl, name);
}

static int spawn_run(struct ctl *ctl, const struct args *args)
{
	struct spawn spawn = {.ctl = ctl, .spec = CHILD_SPEC_DEFAULT};
	uint64_t cookie;
	int status = spawn_name(&spawn, args);

	spawn.spec.name = spawn.name;
	if (!status)
		status = spawn_spec_argv(&spawn, args);
	if (!status)
		status = settings_read(ctl, &spawn.spec, args);
	spawn.spec.no_stamps = args_has(args, "no-stamps");
	if (!status)
		status = spawn_spec_env(&spawn, args);
	if (!status)
		status = spawn_spec_cwd(&spawn, args);
	if (!status)
		status = spawn_spec_input(&spawn, args);
	if (!status)
		status = spawn_wait(&spawn, args);
	if (!status && getrandom(&cookie, sizeof(cookie), 0) == sizeof(cookie))
		spawn.spec.cookie = cookie | 1; /* never 0, which means no cookie */
	if (!status)
		status = spawn_go(&spawn);
	for (char **variable = spawn.env; variable && *variable; variable++)
		free(*variable);
	free(spawn.env);
	free(spawn.argv);
	free(spawn.program);
	free(spawn.cwd);
	free(spawn.input);
	return status;
}

static const struct option_spec spawn_options[] = {
	{'n', "name", OPTION_VALUE, "NAME", "default: the program's name, with .2, .3 ... if taken"},
	{'r', "restart", OPTION_VALUE, "TYPE", "permanent (default), transient or temporary"},
	{0, "max-restarts", OPTION_VALUE, "N/PERIOD",
		"one more failure in that time, and it is given up: failed"},
	{0, "backoff", OPTION_VALUE, "MIN[:MAX]", "between restarts (default 100ms:30s); 0: none"},
	{0, "backoff-factor", OPTION_VALUE, "N", "each delay is so many times the one before (default 2)"},
	{0, "backoff-jitter", OPTION_VALUE, "PERCENT",
		"each delay is longer or shorter by up to this (default 20)"},
	{0, "backoff-reset", OPTION_VALUE, "TIME", "delays begin anew when it ran so long (default 1m)"},
	{0, "fatal-on", OPTION_VALUE, "END,...", "exit statuses and signals after which it is not restarted"},
	{0, "ok-exit", OPTION_VALUE, "END,...", "exit statuses and signals that are as good as 0"},
	{'e', "env", OPTION_VALUE, "NAME=VALUE", "for its environment; may be repeated"},
	{0, "pass", OPTION_VALUE, "NAME", "a variable as it is here, if it is set; may be repeated"},
	{0, "env-file", OPTION_VALUE, "FILE", "a file of lines NAME=VALUE; may be repeated"},
	{0, "clear-env", OPTION_FLAG, NULL, "it does not get HOME, PATH and USER of the node"},
	{0, "user", OPTION_VALUE, "USER", "it runs as this user, in its groups (a node of root only)"},
	{0, "group", OPTION_VALUE, "GROUP", "its group (a node of root only)"},
	{0, "umask", OPTION_VALUE, "MASK", "its umask, in octal"},
	{0, "limit", OPTION_VALUE, "NAME=N[:HARD]", "a resource limit, like nofile=4096; may be repeated"},
	{0, "nice", OPTION_VALUE, "N", "its nice value, -20 to 19"},
	{0, "oom-score-adj", OPTION_VALUE, "N", "who is killed first when memory is short, -1000 to 1000"},
	{0, "no-new-privs", OPTION_FLAG, NULL,
		"no program that it runs gains rights, by setuid or otherwise"},
	{0, "cwd", OPTION_VALUE, "DIR", "its directory (default: the current one)"},
	{0, "stdin", OPTION_VALUE, "FILE", "a file, or pipe for actorctl send-input (default /dev/null)"},
	{0, "up-for", OPTION_VALUE, "TIME", "it has started (ready) only when it has been up for so long"},
	{0, "stop-signal", OPTION_VALUE, "SIGNAL", "what asks it to end when it is stopped (default TERM)"},
	{0, "stop-timeout", OPTION_VALUE, "TIME", "from that to KILL when it is stopped (default 10s)"},
	{0, "no-stamps", OPTION_FLAG, NULL, "do not note when it wrote each line (see actorctl logs)"},
	{0, "wait", OPTION_OPTIONAL, "STATE", "up, ready, exit or none; see below"},
	{0},
};

const struct command command_spawn = {
	.name = "spawn",
	.synopsis = "[OPTION]... [--] CMD [ARG]...",
	.summary = "run a program under supervision",
	.examples = "  actorctl spawn -- ./server --port 8080\n"
		    "  actorctl spawn --name web --env PORT=8080 --backoff 100ms:30s -- ./server\n"
		    "  actorctl spawn --restart temporary --wait -- make test; echo $?\n"
		    "  actorctl spawn --wait=ready -- ./counter --name counter\n",
	.details =
		"Restart types: permanent is always started again, transient unless it exited with 0, temporary never. An exit with 125\n"
		"asks not to be started again.\n"
		"Restarts wait: MIN after the first failure, twice as long after each further one, at most MAX, and MIN again after it\n"
		"ran for a minute. The first restart of one that had been ready is immediate. With --max-restarts 5/1m the sixth failure\n"
		"in a minute leaves it failed until 'actorctl start'. 'actorctl explain NAME' tells which delays are to come.\n\n"
		"The program gets HOME, PATH, USER, LANG, LC_*, TZ as the node was started with (with --clear-env only the last three)\n"
		"and what --env-file, --pass and --env say, of which the last one counts, nothing else of\n"
		"this shell's environment. A CMD with a slash is taken relative to the current directory, one without is looked up in PATH.\n\n"
		"With --up-for 5s it is ready when it has been up for 5 seconds. That is then what spawn, start and restart wait for: they\n"
		"fail if it ends before, and say how.\n\n"
		"--wait=up (the default) returns when the program runs; if it cannot be run that is told, and nothing stays behind.\n"
		"--wait=ready waits until it has started its actors, --wait=exit until it ends: actorctl then exits with its status\n"
		"(128 + n for signal n, 127 or 126 if it could not be run). --wait=none does not wait, and keeps trying a program that\n"
		"is not there yet. --wait alone is --wait=exit for temporary, else --wait=up.\n",
	.options = spawn_options,
	.args_flags = ARGS_STOP_AT_FIRST,
	.args_min = 1,
	.args_max = -1,
	.run = spawn_run,
};
