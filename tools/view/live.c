/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/live.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/types.h>
#include <unistd.h>

#include "tools/view/node.h"

#define LAST_TURNS_MAX 1000 /* to read what the node has said before it ended */

/* A descriptor that is readable when the keeper has ended; -1: nobody will tell us. */
static int keeper_open(const struct ctl *ctl, pid_t *ret)
{
	*ret = node_keeper_pid(ctl, NULL);
	return *ret ? pidfd_open(*ret, 0) : -1;
}

/* The lock is let go before the pidfd is readable; in another pid namespace the pid is somebody else's. */
static bool keeper_has_ended(const struct ctl *ctl, pid_t keeper)
{
	return node_keeper_pid(ctl, NULL) != keeper;
}

static void live_last_words(actor_group *group)
{
	struct pollfd fd = {.fd = actor_group_get_fd(group), .events = POLLIN};

	for (int i = 0; i < LAST_TURNS_MAX && poll(&fd, 1, 0) > 0 && actor_group_dispatch(group) > 0; i++)
		;
	fflush(stdout);
}

static enum live_end live_go(const struct ctl *ctl, actor_group *group, const struct wait_signals *signals,
	struct pollfd *end, pid_t keeper)
{
	struct pollfd fds[4] = {{.fd = actor_group_get_fd(group), .events = POLLIN},
		{.fd = signals->fd, .events = POLLIN}, {.fd = STDOUT_FILENO}, *end};

	for (;;) {
		bool alive = actor_group_dispatch(group) > 0;

		if (fflush(stdout) || ferror(stdout))
			return LIVE_INTERRUPTED;
		if (!alive)
			return LIVE_ACTORS_ENDED;
		if (poll(fds, 4, -1) < 0 && errno != EINTR)
			return LIVE_INTERRUPTED;
		if (wait_signals_take(signals) || fds[2].revents)
			return LIVE_INTERRUPTED;
		if (fds[3].revents && keeper_has_ended(ctl, keeper)) {
			live_last_words(group);
			return LIVE_NODE_ENDED;
		}
		if (fds[3].revents)
			fds[3].fd = -1;
	}
}

enum live_end live_run(const struct ctl *ctl, actor_group *group, const struct wait_signals *signals)
{
	pid_t keeper;
	struct pollfd end = {.fd = keeper_open(ctl, &keeper), .events = POLLIN};
	enum live_end how = live_go(ctl, group, signals, &end, keeper);

	if (end.fd >= 0)
		close(end.fd);
	return how;
}

int live_fail_node(const struct ctl *ctl)
{
	if (node_is_running(ctl))
		return ctl_fail(ctl, CTL_UNREACHABLE, "unreachable", "watch the new one",
			"the node has ended, and another one has its place");
	return ctl_fail(
		ctl, CTL_UNREACHABLE, "no_node", "start one with: actorctl up -d", "the node has ended");
}
