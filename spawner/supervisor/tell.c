/* SPDX-License-Identifier: Apache-2.0 */
/* Records to the keeper, and the end of the node when the keeper is gone. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "libactor/protocol/variables.h"
#include "libactor/util/log.h"
#include "spawner/shared/runtime-dir.h"
#include "spawner/shared/sweep.h"
#include "spawner/supervisor/supervisor.h"

/*
 * The sessions of the leaders that were alive at the keeper's last report. Processes without a mark may be in
 * them.
 */
static size_t sessions_of(const struct node *node, pid_t **ret)
{
	size_t n = 0, n_max = node ? node_count(node) : 0;

	*ret = n_max ? calloc(n_max, sizeof(**ret)) : NULL;
	for (struct child *child = *ret ? node_first(node) : NULL; child && n < n_max;
		child = node_after(node, child))
		if (child->pid > 0)
			(*ret)[n++] = child->pid;
	return n;
}

/*
 * The pid of the broker. If the keeper has not reported a broker yet, this is the broker that ran when the
 * supervisor was started.
 */
static pid_t broker_pid(const struct supervisor *supervisor)
{
	struct child *broker = supervisor->node ? node_broker(supervisor->node) : NULL;
	const char *text = getenv(ENV_DAEMON_PID);

	if (broker && broker->pid > 0)
		return broker->pid;
	return text ? (pid_t)strtol(text, NULL, 10) : 0;
}

/*
 * Kills all processes of the node, the broker last: if the supervisor is killed meanwhile, the broker does
 * the rest. The broker begins with that when the supervisor no longer holds the lock of the directory
 * (broker/aftermath.c).
 */
__attribute__((noreturn)) void supervisor_end_of_node(struct supervisor *supervisor)
{
	pid_t *sessions, except = broker_pid(supervisor);
	size_t n_sessions = sessions_of(supervisor->node, &sessions);
	struct sweep_denied denied = {0};
	int dir_fd, r;

	log_error("the keeper is gone: everything of this node is ended");
	r = sweep_kill(
		supervisor->node_id, sessions, n_sessions, &except, except > 0, SUPERVISOR_SWEEP_MS, &denied);
	if (denied.n)
		log_error("%u processes run as another user and go on, one is %d (uid %d)", denied.n,
			(int)denied.pid, (int)denied.uid);
	if (r >= 0 && except > 0)
		r = sweep_kill_one(supervisor->node_id, except, SUPERVISOR_SWEEP_MS);
	if (r < 0)
		log_error("not all processes could be ended: %s", strerror(-r));
	dir_fd = open(supervisor->runtime_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd >= 0)
		runtime_dir_leave(dir_fd, supervisor->runtime_dir, supervisor->node_id);
	_exit(1);
}

void supervisor_keeper_tell(struct supervisor *supervisor, const union keeper_record *record, int fd)
{
	int err = keeper_link_send(&supervisor->keeper, record, fd);

	if (err == -EPIPE)
		supervisor_end_of_node(supervisor);
	if (err) {
		log_error("the keeper cannot be told: %s", strerror(-err));
		abort(); /* what could not be told is in the state, and the next supervisor tells it */
	}
}

void supervisor_tell_plain(struct supervisor *supervisor, enum keeper_type type)
{
	union keeper_record record;

	keeper_record_init(&record, type);
	supervisor_keeper_tell(supervisor, &record, -1);
}

void supervisor_tell_down(struct supervisor *supervisor)
{
	supervisor_tell_plain(supervisor, KEEPER_DOWN);
}

/* If records wait, epoll reports when the socket is writable. */
void supervisor_keeper_watch(struct supervisor *supervisor)
{
	uint32_t events = EPOLLIN | (keeper_link_is_waiting(&supervisor->keeper) ? EPOLLOUT : 0);
	struct epoll_event event = {.events = events, .data.u64 = OUTPUT_KEEPER};

	if (events == supervisor->keeper_events)
		return;
	if (epoll_ctl(supervisor->outputs.epoll_fd, supervisor->keeper_events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
		    supervisor->keeper.fd, &event) < 0)
		abort();
	supervisor->keeper_events = events;
}

void supervisor_tell_ready(struct supervisor *supervisor)
{
	union keeper_record record;

	if (supervisor->ready_told)
		return;
	supervisor->ready_told = true;
	keeper_record_init(&record, KEEPER_READY);
	supervisor_keeper_tell(supervisor, &record, -1);
	supervisor_keeper_watch(supervisor);
}
