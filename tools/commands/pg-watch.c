/* SPDX-License-Identifier: Apache-2.0 */
/* pg watch: shows the members of a process group, and who joins and leaves */
#include <string.h>

#include "tools/commands/commands.h"
#include "tools/lib/json.h"
#include "tools/view/output.h"
#include "tools/view/pg.h"
#include "tools/view/watching.h"

struct watch {
	struct watching base;
	struct pg_name pg; /* scope NULL: all scopes; group NULL: all groups */
};

struct watcher {
	struct watch *watch;
};

/* Writes one line. @take_metadata NULL: memory ran out, or the metadata was malformed. */
static void watch_tell(const struct watch *watch, const char *event, const char *scope, const char *group,
	actor_ref ref, json_t *id, json_t *take_metadata)
{
	const char *gap = watching_gap(&watch->base);
	json_t *metadata = take_metadata ? take_metadata : json_null();
	char text[ACTOR_REF_TEXT_MAX], *shown;

	actor_ref_format(ref, text);
	if (watch->base.ctl->json) {
		json_t *line = json_pack("{sssssss{ss}sOsO}", "event", event, "scope", scope, "group", group,
			"ref", "$ref", text, "id", id, "metadata", metadata);

		output_json_line(line);
		json_decref(line);
	} else {
		shown = output_json_text(metadata);
		printf(watch->base.ctl->stdout_is_tty ? "%-5s%s" : "%s%s", event, gap);
		output_text(scope);
		fputs(gap, stdout);
		output_text(group);
		printf("%s%s%s%s\n", gap, text, gap, shown ? shown : "?");
		free(shown);
	}
	json_decref(metadata);
}

/* [[scope, group, [[ref, id, metadata] …]] …] */
static void watch_tell_snapshot(const struct watch *watch, const json_t *groups)
{
	const json_t *group, *entry;
	size_t i, j;

	json_array_foreach(groups, i, group) {
		json_array_foreach(json_array_get(group, 2), j, entry) {
			const char *scope = json_string_value(json_array_get(group, 0));
			const char *name = json_string_value(json_array_get(group, 1));
			const char *text = json_ref_text(json_array_get(entry, 0));
			actor_ref ref;

			if (scope && name && text && !actor_ref_parse(text, &ref))
				watch_tell(watch, "is", scope, name, ref, json_array_get(entry, 1),
					json_incref(json_array_get(entry, 2)));
		}
	}
}

static int watcher_init(actor *self, const void *arg)
{
	struct watcher *watcher = actor_state(self);

	watcher->watch = *(struct watch *const *)arg;
	return actor_cast(self, actor_to(actor_self(self)), "begin", "");
}

static int watcher_begin(actor *self, const actor_msg *msg)
{
	struct watch *watch = ((struct watcher *)actor_state(self))->watch;
	actor_msg *snapshot = NULL;
	uint64_t monitor;
	size_t size_bytes;
	const void *body;
	json_t *groups;

	(void)msg;
	watch->base.r = actor_pg_monitor(self, watch->pg.scope ? watch->pg.scope : "",
		watch->pg.group ? watch->pg.group : "", &monitor, &snapshot);
	if (watch->base.r)
		return actor_stop(self, actor_self(self), NULL);
	watch->base.begun = true;
	body = actor_msg_body(snapshot, &size_bytes);
	groups = json_body_read(body, size_bytes);
	watch_tell_snapshot(watch, groups);
	json_decref(groups);
	actor_msg_free(snapshot);
	return 0;
}

static int watcher_pg(actor *self, uint64_t monitor, const struct actor_pg_event *event)
{
	struct watch *watch = ((struct watcher *)actor_state(self))->watch;
	json_t *id = json_integer((json_int_t)event->id);

	(void)monitor;
	watch_tell(watch, event->joined ? "join" : "leave", event->scope, event->group, event->who, id,
		json_body_read(event->metadata, event->metadata_bytes));
	json_decref(id);
	return 0;
}

static const struct actor_method watcher_methods[] = {
	{.name = "begin", .on_cast = watcher_begin},
	{0},
};

static const struct actor_behavior watcher_behavior = {
	.name = "watcher",
	.state_size = sizeof(struct watcher),
	.methods = watcher_methods,
	.init = watcher_init,
	.on_pg = watcher_pg,
};

static int watch_run(struct ctl *ctl, const struct args *args)
{
	struct watch watch = {.base = {.ctl = ctl}}, *arg = &watch;
	int status = pg_of_args(ctl, args, &watch.pg);

	if (!args->n_values && !args_has(args, "scope"))
		watch.pg.scope = NULL;
	return status ? status
		      : watching_run(&watch.base, &watcher_behavior, &arg,
				watch.pg.group ? watch.pg.group : "process groups");
}

static const struct option_spec watch_options[] = {
	{'s', "scope", OPTION_VALUE, "SCOPE", "the scope (default pg with GROUP, else all)"},
	{0},
};

const struct command command_pg_watch = {
	.name = "pg watch",
	.synopsis = "[-s SCOPE] [GROUP]",
	.summary = "show the members, then who joins and leaves",
	.examples = "  actorctl pg watch workers\n"
		    "  actorctl pg watch -s app\n"
		    "  actorctl --json pg watch\n",
	.details =
		"A line for each member that is there, \"is\", then one for each change, \"join\" or \"leave\": scope, group, ref,\n"
		"metadata; with --json an object a line. Without GROUP of all process groups of the scope, without a scope of all.\n"
		"It goes on over a restart of the broker; Ctrl-C ends it.\n",
	.options = watch_options,
	.args_max = 1,
	.run = watch_run,
};
