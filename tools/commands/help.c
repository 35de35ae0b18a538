/* help, version, and what the shell's completion asks */
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "tools/view/child.h"
#include "tools/commands/commands.h"
#include "tools/view/output.h"
#include "tools/view/session.h"
#include "tools/lib/suggest.h"

static int help_run(struct ctl *ctl, const struct args *args)
{
	const struct command *command;
	struct suggest suggest = SUGGEST_INIT;
	char hint[96];

	if (!args->n_values)
		return ctl_print_help(ctl, stdout);
	command = ctl_command_find(args->values[0]);
	if (command)
		return ctl_print_command_help(command, stdout);
	for (const struct command *const *c = ctl_commands; *c; c++)
		if ((*c)->summary)
			suggest_offer(&suggest, args->values[0], (*c)->name);
	if (suggest.best)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", suggest.best);
	return ctl_fail(ctl, CTL_USAGE, "unknown_command", suggest.best ? hint : "see actorctl --help",
		"unknown command '%s'", args->values[0]);
}

const struct command command_help = {
	.name = "help",
	.synopsis = "[COMMAND]",
	.summary = "tell about a command",
	.examples = "  actorctl help spawn\n",
	.args_max = 1,
	.run = help_run,
};

static int version_run(struct ctl *ctl, const struct args *args)
{
	if (ctl->json) {
		json_t *version = json_pack("{ss}", "version", ACTOR_VERSION);

		output_json(ctl, version);
		json_decref(version);
	} else {
		puts("actorctl " ACTOR_VERSION);
	}
	return CTL_OK;
}

const struct command command_version = {
	.name = "version",
	.synopsis = "",
	.summary = "show the version",
	.args_max = 0,
	.run = version_run,
};

/* ---- __complete ------------------------------------------------------------------------------ */

#define COMPLETE_TIMEOUT_MS 200 /* longer, and the Tab key feels stuck */

static void complete_options(const struct option_spec *options)
{
	for (const struct option_spec *o = options; o && o->name; o++)
		printf("--%s%s\n", o->name, o->value == OPTION_VALUE ? "=" : "");
}

/* Silent whatever happens: the user is in the middle of typing. */
static void complete_names(const struct ctl *ctl, enum actor_link_mode mode)
{
	bool actors = mode == ACTOR_LINK_BROKER;
	const struct destination to = {.name = actors ? "$broker" : "$spawner"};
	struct session_error error;
	struct session *session;
	json_t *list = NULL;
	const json_t *entry;
	size_t i;

	if (session_try_open(ctl, mode, COMPLETE_TIMEOUT_MS, &session))
		return;
	if (!session_ask(session, &to, actors ? "names" : "ls", json_array(), COMPLETE_TIMEOUT_MS, &list,
		&error)) {
		json_array_foreach(list, i, entry) {
			const char *name = actors ? json_string_value(json_array_get(entry, 0))
				: child_name(entry);

			if (name)
				output_text(name), putchar('\n');
		}
	}
	json_decref(list);
	fflush(stdout); /* whoever limits our time has the words already */
	session_close(session);
}

static int complete_run(struct ctl *ctl, const struct args *args)
{
	const char *what = args->values[0];
	const struct command *command;

	if (!strcmp(what, "commands")) {
		for (const struct command *const *c = ctl_commands; *c; c++)
			if ((*c)->summary)
				puts((*c)->name);
	} else if (!strcmp(what, "processes")) {
		complete_names(ctl, ACTOR_LINK_SPAWNER);
	} else if (!strcmp(what, "names")) {
		complete_names(ctl, ACTOR_LINK_BROKER);
	} else if (!strcmp(what, "options")) {
		command = args->n_values > 1 ? ctl_command_find(args->values[1]) : NULL;
		if (command)
			complete_options(command->options);
		complete_options(ctl_global_options);
	}
	return CTL_OK;
}

/* For tools/completion: `__complete commands | processes | names | options COMMAND`, one word a line. */
const struct command command_complete = {
	.name = "__complete",
	.synopsis = "commands|processes|names|options [COMMAND]",
	.args_min = 1,
	.args_max = 2,
	.run = complete_run,
};
