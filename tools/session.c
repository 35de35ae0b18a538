#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "json.h"
#include "node.h"
#include "util/utf8.h"

struct session {
	const struct ctl *ctl;
	actor_client *client;
	enum actor_link_mode mode;
};

int session_try_open(const struct ctl *ctl, enum actor_link_mode mode, int64_t timeout_ms,
	struct session **ret)
{
	struct actor_group_options options = {
		.name = "actorctl",
		.runtime_dir = ctl->runtime_dir,
		.mode = mode,
		.connect_timeout_ms = timeout_ms,
		.ignore_token = true,
	};
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	session->ctl = ctl;
	session->mode = mode;
	r = actor_client_new(&session->client, &options);
	if (r) {
		free(session);
		return r;
	}
	*ret = session;
	return 0;
}

int session_fail_open(const struct ctl *ctl, enum actor_link_mode mode, int error)
{
	const char *whom = mode == ACTOR_LINK_BROKER ? "the broker of the node"
		: "the supervisor of the node";
	char dir[NODE_PATH_SIZE];

	if (node_runtime_dir(ctl, dir))
		snprintf(dir, sizeof(dir), "the runtime directory");
	switch (error) {
	case EACCES:
	case EPERM:
		return ctl_fail(ctl, CTL_PERMISSION, "permission", "run actorctl as the user who started it",
			"not allowed to use the node in %s", dir);
	case ENOTCONN:
	case ENOENT:
	case ECONNREFUSED:
		if (node_is_running(ctl))
			return ctl_fail(ctl, CTL_UNREACHABLE, "unreachable",
				"it is started again if it died: try again",
				"%s in %s does not answer", whom, dir);
		return ctl_fail(ctl, CTL_UNREACHABLE, "no_node", "start one with: actorctl up -d",
			"no node is running in %s", dir);
	case ETIMEDOUT:
		return ctl_fail(ctl, CTL_UNREACHABLE, "unreachable",
			"it is started again if it died: try again",
			"%s in %s does not answer", whom, dir);
	case EINVAL:
	case ENAMETOOLONG:
		return ctl_fail(ctl, CTL_USAGE, "bad_path", NULL, "%s cannot be a runtime directory: %s", dir,
			strerror(error));
	default:
		return ctl_fail(ctl, CTL_UNREACHABLE, "unreachable", NULL, "cannot reach %s in %s: %s", whom,
			dir, strerror(error));
	}
}

int session_open(const struct ctl *ctl, enum actor_link_mode mode, struct session **ret)
{
	int r = session_try_open(ctl, mode, ctl_timeout_ms(ctl, CTL_TIMEOUT_DEFAULT_MS), ret);

	return r ? session_fail_open(ctl, mode, -r) : 0;
}

struct session *session_close(struct session *session)
{
	if (session)
		actor_client_free(session->client);
	free(session);
	return NULL;
}

static int session_pack(json_t *args, actor_msg **ret)
{
	char error[JSON_ERROR_MAX];
	struct buf b = BUF_INIT;
	actor_msg *msg = NULL;
	int r;

	r = args ? json_body_write(args, &b, error) : -ENOMEM;
	json_decref(args);
	if (!r)
		r = actor_msg_new(&msg);
	if (!r)
		r = actor_msg_write(msg, (const char *)b.data, b.size_bytes);
	buf_deinit(&b);
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

int session_ask(struct session *session, const struct destination *to, const char *method, json_t *args,
	int64_t timeout_ms, json_t **ret, struct session_error *ret_error)
{
	actor_msg *msg = NULL, *reply = NULL;
	const void *body;
	size_t size_bytes;
	json_t *value;
	int r;

	*ret_error = (struct session_error){0};
	r = session_pack(args, &msg);
	if (r)
		return r;
	r = actor_client_call_msg(session->client, to->ref, to->name, method, timeout_ms, &msg, &reply);
	actor_msg_free(msg);
	if (r) {
		if (reply)
			session_copy_error(reply, ret_error);
		actor_msg_free(reply);
		return r;
	}
	body = actor_msg_body(reply, &size_bytes);
	value = json_body_read(body, size_bytes);
	actor_msg_free(reply);
	if (!value)
		return -EPROTO;
	*ret = value;
	return 0;
}

int session_send(struct session *session, const struct destination *to, const char *method, json_t *args)
{
	actor_msg *msg = NULL;
	int r = session_pack(args, &msg);

	if (!r)
		r = actor_client_cast_msg(session->client, to->ref, to->name, method, &msg);
	actor_msg_free(msg);
	return r;
}

int session_whereis(struct session *session, const char *name, actor_ref *ret)
{
	return actor_client_whereis(session->client, name, ret);
}

/* ---- refusals of the supervisor -------------------------------------------------------------- */

static const struct {
	const char *name;
	enum ctl_exit status;
	const char *text, *hint;
} refusals[] = {
	{"noproc", CTL_NO_NAME, "no process has this name", "see actorctl ls"},
	{"no_name", CTL_NO_NAME, "no process has this name", "see actorctl ls"},
	{"in_use", CTL_CONFLICT, "the name is taken", NULL},
	{"running", CTL_CONFLICT, "it is running", "use rm -f to stop it first"},
	{"bad_args", CTL_USAGE, "the supervisor does not accept this", NULL},
	{"exec", CTL_FAILED, "it could not be run", NULL},
	{"timeout", CTL_TIMEOUT, "it took too long", NULL},
	{"permission", CTL_PERMISSION, "not permitted", NULL},
	{"overloaded", CTL_OVERLOADED, "the supervisor is overloaded", "try again later"},
	{"stopped", CTL_FAILED, "it is being stopped", NULL},
	{"down", CTL_UNREACHABLE, "the supervisor ended before it answered",
		"it is restarted at once: try again"},
};

static int session_fail_remote(const struct ctl *ctl, const char *what, const char *name,
	const struct session_error *error)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		char taken[512];
		const char *text = *error->text ? error->text : refusals[i].text;
		const char *hint = refusals[i].hint;

		if (strcmp(refusals[i].name, error->name))
			continue;
		if (!strcmp(error->name, "in_use") && name) {
			snprintf(taken, sizeof(taken),
				"choose another with --name, or remove it with: actorctl rm -f %.300s", name);
			hint = taken;
		}
		return ctl_fail(ctl, refusals[i].status, refusals[i].status == CTL_NO_NAME ? "noproc"
			: error->name, hint,
			"cannot %s: %s", what, text);
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
			duration_format(timeout_ms == ACTOR_TIMEOUT_DEFAULT ? CTL_TIMEOUT_DEFAULT_MS
			: timeout_ms, after));
	case ESRCH:
	case ENOTCONN:
	case ECONNRESET:
		return ctl_fail(ctl, CTL_UNREACHABLE, "unreachable",
			"the supervisor is restarted at once: try again",
			"cannot %s: the connection to the supervisor was lost", what);
	case EBUSY:
	case EAGAIN:
		return ctl_fail(ctl, CTL_OVERLOADED, "overloaded", "try again later",
			"cannot %s: the supervisor is overloaded", what);
	case EPROTO:
		return ctl_fail(ctl, CTL_FAILED, "protocol", "are actorctl and the node of the same version?",
			"cannot %s: the supervisor's answer makes no sense", what);
	default:
		return ctl_fail_errno(ctl, -r, NULL, "cannot %s", what);
	}
}

int session_check_name(const struct ctl *ctl, const char *name)
{
	size_t len = strlen(name);

	if (len >= 1 && len <= SESSION_NAME_MAX_BYTES && utf8_is_plain(name, len))
		return 0;
	return ctl_fail(ctl, CTL_USAGE, "bad_name", "a name has 1 to 255 bytes of UTF-8, without control characters",
		"'%.40s' cannot be a name", name);
}

int session_ask_spawner(struct session *session, const char *verb, const char *name, const char *method,
	json_t *args, int64_t timeout_ms, json_t **ret)
{
	const struct destination spawner = {.name = "$spawner"};
	struct session_error error;
	int r = name ? session_check_name(session->ctl, name) : 0;

	if (r) {
		json_decref(args);
		return r;
	}
	r = session_ask(session, &spawner, method, args, timeout_ms, ret, &error);
	return r ? session_fail_spawner(session->ctl, verb, name, r, &error, timeout_ms) : 0;
}
