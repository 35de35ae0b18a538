/* SPDX-License-Identifier: Apache-2.0 */
/* names: shows the broker's registry, and its changes */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libactor/protocol/pattern.h"
#include "tools/commands/commands.h"
#include "tools/lib/json.h"
#include "tools/view/listing.h"
#include "tools/view/output.h"
#include "tools/view/table.h"
#include "tools/view/watching.h"

/* ---- the list ---- */

static const struct table_column names_columns[] = {{"NAME"}, {"REF"}, {NULL}};

/* [[name, ref], …] → [{"name":, "ref":}, …] */
static json_t *names_public(const json_t *pairs)
{
	json_t *shown = json_array();
	const json_t *pair;
	size_t i;

	json_array_foreach(pairs, i, pair)
		json_array_append_new(shown,
			json_pack("{sOsO}", "name", json_array_get(pair, 0), "ref", json_array_get(pair, 1)));
	return shown;
}

static int names_print_table(struct ctl *ctl, const json_t *names)
{
	struct table *table = table_new(ctl, names_columns);
	const json_t *entry;
	size_t i;

	if (!table)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot list the names");
	json_array_foreach(names, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "name"));
		const char *ref = json_ref_text(json_object_get(entry, "ref"));
		const char *cells[] = {name ? name : "?", ref ? ref : "?"};

		table_add(table, cells);
	}
	table_print(table);
	table_free(table);
	return CTL_OK;
}

static int names_list(struct ctl *ctl, const char *pattern)
{
	json_t *pairs = NULL, *names;
	struct session *session;
	int status = session_open(ctl, ACTOR_JOIN_BROKER, &session);

	if (status)
		return status;
	status = listing_ask(ctl, session, "names", json_pack("[s]", pattern), &pairs);
	session_close(session);
	if (status)
		return status;
	names = names_public(pairs);
	json_decref(pairs);
	if (ctl->json)
		output_json(ctl, names);
	else
		status = names_print_table(ctl, names);
	json_decref(names);
	return status;
}

/* ---- the changes ---- */

struct watch {
	struct watching base;
	const char *pattern;
};

/* Writes one line. @was: the actor that had the name before, if it was replaced; else nobody. */
static void watch_tell(
	const struct watch *watch, const char *event, const char *name, actor_ref ref, actor_ref was)
{
	char text[ACTOR_REF_TEXT_MAX], was_text[ACTOR_REF_TEXT_MAX] = "";
	const char *gap = watching_gap(&watch->base);

	actor_ref_format(ref, text);
	if (!actor_ref_is_nobody(was))
		actor_ref_format(was, was_text);
	if (watch->base.ctl->json) {
		json_t *line = json_pack("{sssss{ss}}", "event", event, "name", name, "ref", "$ref", text);

		if (was_text[0])
			json_object_set_new(line, "was", json_pack("{ss}", "$ref", was_text));
		output_json_line(line);
		json_decref(line);
		return;
	}
	printf(watch->base.ctl->stdout_is_tty ? "%-12s%s" : "%s%s", event, gap);
	output_text(name);
	printf("%s%s", gap, text);
	if (was_text[0])
		printf("%s%s", gap, was_text);
	putchar('\n');
}

static int watcher_init(actor *self, const void *arg)
{
	*(struct watch **)actor_state(self) = *(struct watch *const *)arg;
	return actor_cast(self, actor_to(actor_self(self)), "begin", "");
}

static int watcher_begin(actor *self, const actor_msg *msg)
{
	struct watch *watch = *(struct watch **)actor_state(self);
	actor_msg *snapshot = NULL;
	const json_t *pair;
	size_t size_bytes, i;
	const void *body;
	json_t *pairs;
	uint64_t id;

	(void)msg;
	watch->base.r = actor_names_watch(self, watch->pattern, &id, &snapshot);
	if (watch->base.r)
		return actor_stop(self, actor_self(self), NULL);
	watch->base.begun = true;
	body = actor_msg_body(snapshot, &size_bytes);
	pairs = json_body_read(body, size_bytes);
	json_array_foreach(pairs, i, pair) {
		const char *name = json_string_value(json_array_get(pair, 0));
		const char *text = json_ref_text(json_array_get(pair, 1));
		actor_ref ref;

		if (name && text && !actor_ref_parse(text, &ref))
			watch_tell(watch, "is", name, ref, ACTOR_NOBODY);
	}
	json_decref(pairs);
	actor_msg_free(snapshot);
	return 0;
}

static int watcher_name(actor *self, uint64_t id, const struct actor_name_event *event)
{
	static const char *const words[] = {
		[ACTOR_NAME_REGISTERED] = "registered",
		[ACTOR_NAME_UNREGISTERED] = "unregistered",
		[ACTOR_NAME_REPLACED] = "replaced",
	};

	(void)id;
	watch_tell(*(struct watch **)actor_state(self), words[event->change], event->name, event->who,
		event->was);
	return 0;
}

static const struct actor_method watcher_methods[] = {
	{.name = "begin", .on_cast = watcher_begin},
	{0},
};

static const struct actor_behavior watcher_behavior = {
	.name = "watcher",
	.state_size = sizeof(struct watch *),
	.methods = watcher_methods,
	.init = watcher_init,
	.on_name = watcher_name,
};

static int names_run(struct ctl *ctl, const struct args *args)
{
	struct watch watch = {.base = {.ctl = ctl}, .pattern = args->n_values ? args->values[0] : ""};
	struct watch *arg = &watch;
	struct pattern parsed;

	if (pattern_parse(wire_cstr(watch.pattern), &parsed) < 0)
		return ctl_fail(ctl, CTL_USAGE, "bad_name",
			"write what they begin with, or a pattern like 'app.*' or 'n[0-9]?', at most 255 bytes",
			"'%.40s' cannot be a name or a pattern of names", watch.pattern);
	return args_has(args, "watch") ? watching_run(&watch.base, &watcher_behavior, &arg, "names")
				       : names_list(ctl, watch.pattern);
}

static const struct option_spec names_options[] = {
	{'w', "watch", OPTION_FLAG, NULL, "then show each change: registered, unregistered, replaced"},
	{0},
};

const struct command command_names = {
	.name = "names",
	.synopsis = "[-w] [PATTERN]",
	.summary = "list the registered names of actors, or watch them",
	.examples = "  actorctl names\n"
		    "  actorctl names app.              all that begin with app.\n"
		    "  actorctl names 'app.*.[0-9]'\n"
		    "  actorctl names -w app.\n",
	.details =
		"A PATTERN without * ? [ \\ is what the names begin with. With one of them it is for the whole name: * stands for\n"
		"any characters, ? for one, [abc], [a-z] and [!a-z] for one of a set, \\ for the next one itself.\n"
		"With -w a line for each name that is there, \"is\", then one for each change: event, name, ref, and of a replaced\n"
		"one the ref before; with --json an object a line. It goes on over a restart of the broker; Ctrl-C ends it.\n",
	.options = names_options,
	.args_max = 1,
	.run = names_run,
};
