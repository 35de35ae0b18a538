/* SPDX-License-Identifier: Apache-2.0 */
/* set: changes a process in place */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/names.h"
#include "tools/commands/commands.h"
#include "tools/commands/settings.h"
#include "tools/lib/path.h"
#include "tools/view/child.h"
#include "tools/view/output.h"
#include "tools/view/session.h"

#define KEYS_MAX 64

/* The changes, as keys of a spec that has their values. */
struct changes {
	struct child_spec spec;
	const char *keys[KEYS_MAX];
	size_t n;
	const char **argv;
	char *program;
};

static void changes_add(struct changes *changes, const char *key)
{
	for (size_t i = 0; i < changes->n; i++)
		if (!strcmp(changes->keys[i], key))
			return;
	if (changes->n < KEYS_MAX)
		changes->keys[changes->n++] = key;
}

/* A program with a slash is taken relative to the directory of this shell, as `spawn` does it. */
static int changes_command(
	const struct ctl *ctl, struct changes *changes, const char *const *argv, size_t n_argv)
{
	changes->argv = calloc(n_argv + 1, sizeof(*changes->argv));
	if (!changes->argv)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot make its arguments");
	memcpy(changes->argv, argv, n_argv * sizeof(*argv));
	if (strchr(argv[0], '/')) {
		changes->program = path_absolute(argv[0]);
		if (!changes->program)
			return ctl_fail_errno(ctl, errno, NULL, "cannot find out where %s is", argv[0]);
		changes->argv[0] = changes->program;
	}
	changes->spec.argv = changes->argv;
	changes_add(changes, "argv");
	return 0;
}

static int changes_read(const struct ctl *ctl, struct changes *changes, const struct args *args)
{
	int status = 0;
	size_t i;

	for (i = 1; i < args->n_values && !status && strcmp(args->values[i], "--") != 0; i++) {
		const char *const *keys;

		status = settings_set(ctl, &changes->spec, args->values[i], &keys);
		for (size_t k = 0; !status && k < 2 && keys[k]; k++)
			changes_add(changes, keys[k]);
	}
	if (status || i == args->n_values)
		return status;
	if (i + 1 == args->n_values)
		return ctl_fail(ctl, CTL_USAGE, "usage", NULL, "the command is missing after --");
	return changes_command(ctl, changes, &args->values[i + 1], args->n_values - i - 1);
}

static int set_ask(struct ctl *ctl, const char *name, const struct changes *changes)
{
	const struct vigil vigil = {
		.goal = "to end and start again", .goes_on = "changed, stopped and started again without us"};
	struct question question = {.name = name,
		.to = actor_named(NAME_SPAWNER),
		.method = "set",
		.timeout_ms = ctl_timeout_ms(ctl, ACTOR_FOREVER)};
	struct session *session;
	json_t *shown;
	int status = session_open(ctl, ACTOR_JOIN_SPAWNER, &session);

	if (status)
		return status;
	mp_put_array(&question.args, 2);
	mp_put_cstr(&question.args, name);
	child_spec_put_keys(&question.args, &changes->spec, changes->keys, changes->n);
	session_ask_all(session, &question, 1, &vigil);
	if (question.r) {
		status = session_fail_answer(session, "set", &question);
	} else if (ctl->json) {
		shown = child_public(question.ret, child_clock_offset_us());
		output_json(ctl, shown ? shown : question.ret);
		json_decref(shown);
	} else {
		output_text(child_name(question.ret));
		printf(": %s", child_state(question.ret));
		if (child_pid(question.ret))
			printf(", pid %" PRId64, child_pid(question.ret));
		putchar('\n');
	}
	json_decref(question.ret);
	session_close(session);
	return status;
}

static int set_run(struct ctl *ctl, const struct args *args)
{
	struct changes changes = {.spec = CHILD_SPEC_DEFAULT};
	int status = session_check_name(ctl, args->values[0]);

	if (!status)
		status = changes_read(ctl, &changes, args);
	if (!status)
		status = set_ask(ctl, args->values[0], &changes);
	free(changes.argv);
	free(changes.program);
	return status;
}

const struct command command_set = {
	.name = "set",
	.synopsis = "NAME SETTING=VALUE... [-- CMD [ARG]...]",
	.summary = "change a process in place",
	.examples = "  actorctl set web max-restarts=5/1m stop-timeout=1m\n"
		    "  actorctl set web limit=nofile=4096 -- ./server --port 8081\n",
	.details =
		"Settings are those options of 'actorctl spawn' that have a value, without the two dashes: restart, backoff,\n"
		"backoff-factor, backoff-jitter, backoff-reset, max-restarts, fatal-on, ok-exit, stop-signal, stop-timeout; up-for,\n"
		"user, group, umask, limit, nice, oom-score-adj. Those before the semicolon count from now on, and nothing is started\n"
		"again. For another, or another CMD, a process that runs is started again, once, and set waits for that. If nothing\n"
		"differs, nothing happens. limit=... replaces all limits that it had.\n",
	.args_flags = ARGS_STOP_AT_FIRST,
	.args_min = 2,
	.args_max = -1,
	.run = set_run,
};
