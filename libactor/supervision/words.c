/* SPDX-License-Identifier: Apache-2.0 */
/* The words of supervision, and which configurations make sense. */
#include <stddef.h>

#include "libactor/supervision/engine.h"

#define NAME_OF(names, i) ((size_t)(i) < sizeof(names) / sizeof((names)[0]) ? (names)[i] : "?")

const char *supervision_strategy_name(enum supervision_strategy strategy)
{
	static const char *const names[_SUPERVISION_STRATEGY_N] = {
		[SUPERVISION_ONE_FOR_ONE] = "one_for_one",
		[SUPERVISION_ONE_FOR_ALL] = "one_for_all",
		[SUPERVISION_REST_FOR_ONE] = "rest_for_one",
	};
	return NAME_OF(names, strategy);
}

const char *supervision_auto_shutdown_name(enum supervision_auto_shutdown auto_shutdown)
{
	static const char *const names[_SUPERVISION_AUTO_N] = {
		[SUPERVISION_AUTO_NEVER] = "never",
		[SUPERVISION_AUTO_ANY_SIGNIFICANT] = "any_significant",
		[SUPERVISION_AUTO_ALL_SIGNIFICANT] = "all_significant",
	};
	return NAME_OF(names, auto_shutdown);
}

const char *supervision_state_name(enum supervision_state state)
{
	static const char *const names[_SUPERVISION_STATE_N] = {
		[SUPERVISION_DOWN] = "down",
		[SUPERVISION_WAITING] = "waiting",
		[SUPERVISION_BACKOFF] = "backoff",
		[SUPERVISION_STARTING] = "starting",
		[SUPERVISION_UP] = "up",
		[SUPERVISION_READY] = "ready",
		[SUPERVISION_STOPPING] = "stopping",
	};
	return NAME_OF(names, state);
}

const char *supervision_exit_name(enum supervision_exit exit)
{
	static const char *const names[_SUPERVISION_EXIT_N] = {
		[SUPERVISION_EXIT_NONE] = "none",
		[SUPERVISION_EXIT_NORMAL] = "normal",
		[SUPERVISION_EXIT_SHUTDOWN] = "shutdown",
		[SUPERVISION_EXIT_ABNORMAL] = "abnormal",
		[SUPERVISION_EXIT_KILLED] = "killed",
		[SUPERVISION_EXIT_FATAL] = "fatal",
	};
	return NAME_OF(names, exit);
}

const char *supervision_cause_name(enum supervision_cause cause)
{
	static const char *const names[_SUPERVISION_CAUSE_N] = {
		[SUPERVISION_CAUSE_NONE] = "none",
		[SUPERVISION_CAUSE_ENDED] = "ended",
		[SUPERVISION_CAUSE_COMMAND] = "command",
		[SUPERVISION_CAUSE_RESTART] = "restart",
		[SUPERVISION_CAUSE_SIBLING] = "sibling",
		[SUPERVISION_CAUSE_NOT_READY] = "not_ready",
		[SUPERVISION_CAUSE_OVERSTAYED] = "overstayed",
		[SUPERVISION_CAUSE_START_FAILED] = "start_failed",
		[SUPERVISION_CAUSE_SHUTDOWN] = "shutdown",
		[SUPERVISION_CAUSE_INTENSITY] = "intensity",
		[SUPERVISION_CAUSE_AUTO] = "auto_shutdown",
		[SUPERVISION_CAUSE_IGNORED] = "ignored",
	};
	return NAME_OF(names, cause);
}

const char *supervision_action_name(enum supervision_action_kind kind)
{
	static const char *const names[_SUPERVISION_ACTION_N] = {
		[SUPERVISION_ACTION_START] = "start",
		[SUPERVISION_ACTION_STOP] = "stop",
		[SUPERVISION_ACTION_KILL] = "kill",
		[SUPERVISION_ACTION_GONE] = "gone",
		[SUPERVISION_ACTION_READY] = "ready",
		[SUPERVISION_ACTION_ESCALATE] = "escalate",
		[SUPERVISION_ACTION_DONE] = "done",
	};
	return NAME_OF(names, kind);
}

const char *supervision_config_check(const struct supervision_config *config)
{
	if ((unsigned)config->strategy >= _SUPERVISION_STRATEGY_N)
		return "the strategy is one_for_one, one_for_all or rest_for_one";
	if ((unsigned)config->auto_shutdown >= _SUPERVISION_AUTO_N)
		return "auto_shutdown is never, any_significant or all_significant";
	if (config->intensity == SUPERVISION_UNLIMITED)
		return NULL;
	if (config->intensity > INTENSITY_MAX)
		return "the intensity is at most 1000000 restarts";
	if (config->period_ms == 0)
		return "the period of the intensity is at least 1 ms";
	return NULL;
}

const char *supervision_child_spec_check(
	const struct supervision_config *config, const struct supervision_child_spec *spec)
{
	if ((unsigned)spec->restart >= _SUPERVISION_RESTART_N)
		return "the restart type is permanent, transient or temporary";
	if (spec->significant && spec->restart == SUPERVISION_PERMANENT)
		return "a permanent child cannot be significant: it never ends by itself";
	if (spec->significant && config->auto_shutdown == SUPERVISION_AUTO_NEVER)
		return "a significant child needs a supervisor whose auto_shutdown is not never";
	if (spec->shutdown_ms < SUPERVISION_BRUTAL_KILL)
		return "the shutdown is a number of milliseconds, infinity or brutal_kill";
	if (spec->ready_timeout_ms && !spec->await_ready)
		return "a ready timeout needs a child that says when it is ready";
	if (spec->period_ms && config->strategy != SUPERVISION_ONE_FOR_ONE)
		return "a limit of restarts of one child needs one_for_one: else its restart is that of a group";
	if (spec->period_ms && spec->intensity > INTENSITY_MAX)
		return "the limit of restarts is too high";
	return backoff_spec_check(&spec->backoff);
}
