/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/names.h"
#include "libactor/util/clock.h"
#include "libactor/util/utf8.h"
#include "tools/lib/duration.h"
#include "tools/lib/json.h"
#include "tools/view/node.h"
#include "tools/view/wait.h"

/*
 * So many questions are under way at the same time. If there are thousands, the others wait for a free place.
 */
#define SESSION_IN_FLIGHT_MAX 500
#define SESSION_NAMES_SAID    8
#define SESSION_WAIT_ONCE_MS  2000 /* then we look whether the node is still there, and ask again */

/*
 * A session for one question at a time has a client. A session with the supervisor, or for many questions to
 * actors, has a group, in which each question has its own actor.
 */
struct session {
	const struct ctl *ctl;
	actor_client *client; /* NULL: the session has a group */
	actor_group *group;   /* NULL: the session has a client */
	int group_fd;
};

/* The last line that the library logged. It says why a runtime directory was refused. */
static char session_said[512];

static void session_say(const char *line, void *arg)
{
	snprintf(session_said, sizeof(session_said), "%s", line);
}

static struct actor_group_options session_options(
	const struct ctl *ctl, enum actor_join_mode mode, int64_t timeout_ms)
{
	return (struct actor_group_options){
		.name = "actorctl",
		.runtime_dir = ctl->runtime_dir,
		.mode = mode,
		.connect_timeout_ms = timeout_ms,
		.ignore_token = true,
		.log = session_say,
	};
}

static int session_make(
	const struct ctl *ctl, enum actor_join_mode mode, bool many, int64_t timeout_ms, struct session **ret)
{
	struct actor_group_options options = session_options(ctl, mode, timeout_ms);
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	session->ctl = ctl;
	r = many ? actor_group_new(&session->group, &options) : actor_client_new(&session->client, &options);
	if (r) {
		free(session);
		return r;
	}
	if (session->group)
		/*
		 * before the first dispatch, since the descriptor covers only timers that are set after this
		 */
		session->group_fd = actor_group_get_fd(session->group);
	*ret = session;
	return 0;
}

int session_try_open(
	const struct ctl *ctl, enum actor_join_mode mode, int64_t timeout_ms, struct session **ret)
{
	return session_make(ctl, mode, mode == ACTOR_JOIN_SPAWNER, timeout_ms, ret);
}

int session_fail_lock(const struct ctl *ctl, enum ctl_exit status)
{
	char dir[NODE_PATH_SIZE];

	if (node_runtime_dir(ctl, dir))
		*dir = '\0';
	return ctl_fail(ctl, status, "no_lock", "remove that, and the node makes its file anew",
		"a node runs in %s, but %s/lock is not its file, so its pid is not known", dir, dir);
}

int session_fail_open(const struct ctl *ctl, enum actor_join_mode mode, int error)
{
	const char *whom =
		mode == ACTOR_JOIN_BROKER ? "the broker of the node" : "the supervisor of the node";
	char dir[NODE_PATH_SIZE];

	if (node_runtime_dir(ctl, dir))
		snprintf(dir, sizeof(dir), "the runtime directory");
	if (!strncmp(session_said, "runtime directory", 17))
		return ctl_fail(ctl, CTL_PERMISSION, ERROR_PERMISSION, NULL, "%s", session_said);
	switch (error) {
	case EACCES:
	case EPERM:
		return ctl_fail(ctl, CTL_PERMISSION, ERROR_PERMISSION,
			"run actorctl as the user who started it", "not allowed to use the node in %s", dir);
	case ENOTCONN:
	case ENOENT:
	case ECONNREFUSED:
		if (node_is_running(ctl))
			return ctl_fail(ctl, CTL_UNREACHABLE, "unreachable",
				"it is started again if it died: try again", "%s in %s does not answer", whom,
				dir);
		if (node_lock_is_hidden(ctl))
			return session_fail_lock(ctl, CTL_UNREACHABLE);
		return ctl_fail(ctl, CTL_UNREACHABLE, "no_node", "start one with: actorctl up -d",
			"no node is running in %s", dir);
	case ETIMEDOUT:
		return ctl_fail(ctl, CTL_UNREACHABLE, "unreachable",
			"it is started again if it died: try again", "%s in %s does not answer", whom, dir);
	case ENOBUFS: /* the daemon has answered that it takes no further client */
		return ctl_fail(ctl, CTL_UNREACHABLE, ERROR_OVERLOADED,
			mode == ACTOR_JOIN_BROKER
				? "actorctl logs '$broker' says why: too many clients, no descriptors, or no room in the runtime directory"
				: "actor-spawner.log says why: too many clients, no descriptors, or no room in the runtime directory",
			"%s in %s has no place for another client", whom, dir);
	case EINVAL:
	case ENAMETOOLONG:
		return ctl_fail(ctl, CTL_USAGE, "bad_path", NULL, "%s cannot be a runtime directory: %s", dir,
			strerror(error));
	default:
		if (node_lock_is_hidden(ctl))
			return session_fail_lock(ctl, CTL_UNREACHABLE);
		return ctl_fail(ctl, CTL_UNREACHABLE, "unreachable", NULL, "cannot reach %s in %s: %s", whom,
			dir, strerror(error));
	}
}

int session_open(const struct ctl *ctl, enum actor_join_mode mode, struct session **ret)
{
	int r = session_try_open(ctl, mode, ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS), ret);

	return r ? session_fail_open(ctl, mode, -r) : 0;
}

int session_open_many(const struct ctl *ctl, struct session **ret)
{
	int r = session_make(ctl, ACTOR_JOIN_BROKER, true, ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS), ret);

	return r ? session_fail_open(ctl, ACTOR_JOIN_BROKER, -r) : 0;
}

int session_join(const struct ctl *ctl, enum actor_join_mode mode, actor_group **ret)
{
	struct actor_group_options options =
		session_options(ctl, mode, ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS));
	int r = actor_group_new(ret, &options);

	if (r)
		return session_fail_open(ctl, mode, -r);
	/* before the first dispatch, since the descriptor covers only timers that are set after this */
	(void)actor_group_get_fd(*ret);
	return 0;
}

struct session *session_close(struct session *session)
{
	if (session) {
		actor_client_free(session->client);
		actor_group_free(session->group);
	}
	free(session);
	return NULL;
}

struct buf session_args(json_t *args)
{
	char error[JSON_ERROR_MAX];
	struct buf b = BUF_INIT;

	/* the arguments are flat and have no `$` forms, so only memory can be the reason */
	if (!args || json_body_write(args, &b, error))
		b.failed = true;
	json_decref(args);
	return b;
}

static int session_pack(struct buf *take_args, actor_msg **ret)
{
	actor_msg *msg = NULL;
	int r;

	r = buf_error(take_args);
	if (!r)
		r = actor_msg_new(&msg);
	if (!r)
		r = actor_msg_write(msg, (const char *)take_args->data, take_args->size_bytes);
	buf_deinit(take_args);
	if (r) {
		actor_msg_free(msg);
		return r;
	}
	*ret = msg;
	return 0;
}

static void session_copy_error(const actor_msg *reply, struct session_error *ret)
{
	const char *name = actor_msg_error(reply), *text = actor_msg_error_text(reply);

	snprintf(ret->name, sizeof(ret->name), "%s", name ? name : "");
	snprintf(ret->text, sizeof(ret->text), "%s", text ? text : "");
}

int session_answer(int r, actor_msg *reply, json_t **ret, struct session_error *ret_error)
{
	const void *body;
	size_t size_bytes;

	if (r) {
		if (reply)
			session_copy_error(reply, ret_error);
	} else {
		body = actor_msg_body(reply, &size_bytes);
		*ret = json_body_read(body, size_bytes);
		if (!*ret)
			r = -EPROTO;
	}
	actor_msg_free(reply);
	return r;
}

/* ---- many questions ---- */

struct asker {
	struct question *question;
};

static int asker_init(actor *self, const void *arg)
{
	struct asker *asker = actor_state(self);

	asker->question = *(struct question *const *)arg;
	return actor_cast(self, actor_to(actor_self(self)), "ask", "");
}

static int asker_call(actor *self, struct question *question)
{
	actor_msg *args = NULL, *reply = NULL;
	int r;

	if (question->same_args)
		buf_append(&question->args, question->same_args->data, question->same_args->size_bytes);
	r = session_pack(&question->args, &args);

	if (r)
		return r;
	r = actor_call_msg(self, question->to, question->method, question->timeout_ms, &args, &reply);
	actor_msg_free(args);
	return session_answer(r, reply, &question->ret, &question->error);
}

static int asker_ask(actor *self, const actor_msg *msg)
{
	struct asker *asker = actor_state(self);

	(void)msg;
	asker->question->r = asker_call(self, asker->question);
	asker->question->answered = true;
	return actor_stop(self, actor_self(self), NULL);
}

static const struct actor_method asker_methods[] = {
	{.name = "ask", .on_cast = asker_ask},
	{0},
};

static const struct actor_behavior asker_behavior = {
	.name = "asker",
	.state_size = sizeof(struct asker),
	.methods = asker_methods,
	.init = asker_init,
};

/* Writes the names of the unanswered questions to @text, for people to read. */
static void session_names(const struct question *questions, size_t n, char text[512])
{
	size_t left = 0, said = 0, at = 0;

	text[0] = 0;
	for (size_t i = 0; i < n; i++)
		left += !questions[i].answered;
	for (size_t i = 0; i < n && said < SESSION_NAMES_SAID && at < 400; i++)
		if (!questions[i].answered)
			at += (size_t)snprintf(
				text + at, 512 - at, "%s%.64s", said++ ? ", " : "", questions[i].name);
	if (left > said)
		snprintf(text + at, 512 - at, " and %zu more", left - said);
}

static void session_interrupted(struct session *session, const struct question *questions, size_t n,
	const struct vigil *vigil, int signo)
{
	char names[512];

	if (vigil->interrupted) {
		vigil->interrupted(vigil->arg);
	} else {
		session_names(questions, n, names);
		ctl_fail(session->ctl, CTL_INTERRUPTED, "interrupted", "see actorctl ls",
			"interrupted; %s: %s", names, vigil->goes_on);
	}
	wait_die(signo);
}

static size_t session_in_flight(const struct question *questions, size_t n_asked)
{
	size_t n = 0;

	for (size_t i = 0; i < n_asked; i++)
		n += !questions[i].answered;
	return n;
}

void session_ask_all(struct session *session, struct question *questions, size_t n, const struct vigil *vigil)
{
	size_t n_asked = 0, n_told = 0;
	bool catches = vigil && (vigil->goes_on || vigil->interrupted);
	bool quiet = !vigil || !vigil->goal || !wait_is_watched(session->ctl);
	int64_t note_ms = clock_now_ms() + WAIT_QUIET_MS;
	struct wait_signals signals = {.fd = -1};
	char names[512];
	int signo;

	if (catches)
		wait_signals_begin(&signals);
	for (;;) {
		for (; n_asked < n && session_in_flight(questions, n_asked) < SESSION_IN_FLIGHT_MAX;
			n_asked++) {
			struct question *question = &questions[n_asked];

			question->r =
				actor_group_spawn(session->group, &asker_behavior, &question, NULL, NULL);
			question->answered = question->r != 0;
		}
		actor_group_dispatch(session->group);
		for (; n_told < n_asked && questions[n_told].answered; n_told++)
			if (vigil && vigil->answered)
				vigil->answered(&questions[n_told], vigil->arg);
		if (n_told == n)
			break;
		fflush(stdout);
		if (!quiet && clock_now_ms() >= note_ms) {
			session_names(questions, n, names);
			ctl_note(session->ctl, "waiting for %s %s", names, vigil->goal);
			quiet = true;
			if (vigil->late) {
				vigil->late(questions, n, vigil->arg);
				continue;
			}
		}
		poll((struct pollfd[]){{session->group_fd, POLLIN, 0}, {signals.fd, POLLIN, 0}}, 2,
			quiet ? -1 : (int)(note_ms - clock_now_ms()) + 1);
		signo = wait_signals_take(&signals);
		if (signo)
			session_interrupted(session, questions, n, vigil, signo);
	}
	if (catches)
		wait_signals_end(&signals);
	for (size_t i = 0; i < n; i++)
		buf_deinit(&questions[i].args);
}

/* ---- one question ---- */

int session_call(struct session *session, const actor_dest *to, const char *method, struct buf args,
	int64_t timeout_ms, json_t **ret, struct session_error *ret_error)
{
	actor_msg *msg = NULL, *reply = NULL;
	int r;

	*ret_error = (struct session_error){0};
	if (session->group) {
		struct question question = {
			.to = *to, .method = method, .args = args, .timeout_ms = timeout_ms};

		session_ask_all(session, &question, 1, NULL);
		*ret = question.ret;
		*ret_error = question.error;
		return question.r;
	}
	r = session_pack(&args, &msg);
	if (r)
		return r;
	r = actor_client_call_msg(session->client, *to, method, timeout_ms, &msg, &reply);
	actor_msg_free(msg);
	return session_answer(r, reply, ret, ret_error);
}

int session_stream(struct session *session, const actor_dest *to, const char *method, struct buf args,
	int64_t timeout_ms, void (*item)(const struct ctl *ctl, const json_t *value), json_t **ret,
	struct session_error *ret_error)
{
	const struct actor_stream_window defaults = {0};
	actor_msg *msg = NULL, *came = NULL;
	json_t *value = NULL;
	uint64_t stream;
	int r = session_pack(&args, &msg);

	*ret_error = (struct session_error){0};
	if (!r)
		r = actor_client_stream_open_msg(
			session->client, *to, method, timeout_ms, defaults, &msg, &stream);
	actor_msg_free(msg);
	if (r)
		return r;
	while ((r = actor_client_stream_next(session->client, stream, ACTOR_FOREVER, &came)) == 1) {
		r = session_answer(0, came, &value, ret_error);
		if (r) {
			actor_client_stream_cancel(session->client, stream);
			return r;
		}
		item(session->ctl, value);
		json_decref(value);
	}
	return session_answer(r, came, ret, ret_error);
}

int session_ask(struct session *session, const actor_dest *to, const char *method, json_t *args,
	int64_t timeout_ms, json_t **ret, struct session_error *ret_error)
{
	return session_call(session, to, method, session_args(args), timeout_ms, ret, ret_error);
}

int session_send(struct session *session, const actor_dest *to, const char *method, struct buf args)
{
	actor_msg *msg = NULL;
	int r = session_pack(&args, &msg);

	if (!r)
		r = actor_client_cast_msg(session->client, *to, method, &msg);
	actor_msg_free(msg);
	return r;
}

int session_whereis(struct session *session, const char *name, int64_t timeout_ms, actor_ref *ret,
	struct session_error *ret_error)
{
	const actor_dest broker = actor_named(NAME_BROKER);
	json_t *request = json_array(), *answer = NULL;
	int r;

	json_array_append_new(request, json_string(name));
	r = session_ask(session, &broker, "whereis", request, timeout_ms, &answer, ret_error);
	if (!r && json_is_null(answer))
		r = -ESRCH;
	else if (!r && (!json_ref_text(answer) || actor_ref_parse(json_ref_text(answer), ret) < 0))
		r = -EPROTO;
	json_decref(answer);
	return r;
}

int session_whereis_wait(struct session *session, const char *name, int64_t timeout_ms, actor_ref *ret)
{
	int64_t left_ms = timeout_ms, round_ms;
	int r;

	do {
		round_ms = timeout_ms < 0 || left_ms > SESSION_WAIT_ONCE_MS ? SESSION_WAIT_ONCE_MS : left_ms;
		r = actor_client_whereis_wait(session->client, name, round_ms, ret);
		left_ms -= round_ms;
		if (r == -ETIMEDOUT && !node_is_running(session->ctl))
			r = -ENOTCONN;
	} while (r == -ETIMEDOUT && (timeout_ms < 0 || left_ms > 0));
	return r;
}

/* ---- refusals of the supervisor ---- */

static const struct {
	const char *name;
	enum ctl_exit status;
	const char *text, *hint;
} refusals[] = {
	{ERROR_NOPROC, CTL_NO_NAME, "no process has this name", "see actorctl ls"},
	{ERROR_NO_NAME, CTL_NO_NAME, "no process has this name", "see actorctl ls"},
	{ERROR_IN_USE, CTL_CONFLICT, "the name is taken", NULL},
	{"running", CTL_CONFLICT, "it is running", "use rm -f to stop it first"},
	{ERROR_BAD_ARGS, CTL_USAGE, "the supervisor does not accept this", NULL},
	{"exec", CTL_FAILED, "it could not be run", NULL},
	{"timeout", CTL_TIMEOUT, "it took too long", NULL},
	{ERROR_PERMISSION, CTL_PERMISSION, "not permitted", NULL},
	{ERROR_OVERLOADED, CTL_OVERLOADED, "the supervisor is overloaded", "try again later"},
	{"stopped", CTL_FAILED, "it is being stopped", NULL},
	{"down", CTL_UNREACHABLE, "the supervisor ended before it answered",
		"it is restarted at once: try again"},
};

static int session_fail_remote(
	const struct ctl *ctl, const char *what, const char *name, const struct session_error *error)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		char taken[512];
		const char *text = *error->text ? error->text : refusals[i].text;
		const char *hint = refusals[i].hint;

		if (strcmp(refusals[i].name, error->name))
			continue;
		if (!strcmp(error->name, ERROR_IN_USE) && name) {
			snprintf(taken, sizeof(taken),
				"choose another with --name, or remove it with: actorctl rm -f %.300s", name);
			hint = taken;
		}
		return ctl_fail(ctl, refusals[i].status,
			refusals[i].status == CTL_NO_NAME ? ERROR_NOPROC : error->name, hint, "cannot %s: %s",
			what, text);
	}
	return ctl_fail(ctl, CTL_FAILED, *error->name ? error->name : "failed", NULL, "cannot %s: %s", what,
		*error->text ? error->text : error->name);
}

int session_fail_spawner(const struct ctl *ctl, const char *verb, const char *name, int r,
	const struct session_error *error, int64_t timeout_ms)
{
	char what[400], after[DURATION_TEXT_MAX];

	if (name)
		snprintf(what, sizeof(what), "%s '%s'", verb, name);
	else
		snprintf(what, sizeof(what), "%s", verb);
	switch (-r) {
	case EREMOTEIO:
		return session_fail_remote(ctl, what, name, error);
	case ETIMEDOUT:
		return ctl_fail(ctl, CTL_TIMEOUT, "timeout", "give it longer with --timeout, see actorctl ls",
			"cannot %s: no answer within %s", what,
			duration_format(
				timeout_ms == ACTOR_TIMEOUT_DEFAULT ? CTL_TIMEOUT_DEFAULT_MS : timeout_ms,
				after));
	case ESRCH:
	case ENOTCONN:
	case ECONNRESET:
		if (!node_is_running(ctl))
			return ctl_fail(ctl, CTL_UNREACHABLE, "no_node", "start one with: actorctl up -d",
				"cannot %s: the node has ended", what);
		return ctl_fail(ctl, CTL_UNREACHABLE, "unreachable",
			"try again: a supervisor that died is started again at once",
			"cannot %s: the connection to the supervisor was lost", what);
	case EBUSY:
	case EAGAIN:
		return ctl_fail(ctl, CTL_OVERLOADED, ERROR_OVERLOADED, "try again later",
			"cannot %s: the supervisor is overloaded", what);
	case EPROTO:
		return ctl_fail(ctl, CTL_FAILED, "protocol", "are actorctl and the node of the same version?",
			"cannot %s: the supervisor's answer makes no sense", what);
	default:
		return ctl_fail_errno(ctl, -r, NULL, "cannot %s", what);
	}
}

int session_fail_answer(struct session *session, const char *verb, const struct question *question)
{
	return question->r ? session_fail_spawner(session->ctl, verb, question->name, question->r,
				     &question->error, question->timeout_ms)
			   : 0;
}

int session_check_name(const struct ctl *ctl, const char *name)
{
	size_t len = strlen(name);

	if (len >= 1 && len <= SESSION_NAME_MAX_BYTES && utf8_is_plain(name, len))
		return 0;
	return ctl_fail(ctl, CTL_USAGE, "bad_name",
		"a name has 1 to 255 bytes of UTF-8, without control characters", "'%.40s' cannot be a name",
		name);
}

int session_ask_spawner(struct session *session, const char *verb, const char *name, const char *method,
	json_t *args, int64_t timeout_ms, json_t **ret)
{
	const actor_dest spawner = actor_named(NAME_SPAWNER);
	struct session_error error;
	int r = name ? session_check_name(session->ctl, name) : 0;

	if (r) {
		json_decref(args);
		return r;
	}
	r = session_ask(session, &spawner, method, args, timeout_ms, ret, &error);
	return r ? session_fail_spawner(session->ctl, verb, name, r, &error, timeout_ms) : 0;
}
