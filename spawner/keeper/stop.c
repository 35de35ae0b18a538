/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the node, orderly or at once. */
#include <signal.h>

#include "spawner/keeper/keeper.h"

void keeper_stop(struct keeper *keeper, int exit_code)
{
	if (keeper->phase == KEEPER_STOPS)
		return;
	keeper->phase = KEEPER_STOPS;
	keeper->exit_code = exit_code;
	keeper->deadline_ns = keeper_now_ns() + KEEPER_STOP_LIMIT_NS;
	keeper->restart_ns = 0;
	keeper->rescan_ns = keeper_now_ns(); /* look for orphans */
	keeper_kill_all(keeper);
	if (keeper->supervisor_pid > 0 && !keeper->leave_ns)
		kill(keeper->supervisor_pid, SIGKILL);
}

void keeper_terminate(struct keeper *keeper)
{
	if (keeper->phase != KEEPER_RUNS)
		return;
	keeper->phase = KEEPER_TERMINATES;
	keeper->deadline_ns = keeper_now_ns() + keeper->stop_limit_ns;
	if (keeper->restart_ns) /* an orderly end needs a supervisor */
		keeper->restart_ns = keeper_now_ns();
}
