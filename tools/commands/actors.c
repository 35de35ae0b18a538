/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actors: lists the actors of processes. inspect: shows one actor. suspend, resume. The runtime of the
 * actor's process answers all of this (docs/protocol.md §3, `$sys_…`), so an actor that hangs is shown, too.
 * An answer comes from another process, so any of its fields may be missing or wrong.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libactor/protocol/names.h"
#include "tools/commands/commands.h"
#include "tools/lib/base64.h"
#include "tools/lib/json.h"
#include "tools/view/message.h"
#include "tools/view/node.h"
#include "tools/view/output.h"
#include "tools/view/table.h"
#include "tools/view/wait.h"

#define PAGE             1000
#define NUMBER_MAX       24
#define STATE_TIMEOUT_MS 1000 /* an actor that is in a handler shows its state only after that */
#define KEEP_MAX         1024

static const char *text_of(const json_t *map, const char *key)
{
	const char *text = json_string_value(json_object_get(map, key));

	return text ? text : "-";
}

static char *number_of(const json_t *map, const char *key, char text[NUMBER_MAX])
{
	snprintf(text, NUMBER_MAX, "%" PRIu64, json_to_uint(json_object_get(map, key)));
	return text;
}

static const char *ref_of(const json_t *map, const char *key)
{
	const char *text = json_ref_text(json_object_get(map, key));

	return text ? text : "-";
}

/* "add", "add, in call <1f.2.1>": the method that is being handled, and what its handler waits in. */
static const char *doing_text(const json_t *about, char *text, size_t size)
{
	const char *waits_in = text_of(about, "waits_in"), *waits_for = ref_of(about, "waits_for");
	bool waits = strcmp(waits_in, "-") != 0, for_one = strcmp(waits_for, "-") != 0;

	snprintf(text, size, "%s%s%s%s%s", text_of(about, "method"), waits ? ", in " : "",
		waits ? waits_in : "", for_one ? " " : "", for_one ? waits_for : "");
	return text;
}

static void names_text(const json_t *about, char *text, size_t size)
{
	const json_t *name;
	size_t i, n = 0;

	snprintf(text, size, "-");
	json_array_foreach(json_object_get(about, "names"), i, name) {
		const char *s = json_string_value(name);

		if (s && n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? " " : "", s);
	}
}

/* ---- actors ---- */

struct process {
	uint64_t id;
	const char *name; /* belongs to the broker's answer */
	uint64_t after;   /* where its list goes on */
	bool over;
	json_t *actors;
};

struct listing {
	struct ctl *ctl;
	struct session *session;
	uint64_t node;
	int64_t timeout_ms;
	struct process *processes;
	size_t n;
	size_t n_silent; /* that did not answer, or do not list their actors */
};

static void process_take(struct listing *listing, struct process *process, struct question *question)
{
	json_t *about;
	size_t i;

	process->over = true;
	if (question->r || !json_is_array(question->ret)) {
		listing->n_silent++;
		return;
	}
	json_array_foreach(question->ret, i, about) {
		char id[NUMBER_MAX];

		if (!json_is_object(about)) {
			uint64_t after = json_to_uint(about);

			/* a list that goes on from where it was would have no end */
			process->over = after <= process->after;
			process->after = after;
			break;
		}
		snprintf(id, sizeof(id), "%" PRIu64, process->id);
		json_object_set_new(about, "group", json_string(id));
		json_object_set_new(about, "process", json_string(process->name));
		json_array_append(process->actors, about);
	}
}

/* Asks all processes at once, until each list is over. */
static int listing_fill(struct listing *listing)
{
	struct question *questions = calloc(listing->n ? listing->n : 1, sizeof(*questions));
	size_t *whose = calloc(listing->n ? listing->n : 1, sizeof(*whose)), n;
	const struct vigil vigil = {0};

	while (questions && whose) {
		n = 0;
		for (size_t i = 0; i < listing->n; i++) {
			const struct process *process = &listing->processes[i];
			actor_ref group = {listing->node, process->id, 0};

			if (process->over)
				continue;
			whose[n] = i;
			questions[n++] = (struct question){.name = process->name,
				.to = actor_to(group),
				.method = METHOD_SYS_ACTORS,
				.args = session_args(json_pack("[iI]", PAGE, (json_int_t)process->after)),
				.timeout_ms = listing->timeout_ms};
		}
		if (!n)
			break;
		session_ask_all(listing->session, questions, n, &vigil);
		for (size_t i = 0; i < n; i++) {
			process_take(listing, &listing->processes[whose[i]], &questions[i]);
			json_decref(questions[i].ret);
		}
	}
	free(whose);
	if (!questions)
		return ctl_fail_errno(listing->ctl, ENOMEM, NULL, "cannot list the actors");
	free(questions);
	return 0;
}

static const struct table_column actors_columns[] = {
	{.heading = "PROCESS"},
	{.heading = "REF"},
	{.heading = "BEHAVIOR"},
	{.heading = "NAMES"},
	{.heading = "STATUS"},
	{.heading = "QUEUE", .flags = TABLE_RIGHT},
	{.heading = "BYTES", .flags = TABLE_RIGHT},
	{.heading = "HANDLED", .flags = TABLE_RIGHT},
	{.heading = "MEMORY", .flags = TABLE_RIGHT},
	{.heading = "IN", .flags = TABLE_CUT},
	{0},
};

static int actors_print(struct ctl *ctl, const json_t *actors)
{
	struct table *table = table_new(ctl, actors_columns);
	const json_t *about;
	size_t i;

	if (!table)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot list the actors");
	json_array_foreach(actors, i, about) {
		char names[1024], doing[512], queue[NUMBER_MAX], bytes[NUMBER_MAX], handled[NUMBER_MAX],
			memory[NUMBER_MAX];
		const char *cells[] = {text_of(about, "process"), ref_of(about, "ref"),
			text_of(about, "behavior"), names, text_of(about, "status"),
			number_of(about, "messages", queue), number_of(about, "bytes", bytes),
			number_of(about, "handled", handled), number_of(about, "memory", memory),
			doing_text(about, doing, sizeof(doing))};

		names_text(about, names, sizeof(names));
		if (!table_add(table, cells) && json_is_true(json_object_get(about, "suspended")))
			table_color(table, 4, "yellow");
	}
	table_print(table);
	table_free(table);
	return CTL_OK;
}

/* The broker knows the groups, and which of them a name is for. */
static int listing_find(struct listing *listing, const char *name, json_t **ret_answer)
{
	const actor_dest broker = actor_named(NAME_BROKER);
	struct session_error error = {0};
	const json_t *groups, *group;
	json_t *args = json_array();
	actor_ref ref;
	size_t i;
	int r;

	if (name && actor_ref_parse(name, &ref) == 0)
		json_array_append_new(args, json_integer((json_int_t)ref.group));
	else if (name && !name[strspn(name, "0123456789")])
		json_array_append_new(args, json_pack("{ss}", "$uint", name));
	else
		json_array_append_new(args, name ? json_string(name) : json_null());
	json_array_append_new(args, json_integer(4096));
	r = session_ask(listing->session, &broker, "quota", args, listing->timeout_ms, ret_answer, &error);
	if (r == -ESRCH)
		return ctl_fail(listing->ctl, CTL_NO_NAME, ERROR_NOPROC,
			"see actorctl names and actorctl quota", "no actor and no process is called '%s'",
			name);
	if (r)
		return message_fail(
			listing->ctl, "ask", NAME_BROKER, "quota", r, &error, listing->timeout_ms);
	groups = json_object_get(*ret_answer, "groups");
	listing->processes = calloc(json_array_size(groups) + 1, sizeof(*listing->processes));
	if (!listing->processes)
		return ctl_fail_errno(listing->ctl, ENOMEM, NULL, "cannot list the actors");
	json_array_foreach(groups, i, group) {
		if (json_integer_value(json_object_get(group, "pid")) == getpid())
			continue; /* the actors by which this program asks */
		listing->processes[listing->n++] =
			(struct process){.id = json_to_uint(json_object_get(group, "group")),
				.name = text_of(group, "name"),
				.actors = json_array()};
	}
	return 0;
}

static int listing_node(struct listing *listing)
{
	struct session_error error;
	actor_ref spawner;
	int r;

	listing->node = node_id(listing->ctl);
	if (listing->node)
		return 0;
	r = session_whereis(listing->session, NAME_SPAWNER, listing->timeout_ms, &spawner, &error);
	if (r)
		return message_fail(listing->ctl, "find", NAME_SPAWNER, "", r, &error, listing->timeout_ms);
	listing->node = spawner.node;
	return 0;
}

static int actors_run(struct ctl *ctl, const struct args *args)
{
	struct listing listing = {.ctl = ctl, .timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS)};
	const char *name = args->n_values ? args->values[0] : NULL;
	json_t *answer = NULL, *all = json_array();
	int status;

	status = session_open_many(ctl, &listing.session);
	if (status) {
		json_decref(all);
		return status;
	}
	status = listing_node(&listing);
	if (!status)
		status = listing_find(&listing, name, &answer);
	if (!status)
		status = listing_fill(&listing);
	session_close(listing.session);
	for (size_t i = 0; i < listing.n; i++) {
		json_array_extend(all, listing.processes[i].actors);
		json_decref(listing.processes[i].actors);
	}
	if (!status && name && listing.n_silent == listing.n)
		status = ctl_fail(ctl, CTL_REMOTE, ERROR_NO_METHOD,
			"processes of libactor do, unless they are stopped or in a handler that does not return",
			"%s does not list its actors", name);
	else if (!status && ctl->json)
		output_json(ctl, all);
	else if (!status)
		status = actors_print(ctl, all);
	if (!status && listing.n_silent)
		ctl_note(ctl, "%zu of %zu processes did not list their actors", listing.n_silent, listing.n);
	free(listing.processes);
	json_decref(answer);
	json_decref(all);
	return status;
}

const struct command command_actors = {
	.name = "actors",
	.synopsis = "[NAME]",
	.summary = "list the actors of processes",
	.examples = "  actorctl actors\n"
		    "  actorctl actors counter\n"
		    "  actorctl actors --json | jq 'max_by(.messages)'\n",
	.details =
		"NAME is a registered name (its process is meant), the name or the number of a process, or a ref. QUEUE and BYTES\n"
		"wait in the mailbox; IN is the method that is being handled, and what its handler waits in: call (of whom), room\n"
		"(in a full mailbox), time, other. The runtime answers, so an actor that hangs or is suspended is shown as well.\n",
	.args_max = 1,
	.run = actors_run,
};

/* ---- inspect, suspend, resume ---- */

struct subject {
	struct ctl *ctl;
	const char *text; /* as it was typed */
	actor_dest to;
	struct session *session;
	int64_t timeout_ms;
};

static int subject_open(struct ctl *ctl, const char *text, struct subject *ret)
{
	int status;

	*ret = (struct subject){
		.ctl = ctl, .text = text, .timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS)};
	status = message_destination(ctl, text, &ret->to);
	return status ? status : session_open(ctl, ACTOR_JOIN_BROKER, &ret->session);
}

static int subject_ask(
	const struct subject *subject, const char *verb, const char *method, json_t *args, json_t **ret)
{
	struct session_error error = {0};
	int r;

	wait_note_later(subject->ctl, "waiting for the process of %.64s", subject->text);
	r = session_ask(subject->session, &subject->to, method, args, subject->timeout_ms, ret, &error);
	wait_note_cancel();
	if (r == -EREMOTEIO && !strcmp(error.name, ERROR_NO_METHOD))
		return ctl_fail(subject->ctl, CTL_REMOTE, ERROR_NO_METHOD,
			"the runtime of libactor does, that of another language may not",
			"cannot %s %s: its runtime does not answer %s", verb, subject->text, method);
	return r ? message_fail(subject->ctl, verb, subject->text, "", r, &error, subject->timeout_ms) : 0;
}

/*
 * The state is null if the behavior does not show it, or the actor is in a handler for too long. @status says
 * how the actor is.
 */
static json_t *subject_state(const struct subject *subject, const json_t *status)
{
	int64_t timeout_ms = ctl_timeout_ms(subject->ctl, STATE_TIMEOUT_MS);
	struct session_error error = {0};
	json_t *state = NULL;
	int r = session_ask(
		subject->session, &subject->to, METHOD_SYS_STATE, json_array(), timeout_ms, &state, &error);

	if (r == -ETIMEDOUT)
		ctl_note(subject->ctl, "%s shows no state: it is in its handler of '%s'", subject->text,
			text_of(status, "method"));
	else if (r && strcmp(error.name, ERROR_NO_METHOD) != 0)
		ctl_note(subject->ctl, "%s shows no state: %s", subject->text,
			error.name[0] ? error.text : actor_strerror(r));
	return state ? state : json_null();
}

/* The arguments of a message, which are msgpack in a bin. */
static json_t *args_public(const json_t *message)
{
	const char *text = json_string_value(json_object_get(json_object_get(message, "args"), "$bin"));
	size_t size;
	uint8_t *data;
	json_t *body;

	if (!text || base64_decode(text, strlen(text), &data, &size) < 0)
		return json_null();
	body = json_body_read(data, size);
	free(data);
	return body ? body : json_null();
}

static void last_public(json_t *last)
{
	json_t *message;
	size_t i;

	json_array_foreach(last, i, message)
		if (json_is_object(message))
			json_object_set_new(message, "args", args_public(message));
}

static void refs_print(const json_t *about, const char *key, const char *heading)
{
	const json_t *refs = json_object_get(about, key), *ref;
	size_t i;

	if (!json_array_size(refs))
		return;
	printf("%-12s", heading);
	json_array_foreach(refs, i, ref)
		printf("%s%s", i ? " " : "", json_ref_text(ref) ? json_ref_text(ref) : "?");
	printf("\n");
}

static void last_print(const json_t *last)
{
	const json_t *message;
	size_t i;

	json_array_foreach(last, i, message) {
		char *args = output_json_text(json_object_get(message, "args"));

		printf("%s%-5s %s ", i ? "            " : "last        ", text_of(message, "kind"),
			ref_of(message, "from"));
		output_text(text_of(message, "method"));
		if (args && strcmp(args, "null") != 0) {
			printf(" ");
			output_text(args);
		}
		printf("\n");
		free(args);
	}
}

static void inspect_print(const json_t *about)
{
	static const char *const numbers[] = {"handled", "memory", NULL};
	char names[1024], doing[512], a[NUMBER_MAX], b[NUMBER_MAX], c[NUMBER_MAX];
	char *state = output_json_text(json_object_get(about, "state"));

	names_text(about, names, sizeof(names));
	printf("ref         %s\nbehavior    ", ref_of(about, "ref"));
	output_text(text_of(about, "behavior"));
	printf("\nnames       ");
	output_text(names);
	printf("\nstatus      %s%s\n", text_of(about, "status"),
		json_is_true(json_object_get(about, "suspended")) &&
				strcmp(text_of(about, "status"), "suspended") != 0
			? ", then suspended"
			: "");
	printf("in          ");
	output_text(doing_text(about, doing, sizeof(doing)));
	printf("\nqueue       %s of %s messages, %s bytes\n", number_of(about, "messages", a),
		number_of(about, "max_messages", b), number_of(about, "bytes", c));
	for (const char *const *key = numbers; *key; key++)
		printf("%-12s%s\n", *key, number_of(about, *key, a));
	refs_print(about, "linked_with", "links");
	refs_print(about, "monitoring", "monitors");
	refs_print(about, "watched_by", "watched by");
	printf("state       ");
	output_text(state && strcmp(state, "null") != 0 ? state : "-");
	printf("\n");
	last_print(json_object_get(about, "last"));
	free(state);
}

static int keep_set(const struct subject *subject, const char *text)
{
	json_t *answer = NULL;
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	int status;

	if (!*text || *end || n > KEEP_MAX)
		return ctl_fail(subject->ctl, CTL_USAGE, "usage", "write 0 to 1024",
			"'%s' is no number of messages to keep", text);
	status = subject_ask(subject, "inspect", METHOD_SYS_KEEP, json_pack("[I]", (json_int_t)n), &answer);
	json_decref(answer);
	return status;
}

static int inspect_run(struct ctl *ctl, const struct args *args)
{
	const char *keep = args_value(args, "keep");
	json_t *about = NULL, *last = NULL;
	struct subject subject;
	int status = subject_open(ctl, args->values[0], &subject);

	if (status)
		return status;
	if (keep)
		status = keep_set(&subject, keep);
	if (!status)
		status = subject_ask(&subject, "inspect", METHOD_SYS_STATUS, json_array(), &about);
	if (!status)
		status = subject_ask(&subject, "inspect", METHOD_SYS_LAST, json_array(), &last);
	if (!status && !json_is_object(about))
		status = ctl_fail(ctl, CTL_REMOTE, ERROR_BAD_RESULT, NULL, "%s answers no map", subject.text);
	if (!status) {
		last_public(last);
		json_object_set(about, "last", last);
		json_object_set_new(about, "state", subject_state(&subject, about));
		if (ctl->json)
			output_json(ctl, about);
		else
			inspect_print(about);
	}
	session_close(subject.session);
	json_decref(last);
	json_decref(about);
	return status;
}

static const struct option_spec inspect_options[] = {
	{0, "keep", OPTION_VALUE, "N",
		"from now on keep the last N messages of this actor (at most 1024; 0: none)"},
	{0},
};

const struct command command_inspect = {
	.name = "inspect",
	.synopsis = "[--keep N] DEST",
	.summary = "show what an actor does, its links, its state, its last messages",
	.examples = "  actorctl inspect counter\n"
		    "  actorctl inspect --keep 20 counter\n"
		    "  actorctl inspect '<1f.2.1>' --json\n",
	.details =
		"The runtime answers, also for an actor that hangs or is suspended. The state is what the behavior shows\n"
		"(format_status); an actor that is in a handler shows it only afterwards. The last messages are kept if somebody\n"
		"has said --keep before.\n",
	.options = inspect_options,
	.args_min = 1,
	.args_max = 1,
	.run = inspect_run,
};

static int suspend_or_resume(struct ctl *ctl, const char *dest, const char *verb, const char *method)
{
	struct subject subject;
	json_t *answer = NULL;
	int status = subject_open(ctl, dest, &subject);

	if (status)
		return status;
	status = subject_ask(&subject, verb, method, json_array(), &answer);
	session_close(subject.session);
	if (!status && ctl->json) {
		json_t *shown = json_pack("{sO}", "method", answer);

		output_json(ctl, shown);
		json_decref(shown);
	} else if (!status && json_is_string(answer)) {
		ctl_note(ctl, "%s goes on in its handler of '%s' until that returns", dest,
			json_string_value(answer));
	}
	json_decref(answer);
	return status;
}

static int suspend_run(struct ctl *ctl, const struct args *args)
{
	return suspend_or_resume(ctl, args->values[0], "suspend", METHOD_SYS_SUSPEND);
}

static int resume_run(struct ctl *ctl, const struct args *args)
{
	return suspend_or_resume(ctl, args->values[0], "resume", METHOD_SYS_RESUME);
}

const struct command command_suspend = {
	.name = "suspend",
	.synopsis = "DEST",
	.summary = "let an actor begin no more messages",
	.examples = "  actorctl suspend counter\n",
	.details =
		"Messages wait in the mailbox, and senders wait when it is full. Other actors of the process go on. inspect, stop and\n"
		"kill work as ever.\n",
	.args_min = 1,
	.args_max = 1,
	.run = suspend_run,
};

const struct command command_resume = {
	.name = "resume",
	.synopsis = "DEST",
	.summary = "let a suspended actor go on",
	.examples = "  actorctl resume counter\n",
	.args_min = 1,
	.args_max = 1,
	.run = resume_run,
};
