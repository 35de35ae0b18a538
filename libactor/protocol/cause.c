/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/cause.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libactor/protocol/mp.h"
#include "libactor/util/utf8.h"

static const char *const cause_kind_names[] = {
	[ACTOR_EXIT_STATUS] = "exit",
	[ACTOR_EXIT_SIGNAL] = "signal",
	[ACTOR_EXIT_EXEC] = "exec",
};
#define CAUSE_KIND_N (sizeof(cause_kind_names) / sizeof(cause_kind_names[0]))

static const char *const cause_signal_names[] = {
	[SIGHUP] = "SIGHUP",
	[SIGINT] = "SIGINT",
	[SIGQUIT] = "SIGQUIT",
	[SIGILL] = "SIGILL",
	[SIGTRAP] = "SIGTRAP",
	[SIGABRT] = "SIGABRT",
	[SIGBUS] = "SIGBUS",
	[SIGFPE] = "SIGFPE",
	[SIGKILL] = "SIGKILL",
	[SIGUSR1] = "SIGUSR1",
	[SIGSEGV] = "SIGSEGV",
	[SIGUSR2] = "SIGUSR2",
	[SIGPIPE] = "SIGPIPE",
	[SIGALRM] = "SIGALRM",
	[SIGTERM] = "SIGTERM",
	[SIGCHLD] = "SIGCHLD",
	[SIGCONT] = "SIGCONT",
	[SIGSTOP] = "SIGSTOP",
	[SIGTSTP] = "SIGTSTP",
	[SIGTTIN] = "SIGTTIN",
	[SIGTTOU] = "SIGTTOU",
	[SIGURG] = "SIGURG",
	[SIGXCPU] = "SIGXCPU",
	[SIGXFSZ] = "SIGXFSZ",
	[SIGVTALRM] = "SIGVTALRM",
	[SIGPROF] = "SIGPROF",
	[SIGWINCH] = "SIGWINCH",
	[SIGIO] = "SIGIO",
	[SIGPWR] = "SIGPWR",
	[SIGSYS] = "SIGSYS",
};
#define CAUSE_SIGNAL_N   ((int)(sizeof(cause_signal_names) / sizeof(cause_signal_names[0])))
#define CAUSE_SIGNAL_MAX 64

const char *cause_signal_name(int signo, char scratch[16])
{
	if (signo > 0 && signo < CAUSE_SIGNAL_N && cause_signal_names[signo])
		return cause_signal_names[signo];
	snprintf(scratch, 16, "SIG%d", signo);
	return scratch;
}

/* Reads a number of digits alone, up to @max. -EINVAL: it is none. */
static int cause_number(const char *text, int max)
{
	char *end;
	long n;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || n > max)
		return -EINVAL;
	return (int)n;
}

/* RTMIN, RTMIN+n, RTMAX, RTMAX-n: real-time signals have no other names. */
static int cause_real_time_number(const char *bare)
{
	bool from_max = strncasecmp(bare, "RTMAX", 5) == 0;
	int n = 0;

	if (!from_max && strncasecmp(bare, "RTMIN", 5) != 0)
		return -EINVAL;
	bare += 5;
	if (*bare && *bare != (from_max ? '-' : '+'))
		return -EINVAL;
	if (*bare)
		n = cause_number(bare + 1, SIGRTMAX - SIGRTMIN);
	return n < 0 ? n : from_max ? SIGRTMAX - n : SIGRTMIN + n;
}

int cause_signal_number(const char *name)
{
	const char *bare = strncasecmp(name, "SIG", 3) == 0 ? name + 3 : name;
	int n;

	for (int i = 1; i < CAUSE_SIGNAL_N; i++) {
		if (cause_signal_names[i] && strcasecmp(bare, cause_signal_names[i] + 3) == 0)
			return i;
	}
	n = cause_number(bare, CAUSE_SIGNAL_MAX);
	if (n < 0)
		return cause_real_time_number(bare);
	return n ? n : -EINVAL;
}

bool actor_cause_is_clean(const struct actor_cause *cause)
{
	return !strcmp(cause->reason, "normal") || !strcmp(cause->reason, "shutdown");
}

struct actor_cause cause_make(const char *reason)
{
	struct actor_cause cause = {.kind = ACTOR_EXIT_NONE};

	utf8_copy_plain(cause.reason, sizeof(cause.reason), reason, strlen(reason));
	return cause;
}

struct actor_cause cause_of_exit(int code, int status)
{
	struct actor_cause cause;

	if (code == CLD_EXITED) {
		status &= 0xff;
		cause = cause_make(status ? "exit" : "normal");
		cause.kind = ACTOR_EXIT_STATUS;
	} else {
		cause = cause_make("signal");
		cause.kind = ACTOR_EXIT_SIGNAL;
		cause.core = code == CLD_DUMPED;
	}
	cause.code = status;
	return cause;
}

struct actor_cause cause_from_exec_errno(int error, const char *path)
{
	struct actor_cause cause = cause_make("exec");
	char text[PATH_MAX + 128];
	char scratch[64];

	cause.kind = ACTOR_EXIT_EXEC;
	cause.code = error;
	/* The error goes first, because a long path may be cut. */
	snprintf(text, sizeof(text), "%s: %s", strerror_r(error, scratch, sizeof(scratch)), path);
	utf8_copy_plain(cause.text, sizeof(cause.text), text, strlen(text));
	return cause;
}

static void cause_put_key(struct buf *b, const char *key, const char *value)
{
	mp_put_cstr(b, key);
	mp_put_cstr(b, value);
}

void cause_put(struct buf *b, const struct actor_cause *cause)
{
	bool process = cause->kind > ACTOR_EXIT_NONE && cause->kind < (int)CAUSE_KIND_N;
	bool by_signal = cause->kind == ACTOR_EXIT_SIGNAL;
	char scratch[16];

	mp_put_map(b, 1u + (process ? 2 : 0) + (by_signal ? 2 : 0) + (*cause->text ? 1 : 0));
	cause_put_key(b, "reason", cause->reason);
	if (process) {
		cause_put_key(b, "kind", cause_kind_names[cause->kind]);
		mp_put_cstr(b, "code");
		mp_put_int(b, cause->code);
	}
	if (by_signal) {
		cause_put_key(b, "signal", cause_signal_name(cause->code, scratch));
		mp_put_cstr(b, "core");
		mp_put_bool(b, cause->core);
	}
	if (*cause->text)
		cause_put_key(b, "text", cause->text);
}

int cause_parse(const void *data, size_t size_bytes, struct actor_cause *ret)
{
	struct mp_reader r = mp_reader(data, size_bytes);
	struct actor_cause cause = {.kind = ACTOR_EXIT_NONE};
	bool has_reason = false;
	uint32_t n;

	if (mp_read_map(&r, &n))
		return -EPROTO;
	while (n--) {
		const char *key = "", *s;
		size_t key_len = 0, len;
		int64_t code;

		if (mp_peek(&r) != MP_STR) { /* no key of ours */
			if (mp_skip(&r) || mp_skip(&r))
				return -EPROTO;
			continue;
		}
		if (mp_read_str(&r, &key, &key_len))
			return -EPROTO;
		if (mp_str_is(key, key_len, "reason")) {
			if (mp_read_str(&r, &s, &len) || !len)
				return -EPROTO;
			utf8_copy_plain(cause.reason, sizeof(cause.reason), s, len);
			has_reason = true;
		} else if (mp_str_is(key, key_len, "kind")) {
			if (mp_read_str(&r, &s, &len))
				return -EPROTO;
			cause.kind = ACTOR_EXIT_NONE;
			for (size_t i = 1; i < CAUSE_KIND_N; i++) {
				if (mp_str_is(s, len, cause_kind_names[i]))
					cause.kind = (enum actor_exit_kind)i;
			}
		} else if (mp_str_is(key, key_len, "code")) {
			if (mp_read_int(&r, &code) || code < INT_MIN || code > INT_MAX)
				return -EPROTO;
			cause.code = (int)code;
		} else if (mp_str_is(key, key_len, "core")) {
			if (mp_read_bool(&r, &cause.core))
				return -EPROTO;
		} else if (mp_str_is(key, key_len, "text")) {
			if (mp_read_str(&r, &s, &len))
				return -EPROTO;
			utf8_copy_plain(cause.text, sizeof(cause.text), s, len);
		} else if (mp_skip(&r)) { /* also skips `signal`, because `code` has the number */
			return -EPROTO;
		}
	}
	if (!has_reason || r.at != r.end)
		return -EPROTO;
	*ret = cause;
	return 0;
}
