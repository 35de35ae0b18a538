/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/live.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

bool live_run(actor_group *group, const struct wait_signals *signals)
{
	struct pollfd fds[3] = {{.fd = actor_group_get_fd(group), .events = POLLIN},
		{.fd = signals->fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};

	for (;;) {
		bool alive = actor_group_dispatch(group) > 0;

		if (fflush(stdout) || ferror(stdout))
			return true;
		if (!alive)
			return false;
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return true;
		if (wait_signals_take(signals) || fds[2].revents)
			return true;
	}
}
