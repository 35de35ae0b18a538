/* SPDX-License-Identifier: Apache-2.0 */
/* help, version, and the command for the shell's completion */
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "libactor/protocol/names.h"
#include "tools/commands/commands.h"
#include "tools/lib/suggest.h"
#include "tools/view/child.h"
#include "tools/view/output.h"
#include "tools/view/session.h"

static void print_options(const struct option_spec *options, FILE *to)
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

static void print_commands(const struct command *const *commands, FILE *to)
{
	for (const struct command *const *c = commands; *c; c++)
		if ((*c)->summary)
			fprintf(to, "  %-10s %s\n", ctl_command_word(*c), (*c)->summary);
}

int help_print(const struct ctl *ctl, FILE *to)
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
	print_commands(ctl->commands, to);
	fputs("\nOptions:\n", to);
	print_options(ctl_global_options, to);
	fputs("\n'actorctl help COMMAND' tells more about one. Exit status: 0 done, 1 failed, 2 usage, 4 no such name, 5 timed out,\n"
	      "6 the called method answered with an error, 7 no node, 8 not permitted, 9 conflict, 10 overloaded.\n",
		to);
	return CTL_OK;
}

int help_print_command(const struct command *command, FILE *to)
{
	if (command->summary) {
		const char *s = command->summary;

		fprintf(to, "%c%s.\n", *s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s, s + 1);
	}
	if (command->examples)
		fprintf(to, "\nExamples:\n%s", command->examples);
	fprintf(to, "\nUsage: actorctl %s%s%s\n", command->name, *command->synopsis ? " " : "",
		command->synopsis);
	if (command->family) {
		fputs("\nCommands:\n", to);
		print_commands(command->family, to);
	}
	if (command->options) {
		fputs("\nOptions:\n", to);
		print_options(command->options, to);
	}
	fputs("\nGlobal options:\n", to);
	print_options(ctl_global_options, to);
	if (command->details)
		fprintf(to, "\n%s", command->details);
	return CTL_OK;
}

int help_unknown_command(const struct ctl *ctl, const struct command *family, const char *word)
{
	const char *of = family ? family->name : "", *space = family ? " " : "";
	struct suggest suggest = SUGGEST_INIT;
	char hint[96];

	for (const struct command *const *c = family ? family->family : ctl->commands; *c; c++)
		if ((*c)->summary)
			suggest_offer(&suggest, word, ctl_command_word(*c));
	if (suggest.best)
		snprintf(hint, sizeof(hint), "did you mean '%s%s%s'?", of, space, suggest.best);
	else
		snprintf(hint, sizeof(hint), "see actorctl%s%s --help", space, of);
	return ctl_fail(ctl, CTL_USAGE, "unknown_command", hint, "unknown command '%s%s%s'", of, space, word);
}

static int help_run(struct ctl *ctl, const struct args *args)
{
	const struct command *command = NULL, *family = NULL;

	for (size_t i = 0; i < args->n_values; i++, family = command) {
		if (family && !family->family)
			return ctl_fail(ctl, CTL_USAGE, "usage", "see actorctl help --help",
				"help: unexpected argument '%s'", args->values[i]);
		command = ctl_command_find(family ? family->family : ctl->commands, args->values[i]);
		if (!command)
			return help_unknown_command(ctl, family, args->values[i]);
	}
	return command ? help_print_command(command, stdout) : help_print(ctl, stdout);
}

const struct command command_help = {
	.name = "help",
	.synopsis = "[COMMAND]...",
	.summary = "tell about a command",
	.examples = "  actorctl help spawn\n"
		    "  actorctl help pg watch\n",
	.args_max = 2,
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

/* ---- __complete ---- */

#define COMPLETE_TIMEOUT_MS 200 /* after more time a user would think that the Tab key does nothing */

static void complete_options(const struct option_spec *options)
{
	for (const struct option_spec *o = options; o && o->name; o++)
		printf("--%s%s\n", o->name, o->value == OPTION_VALUE ? "=" : "");
}

/*
 * Prints the names that @method of @daemon answers, one on each line. Prints no errors, since the user is in
 * the midst of typing.
 */
static void complete_live(const struct ctl *ctl, const char *daemon, const char *method, json_t *take_args)
{
	bool processes = !strcmp(daemon, NAME_SPAWNER);
	const actor_dest to = actor_named(daemon);
	struct session_error error;
	struct session *session;
	json_t *list = NULL;
	const json_t *entry;
	size_t i;

	if (session_try_open(
		    ctl, processes ? ACTOR_JOIN_SPAWNER : ACTOR_JOIN_BROKER, COMPLETE_TIMEOUT_MS, &session)) {
		json_decref(take_args);
		return;
	}
	if (!session_ask(session, &to, method, take_args, COMPLETE_TIMEOUT_MS, &list, &error)) {
		json_array_foreach(list, i, entry) {
			const char *name =
				processes ? child_name(entry) : json_string_value(json_array_get(entry, 0));

			if (name)
				output_text(name), putchar('\n');
		}
	}
	json_decref(list);
	/* the words are out before the session is closed, since the caller may limit the time */
	fflush(stdout);
	session_close(session);
}

/* The command that @words name. NULL: there is none, or @n is 0. */
static const struct command *complete_command(const struct ctl *ctl, const char *const words[], size_t n)
{
	const struct command *command = n ? ctl_command_find(ctl->commands, words[0]) : NULL;

	return command && command->family && n > 1 ? ctl_command_find(command->family, words[1]) : command;
}

static int complete_run(struct ctl *ctl, const struct args *args)
{
	const struct command *command = complete_command(ctl, args->values + 1, args->n_values - 1);
	const char *what = args->values[0], *more = args->n_values > 1 ? args->values[1] : NULL;

	if (!strcmp(what, "commands")) {
		for (const struct command *const *c = command ? command->family
						      : more  ? NULL
							      : ctl->commands;
			c && *c; c++)
			if ((*c)->summary)
				puts(ctl_command_word(*c));
	} else if (!strcmp(what, "processes")) {
		complete_live(ctl, NAME_SPAWNER, "ls", json_array());
	} else if (!strcmp(what, "names")) {
		complete_live(ctl, NAME_BROKER, "names", json_array());
	} else if (!strcmp(what, "scopes")) {
		complete_live(ctl, NAME_BROKER, "pg_scopes", json_array());
	} else if (!strcmp(what, "pgs")) {
		complete_live(ctl, NAME_BROKER, "pg_groups", json_pack("[s]", more ? more : ACTOR_PG_SCOPE));
	} else if (!strcmp(what, "options")) {
		if (command)
			complete_options(command->options);
		complete_options(ctl_global_options);
	}
	return CTL_OK;
}

/*
 * For tools/completion, one word a line: `__complete commands [FAMILY] | processes | names | scopes |
 * pgs [SCOPE] | options COMMAND...`
 */
const struct command command_complete = {
	.name = "__complete",
	.synopsis = "commands|processes|names|scopes|pgs|options [WORD]...",
	.args_min = 1,
	.args_max = 3,
	.run = complete_run,
};
