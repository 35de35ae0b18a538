/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/tree/spec.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/behavior.h"
#include "libactor/supervision/backoff.h"
#include "libactor/util/clock.h"
#include "libactor/util/sized.h"
#include "libactor/util/utf8.h"

#define DEPTH_MAX           32 /* of supervisors in supervisors: a table may name itself by mistake */
#define INTENSITY_DEFAULT   1
#define PERIOD_DEFAULT_MS   5000
#define SHUTDOWN_DEFAULT_MS 5000
#define PROCESS_DEFAULT_MS  10000
#define MS_MAX              (INT64_C(24) * 3600 * 1000)
#define BACKOFF_MAX_MS      30000
#define BACKOFF_RESET_MS    60000
#define BACKOFF_JITTER_PCT  20
/* the sizes in version 0.1 */
#define OPTIONS_FIRST_BYTES sizeof(struct actor_supervisor_options)
#define SPEC_FIRST_BYTES    sizeof(struct actor_child_spec)

_Static_assert((int)ACTOR_ONE_FOR_ONE == SUPERVISION_ONE_FOR_ONE &&
		       (int)ACTOR_ONE_FOR_ALL == SUPERVISION_ONE_FOR_ALL &&
		       (int)ACTOR_REST_FOR_ONE == SUPERVISION_REST_FOR_ONE,
	"the engine has the same order");
_Static_assert((int)ACTOR_AUTO_ANY_SIGNIFICANT == SUPERVISION_AUTO_ANY_SIGNIFICANT &&
		       (int)ACTOR_AUTO_ALL_SIGNIFICANT == SUPERVISION_AUTO_ALL_SIGNIFICANT,
	"the engine has the same order");
_Static_assert((int)ACTOR_PERMANENT == SUPERVISION_PERMANENT &&
		       (int)ACTOR_TRANSIENT == SUPERVISION_TRANSIENT &&
		       (int)ACTOR_TEMPORARY == SUPERVISION_TEMPORARY,
	"the engine has the same order");

/* For reading a spec: how deep in the tree it is, and where to say why it makes no sense. */
struct reading {
	actor_group *group;
	unsigned depth;
	const char **text;
};

static int refuse(const struct reading *reading, const char *text)
{
	*reading->text = text;
	return -EINVAL;
}

/* ---- copies ---- */

static void strings_free(char **strings)
{
	for (char **string = strings; string && *string; string++)
		free(*string);
	free(strings);
}

/* *ret: NULL if @strings is NULL. */
static int strings_copy(const char *const *strings, char ***ret)
{
	size_t n = 0;

	*ret = NULL;
	if (!strings)
		return 0;
	while (strings[n])
		n++;
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		(*ret)[i] = strdup(strings[i]);
		if (!(*ret)[i])
			return -ENOMEM;
	}
	return 0;
}

static int string_copy(const char *string, char **ret)
{
	*ret = string ? strdup(string) : NULL;
	return string && !*ret ? -ENOMEM : 0;
}

void child_spec_copy_drop(struct child_spec_copy *spec)
{
	if (!spec || --spec->n_users)
		return;
	tree_spec_drop(spec->tree);
	strings_free(spec->argv);
	strings_free(spec->env);
	free(spec->process_name);
	free(spec->cwd);
	free(spec->own_arg);
	free(spec->name);
	free(spec);
}

void tree_spec_drop(struct tree_spec *tree)
{
	if (!tree || --tree->n_users)
		return;
	for (size_t i = 0; i < tree->n_children; i++)
		child_spec_copy_drop(tree->children[i]);
	free(tree->children);
	free(tree->name);
	free(tree);
}

/* ---- reading ---- */

static int tree_read(const struct reading *reading, const struct actor_supervisor_options *given,
	size_t given_bytes, struct tree_spec **ret);

static int process_copy(
	const struct reading *reading, const struct actor_child_spec *given, struct child_spec_copy *spec)
{
	int r = sized_read(&spec->process, sizeof(spec->process), given->process, given->process_bytes,
		sizeof(spec->process));

	if (r < 0)
		return refuse(reading, "process_bytes is the size of struct actor_process_spec");
	if (!spec->process.argv || !spec->process.argv[0])
		return refuse(reading, "a process needs argv");
	r = strings_copy(spec->process.argv, &spec->argv);
	if (r == 0)
		r = strings_copy(spec->process.env, &spec->env);
	if (r == 0)
		r = string_copy(spec->process.name, &spec->process_name);
	if (r == 0)
		r = string_copy(spec->process.cwd, &spec->cwd);
	spec->process.argv = (const char *const *)spec->argv;
	spec->process.env = (const char *const *)spec->env;
	spec->process.name = spec->process_name;
	spec->process.cwd = spec->cwd;
	return r;
}

/* What the child is: exactly one of three. */
static int child_read_kind(
	const struct reading *reading, const struct actor_child_spec *given, struct child_spec_copy *spec)
{
	struct reading deeper = {reading->group, reading->depth + 1, reading->text};
	int r;

	if (!!given->behavior + !!given->supervisor + !!given->process != 1)
		return refuse(reading, "a child is exactly one of behavior, supervisor and process");
	if (given->supervisor) {
		spec->kind = CHILD_SUPERVISOR;
		return tree_read(&deeper, given->supervisor, given->supervisor_bytes, &spec->tree);
	}
	if (given->process) {
		spec->kind = CHILD_PROCESS;
		return process_copy(reading, given, spec);
	}
	spec->kind = CHILD_ACTOR;
	spec->behavior = given->behavior;
	if (reading->group) {
		r = behavior_known(reading->group, &spec->behavior, given->behavior_bytes);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			return refuse(reading, "behavior_bytes is the size of struct actor_behavior");
	}
	if (given->arg_bytes && !given->arg)
		return refuse(reading, "arg_bytes needs arg");
	spec->arg = given->arg;
	if (given->arg_bytes) {
		spec->own_arg = malloc(given->arg_bytes);
		if (!spec->own_arg)
			return -ENOMEM;
		spec->arg = memcpy(spec->own_arg, given->arg, given->arg_bytes);
	}
	return 0;
}

static int child_read_shutdown(
	const struct reading *reading, const struct actor_child_spec *given, struct child_spec_copy *spec)
{
	int64_t ms = given->shutdown_ms;

	if (!ms || ms == ACTOR_TIMEOUT_DEFAULT)
		ms = spec->kind == CHILD_SUPERVISOR ? ACTOR_FOREVER
		     : spec->kind == CHILD_PROCESS  ? PROCESS_DEFAULT_MS
						    : SHUTDOWN_DEFAULT_MS;
	if (ms == ACTOR_FOREVER)
		spec->engine.shutdown_ms = SUPERVISION_INFINITY;
	else if (ms == ACTOR_BRUTAL_KILL)
		spec->engine.shutdown_ms = SUPERVISION_BRUTAL_KILL;
	else if (ms < 0 || ms > MS_MAX)
		return refuse(reading,
			"shutdown_ms is a time of at most a day, ACTOR_FOREVER or ACTOR_BRUTAL_KILL");
	else
		spec->engine.shutdown_ms = (int32_t)ms;
	return 0;
}

static int child_read_times(
	const struct reading *reading, const struct actor_child_spec *given, struct child_spec_copy *spec)
{
	int r = child_read_shutdown(reading, given, spec);

	if (r < 0)
		return r;
	if (given->start_timeout_ms < 0 || given->start_timeout_ms > MS_MAX)
		return refuse(reading, "start_timeout_ms is a time of at most a day");
	if (given->backoff_min_ms < 0 || given->backoff_min_ms > MS_MAX || given->backoff_max_ms < 0 ||
		given->backoff_max_ms > MS_MAX || given->backoff_reset_ms < 0 ||
		given->backoff_reset_ms > MS_MAX)
		return refuse(reading, "the times of the backoff are at most a day");
	if (given->backoff_jitter_pct < -1 || given->backoff_jitter_pct > 100)
		return refuse(reading, "backoff_jitter_pct is at most 100");
	spec->engine.await_ready = true;
	spec->engine.ready_timeout_ms = (uint32_t)given->start_timeout_ms;
	if (!given->backoff_min_ms)
		return 0;
	spec->engine.backoff = (struct backoff_spec){
		.min_ms = (uint32_t)given->backoff_min_ms,
		.max_ms = (uint32_t)(given->backoff_max_ms ? given->backoff_max_ms : BACKOFF_MAX_MS),
		.factor = 2,
		.jitter_pct = given->backoff_jitter_pct < 0 ? 0
			      : given->backoff_jitter_pct   ? (uint32_t)given->backoff_jitter_pct
							    : BACKOFF_JITTER_PCT,
		.reset_after_ms =
			(uint32_t)(given->backoff_reset_ms ? given->backoff_reset_ms : BACKOFF_RESET_MS),
	};
	if (spec->engine.backoff.max_ms < spec->engine.backoff.min_ms)
		spec->engine.backoff.max_ms = spec->engine.backoff.min_ms;
	return 0;
}

static int child_read(const struct reading *reading, const struct supervision_config *config,
	const struct actor_child_spec *bytes, size_t given_bytes, struct child_spec_copy **ret)
{
	struct child_spec_copy *spec;
	struct actor_child_spec given;
	const char *text;
	size_t length;
	int r = bytes ? sized_read(&given, sizeof(given), bytes, given_bytes, SPEC_FIRST_BYTES) : -EINVAL;

	if (r < 0) {
		(void)refuse(reading, "child_bytes is the size of struct actor_child_spec");
		return r;
	}
	length = given.name ? strlen(given.name) : 0;
	if (given.name && (!length || length > ACTOR_CHILD_NAME_MAX || !utf8_is_plain(given.name, length)))
		return refuse(
			reading, "a child's name is 1 to 255 bytes of UTF-8 without control characters");
	spec = calloc(1, sizeof(*spec));
	if (!spec)
		return -ENOMEM;
	spec->n_users = 1;
	spec->keep_state = given.keep_state;
	spec->engine.restart = (enum supervision_restart)given.restart;
	spec->engine.significant = given.significant;
	r = string_copy(given.name, &spec->name);
	if (r == 0)
		r = child_read_kind(reading, &given, spec);
	if (r == 0)
		r = child_read_times(reading, &given, spec);
	text = r == 0 ? supervision_child_spec_check(config, &spec->engine) : NULL;
	if (text)
		r = refuse(reading, text);
	if (r < 0)
		child_spec_copy_drop(spec);
	else
		*ret = spec;
	return r;
}

static int config_read(const struct reading *reading, const struct actor_supervisor_options *given,
	struct supervision_config *config)
{
	const char *text;

	if (given->intensity < ACTOR_INTENSITY_UNLIMITED)
		return refuse(reading,
			"the intensity is a number, ACTOR_INTENSITY_NONE or ACTOR_INTENSITY_UNLIMITED");
	if (given->period_ms < 0 || given->period_ms > MS_MAX)
		return refuse(reading, "period_ms is a time of at most a day");
	*config = (struct supervision_config){
		.strategy = (enum supervision_strategy)given->strategy,
		.auto_shutdown = (enum supervision_auto_shutdown)given->auto_shutdown,
		.intensity = given->intensity == ACTOR_INTENSITY_UNLIMITED ? SUPERVISION_UNLIMITED
			     : given->intensity == ACTOR_INTENSITY_NONE    ? 0
			     : given->intensity                            ? (uint32_t)given->intensity
									   : INTENSITY_DEFAULT,
		.period_ms = (uint32_t)(given->period_ms ? given->period_ms : PERIOD_DEFAULT_MS),
		.start_in_order = true,
		.parallel_stop = given->parallel_stop,
		.seed = (uint64_t)clock_now_ns(),
	};
	text = supervision_config_check(config);
	return text ? refuse(reading, text) : 0;
}

static int tree_read(const struct reading *reading, const struct actor_supervisor_options *bytes,
	size_t given_bytes, struct tree_spec **ret)
{
	struct actor_supervisor_options given;
	struct tree_spec *tree;
	int r = bytes ? sized_read(&given, sizeof(given), bytes, given_bytes, OPTIONS_FIRST_BYTES) : -EINVAL;

	if (r < 0) {
		(void)refuse(reading, "the size given is not that of struct actor_supervisor_options");
		return r;
	}
	if (reading->depth > DEPTH_MAX)
		return refuse(reading, "supervisors are nested at most 32 deep");
	if (given.n_children && (!given.children || given.child_bytes < SPEC_FIRST_BYTES))
		return refuse(reading, "child_bytes is the size of struct actor_child_spec");
	tree = calloc(1, sizeof(*tree));
	if (!tree)
		return -ENOMEM;
	tree->n_users = 1;
	tree->on_event = given.on_event;
	tree->arg = given.arg;
	r = config_read(reading, &given, &tree->config);
	if (r == 0)
		r = string_copy(given.name, &tree->name);
	if (r == 0 && given.n_children) {
		tree->children = calloc(given.n_children, sizeof(struct child_spec_copy *));
		r = tree->children ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < given.n_children; i++) {
		const char *at = (const char *)given.children + i * given.child_bytes;

		r = child_read(reading, &tree->config, (const struct actor_child_spec *)(const void *)at,
			given.child_bytes, &tree->children[i]);
		tree->n_children += r == 0;
	}
	if (r < 0)
		tree_spec_drop(tree);
	else
		*ret = tree;
	return r;
}

int tree_spec_new(actor_group *group, const struct actor_supervisor_options *given, size_t given_bytes,
	struct tree_spec **ret, const char **ret_text)
{
	*ret_text = NULL;
	return tree_read(&(struct reading){group, 0, ret_text}, given, given_bytes, ret);
}

int child_spec_copy_new(actor_group *group, const struct tree_spec *tree,
	const struct actor_child_spec *given, size_t given_bytes, struct child_spec_copy **ret,
	const char **ret_text)
{
	*ret_text = NULL;
	return child_read(&(struct reading){group, 0, ret_text}, &tree->config, given, given_bytes, ret);
}
