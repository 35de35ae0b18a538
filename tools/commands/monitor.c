/* SPDX-License-Identifier: Apache-2.0 */
/* monitor: shows frames as they pass */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/tap.h"
#include "libactor/util/clock.h"
#include "tools/commands/commands.h"
#include "tools/view/child.h"
#include "tools/view/copy.h"
#include "tools/view/live.h"
#include "tools/view/message.h"
#include "tools/view/output.h"
#include "tools/view/session.h"

#define TAP_TIMEOUT_MS 5000
#define RETRY_MS       100
#define NOTE_MS        1000 /* between two notes about frames that were not shown */

struct monitor {
	struct ctl *ctl;
	actor_dest from, to;
	bool has_from, has_to, routed_only;
	const char *method;
	uint64_t count; /* lines that are still to come; 0: for ever */
	uint64_t rate;
	int64_t realtime_us; /* to be added to a time of CLOCK_MONOTONIC */
	uint64_t n_missed;   /* that were not told yet */
	int64_t told_ms;     /* when they were told last */
	bool shown;          /* as many as were asked for */
	bool tapped;         /* once: from then on it goes on over restarts of the broker */
	int r;               /* why it cannot */
	const char *failed;
};

static struct monitor *monitor_of(actor *self)
{
	return *(struct monitor **)actor_state(self);
}

/* ---- lines ---- */

static json_t *trace_json(const struct wire_trace *trace)
{
	char id[COPY_ID_TEXT_MAX], span[COPY_ID_TEXT_MAX], parent[COPY_ID_TEXT_MAX];

	if (!trace->id)
		return json_null();
	return json_pack("{ssssss*}", "id", copy_id_format(trace->id, id), "span",
		copy_id_format(trace->span, span), "parent",
		trace->parent ? copy_id_format(trace->parent, parent) : NULL);
}

static void show_json(const struct monitor *monitor, const struct copy *copy)
{
	char from[ACTOR_REF_TEXT_MAX], to[ACTOR_REF_TEXT_MAX];
	json_t *line = json_pack("{sIsosos{ss}}", "time_us", (json_int_t)copy->at_us + monitor->realtime_us,
		"path", copy_json_of(copy->path), "kind", copy_json_of(copy->kind), "from", "$ref",
		actor_ref_format(copy->from, from));

	json_object_set_new(line, "to",
		copy->to_name.s ? copy_json_of(copy->to_name)
				: json_pack("{ss}", "$ref", actor_ref_format(copy->to, to)));
	json_object_set_new(line, "method", copy_json_of(copy->method));
	json_object_set_new(line, "id", json_integer((json_int_t)copy->id));
	json_object_set_new(line, "size_bytes", json_integer((json_int_t)copy->body_bytes));
	json_object_set_new(line, "body", copy_body(copy));
	json_object_set_new(line, "missed", json_integer((json_int_t)copy->n_missed));
	json_object_set_new(line, "trace", trace_json(&copy->trace));
	output_json_line(line);
	json_decref(line);
}

static void show_word(struct wire_str word)
{
	char text[WIRE_NAME_MAX_BYTES + 1];

	snprintf(text, sizeof(text), "%.*s", (int)word.len, word.s);
	output_text(text);
}

static void show_text(const struct monitor *monitor, const struct copy *copy)
{
	const char *gap = monitor->ctl->stdout_is_tty ? "  " : "\t";
	int64_t at_us = copy->at_us + monitor->realtime_us;
	time_t seconds = (time_t)(at_us / 1000000);
	char from[ACTOR_REF_TEXT_MAX], to[ACTOR_REF_TEXT_MAX], clock[16], *shown;
	json_t *body = copy_body(copy);
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s.%06d%s", clock, (int)(at_us % 1000000), gap);
	printf("%.*s%s%s%s", (int)copy->kind.len, copy->kind.s, gap, actor_ref_format(copy->from, from), gap);
	if (copy->to_name.s)
		show_word(copy->to_name);
	else
		fputs(actor_ref_format(copy->to, to), stdout);
	fputs(gap, stdout);
	if (copy->method.s)
		show_word(copy->method);
	else
		putchar('-');
	shown = copy->body || copy->text.s ? output_json_text(body) : NULL;
	if (shown)
		printf("%s%s\n", gap, shown);
	else
		printf("%s(%" PRIu64 " bytes)\n", gap, copy->body_bytes);
	free(shown);
	json_decref(body);
}

/* At full speed some frames are missed before each copy, so a note each time would double the lines. */
static void tell_missed(struct monitor *monitor, uint64_t n)
{
	int64_t now_ms = clock_now_ms();

	monitor->n_missed += n;
	if (!monitor->n_missed || now_ms - monitor->told_ms < NOTE_MS)
		return;
	ctl_note(monitor->ctl, "%" PRIu64 " frames were not shown: more than %" PRIu64 " a second",
		monitor->n_missed, monitor->rate);
	monitor->n_missed = 0;
	monitor->told_ms = now_ms;
}

static int on_tapped(actor *self, const actor_msg *msg)
{
	struct monitor *monitor = monitor_of(self);
	struct copy copy;

	if (copy_read(msg, &copy) < 0)
		return 0; /* any group may send such a cast with any content */
	tell_missed(monitor, copy.n_missed);
	if (wire_str_equal(copy.kind, wire_cstr(TAP_MISSED)) && !monitor->ctl->json)
		return 0;
	if (monitor->ctl->json)
		show_json(monitor, &copy);
	else
		show_text(monitor, &copy);
	if (monitor->count && !--monitor->count) {
		monitor->shown = true;
		return actor_stop(self, actor_self(self), NULL);
	}
	return 0;
}

/* ---- the tap ---- */

static int find(actor *self, const actor_dest *dest, actor_ref *ret)
{
	if (dest->name)
		return actor_whereis(self, dest->name, ret);
	*ret = dest->to.ref;
	return 0;
}

/* Makes the request to the broker: [watcher, filter, rate, direct]. */
static int tap_request(actor *self, struct monitor *monitor, actor_msg **ret)
{
	struct tap tap = {.from = ACTOR_NOBODY, .to = ACTOR_NOBODY, .rate = (uint32_t)monitor->rate};
	struct buf args = BUF_INIT;
	int r = 0;

	if (monitor->has_from) {
		monitor->failed = monitor->from.name;
		r = find(self, &monitor->from, &tap.from);
	}
	if (!r && monitor->has_to) {
		monitor->failed = monitor->to.name;
		r = find(self, &monitor->to, &tap.to);
	}
	if (r)
		return r;
	monitor->failed = NULL;
	if (monitor->method) {
		tap.method_len = strlen(monitor->method);
		memcpy(tap.method, monitor->method, tap.method_len);
	}
	mp_put_array(&args, 4);
	mp_put_ref(&args, actor_self(self));
	tap_put(&args, &tap);
	mp_put_bool(&args, !monitor->routed_only);
	r = buf_error(&args);
	if (!r)
		r = actor_msg_new(ret);
	if (!r)
		r = actor_msg_write(*ret, (const char *)args.data, args.size_bytes);
	buf_deinit(&args);
	return r;
}

static int tap_once(actor *self, struct monitor *monitor)
{
	actor_msg *request = NULL, *reply = NULL;
	actor_ref broker;
	int r;

	r = tap_request(self, monitor, &request);
	if (!r)
		r = actor_call_msg(self, actor_named(NAME_BROKER), "tap", TAP_TIMEOUT_MS, &request, &reply);
	actor_msg_free(request);
	actor_msg_free(reply);
	if (!r)
		r = actor_whereis(self, NAME_BROKER, &broker);
	return r ? r : actor_monitor(self, broker, NULL);
}

static int on_begin(actor *self, const actor_msg *msg)
{
	struct monitor *monitor = monitor_of(self);
	int r;

	(void)msg;
	r = tap_once(self, monitor);
	/* by a timer: whoever sleeps in a handler cannot be stopped */
	if (r < 0 && monitor->tapped && actor_send_after(self, RETRY_MS, "begin", NULL, "") == 0)
		return 0;
	monitor->r = r;
	monitor->tapped = monitor->tapped || !r;
	return r ? actor_stop(self, actor_self(self), NULL) : 0;
}

/* The broker has ended, and the tap with it. */
static int on_down(actor *self, uint64_t id, actor_ref who, const struct actor_cause *cause)
{
	(void)id;
	(void)who;
	(void)cause;
	return actor_cast(self, actor_to(actor_self(self)), "begin", "");
}

static int init(actor *self, const void *arg)
{
	*(struct monitor **)actor_state(self) = *(struct monitor *const *)arg;
	return actor_cast(self, actor_to(actor_self(self)), "begin", "");
}

static const struct actor_method methods[] = {
	{.name = "begin", .on_cast = on_begin},
	{.name = METHOD_TAPPED, .on_cast = on_tapped},
	{0},
};

static const struct actor_behavior behavior = {
	.name = "monitor",
	.state_size = sizeof(struct monitor *),
	.methods = methods,
	.init = init,
	.on_down = on_down,
};

/* ---- the command ---- */

static int read_number(
	struct ctl *ctl, const struct args *args, const char *option, uint64_t max, uint64_t *io)
{
	const char *text = args_value(args, option);
	char *end;

	if (!text)
		return 0;
	errno = 0;
	*io = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || !*io || *io > max)
		return ctl_fail(ctl, CTL_USAGE, "usage", NULL,
			"--%s is a number from 1 to %" PRIu64 ", not '%s'", option, max, text);
	return 0;
}

static int read_dest(
	struct ctl *ctl, const struct args *args, const char *option, bool *ret_has, actor_dest *ret)
{
	const char *text = args_value(args, option);

	*ret_has = text != NULL;
	return text ? message_destination(ctl, text, ret) : 0;
}

static int read_options(struct ctl *ctl, const struct args *args, struct monitor *monitor)
{
	int status = read_dest(ctl, args, "from", &monitor->has_from, &monitor->from);

	if (!status)
		status = read_dest(ctl, args, "to", &monitor->has_to, &monitor->to);
	if (!status)
		status = read_number(ctl, args, "count", UINT32_MAX, &monitor->count);
	if (!status)
		status = read_number(ctl, args, "rate", TAP_RATE_MAX, &monitor->rate);
	monitor->method = args_value(args, "method");
	if (!status && monitor->method && !wire_name_is_valid(monitor->method, strlen(monitor->method)))
		status = ctl_fail(ctl, CTL_USAGE, "usage", "a method has 1 to 255 bytes",
			"'%.40s' cannot be a method", monitor->method);
	monitor->routed_only = args_has(args, "routed");
	return status;
}

static int monitor_run(struct ctl *ctl, const struct args *args)
{
	struct monitor monitor = {.ctl = ctl, .rate = TAP_RATE_DEFAULT}, *arg = &monitor;
	enum live_end end = LIVE_INTERRUPTED;
	struct wait_signals signals;
	actor_group *group;
	int r, status;

	monitor.realtime_us = child_clock_offset_us();
	status = read_options(ctl, args, &monitor);
	if (!status)
		status = session_join(ctl, ACTOR_JOIN_BROKER, &group);
	if (status)
		return status;
	wait_signals_begin(&signals);
	r = actor_group_spawn(group, &behavior, &arg, NULL, NULL);
	if (r)
		status = ctl_fail_errno(ctl, -r, NULL, "cannot show frames");
	else
		end = live_run(ctl, group, &signals);
	if (!r && (end == LIVE_NODE_ENDED || (end == LIVE_ACTORS_ENDED && monitor.tapped && !monitor.shown)))
		status = live_fail_node(ctl);
	else if (!r && end == LIVE_ACTORS_ENDED && monitor.r)
		status = message_fail(ctl, monitor.failed ? "look up" : "ask",
			monitor.failed ? monitor.failed : NAME_BROKER, monitor.failed ? "" : "tap", monitor.r,
			NULL, TAP_TIMEOUT_MS);
	actor_group_free(group);
	wait_signals_end(&signals);
	return status;
}

static const struct option_spec options[] = {
	{0, "from", OPTION_VALUE, "DEST", "of this actor only; a ref with serial 0: of this process"},
	{0, "to", OPTION_VALUE, "DEST", "for this actor only, or this process"},
	{0, "method", OPTION_VALUE, "METHOD", "casts and calls of this method, errors of this name"},
	{'n', "count", OPTION_VALUE, "N", "end after so many frames"},
	{0, "rate", OPTION_VALUE, "N", "at most so many a second (default 1000, at most 10000)"},
	{0, "routed", OPTION_FLAG, NULL, "only what goes through the broker"},
	{0},
};

const struct command command_monitor = {
	.name = "monitor",
	.synopsis = "[--from DEST] [--to DEST] [--method METHOD]",
	.summary = "show frames as they pass",
	.examples = "  actorctl monitor\n"
		    "  actorctl monitor --to counter --count 10\n"
		    "  actorctl --json monitor --method add\n",
	.details =
		"A line for each frame: time, kind, from, to, method, arguments or result; with --json an object a line. What goes\n"
		"through the broker is copied there, what goes directly by the process that gets it. Whoever is watched does not\n"
		"wait: above the rate frames are left out, and counted. Ctrl-C ends it.\n",
	.options = options,
	.run = monitor_run,
};
