/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace: sends one message, and shows what it causes. An actor asks the broker for a tap of one trace, sends
 * the message, and collects the copies that come. When no more copies come, they are shown as a tree.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "actor/trace.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/tap.h"
#include "libactor/util/clock.h"
#include "tools/commands/commands.h"
#include "tools/lib/duration.h"
#include "tools/lib/json.h"
#include "tools/view/child.h"
#include "tools/view/live.h"
#include "tools/view/message.h"
#include "tools/view/output.h"
#include "tools/view/session.h"
#include "tools/view/trace.h"

#define BROKER_TIMEOUT_MS 5000
#define QUIET_MS          500
#define NAMES_MAX         16384 /* the broker never tells more at once */
#define GROUPS_MAX        4096

struct tracer {
	struct ctl *ctl;
	actor_dest to;
	const char *method;
	bool is_cast;
	int64_t timeout_ms, quiet_ms;
	struct buf args;

	struct trace trace;
	json_t *names;
	actor_ref self, broker;
	bool broker_lost; /* the broker has ended; after that nothing was copied */
	bool sent, done;
	int64_t seen_ms;   /* when the last copy came */
	const char *whole; /* the method of the broker that failed; NULL: none did */
	int r;             /* the error of that method, or of the call */
	json_t *result;
	struct session_error error;
};

static struct tracer *tracer_of(actor *self)
{
	return *(struct tracer **)actor_state(self);
}

/* ---- requests to the broker ---- */

/* Calls the broker. @take_args: the body of the call, an array. */
static int ask_broker(actor *self, const char *method, struct buf *take_args, actor_msg **ret_reply)
{
	actor_msg *request = NULL;
	int r = buf_error(take_args);

	if (!r)
		r = actor_msg_new(&request);
	if (!r)
		r = actor_msg_write(request, (const char *)take_args->data, take_args->size_bytes);
	buf_deinit(take_args);
	if (!r)
		r = actor_call_msg(
			self, actor_named(NAME_BROKER), method, BROKER_TIMEOUT_MS, &request, ret_reply);
	actor_msg_free(request);
	return r;
}

static int follow(actor *self, struct tracer *tracer)
{
	struct tap tap = {
		.from = ACTOR_NOBODY, .to = ACTOR_NOBODY, .trace = tracer->trace.id, .rate = TAP_RATE_MAX};
	struct buf args = BUF_INIT;
	actor_msg *reply = NULL;
	int r;

	mp_put_array(&args, 4);
	mp_put_ref(&args, actor_self(self));
	tap_put(&args, &tap);
	mp_put_bool(&args, true);
	r = ask_broker(self, "tap", &args, &reply);
	actor_msg_free(reply);
	if (!r)
		r = actor_whereis(self, NAME_BROKER, &tracer->broker);
	return r ? r : actor_monitor(self, tracer->broker, NULL);
}

/* ---- names ---- */

static void name_put(struct tracer *tracer, actor_ref who, const char *name)
{
	char text[ACTOR_REF_TEXT_MAX];

	/* an actor with several names is shown with the first */
	if (name && !json_object_get(tracer->names, actor_ref_format(who, text)))
		json_object_set_new(tracer->names, text, json_string(name));
}

static json_t *ask_list(actor *self, const char *method, uint64_t max)
{
	struct buf args = BUF_INIT;
	struct session_error error;
	actor_msg *reply = NULL;
	json_t *answer = NULL;
	int r;

	mp_put_array(&args, 2);
	mp_put_nil(&args);
	mp_put_uint(&args, max);
	r = ask_broker(self, method, &args, &reply);
	return session_answer(r, reply, &answer, &error) ? NULL : answer;
}

/* Learns names, which are for people. An actor without a known name is shown as a ref. */
static void learn_names(actor *self, struct tracer *tracer)
{
	json_t *names = ask_list(self, "names", NAMES_MAX), *groups = ask_list(self, "quota", GROUPS_MAX),
	       *item;
	actor_ref who = actor_self(self);
	size_t i;

	json_array_foreach(names, i, item)
		if (json_ref_text(json_array_get(item, 1)) &&
			actor_ref_parse(json_ref_text(json_array_get(item, 1)), &who) == 0)
			name_put(tracer, who, json_string_value(json_array_get(item, 0)));
	who = actor_self(self);
	name_put(tracer, who, "actorctl");
	json_array_foreach(json_object_get(groups, "groups"), i, item) {
		who.group = json_to_uint(json_object_get(item, "group"));
		who.serial = 0;
		name_put(tracer, who, json_string_value(json_object_get(item, "name")));
	}
	json_decref(names);
	json_decref(groups);
}

/* ---- the end ---- */

/*
 * Ends the actor if nothing came for long enough since the message was done, else sets a timer for when that
 * may be. There is one timer at most, and a copy does not touch it: it only makes the next look too early.
 */
static int look(actor *self, struct tracer *tracer)
{
	int64_t left_ms = tracer->seen_ms + tracer->quiet_ms - clock_now_ms();

	if (!tracer->done)
		return 0;                  /* the answer looks again */
	(void)actor_trace_set(self, NULL); /* nothing of this is caused by the message */
	if (left_ms > 0 && !tracer->broker_lost && actor_send_after(self, left_ms, "look", NULL, "") == 0)
		return 0;
	if (!tracer->broker_lost)
		learn_names(self, tracer);
	return actor_stop(self, actor_self(self), NULL);
}

static int on_look(actor *self, const actor_msg *msg)
{
	(void)msg;
	return look(self, tracer_of(self));
}

/* ---- the message ---- */

static int send_traced(actor *self, struct tracer *tracer)
{
	actor_msg *args = NULL;
	int r = actor_msg_new(&args);

	if (!r)
		r = actor_msg_write(args, (const char *)tracer->args.data, tracer->args.size_bytes);
	if (!r)
		r = actor_trace_start(self, tracer->trace.id);
	if (!r && tracer->is_cast)
		r = actor_cast_msg(self, tracer->to, tracer->method, &args);
	else if (!r)
		r = actor_request_msg(self, tracer->to, tracer->method, tracer->timeout_ms, &args, NULL);
	(void)actor_trace_set(self, NULL);
	actor_msg_free(args);
	return r;
}

static int on_begin(actor *self, const actor_msg *msg)
{
	struct tracer *tracer = tracer_of(self);
	actor_ref ref;

	(void)msg;
	/*
	 * A cast to a name that no actor has is no error on the wire, but a person who typed the name must be
	 * told.
	 */
	tracer->r = tracer->is_cast && tracer->to.name ? actor_whereis(self, tracer->to.name, &ref) : 0;
	if (!tracer->r) {
		tracer->whole = "tap";
		tracer->r = follow(self, tracer);
	}
	if (!tracer->r) {
		tracer->whole = NULL;
		learn_names(self, tracer); /* now, since an actor may end because of the message */
		tracer->r = send_traced(self, tracer);
	}
	if (tracer->r)
		return actor_stop(self, actor_self(self), NULL);
	tracer->self = actor_self(self);
	tracer->sent = true;
	tracer->done = tracer->is_cast;
	tracer->seen_ms = clock_now_ms();
	return look(self, tracer);
}

static int on_reply(actor *self, uint64_t request, const struct actor_answer *answer)
{
	struct tracer *tracer = tracer_of(self);
	size_t size_bytes;
	const void *body;

	(void)request;
	tracer->done = true;
	tracer->seen_ms = clock_now_ms();
	tracer->r = answer->r;
	if (answer->r == 0) {
		body = actor_msg_body(answer->msg, &size_bytes);
		tracer->result = json_body_read(body, size_bytes);
		tracer->r = tracer->result ? 0 : -EPROTO;
	} else if (answer->msg) {
		snprintf(tracer->error.name, sizeof(tracer->error.name), "%s", actor_msg_error(answer->msg));
		snprintf(tracer->error.text, sizeof(tracer->error.text), "%s",
			actor_msg_error_text(answer->msg));
	}
	return look(self, tracer);
}

/* ---- copies ---- */

static void meet(actor *self, struct tracer *tracer, actor_ref who)
{
	if (who.group != actor_self(self).group && who.group != tracer->broker.group &&
		trace_meet(&tracer->trace, who))
		(void)actor_monitor(self, (actor_ref){who.node, who.group, 0}, NULL);
}

static int on_tapped(actor *self, const actor_msg *msg)
{
	struct tracer *tracer = tracer_of(self);
	struct copy copy;

	if (copy_read(msg, &copy) < 0)
		return 0; /* any group may send such a cast with any content */
	tracer->seen_ms = clock_now_ms();
	if (trace_add(&tracer->trace, &copy) < 0)
		ctl_note(tracer->ctl, "out of memory for what is seen");
	meet(self, tracer, copy.from);
	meet(self, tracer, copy.to);
	return 0;
}

static int on_down(actor *self, uint64_t id, actor_ref who, const struct actor_cause *cause)
{
	struct tracer *tracer = tracer_of(self);

	(void)id;
	if (actor_ref_equal(who, tracer->broker)) {
		tracer->broker_lost = true;
		return look(self, tracer);
	}
	trace_ended(&tracer->trace, who.group, cause);
	return 0;
}

/* ---- begin ---- */

static int init(actor *self, const void *arg)
{
	*(struct tracer **)actor_state(self) = *(struct tracer *const *)arg;
	return actor_cast(self, actor_to(actor_self(self)), "begin", "");
}

static const struct actor_method methods[] = {
	{.name = "begin", .on_cast = on_begin},
	{.name = "look", .on_cast = on_look},
	{.name = METHOD_TAPPED, .on_cast = on_tapped},
	{0},
};

static const struct actor_behavior behavior = {
	.name = "tracer",
	.state_size = sizeof(struct tracer *),
	.methods = methods,
	.init = init,
	.on_reply = on_reply,
	.on_down = on_down,
	.mailbox_max_messages = 65536,
	.mailbox_max_bytes = 64u << 20,
};

/* ---- the command ---- */

static int tracer_fail(const struct tracer *tracer, const char *to)
{
	if (tracer->whole)
		return message_fail(
			tracer->ctl, "ask", NAME_BROKER, tracer->whole, tracer->r, NULL, BROKER_TIMEOUT_MS);
	return message_fail(tracer->ctl, tracer->is_cast ? "send" : "call", to, tracer->method, tracer->r,
		&tracer->error, tracer->timeout_ms);
}

static int show_json(struct tracer *tracer, const char *to)
{
	json_t *shown = json_object(), *failure = NULL;
	char id[COPY_ID_TEXT_MAX];
	int status = CTL_OK;

	if (tracer->r) {
		tracer->ctl->keep_error = &failure;
		status = tracer_fail(tracer, to);
		tracer->ctl->keep_error = NULL;
	}
	json_object_set_new(shown, "trace", json_string(copy_id_format(tracer->trace.id, id)));
	json_object_set_new(shown, "result", tracer->result ? json_incref(tracer->result) : json_null());
	json_object_set_new(
		shown, "failure", failure ? json_incref(json_object_get(failure, "error")) : json_null());
	json_decref(failure);
	json_object_set_new(shown, "missed", json_integer((json_int_t)tracer->trace.n_missed));
	json_object_set_new(shown, "broker_lost", json_boolean(tracer->broker_lost));
	json_object_set_new(
		shown, "messages", trace_json(&tracer->trace, tracer->names, child_clock_offset_us()));
	output_json(tracer->ctl, shown);
	json_decref(shown);
	return status;
}

/*
 * Notes the error of the call in the tree. If the callee is not there, its group answers, and that group does
 * not know the trace.
 */
static void own_failure(struct tracer *tracer)
{
	const char *error = tracer->error.name;

	if (!*error)
		error = tracer->r == -ESRCH        ? ERROR_NOPROC
			: tracer->r == -ETIMEDOUT  ? "timeout"
			: tracer->r == -ECONNRESET ? ERROR_DOWN
						   : actor_strerror(tracer->r);
	trace_failed(&tracer->trace, tracer->self, error, tracer->error.text);
}

static int show(struct tracer *tracer, const char *to)
{
	if (tracer->r)
		own_failure(tracer);
	trace_arrange(&tracer->trace);
	if (tracer->ctl->json)
		return show_json(tracer, to);
	trace_print(&tracer->trace, tracer->names, ctl_colors(tracer->ctl));
	fflush(stdout);
	if (tracer->trace.n_missed)
		ctl_note(tracer->ctl,
			"at least %" PRIu64 " messages are not shown: there were too many at once",
			tracer->trace.n_missed);
	if (tracer->broker_lost)
		ctl_note(tracer->ctl, "the broker ended: what came after that is not shown");
	return tracer->r ? tracer_fail(tracer, to) : CTL_OK;
}

static int read_options(struct ctl *ctl, const struct args *args, struct tracer *tracer)
{
	const char *quiet = args_value(args, "wait");
	int status = message_destination(ctl, args->values[0], &tracer->to);

	tracer->method = args->values[1];
	tracer->is_cast = args_has(args, "cast");
	if (!status && quiet && (duration_parse(quiet, &tracer->quiet_ms) || tracer->quiet_ms < 1))
		status = ctl_fail(ctl, CTL_USAGE, "usage", "write seconds, or 100ms, 2s, 1m",
			"'%s' is no time to wait", quiet);
	if (!status)
		status = message_args(ctl, args->values + 2, args->n_values - 2, &tracer->args);
	return status;
}

static int trace_run(struct ctl *ctl, const struct args *args)
{
	struct tracer tracer = {.ctl = ctl,
			      .timeout_ms = ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS),
			      .quiet_ms = QUIET_MS,
			      .args = BUF_INIT,
			      .names = json_object()},
		      *arg = &tracer;
	struct wait_signals signals;
	enum live_end end;
	actor_group *group;
	uint64_t id = 0;
	int r, status;

	while (!id)
		if (getrandom(&id, sizeof(id), 0) < 0)
			id = (uint64_t)clock_now_ns();
	trace_init(&tracer.trace, id);
	status = read_options(ctl, args, &tracer);
	if (!status)
		status = session_join(ctl, ACTOR_JOIN_BROKER, &group);
	if (!status) {
		wait_signals_begin(&signals);
		r = actor_group_spawn(group, &behavior, &arg, NULL, NULL);
		end = r ? LIVE_ACTORS_ENDED : live_run(ctl, group, &signals);
		if (end == LIVE_NODE_ENDED) {
			tracer.broker_lost = true;
			tracer.r = tracer.done ? tracer.r : -ENOTCONN;
		}
		if (r)
			status = ctl_fail_errno(ctl, -r, NULL, "cannot follow a message");
		else if (end != LIVE_INTERRUPTED && !tracer.sent)
			status = tracer_fail(&tracer, args->values[0]);
		else
			status = show(&tracer, args->values[0]);
		actor_group_free(group);
		wait_signals_end(&signals);
	}
	trace_deinit(&tracer.trace);
	json_decref(tracer.result);
	json_decref(tracer.names);
	buf_deinit(&tracer.args);
	return status;
}

static const struct option_spec options[] = {
	{0, "cast", OPTION_FLAG, NULL, "send it, do not ask for an answer"},
	{0, "wait", OPTION_VALUE, "TIME", "end when nothing came for so long (default 500ms)"},
	{0},
};

const struct command command_trace = {
	.name = "trace",
	.synopsis = "[--cast] [--wait TIME] DEST METHOD [JSON]...",
	.summary = "ask an actor, show what that causes",
	.examples = "  actorctl trace counter add 5\n"
		    "  actorctl trace --wait 3s store put '\"key\"' 7\n"
		    "  actorctl --json trace --cast logger line '\"hello\"'\n",
	.details =
		"Calls an actor, and shows each message that this causes, in whatever actors and processes: when, from whom, to\n"
		"whom, the answer or why there is none; what caused it stands above it, less indented. The runtime carries a trace\n"
		"on from message to message, also over timers. DEST and JSON are those of call. The status is that of call.\n",
	.options = options,
	.args_flags = ARGS_NUMBERS,
	.args_min = 2,
	.args_max = -1,
	.run = trace_run,
};
