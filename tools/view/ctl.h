/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command of actorctl knows: the global options, how to fail, how to write.
 *
 * A command returns the exit status of the program. It has failed only through ctl_fail(), which writes the
 * one line for people on stderr, or with --json the one object for programs on stdout, and returns the
 * status; so nothing fails twice or in silence.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/lib/args.h"

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NO_NAME = 4,
	CTL_TIMEOUT = 5,
	CTL_REMOTE = 6,      /* the called method answered with an error */
	CTL_UNREACHABLE = 7, /* no node, or no broker */
	CTL_PERMISSION = 8,
	CTL_CONFLICT = 9,
	CTL_OVERLOADED = 10,
	CTL_INTERRUPTED = 130,
};

enum ctl_color { CTL_COLOR_AUTO, CTL_COLOR_ALWAYS, CTL_COLOR_NEVER };

#define CTL_NO_TIMEOUT         INT64_C(-1)
#define CTL_TIMEOUT_DEFAULT_MS 5000

struct command;

struct ctl {
	const struct command *const *commands; /* all there are; NULL at the end */
	const struct command *command;         /* NULL until it is known */
	const char *runtime_dir;               /* --runtime-dir, absolute; NULL: the usual place */
	int64_t timeout_ms;                    /* --timeout; CTL_NO_TIMEOUT when not given */
	bool json;
	bool headings;
	enum ctl_color color;
	bool stdout_is_tty;
	bool stderr_is_tty;
	json_t **keep_error; /* with --json: the failure goes here and not to stdout */
};

struct command {
	const char *name;                  /* of one of a family: both words, "pg ls" */
	const char *synopsis;              /* what follows the name */
	const char *summary;               /* one line for the list of commands; NULL: not listed */
	const char *examples;              /* indented by two, each line ends with a newline */
	const char *details;               /* paragraphs behind the options; may be NULL */
	const struct option_spec *options; /* beside the global ones; may be NULL */
	unsigned args_flags;
	int args_min;
	int args_max; /* -1: any number */
	int (*run)(struct ctl *ctl, const struct args *args);
	const struct command *const *family; /* its commands, NULL at the end: the next word says which */
};

extern const struct option_spec ctl_global_options[];

/* By its last word, the only one of most. NULL: there is none. */
const struct command *ctl_command_find(const struct command *const *commands, const char *word);
const char *ctl_command_word(const struct command *command);

/*
 * Says that it failed, and how to go on: "actorctl: <message>; <hint>". @code is the word for programs
 * ("in_use"), @hint may be NULL. Returns @status.
 */
int ctl_fail(const struct ctl *ctl, enum ctl_exit status, const char *code, const char *hint,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * The same for a request that fails with an errno of the system or of libactor. @error is a positive errno.
 */
int ctl_fail_errno(const struct ctl *ctl, int error, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A note for people on stderr. Nothing with --json. */
void ctl_note(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --timeout, or @otherwise_ms when it was not given. */
int64_t ctl_timeout_ms(const struct ctl *ctl, int64_t otherwise_ms);

/* Whether to colour what goes to stdout. */
bool ctl_colors(const struct ctl *ctl);
