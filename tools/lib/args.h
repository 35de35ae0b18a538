/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses a command line by a table of options. getopt_long() is not used, for four reasons: a verb also takes
 * the global options, "-5" is a JSON argument and not an option, the message about an unknown option names
 * the nearest one, and tests need a parser without globals.
 *
 * The parser is pure: it prints nothing and does not exit. Its strings point into argv.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum option_value { OPTION_FLAG, OPTION_VALUE, OPTION_OPTIONAL /* a value only as --name=VALUE */ };

struct option_spec {
	char letter;      /* 0: there is none */
	const char *name; /* NULL ends the table */
	enum option_value value;
	const char *value_name; /* for the help, for instance "DIR" */
	const char *help;       /* NULL: the help does not list the option */
};

#define ARGS_STOP_AT_FIRST 1u /* the options end at the first argument that is no option (spawn … CMD -x) */
#define ARGS_NUMBERS       2u /* -5 and -.5 are arguments */

struct args_option {
	const struct option_spec *spec;
	const char *value; /* NULL: it is a flag, or its optional value is missing */
};

struct args {
	struct args_option *options; /* in the order of the command line */
	size_t n_options;
	const char **values; /* the arguments in order, with a NULL at the end */
	size_t n_values;
};

#define ARGS_INIT                                                                                            \
	{                                                                                                    \
		0                                                                                            \
	}
#define ARGS_ERROR_MAX 256

/*
 * args_parse() - parses @argv (without the program's name)
 * @own, @global: tables of options; @own is searched first and may be NULL
 * @error: one sentence for people, if the result is not 0
 *
 * Return: 0, -EINVAL (see @error), -ENOMEM.
 */
int args_parse(struct args *args, const struct option_spec *own, const struct option_spec *global,
	unsigned flags, int argc, const char *const argv[], char error[ARGS_ERROR_MAX]);
void args_deinit(struct args *args);

bool args_has(const struct args *args, const char *name);
/* The last value of the option. NULL: the option was not given, or has no value. */
const char *args_value(const struct args *args, const char *name);
/*
 * Each call gives the next value of an option that may be repeated. *at is 0 at the first call. NULL at the
 * end.
 */
const char *args_next(const struct args *args, const char *name, size_t *at);
