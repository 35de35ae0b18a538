/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command of actorctl needs: the global options, and the functions to report failures.
 *
 * A command returns the exit status of the program. A command reports a failure only by ctl_fail(). This
 * writes one line for people on stderr, or with --json one object for programs on stdout, and returns the
 * status. So no failure is reported twice, and none is silent.
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
	CTL_UNREACHABLE = 7, /* there is no node, or no broker */
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
	const struct command *const *commands; /* all commands, with a NULL at the end */
	const struct command *command;         /* the command that runs; NULL until it is known */
	const char *runtime_dir;               /* --runtime-dir, absolute; NULL: the usual place */
	int64_t timeout_ms;                    /* --timeout; CTL_NO_TIMEOUT if it was not given */
	bool json;
	bool headings;
	enum ctl_color color;
	bool stdout_is_tty;
	bool stderr_is_tty;
	json_t **keep_error; /* with --json, if not NULL: failures go here and not to stdout */
};

struct command {
	const char *name;     /* for a command of a family both words, as "pg ls" */
	const char *synopsis; /* the arguments, as the help shows them */
	/* one line for the list of commands; NULL: the list does not show the command */
	const char *summary;
	const char *examples;              /* lines that are indented by two; each ends with a newline */
	const char *details;               /* paragraphs after the options; may be NULL */
	const struct option_spec *options; /* the command's own options; may be NULL */
	unsigned args_flags;
	int args_min;
	int args_max; /* -1: any number */
	int (*run)(struct ctl *ctl, const struct args *args);
	/* its subcommands, with a NULL at the end; the next word says which one */
	const struct command *const *family;
};

extern const struct option_spec ctl_global_options[];

/* Finds a command by the last word of its name. Most names have only one word. NULL: there is none. */
const struct command *ctl_command_find(const struct command *const *commands, const char *word);
const char *ctl_command_word(const struct command *command);

/*
 * Reports a failure, and how to go on: "actorctl: <message>; <hint>". @code is the word for programs (for
 * instance "in_use"). @hint may be NULL. Returns @status.
 */
int ctl_fail(const struct ctl *ctl, enum ctl_exit status, const char *code, const char *hint,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * The same for a request that failed with an errno of the system or of libactor. @error is a positive errno.
 */
int ctl_fail_errno(const struct ctl *ctl, int error, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Writes a note for people to stderr. With --json it writes nothing. */
void ctl_note(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --timeout, or @otherwise_ms if it was not given. */
int64_t ctl_timeout_ms(const struct ctl *ctl, int64_t otherwise_ms);

/* Should the output on stdout have colours? */
bool ctl_colors(const struct ctl *ctl);
