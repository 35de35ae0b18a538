/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command line, taken apart by a table of options. Not getopt_long: a verb shares its options with the
 * global ones, "-5" is a JSON argument and not an option, an unknown option is answered with the nearest one,
 * and the parts must be testable without globals.
 *
 * Pure: no output, no exit. Strings are borrowed from argv.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum option_value { OPTION_FLAG, OPTION_VALUE, OPTION_OPTIONAL /* only as --name=VALUE */ };

struct option_spec {
	char letter;      /* 0: none */
	const char *name; /* NULL ends the table */
	enum option_value value;
	const char *value_name; /* for the help: "DIR" */
	const char *help;       /* NULL: not listed */
};

#define ARGS_STOP_AT_FIRST 1u /* the first argument that is no option ends the options (spawn … CMD -x) */
#define ARGS_NUMBERS       2u /* -5 and -.5 are arguments */

struct args_option {
	const struct option_spec *spec;
	const char *value; /* NULL for a flag, or an optional value left out */
};

struct args {
	struct args_option *options; /* in the order given */
	size_t n_options;
	const char **values; /* the arguments, in order, NULL behind the last */
	size_t n_values;
};

#define ARGS_INIT                                                                                            \
	{                                                                                                    \
		0                                                                                            \
	}
#define ARGS_ERROR_MAX 256

/*
 * args_parse() - take @argv (without the program's name) apart
 * @own, @global: tables of options; @own may be NULL and goes first
 * @error:        one sentence for people when it is not 0
 *
 * Return: 0, -EINVAL (see @error), -ENOMEM.
 */
int args_parse(struct args *args, const struct option_spec *own, const struct option_spec *global,
	unsigned flags, int argc, const char *const argv[], char error[ARGS_ERROR_MAX]);
void args_deinit(struct args *args);

bool args_has(const struct args *args, const char *name);
/* The last one given wins. NULL: not given, or given without a value. */
const char *args_value(const struct args *args, const char *name);
/* Every value of an option that may be repeated: start with *at = 0; NULL at the end. */
const char *args_next(const struct args *args, const char *name, size_t *at);
