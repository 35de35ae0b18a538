/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/watching.h"

#include <errno.h>

#include "tools/view/live.h"
#include "tools/view/message.h"
#include "tools/view/session.h"
#include "tools/view/wait.h"

const char *watching_gap(const struct watching *watching)
{
	return watching->ctl->stdout_is_tty ? "  " : "\t";
}

int watching_run(
	struct watching *watching, const struct actor_behavior *behavior, const void *arg, const char *what)
{
	struct ctl *ctl = watching->ctl;
	struct wait_signals signals;
	enum live_end end;
	actor_group *group;
	int r, status = session_join(ctl, ACTOR_JOIN_BROKER, &group);

	if (status)
		return status;
	wait_signals_begin(&signals);
	r = actor_group_spawn(group, behavior, arg, NULL, NULL);
	end = r ? LIVE_ACTORS_ENDED : live_run(ctl, group, &signals);
	if (r)
		status = ctl_fail_errno(ctl, -r, NULL, "cannot watch");
	else if (end == LIVE_INTERRUPTED)
		status = CTL_OK;
	else if (end == LIVE_NODE_ENDED || watching->begun)
		status = live_fail_node(ctl);
	else
		status = message_fail(ctl, "watch", what, "", watching->r ? watching->r : -ENOTCONN, NULL,
			CTL_TIMEOUT_DEFAULT_MS);
	actor_group_free(group);
	wait_signals_end(&signals);
	return status;
}
