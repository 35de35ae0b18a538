/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "tools/lib/duration.h"
#include "tools/lib/json.h"
#include "tools/view/node.h"

#define MESSAGE_BYTES_MAX (16u << 20) /* a link takes no larger message */

int message_destination(const struct ctl *ctl, const char *text, actor_dest *ret)
{
	actor_ref ref;

	if (text[0] != '<') {
		if (!*text || strlen(text) > 255)
			return ctl_fail(ctl, CTL_USAGE, "bad_name", "a name has 1 to 255 bytes",
				"'%.40s' cannot be a name", text);
		*ret = actor_named(text);
		return 0;
	}
	if (actor_ref_parse(text, &ref))
		return ctl_fail(ctl, CTL_USAGE, "bad_ref",
			"a ref looks like '<1f.2.1>', in quotes for the shell", "'%s' is no ref", text);
	*ret = actor_to(ref);
	return 0;
}

static int message_read_all(FILE *from, char **ret, size_t *ret_len)
{
	size_t len = 0, room = 65536, n;
	char *text = malloc(room), *more;

	while (text && (n = fread(text + len, 1, room - len, from)) > 0) {
		len += n;
		if (len > MESSAGE_BYTES_MAX) {
			free(text);
			return -EMSGSIZE;
		}
		if (len < room)
			continue;
		more = realloc(text, room *= 2);
		if (!more)
			free(text);
		text = more;
	}
	if (!text)
		return -ENOMEM;
	if (ferror(from)) {
		free(text);
		return errno ? -errno : -EIO;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

static int message_read_file(const struct ctl *ctl, const char *path, char **ret, size_t *ret_len)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *from = is_stdin ? stdin : fopen(path, "re");
	int r;

	if (!from)
		return ctl_fail_errno(ctl, errno, NULL, "cannot read %s", path);
	r = message_read_all(from, ret, ret_len);
	if (!is_stdin)
		fclose(from);
	return r ? ctl_fail_errno(ctl, -r, NULL, "cannot read %s", is_stdin ? "stdin" : path) : 0;
}

static int message_arg(const struct ctl *ctl, const char *text, size_t number, struct buf *b)
{
	const char *path = !strcmp(text, "-") ? "-" : text[0] == '@' ? text + 1 : NULL;
	char error[JSON_ERROR_MAX], *read = NULL;
	size_t len = strlen(text);
	json_t *value = NULL;
	int r, status;

	if (path) {
		status = message_read_file(ctl, path, &read, &len);
		if (status)
			return status;
	}
	r = json_text_read(read ? read : text, len, &value, error);
	free(read);
	if (r)
		return ctl_fail(ctl, CTL_USAGE, "bad_json", NULL, "argument %zu (%s%.40s%s) is not JSON: %s",
			number, path ? "" : "'", text, path ? "" : "'", error);
	r = json_element_write(value, b, error);
	json_decref(value);
	if (r == -ENOMEM)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot send argument %zu", number);
	if (r)
		return ctl_fail(
			ctl, CTL_USAGE, "bad_json", NULL, "argument %zu cannot be sent: %s", number, error);
	return 0;
}

int message_args(const struct ctl *ctl, const char *const texts[], size_t n, struct buf *ret)
{
	struct buf b = BUF_INIT;
	int status = 0;

	mp_put_array(&b, (uint32_t)n);
	for (size_t i = 0; i < n && !status; i++)
		status = message_arg(ctl, texts[i], i + 1, &b);
	if (status)
		buf_deinit(&b);
	else
		*ret = b;
	return status;
}

/* Errors of the runtime. All other errors are answers of the actor itself. */
static const struct {
	const char *name;
	enum ctl_exit status;
	const char *text, *hint;
} runtime_errors[] = {
	{ERROR_NOPROC, CTL_NO_NAME, "there is no such actor", "see actorctl names"},
	{ERROR_NOCONNECTION, CTL_FAILED, "its process ended before it answered", "see actorctl ls"},
	{"down", CTL_FAILED, "it ended before it answered", "see actorctl ls"},
	{"timeout", CTL_TIMEOUT, "no answer in time", "give it longer with --timeout"},
	{ERROR_PERMISSION, CTL_PERMISSION, "not permitted", NULL},
};

/*
 * Reports that the actor is overloaded. Its text may say after how long to ask again (docs/protocol.md §3).
 */
static int message_fail_overloaded(const struct ctl *ctl, const char *what, const char *text)
{
	char hint[64] = "try again later";
	long long ms;
	int at = 0;

	if (sscanf(text, "retry_ms=%lld; %n", &ms, &at) == 1 && at && ms >= 0)
		snprintf(hint, sizeof(hint), "try again in %lld ms", ms);
	else
		at = 0;
	return ctl_fail(ctl, CTL_OVERLOADED, ERROR_OVERLOADED, hint,
		"cannot %s: it takes no more for now%s%s%s", what, text[at] ? " (" : "", text + at,
		text[at] ? ")" : "");
}

static int message_fail_remote(const struct ctl *ctl, const char *what, const struct session_error *error)
{
	if (!strcmp(error->name, ERROR_OVERLOADED))
		return message_fail_overloaded(ctl, what, error->text);
	for (size_t i = 0; i < sizeof(runtime_errors) / sizeof(*runtime_errors); i++)
		if (!strcmp(runtime_errors[i].name, error->name))
			return ctl_fail(ctl, runtime_errors[i].status, error->name, runtime_errors[i].hint,
				"cannot %s: %s%s%s%s", what, runtime_errors[i].text, *error->text ? " (" : "",
				error->text, *error->text ? ")" : "");
	return ctl_fail(ctl, CTL_REMOTE, *error->name ? error->name : "error",
		strcmp(error->name, ERROR_NO_METHOD) ? NULL
		: strstr(error->text, " is a cast")  ? "use actorctl send"
						     : "the actor does not know this method",
		"%s: it answered %s%s%s", what, error->name, *error->text ? ": " : "", error->text);
}

int message_fail(const struct ctl *ctl, const char *verb, const char *to, const char *method, int r,
	const struct session_error *error, int64_t timeout_ms)
{
	const struct session_error nothing = {0};
	char what[640], after[DURATION_TEXT_MAX];

	snprintf(what, sizeof(what), "%s %s%s%s", verb, to, *method ? " " : "", method);
	switch (-r) {
	case EREMOTEIO:
		return message_fail_remote(ctl, what, error ? error : &nothing);
	case ESRCH:
		return ctl_fail(ctl, CTL_NO_NAME, ERROR_NOPROC, "see actorctl names",
			"cannot %s: there is no such actor", what);
	case ETIMEDOUT:
		return ctl_fail(ctl, CTL_TIMEOUT, "timeout", "give it longer with --timeout",
			"cannot %s: no answer within %s", what, duration_format(timeout_ms, after));
	case ECONNRESET:
		return ctl_fail(ctl, CTL_FAILED, "down", "see actorctl ls",
			"cannot %s: it ended before it answered", what);
	case ENOTCONN:
		if (!node_is_running(ctl))
			return ctl_fail(ctl, CTL_UNREACHABLE, "no_node", "start one with: actorctl up -d",
				"cannot %s: the node has ended", what);
		return ctl_fail(ctl, CTL_UNREACHABLE, "unreachable",
			"try again: a broker that died is started again at once",
			"cannot %s: the connection to the broker was lost", what);
	case EBUSY:
	case EAGAIN:
		return ctl_fail(ctl, CTL_OVERLOADED, ERROR_OVERLOADED, "try again later",
			"cannot %s: its mailbox is full", what);
	case EMSGSIZE:
		return ctl_fail(ctl, CTL_FAILED, "too_large", "a message carries at most 16 MiB",
			"cannot %s: too large", what);
	case EINVAL:
		return ctl_fail(ctl, CTL_USAGE, "usage", "names and methods have 1 to 255 bytes",
			"cannot %s: not a valid request", what);
	case EPROTO:
		return ctl_fail(
			ctl, CTL_FAILED, "protocol", NULL, "cannot %s: the answer is not well-formed", what);
	default:
		return ctl_fail_errno(ctl, -r, NULL, "cannot %s", what);
	}
}
