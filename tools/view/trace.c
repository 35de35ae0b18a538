/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"
#include "tools/view/output.h"

#define INDENT_MAX     40 /* levels of indentation; deeper spans are printed at the last level */
#define TEXT_MAX_BYTES 60 /* bytes of arguments or a result that are shown in a line */

void trace_init(struct trace *trace, uint64_t id)
{
	*trace = (struct trace){.id = id};
	hash_init(&trace->by_span);
	hash_init(&trace->groups);
}

static void span_free(struct trace_span *span)
{
	free(span->to);
	free(span->to_name);
	free(span->method);
	free(span->error);
	json_decref(span->body);
	json_decref(span->answer);
	free(span);
}

void trace_deinit(struct trace *trace)
{
	struct hash_node *node;

	while ((node = hash_any(&trace->groups))) {
		hash_remove(&trace->groups, node);
		free(container_of(node, struct trace_group, node));
	}
	for (size_t i = 0; i < trace->n_spans; i++) {
		hash_remove(&trace->by_span, &trace->spans[i]->node);
		span_free(trace->spans[i]);
	}
	free(trace->spans);
	hash_deinit(&trace->by_span);
	hash_deinit(&trace->groups);
}

/* ---- copies ---- */

static struct trace_span *span_find(const struct trace *trace, uint64_t id)
{
	struct hash_node *node = hash_first(&trace->by_span, hash_of_u64(&trace->by_span, id));

	for (; node; node = hash_next(node)) {
		struct trace_span *span = container_of(node, struct trace_span, node);

		if (span->span == id)
			return span;
	}
	return NULL;
}

static struct trace_span *span_new(struct trace *trace, const struct wire_trace *ids)
{
	struct trace_span *span, **spans;

	if (trace->n_spans >= TRACE_SPANS_MAX)
		return NULL;
	/* the room is doubled when the number of spans is a power of two */
	if ((trace->n_spans & (trace->n_spans - 1)) == 0) {
		size_t n = trace->n_spans ? 2 * trace->n_spans : 1;

		spans = realloc(trace->spans, n * sizeof(*spans));
		if (!spans)
			return NULL;
		trace->spans = spans;
	}
	span = calloc(1, sizeof(*span));
	if (!span)
		return NULL;
	*span = (struct trace_span){
		.span = ids->span, .parent = ids->parent, .from = ACTOR_NOBODY, .at_us = INT64_MAX};
	if (hash_insert(&trace->by_span, &span->node, hash_of_u64(&trace->by_span, ids->span)) < 0) {
		free(span);
		return NULL;
	}
	trace->spans[trace->n_spans++] = span;
	return span;
}

static int span_add_to(struct trace_span *span, actor_ref to)
{
	actor_ref *more;

	for (size_t i = 0; i < span->n_to; i++)
		if (actor_ref_equal(span->to[i], to))
			return 0;
	more = realloc(span->to, (span->n_to + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	span->to = more;
	span->to[span->n_to++] = to;
	return 0;
}

/* Keeps a text of a copy, if none is kept yet. */
static int keep_text(char **io, struct wire_str s)
{
	if (!*io)
		*io = strndup(s.s ? s.s : "", s.len);
	return *io ? 0 : -ENOMEM;
}

static bool is(struct wire_str s, const char *text)
{
	return wire_str_equal(s, wire_cstr(text));
}

/*
 * Takes a copy of a message. The sender's copy is preferred, since the receiver of a cast to a process group
 * sees another method.
 */
static int span_sent(struct trace_span *span, const struct copy *copy)
{
	bool direct = is(copy->path, "direct"), by_sender = is(copy->path, "sent") || is(copy->path, "local");
	int r = 0;

	span->is_call = is(copy->kind, "call");
	span->from = copy->from;
	span->by_broker |= is(copy->path, "broker");
	span->got |= direct || is(copy->path, "local");
	if (copy->at_us < span->at_us)
		span->at_us = copy->at_us;
	if (copy->to_name.s)
		r = keep_text(&span->to_name, copy->to_name);
	else if (!direct || !span->n_to)
		r = span_add_to(span, copy->to);
	if (by_sender && is(wire_cstr(span->method ? span->method : ""), METHOD_PG_CAST)) {
		free(span->method);
		span->method = NULL;
		json_decref(span->body);
		span->body = NULL;
	}
	if (r == 0 && !span->method) {
		r = keep_text(&span->method, copy->method);
		span->body = copy_body(copy);
	}
	return r;
}

static int span_answered(struct trace_span *span, const struct copy *copy, bool error)
{
	span->is_call = true;
	if (copy->at_us > span->answered_us)
		span->answered_us = copy->at_us;
	if (span->outcome != TRACE_OPEN)
		return 0;
	span->outcome = error ? TRACE_ERROR : TRACE_REPLY;
	span->answer = copy_body(copy);
	return error ? keep_text(&span->error, copy->method) : 0;
}

int trace_add(struct trace *trace, const struct copy *copy)
{
	bool error = is(copy->kind, "error"), answer = error || is(copy->kind, "reply");
	struct trace_span *span;

	trace->n_missed += copy->n_missed;
	if (copy->trace.id != trace->id || !copy->trace.span ||
		(!answer && !is(copy->kind, "cast") && !is(copy->kind, "call")))
		return 0;
	span = span_find(trace, copy->trace.span);
	if (!span)
		span = span_new(trace, &copy->trace);
	if (!span) {
		trace->n_missed++;
		return trace->n_spans >= TRACE_SPANS_MAX ? 0 : -ENOMEM;
	}
	return answer ? span_answered(span, copy, error) : span_sent(span, copy);
}

static struct trace_group *group_find(const struct trace *trace, uint64_t id)
{
	struct hash_node *node = hash_first(&trace->groups, hash_of_u64(&trace->groups, id));

	for (; node; node = hash_next(node)) {
		struct trace_group *group = container_of(node, struct trace_group, node);

		if (group->id == id)
			return group;
	}
	return NULL;
}

bool trace_meet(struct trace *trace, actor_ref who)
{
	struct trace_group *group;

	if (actor_ref_is_nobody(who) || group_find(trace, who.group))
		return false;
	group = calloc(1, sizeof(*group));
	if (!group)
		return false;
	group->id = who.group;
	if (hash_insert(&trace->groups, &group->node, hash_of_u64(&trace->groups, group->id)) == 0)
		return true;
	free(group);
	return false;
}

void trace_ended(struct trace *trace, uint64_t id, const struct actor_cause *cause)
{
	struct trace_group *group = group_find(trace, id);
	char scratch[16];

	if (!group)
		return;
	group->ended = true;
	if (cause->kind == ACTOR_EXIT_SIGNAL)
		snprintf(group->cause, sizeof(group->cause), "%s", cause_signal_name(cause->code, scratch));
	else if (cause->kind == ACTOR_EXIT_STATUS)
		snprintf(group->cause, sizeof(group->cause), "exit %d", cause->code);
	else
		snprintf(group->cause, sizeof(group->cause), "%s", cause->reason);
}

void trace_failed(struct trace *trace, actor_ref from, const char *error, const char *text)
{
	for (size_t i = 0; i < trace->n_spans; i++) {
		struct trace_span *span = trace->spans[i];

		if (span->parent || !span->is_call || span->outcome != TRACE_OPEN ||
			!actor_ref_equal(span->from, from))
			continue;
		span->outcome = TRACE_ERROR;
		span->error = strdup(error);
		span->answer = json_string(text);
	}
}

const struct trace_group *trace_lost_in(const struct trace *trace, const struct trace_span *span)
{
	const struct trace_group *group = span->n_to == 1 ? group_find(trace, span->to[0].group) : NULL;
	/* For a cast through the broker there is no copy that shows its arrival. */
	bool is_open = span->is_call ? span->outcome == TRACE_OPEN : !span->got && !span->by_broker;

	return group && group->ended && is_open ? group : NULL;
}

/* ---- the tree ---- */

static int span_compare(const void *one, const void *another)
{
	const struct trace_span *a = *(struct trace_span *const *)one,
				*b = *(struct trace_span *const *)another;

	if (a->at_us != b->at_us)
		return a->at_us < b->at_us ? -1 : 1;
	return a->span < b->span ? -1 : a->span > b->span;
}

/*
 * Appends @top and all spans below it to @ret, causes first. It does not recurse, since a chain may have any
 * length.
 */
static size_t span_walk(struct trace_span *top, struct trace_span **ret)
{
	struct trace_span *at = top;
	size_t n = 0;

	while (at) {
		if (!at->reached) {
			at->reached = true;
			at->depth = at == top ? 0 : at->up->depth + 1;
			ret[n++] = at;
			if (at->first) {
				at = at->first;
				continue;
			}
		}
		while (at != top && !at->next)
			at = at->up;
		at = at == top ? NULL : at->next;
	}
	return n;
}

void trace_arrange(struct trace *trace)
{
	struct trace_span **ordered = calloc(trace->n_spans + 1, sizeof(*ordered));
	size_t n = 0;

	if (trace->n_spans)
		qsort(trace->spans, trace->n_spans, sizeof(*trace->spans), span_compare);
	if (!ordered)
		return; /* without memory the spans stay in the order of time, without a tree */
	for (size_t i = 0; i < trace->n_spans; i++) {
		struct trace_span *span = trace->spans[i],
				  *up = span->parent ? span_find(trace, span->parent) : NULL;

		span->up = up == span ? NULL : up;
		if (!span->up)
			continue;
		*(span->up->first ? &span->up->last->next : &span->up->first) = span;
		span->up->last = span;
	}
	for (size_t i = 0; i < trace->n_spans; i++)
		if (!trace->spans[i]->parent)
			n += span_walk(trace->spans[i], ordered + n);
	for (size_t i = 0; i < trace->n_spans; i++)
		if (!trace->spans[i]->reached && !trace->spans[i]->up)
			n += span_walk(trace->spans[i], ordered + n);
	/*
	 * The remaining spans claim in a circle to be each other's cause, so some copy is wrong. The circle
	 * is opened at one of them.
	 */
	for (size_t i = 0; i < trace->n_spans; i++)
		if (!trace->spans[i]->reached) {
			trace->spans[i]->first = NULL;
			trace->spans[i]->up = NULL;
			n += span_walk(trace->spans[i], ordered + n);
		}
	free(trace->spans);
	trace->spans = ordered;
}

/* ---- for people ---- */

static const char *name_of(const json_t *names, actor_ref who)
{
	char text[ACTOR_REF_TEXT_MAX];

	return json_string_value(json_object_get(names, actor_ref_format(who, text)));
}

static void print_who(const json_t *names, actor_ref who)
{
	const char *name = name_of(names, who), *process = NULL;
	char text[ACTOR_REF_TEXT_MAX];

	if (!name)
		process = name_of(names, (actor_ref){who.node, who.group, 0});
	if (name || process)
		output_text(name ? name : process);
	if (!name)
		printf("%s%s", process ? " " : "", actor_ref_format(who, text));
}

static void print_to(const struct trace_span *span, const json_t *names)
{
	if (span->n_to)
		print_who(names, span->to[0]);
	else
		output_text(span->to_name ? span->to_name : "?");
	if (span->n_to > 1)
		printf(" and %zu more", span->n_to - 1);
}

/* Prints the first bytes of a value that may be long, and ends between characters. */
static void print_value(const json_t *value)
{
	char *text = output_json_text(value);
	size_t n = text ? strlen(text) : 0;

	if (n > TEXT_MAX_BYTES) {
		for (n = TEXT_MAX_BYTES; n && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			;
		printf("%.*s...", (int)n, text);
	} else if (text) {
		fputs(text, stdout);
	}
	free(text);
}

static void print_outcome(const struct trace *trace, const struct trace_span *span, bool colors)
{
	const struct trace_group *lost = trace_lost_in(trace, span);
	const char *red = colors ? "\033[31m" : "", *plain = colors ? "\033[0m" : "";
	const char *text = json_string_value(span->answer);

	if (lost) {
		printf("  %s%s: its process ended (", red, span->is_call ? "no answer" : "not taken");
		output_text(lost->cause);
		printf(")%s", plain);
		return;
	}
	if (!span->is_call)
		return;
	switch (span->outcome) {
	case TRACE_OPEN:
		printf("  no answer yet");
		return;
	case TRACE_REPLY:
		printf("  = ");
		print_value(span->answer);
		break;
	case TRACE_ERROR:
		printf("  %s! ", red);
		output_text(span->error ? span->error : "?");
		if (text && *text) {
			printf(": ");
			output_text(text);
		}
		fputs(plain, stdout);
		break;
	}
	if (span->at_us != INT64_MAX && span->answered_us)
		printf("  after %.3f ms", (double)(span->answered_us - span->at_us) / 1000);
}

static void span_print(const struct trace *trace, const struct trace_span *span, const json_t *names,
	int64_t since_us, bool colors)
{
	size_t indent = span->depth < INDENT_MAX ? span->depth : INDENT_MAX;

	if (span->at_us == INT64_MAX)
		printf("%12s ", "?");
	else
		printf("%s%9.3f ms%s ", colors ? "\033[2m" : "", (double)(span->at_us - since_us) / 1000,
			colors ? "\033[0m" : "");
	printf("%*s", (int)(2 * indent), "");
	if (span->parent && !span->up)
		printf("(cause not seen) ");
	print_who(names, span->from);
	printf(" -> ");
	print_to(span, names);
	printf(": %s ", span->is_call ? "call" : "cast");
	output_text(span->method ? span->method : "?");
	if (json_array_size(span->body)) {
		putchar(' ');
		print_value(span->body);
	}
	print_outcome(trace, span, colors);
	putchar('\n');
}

/* The earliest time in the trace. It may be the time of an answer, if the call itself was not seen. */
static int64_t trace_begin_us(const struct trace *trace)
{
	int64_t since_us = INT64_MAX;

	for (size_t i = 0; i < trace->n_spans; i++)
		if (trace->spans[i]->at_us < since_us)
			since_us = trace->spans[i]->at_us;
	return since_us;
}

void trace_print(const struct trace *trace, const json_t *names, bool colors)
{
	int64_t since_us = trace_begin_us(trace);

	for (size_t i = 0; i < trace->n_spans; i++)
		span_print(trace, trace->spans[i], names, since_us, colors);
}

/* ---- for programs ---- */

static json_t *who_json(const json_t *names, actor_ref who)
{
	const char *name = name_of(names, who),
		   *process = name_of(names, (actor_ref){who.node, who.group, 0});
	char text[ACTOR_REF_TEXT_MAX];

	return json_pack("{s{ss}ss?ss?}", "ref", "$ref", actor_ref_format(who, text), "name", name, "process",
		process);
}

static json_t *answer_json(const struct trace_span *span, int64_t wall_offset_us)
{
	json_t *shown;

	if (span->outcome == TRACE_OPEN)
		return json_null();
	shown = json_pack("{ssso}", "kind", span->outcome == TRACE_REPLY ? "reply" : "error", "time_us",
		span->answered_us ? json_integer((json_int_t)span->answered_us + wall_offset_us)
				  : json_null());
	if (span->error)
		json_object_set_new(shown, "error", json_string(span->error));
	json_object_set(shown, span->error ? "text" : "result", span->answer);
	return shown;
}

static json_t *span_json(
	const struct trace *trace, const struct trace_span *span, const json_t *names, int64_t wall_offset_us)
{
	const struct trace_group *lost = trace_lost_in(trace, span);
	json_t *shown = json_object(), *to = json_array();
	char text[COPY_ID_TEXT_MAX];

	json_object_set_new(shown, "span", json_string(copy_id_format(span->span, text)));
	json_object_set_new(shown, "parent",
		span->parent ? json_string(copy_id_format(span->parent, text)) : json_null());
	json_object_set_new(shown, "depth", json_integer((json_int_t)span->depth));
	json_object_set_new(shown, "kind", json_string(span->is_call ? "call" : "cast"));
	json_object_set_new(shown, "time_us",
		span->at_us == INT64_MAX ? json_null()
					 : json_integer((json_int_t)span->at_us + wall_offset_us));
	json_object_set_new(shown, "from", who_json(names, span->from));
	for (size_t i = 0; i < span->n_to; i++)
		json_array_append_new(to, who_json(names, span->to[i]));
	json_object_set_new(shown, "to", to);
	json_object_set_new(shown, "to_name", span->to_name ? json_string(span->to_name) : json_null());
	json_object_set_new(shown, "method", span->method ? json_string(span->method) : json_null());
	json_object_set_new(shown, "body", span->body ? json_incref(span->body) : json_null());
	json_object_set_new(shown, "answer", answer_json(span, wall_offset_us));
	json_object_set_new(shown, "ended", lost ? json_string(lost->cause) : json_null());
	return shown;
}

json_t *trace_json(const struct trace *trace, const json_t *names, int64_t wall_offset_us)
{
	json_t *shown = json_array();

	for (size_t i = 0; i < trace->n_spans; i++)
		json_array_append_new(shown, span_json(trace, trace->spans[i], names, wall_offset_us));
	return shown;
}
