/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/util/utf8.h"
#include "tools/view/output.h"

const struct option_spec ctl_global_options[] = {
	{'j', "json", OPTION_FLAG, NULL, "write JSON on stdout, errors too"},
	{'t', "timeout", OPTION_VALUE, "TIME", "how long to wait: seconds, or 100ms, 2s, 1m (default 5s)"},
	{0, "runtime-dir", OPTION_VALUE, "DIR", "the node's runtime directory"},
	{0, "no-headings", OPTION_FLAG, NULL, "tables without their first line"},
	{0, "color", OPTION_OPTIONAL, "WHEN", "auto, always or never"},
	{'h', "help", OPTION_FLAG, NULL, "show this help"},
	{0, "version", OPTION_FLAG, NULL, "show the version"},
	{0},
};

const char *ctl_command_word(const struct command *command)
{
	const char *space = strrchr(command->name, ' ');

	return space ? space + 1 : command->name;
}

const struct command *ctl_command_find(const struct command *const *commands, const char *word)
{
	for (const struct command *const *c = commands; *c; c++)
		if (!strcmp(ctl_command_word(*c), word))
			return *c;
	return NULL;
}

/* ---- failing ---- */

/* Makes text from elsewhere fit for one line of UTF-8. */
static void ctl_flatten(char *text)
{
	size_t left = strlen(text), n;

	for (; left; text += n, left -= n) {
		n = utf8_char_bytes(text, left);
		if (!n)
			*text = '?';
		else if (utf8_char_is_control(text))
			memset(text, ' ', n);
		n += !n;
	}
}

static int ctl_vfail(const struct ctl *ctl, enum ctl_exit status, const char *code, const char *hint,
	const char *format, va_list list)
{
	char message[1024] = "failed";

	vsnprintf(message, sizeof(message), format, list);
	ctl_flatten(message);
	if (ctl->json) {
		json_t *error =
			json_pack("{s{sssssO?}}", "error", "code", code, "message", message, "hint", NULL);

		if (hint)
			json_object_set_new(json_object_get(error, "error"), "hint", json_string(hint));
		if (error && ctl->keep_error && !*ctl->keep_error) {
			*ctl->keep_error = error;
			return status;
		}
		if (error) {
			output_json(ctl, error);
			json_decref(error);
			return status;
		}
	}
	fflush(stdout);
	/* After a question mark no semicolon is needed. */
	fprintf(stderr, "actorctl: %s%s%s\n", message,
		!hint                                 ? ""
		: message[strlen(message) - 1] == '?' ? " "
						      : "; ",
		hint ? hint : "");
	return status;
}

int ctl_fail(const struct ctl *ctl, enum ctl_exit status, const char *code, const char *hint,
	const char *format, ...)
{
	va_list list;

	va_start(list, format);
	ctl_vfail(ctl, status, code, hint, format, list);
	va_end(list);
	return status;
}

int ctl_fail_errno(const struct ctl *ctl, int error, const char *hint, const char *format, ...)
{
	enum ctl_exit status = CTL_FAILED;
	char message[768];
	va_list list;

	if (error == EACCES || error == EPERM)
		status = CTL_PERMISSION;
	else if (error == ETIMEDOUT)
		status = CTL_TIMEOUT;
	va_start(list, format);
	vsnprintf(message, sizeof(message), format, list);
	va_end(list);
	return ctl_fail(ctl, status, strerrorname_np(error) ? strerrorname_np(error) : "failed", hint,
		"%s: %s", message, strerror(error));
}

void ctl_note(const struct ctl *ctl, const char *format, ...)
{
	va_list list;

	if (ctl->json)
		return;
	fflush(stdout);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

int64_t ctl_timeout_ms(const struct ctl *ctl, int64_t otherwise_ms)
{
	return ctl->timeout_ms == CTL_NO_TIMEOUT ? otherwise_ms : ctl->timeout_ms;
}

bool ctl_colors(const struct ctl *ctl)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (ctl->color != CTL_COLOR_AUTO)
		return ctl->color == CTL_COLOR_ALWAYS;
	if (no_color && *no_color)
		return false;
	return ctl->stdout_is_tty && term && strcmp(term, "dumb");
}
