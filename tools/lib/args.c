/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/args.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/lib/suggest.h"

static const struct option_spec *args_find(
	const struct option_spec *own, const struct option_spec *global, const char *name, size_t len)
{
	const struct option_spec *tables[] = {own, global};

	for (size_t t = 0; t < 2; t++)
		for (const struct option_spec *o = tables[t]; o && o->name; o++)
			if (strlen(o->name) == len && !memcmp(o->name, name, len))
				return o;
	return NULL;
}

static const struct option_spec *args_find_letter(
	const struct option_spec *own, const struct option_spec *global, char letter)
{
	const struct option_spec *tables[] = {own, global};

	for (size_t t = 0; t < 2; t++)
		for (const struct option_spec *o = tables[t]; o && o->name; o++)
			if (o->letter && o->letter == letter)
				return o;
	return NULL;
}

static int args_unknown(const struct option_spec *own, const struct option_spec *global, const char *name,
	size_t len, char *error)
{
	const struct option_spec *tables[] = {own, global};
	struct suggest suggest = SUGGEST_INIT;
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)(len > 63 ? 63 : len), name);
	for (size_t t = 0; t < 2; t++)
		for (const struct option_spec *o = tables[t]; o && o->name; o++)
			suggest_offer(&suggest, text, o->name);
	if (suggest.best)
		snprintf(error, ARGS_ERROR_MAX, "unknown option '--%s'; did you mean --%s?", text,
			suggest.best);
	else
		snprintf(error, ARGS_ERROR_MAX, "unknown option '--%s'", text);
	return -EINVAL;
}

static void args_add(struct args *args, const struct option_spec *spec, const char *value)
{
	args->options[args->n_options++] = (struct args_option){spec, value};
}

static bool args_is_number(const char *text)
{
	if (*text == '-')
		text++;
	if (*text == '.')
		text++;
	return isdigit((unsigned char)*text);
}

static int args_parse_long(struct args *args, const struct option_spec *own, const struct option_spec *global,
	int argc, const char *const argv[], int *at, char *error)
{
	const char *text = argv[*at] + 2;
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	const struct option_spec *spec = args_find(own, global, text, len);
	const char *value = equals ? equals + 1 : NULL;

	if (!spec)
		return args_unknown(own, global, text, len, error);
	if (spec->value == OPTION_FLAG && value) {
		snprintf(error, ARGS_ERROR_MAX, "option --%s takes no value", spec->name);
		return -EINVAL;
	}
	if (spec->value == OPTION_VALUE && !value) {
		if (*at + 1 >= argc) {
			snprintf(error, ARGS_ERROR_MAX, "option --%s needs a value: --%s %s", spec->name,
				spec->name, spec->value_name);
			return -EINVAL;
		}
		value = argv[++*at];
	}
	args_add(args, spec, value);
	return 0;
}

static int args_parse_short(struct args *args, const struct option_spec *own,
	const struct option_spec *global, int argc, const char *const argv[], int *at, char *error)
{
	for (const char *letter = argv[*at] + 1; *letter; letter++) {
		const struct option_spec *spec = args_find_letter(own, global, *letter);
		const char *value = NULL;

		if (!spec) {
			snprintf(error, ARGS_ERROR_MAX, "unknown option '-%c'",
				isprint((unsigned char)*letter) ? *letter : '?');
			return -EINVAL;
		}
		if (spec->value != OPTION_VALUE) {
			args_add(args, spec, NULL);
			continue;
		}
		if (letter[1]) {
			value = letter + 1; /* -n5 */
		} else if (*at + 1 < argc) {
			value = argv[++*at];
		} else {
			snprintf(error, ARGS_ERROR_MAX, "option -%c needs a value: -%c %s", *letter, *letter,
				spec->value_name);
			return -EINVAL;
		}
		args_add(args, spec, value);
		break;
	}
	return 0;
}

int args_parse(struct args *args, const struct option_spec *own, const struct option_spec *global,
	unsigned flags, int argc, const char *const argv[], char error[ARGS_ERROR_MAX])
{
	size_t room = 1;
	bool only_values = false;
	int r;

	for (int i = 0; i < argc; i++)
		room += strlen(argv[i]) + 1; /* one argument like -abc has several options */
	*args = (struct args)ARGS_INIT;
	args->options = calloc(room, sizeof(*args->options));
	args->values = calloc((size_t)argc + 1, sizeof(*args->values));
	if (!args->options || !args->values) {
		args_deinit(args);
		snprintf(error, ARGS_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}

	for (int at = 0; at < argc; at++) {
		const char *text = argv[at];

		if (!only_values && !strcmp(text, "--")) {
			only_values = true;
			continue;
		}
		if (only_values || text[0] != '-' || !text[1] ||
			((flags & ARGS_NUMBERS) && args_is_number(text))) {
			args->values[args->n_values++] = text;
			if (flags & ARGS_STOP_AT_FIRST)
				only_values = true;
			continue;
		}
		if (text[1] == '-')
			r = args_parse_long(args, own, global, argc, argv, &at, error);
		else
			r = args_parse_short(args, own, global, argc, argv, &at, error);
		if (r) {
			args_deinit(args);
			return r;
		}
	}
	return 0;
}

void args_deinit(struct args *args)
{
	free(args->options);
	free(args->values);
	*args = (struct args)ARGS_INIT;
}

bool args_has(const struct args *args, const char *name)
{
	for (size_t i = 0; i < args->n_options; i++)
		if (!strcmp(args->options[i].spec->name, name))
			return true;
	return false;
}

const char *args_value(const struct args *args, const char *name)
{
	for (size_t i = args->n_options; i > 0; i--)
		if (!strcmp(args->options[i - 1].spec->name, name))
			return args->options[i - 1].value;
	return NULL;
}

const char *args_next(const struct args *args, const char *name, size_t *at)
{
	while (*at < args->n_options) {
		const struct args_option *option = &args->options[(*at)++];

		if (!strcmp(option->spec->name, name))
			return option->value;
	}
	return NULL;
}
