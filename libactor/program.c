/* SPDX-License-Identifier: Apache-2.0 */
/* actor_main(): the main function of a program with one first actor. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/base/base.h"
#include "libactor/crash.h"

static actor_group *program_group;

static void program_signal(int signo)
{
	struct sigaction again = {.sa_handler = SIG_DFL};

	/* the first signal stops the group, a second one ends the program */
	sigaction(signo, &again, NULL);
	if (program_group)
		actor_group_stop(program_group);
}

static void program_log(const char *line, void *arg)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, line);
}

static void program_fail(actor_group *group, const char *what, int error)
{
	const char *hint = "";

	if (error == -ENOTCONN)
		hint = "; start one with 'actorctl up -d', or set ACTOR_RUNTIME_DIR";
	else if (error == -EEXIST)
		hint = "; an actor of that name is running: 'actorctl names' lists them";
	fprintf(stderr, "%s: %s: %s%s\n", program_invocation_short_name, what, actor_strerror(error), hint);
	actor_group_free(group);
}

int actor_main_sized(
	const struct actor_behavior *behavior, size_t behavior_bytes, const void *arg, const char *name)
{
	struct actor_group_options options = {.log = program_log};
	struct sigaction action = {.sa_handler = program_signal};
	char what[512];
	int r;

	sigemptyset(&action.sa_mask);
	r = actor_group_new(&program_group, &options);
	if (r < 0) {
		program_fail(NULL, "cannot join the node", r);
		return EXIT_FAILURE;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	crash_report_start(program_group);
	r = actor_group_spawn_sized(program_group, behavior, behavior_bytes, arg, name, NULL);
	if (r < 0) {
		snprintf(what, sizeof(what), "cannot start the actor '%s'%s%s%s",
			behavior && behavior->name ? behavior->name : "?", name ? " as '" : "",
			name ? name : "", name ? "'" : "");
		crash_report_stop();
		program_fail(program_group, what, r);
		program_group = NULL;
		return EXIT_FAILURE;
	}
	r = actor_group_run(program_group);
	if (r == -ENOTCONN)
		fprintf(stderr,
			"%s: ended: the node it belonged to does not know it any more; start it again\n",
			program_invocation_short_name);
	if (r == 0 && program_group->first_failure.reason[0]) {
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name,
			program_group->first_failure.reason, program_group->first_failure.text);
		r = -ECANCELED;
	}
	crash_report_stop();
	program_group = actor_group_free(program_group);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
