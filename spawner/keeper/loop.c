/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's one loop: signals, the supervisor's socket, timers. */
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "spawner/keeper/keeper.h"

#define EVENTS_MAX  64
#define SIGNALS_MAX 8 /* signals in one read() */

/*
 * A second signal kills everything at once. A signal that was sent by sigqueue() never counts as the second:
 * actorctl sends one when it does not know whether its first request was received.
 */
static void loop_terminate(struct keeper *keeper, const struct signalfd_siginfo *info)
{
	bool queued = info->ssi_code == SI_QUEUE;

	if (keeper->phase == KEEPER_STOPS)
		return;
	if (keeper->terminate_signo && !queued) {
		keeper_log("asked twice: everything is killed");
		keeper_stop(keeper, 0);
		return;
	}
	if (!queued)
		keeper->terminate_signo = (int)info->ssi_signo;
	keeper->terminate_due = true;
	keeper_terminate(keeper);
}

/* Reaps dead children. If the supervisor is among them, its death is handled then. */
static void loop_reap(struct keeper *keeper, bool look)
{
	keeper_reap(keeper, look);
	if (keeper->supervisor_is_dead) {
		keeper->supervisor_is_dead = false;
		keeper_supervisor_died(keeper, keeper->dead_code, keeper->dead_status);
	}
}

static void loop_signals(struct keeper *keeper)
{
	struct signalfd_siginfo infos[SIGNALS_MAX];
	bool child = false;
	ssize_t n;

	do {
		n = read(keeper->signal_fd, infos, sizeof(infos));
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(infos[0]); i++)
			if (infos[i].ssi_signo == SIGCHLD)
				child = true;
			else
				loop_terminate(keeper, &infos[i]);
	} while (n == sizeof(infos)); /* else all signals were read; a later one wakes the loop again */
	if (child)
		loop_reap(keeper, false);
}

static void loop_exec(struct keeper *keeper, uint64_t source)
{
	struct keeper_entry *entry = &keeper->table.entries[source >> 32 & (KEEPER_SLOTS - 1)];

	if (entry->cookie && (uint32_t)entry->group_id == (uint32_t)source)
		keeper_exec_heard(keeper, entry);
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
	return !a_ns || (b_ns && b_ns < a_ns) ? b_ns : a_ns;
}

static int loop_timeout_ms(const struct keeper *keeper)
{
	uint64_t next_ns = earlier(earlier(keeper->restart_ns, earlier(keeper->leave_ns, keeper->ping_ns)),
		earlier(earlier(keeper->deadline_ns, keeper->rescan_ns), keeper->place_ns));
	uint64_t now_ns = keeper_now_ns();

	if (!next_ns)
		return -1;
	if (next_ns <= now_ns)
		return 0;
	return next_ns - now_ns > 60000000000ull ? 60000 : (int)((next_ns - now_ns + 999999) / 1000000);
}

static void loop_timers(struct keeper *keeper)
{
	uint64_t now_ns = keeper_now_ns();
	int r;

	if (keeper->rescan_ns && now_ns >= keeper->rescan_ns)
		loop_reap(keeper, true);
	if (keeper->place_ns && now_ns >= keeper->place_ns)
		keeper_place_look(keeper);
	if (keeper->leave_ns && now_ns >= keeper->leave_ns) {
		keeper->leave_ns = 0;
		if (keeper->supervisor_pid > 0) {
			keeper_log("the supervisor (pid %d) said good-bye but stays, it is killed",
				(int)keeper->supervisor_pid);
			keeper_supervisor_kill(keeper);
		}
	}
	if (keeper->ping_ns && now_ns >= keeper->ping_ns)
		keeper_supervisor_ping(keeper);
	if (keeper->phase == KEEPER_TERMINATES && now_ns >= keeper->deadline_ns) {
		keeper_log("no orderly end within %llu s: everything is killed",
			(unsigned long long)(keeper->stop_limit_ns / 1000000000ull));
		keeper_stop(keeper, 1);
	}
	if (keeper->restart_ns && now_ns >= keeper->restart_ns) {
		r = keeper_supervisor_start(keeper);
		if (r < 0) {
			keeper->restart_ns = now_ns + KEEPER_POLICY_MAX_NS;
			keeper_log("the supervisor cannot be started, it is tried again in 5 s: %s",
				strerror(-r));
		}
	}
}

/*
 * The node stops, and no supervisor acknowledges ends any more. So entries of dead processes are freed here.
 */
static void loop_release(struct keeper *keeper)
{
	struct keeper_entry *entry;
	unsigned at = 0;

	while ((entry = keeper_table_each(&keeper->table, &at)))
		if (keeper_entry_is_final(entry)) {
			keeper_entry_close(keeper, entry);
			keeper_table_free(&keeper->table, entry);
		}
}

/* Leaders that run as another user, so that they cannot be killed. */
static unsigned loop_count_denied(struct keeper *keeper)
{
	struct keeper_entry *entry;
	unsigned at = 0, n = 0;

	while ((entry = keeper_table_each(&keeper->table, &at)))
		n += keeper_entry_has_process(entry) && !entry->dying && entry->denied_pid == entry->pid;
	return n;
}

static void loop_say_left(struct keeper *keeper)
{
	struct keeper_entry *entry;
	unsigned at = 0;

	while ((entry = keeper_table_each(&keeper->table, &at)))
		if (entry->denied_pid > 0)
			keeper_log("%s: %d runs as another user (uid %d); not stopped", entry->name,
				(int)entry->denied_pid, (int)entry->denied_uid);
	keeper_log("%u processes cannot be killed; the node is gone without them",
		keeper->table.n_used + keeper->n_left);
	if (!keeper->exit_code)
		keeper->exit_code = 1;
}

/* What runs as another user, so that it cannot be killed, is waited for no longer than KEEPER_DENIED_NS. */
static bool loop_is_over(struct keeper *keeper)
{
	unsigned n_denied;

	if (keeper->phase != KEEPER_STOPS)
		return false;
	loop_release(keeper);
	n_denied = loop_count_denied(keeper);
	if (keeper->table.n_used == n_denied && !keeper->supervisor_pid) {
		uint64_t given_up_ns = keeper->deadline_ns - KEEPER_STOP_LIMIT_NS + KEEPER_DENIED_NS;

		loop_reap(keeper, true);
		if (!keeper->n_left && !keeper->table.n_used)
			return true;
		if (n_denied + keeper->n_left_denied == keeper->table.n_used + keeper->n_left) {
			if (keeper_now_ns() >= given_up_ns) {
				loop_say_left(keeper);
				return true;
			}
			if (!keeper->rescan_ns || keeper->rescan_ns > given_up_ns)
				keeper->rescan_ns = given_up_ns;
		}
	}
	if (keeper_now_ns() < keeper->deadline_ns)
		return false;
	loop_say_left(keeper);
	return true;
}

void keeper_run(struct keeper *keeper)
{
	struct epoll_event events[EVENTS_MAX];
	int n, i;

	while (!loop_is_over(keeper)) {
		keeper_socket_flush(keeper);
		n = epoll_wait(keeper->epoll_fd, events, EVENTS_MAX, loop_timeout_ms(keeper));
		for (i = 0; i < n; i++) {
			uint64_t source = events[i].data.u64;

			switch ((enum keeper_source)(source >> 56)) {
			case KEEPER_SOURCE_SIGNAL:
				loop_signals(keeper);
				break;
			case KEEPER_SOURCE_SOCKET:
				keeper->writable =
					keeper->writable || events[i].events & (EPOLLOUT | EPOLLHUP);
				if (events[i].events & (EPOLLIN | EPOLLHUP))
					keeper_socket_receive(keeper);
				break;
			case KEEPER_SOURCE_EXEC:
				loop_exec(keeper, source);
				break;
			case KEEPER_SOURCE_PLACE:
				keeper_place_look(keeper);
				break;
			}
		}
		loop_timers(keeper);
	}
}
