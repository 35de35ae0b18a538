/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-supervisor: keeps the supervisor alive, and speaks with it
 *
 * Each incarnation of the supervisor gets its own socketpair, so it cannot receive what was meant for the one
 * before. Requests are read only while no reply waits to be sent. The supervisor always reads, so the wait
 * ends.
 *
 * A supervisor that breaks the protocol is killed. This counts as a death by its own fault, and its successor
 * starts from the table. A supervisor that does not answer is killed too. It may be alive, but its end costs
 * next to nothing: the keeper has its state, and its successor goes on. While it hangs, nobody controls the
 * node. The keeper counts looks and not time: after a pause of the whole machine there is one look, not many.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libactor/protocol/variables.h"
#include "spawner/keeper/child.h"
#include "spawner/keeper/keeper.h"
#include "spawner/shared/client.h"
#include "spawner/shared/inherited.h"
#include "spawner/shared/marks.h"
#include "spawner/shared/process-tree.h"

#define READ_BATCH 64 /* requests per turn of the loop, so that many spawns do not delay the exits */
/* exit status of a shell that finds no program, and of a loader that misses a library */
#define SUPERVISOR_NOT_RUN 127

/* ---- start and end of the supervisor ---- */

static char supervisor_env_text[INHERITED_N + 5][RUNTIME_DIR_PATH_SIZE + 64];

static unsigned env_add(char **env, unsigned n, const char *name, const char *value)
{
	if (value && snprintf(supervisor_env_text[n], sizeof(supervisor_env_text[n]), "%s=%s", name, value) <
			     (int)sizeof(supervisor_env_text[n])) {
		env[n] = supervisor_env_text[n];
		n++;
	}
	return n;
}

/*
 * Is the n-th failed start in a row logged? Only the 1st, 2nd, 4th, 8th … are, since without a supervisor
 * nobody turns the log over.
 */
static bool not_run_is_said(unsigned n)
{
	return !(n & (n - 1));
}

static void supervisor_run(struct keeper *keeper, int socket_fd) __attribute__((noreturn));

static void supervisor_run(struct keeper *keeper, int socket_fd)
{
	struct sweep_marker marker = {.node_id = keeper->node_id, .group_id = keeper->supervisor_group_id};
	char name[] = "actor-supervisor", *argv[] = {name, NULL}, *env[INHERITED_N + 6] = {NULL}, number[16];
	int null, high_socket, high_lock;
	const struct keeper_entry *entry;
	unsigned i, n = 0, at = 0;

	/* The marker comes first; it fits into any of the texts. */
	sweep_marker_format(supervisor_env_text[n], &marker);
	env[n] = supervisor_env_text[n];
	n++;
	for (i = 0; i < INHERITED_N; i++)
		n = env_add(env, n, inherited[i].name, getenv(inherited[i].name));
	n = env_add(env, n, ENV_RUNTIME_DIR, keeper->dir);
	n = env_add(env, n, ENV_LOG_DIR, keeper->log_dir);
	n = env_add(env, n, ENV_BROKER, keeper->broker);
	while ((entry = keeper_table_each(&keeper->table, &at)))
		if (entry->spawn_flags & KEEPER_SPAWN_DAEMON && keeper_entry_has_process(entry)) {
			snprintf(number, sizeof(number), "%d", (int)entry->pid);
			(void)env_add(env, n, ENV_DAEMON_PID, number);
			break;
		}

	setsid();
	sweep_limit_set(&marker);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	high_socket = fcntl(socket_fd, F_DUPFD_CLOEXEC, 16);
	high_lock = fcntl(keeper->dir_fd, F_DUPFD_CLOEXEC, 16);
	if (null < 0 || high_socket < 0 || high_lock < 0 || dup2(null, 0) < 0 ||
		syscall(SYS_close_range, 3u, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */) < 0 ||
		dup2(high_socket, KEEPER_SOCKET_FD) < 0 || dup2(high_lock, KEEPER_LOCK_FD) < 0)
		keeper_log("the supervisor's descriptors cannot be set up: %s", strerror(errno));
	else {
		keeper_child_reset_signals();
		prctl(PR_SET_PDEATHSIG, KEEPER_DEATH_SIGNAL);
		execve(keeper->supervisor, argv, env);
		if (not_run_is_said(keeper->n_not_run + 1))
			keeper_log("%s cannot be started: %s", keeper->supervisor, strerror(errno));
	}
	_exit(SUPERVISOR_NOT_RUN);
}

int keeper_supervisor_start(struct keeper *keeper)
{
	struct epoll_event event = {.data.u64 = keeper_source(KEEPER_SOURCE_SOCKET, 0, 0)};
	int ends[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	keeper->supervisor_group_id = keeper_table_reserve(&keeper->table, 1);
	pid = fork();
	if (pid < 0) {
		r = -errno;
		close(ends[0]);
		close(ends[1]);
		return r;
	}
	if (!pid)
		supervisor_run(keeper, ends[1]);
	close(ends[1]);

	keeper->socket_fd = ends[0];
	keeper->socket_events = event.events = EPOLLIN;
	if (epoll_ctl(keeper->epoll_fd, EPOLL_CTL_ADD, keeper->socket_fd, &event) < 0) {
		r = -errno;
		kill(pid, SIGKILL); /* it will be reaped as an orphan */
		close(keeper->socket_fd);
		keeper->socket_fd = -1;
		return r;
	}
	keeper->supervisor_pid = pid;
	keeper->supervisor_started_ns = keeper_now_ns();
	keeper->supervisor_ready = false;
	keeper->supervisor_killed = false;
	keeper->restart_ns = 0;
	keeper->leave_ns = 0;
	keeper_table_forget_told(&keeper->table);
	keeper->hello_due = true;
	keeper->synced_due = true;
	keeper->terminate_due = keeper->phase == KEEPER_TERMINATES;
	keeper->reply_due = false;
	keeper->ping_due = false;
	keeper->n_silent = 0;
	keeper->ping_ns = keeper->supervisor_started_ns + keeper->hang_limit_ns / KEEPER_HANG_LOOKS;
	keeper->writable = true;
	return 0;
}

/* A death by this kill counts as the supervisor's own fault and not as a kill from outside. */
void keeper_supervisor_kill(struct keeper *keeper)
{
	keeper->supervisor_killed = true;
	kill(keeper->supervisor_pid, SIGKILL);
}

void keeper_supervisor_ping(struct keeper *keeper)
{
	keeper->ping_ns = keeper_now_ns() + keeper->hang_limit_ns / KEEPER_HANG_LOOKS;
	if (keeper->supervisor_pid <= 0 || keeper->socket_fd < 0 || keeper->phase == KEEPER_STOPS) {
		keeper->ping_ns = 0; /* the supervisor is ending, and that has its own time limit */
		return;
	}
	if (keeper->n_silent < KEEPER_HANG_LOOKS) {
		keeper->ping_due |= keeper->n_silent++ == 0;
		return;
	}
	keeper->n_silent = 0;
	keeper->ping_due = false;
	if (process_is_traced(keeper->supervisor_pid)) /* somebody debugs it */
		return;
	keeper_log("the supervisor (pid %d) does not answer for %llu s: it is killed, and started again",
		(int)keeper->supervisor_pid, (unsigned long long)(keeper->hang_limit_ns / 1000000000ull));
	keeper_supervisor_kill(keeper);
}

static void socket_close(struct keeper *keeper)
{
	if (keeper->socket_fd < 0)
		return;
	epoll_ctl(keeper->epoll_fd, EPOLL_CTL_DEL, keeper->socket_fd, NULL);
	close(keeper->socket_fd);
	keeper->socket_fd = -1;
}

void keeper_supervisor_died(struct keeper *keeper, int code, int status)
{
	struct keeper_death death;
	enum keeper_verdict verdict;
	uint64_t now_ns = keeper_now_ns(), delay_ns = 0;
	pid_t pid = keeper->supervisor_pid;
	char how[64];

	/*
	 * What the supervisor sent before it died still counts: its last record may be a STOP, or the state
	 * for an upgrade.
	 */
	keeper->supervisor_pid = 0;
	while (keeper_socket_receive(keeper))
		;
	socket_close(keeper);
	keeper->leave_ns = 0;
	keeper->last_code = code;
	keeper->last_status = status;
	if (keeper->phase == KEEPER_STOPS)
		return;
	if (keeper->upgrading) {
		keeper->upgrading = false;
		keeper->restart_ns = now_ns;
		return;
	}

	snprintf(how, sizeof(how), code == CLD_EXITED ? "exited with code %d" : "was killed by signal %d",
		status);
	death = (struct keeper_death){
		.started_ns = keeper->supervisor_started_ns,
		.now_ns = now_ns,
		.ready = keeper->supervisor_ready,
		.outside = code == CLD_KILLED && status == SIGKILL && !keeper->supervisor_killed,
		.not_run = code == CLD_EXITED &&
			   (status == SUPERVISOR_NOT_RUN || status == SUPERVISOR_NO_PLACE) &&
			   !keeper->supervisor_ready,
	};
	verdict = keeper_policy_death(&keeper->policy, &death, &delay_ns);
	if (verdict == KEEPER_GIVE_UP ||
		(verdict == KEEPER_RESTART_SLOWLY && keeper->phase == KEEPER_TERMINATES)) {
		keeper_log(
			"the supervisor (pid %d) %s, the %lluth time by its own fault, and without its old state too; the "
			"node stops",
			(int)pid, how, (unsigned long long)keeper->policy.n_faults);
		keeper_stop(keeper, 1);
		return;
	}
	if (verdict == KEEPER_RESTART_ASIDE) {
		keeper->state_aside = true;
		if (keeper->state_fd >= 0)
			close(keeper->state_fd);
		keeper->state_fd = -1;
	}
	keeper->restart_ns = now_ns + delay_ns;
	if (death.not_run && keeper->policy.served) {
		keeper->n_not_run++;
		if (not_run_is_said(keeper->n_not_run))
			keeper_log(
				"the supervisor %s (%u times in a row now): processes go on without it, and it is "
				"tried again and again",
				status == SUPERVISOR_NO_PLACE ? "has no place for its service"
							      : "cannot be run",
				keeper->n_not_run);
		return;
	}
	if (verdict == KEEPER_RESTART_SLOWLY) {
		keeper->n_slow++;
		if (not_run_is_said(keeper->n_slow))
			keeper_log(
				"the supervisor (pid %d) %s, the %lluth time by its own fault, and without its old "
				"state too: processes and broker go on without it, and it is tried again every %llu s",
				(int)pid, how, (unsigned long long)keeper->policy.n_faults,
				(unsigned long long)(KEEPER_POLICY_MAX_NS / 1000000000ull));
		return;
	}
	keeper->n_slow = 0;
	keeper_log("the supervisor (pid %d) %s; it is started again %s%s", (int)pid, how,
		delay_ns ? "after a pause" : "at once",
		verdict == KEEPER_RESTART_ASIDE ? ", with its state set aside" : "");
}

/* ---- what the supervisor says ---- */

static void request_ack(struct keeper *keeper, const struct keeper_ack *ack)
{
	struct keeper_entry *entry = keeper_table_ack(&keeper->table, ack->group_id, ack->seq);

	if (entry) {
		keeper_entry_close(keeper, entry);
		keeper_table_free(&keeper->table, entry);
	}
}

static void request_program(struct keeper *keeper, const char *path)
{
	if (access(path, X_OK) < 0) {
		keeper_log(
			"%s cannot be the next supervisor: %s; the old program stays", path, strerror(errno));
		return;
	}
	memcpy(keeper->supervisor, path, strlen(path) + 1);
	keeper->upgrading = true;
}

static void request_ready(struct keeper *keeper)
{
	keeper->supervisor_ready = true;
	keeper->n_not_run = 0;
	if (keeper->ready_fd < 0)
		return;
	if (write(keeper->ready_fd, "\n", 1) != 1)
		keeper_log("nobody waits at --ready-fd any more: %s", strerror(errno));
	close(keeper->ready_fd);
	keeper->ready_fd = -1;
}

static void request_stop(struct keeper *keeper, const struct keeper_stop *stop)
{
	if (stop->reason[0])
		keeper_log("the node stops: %s", stop->reason);
	keeper->leave_ns = keeper_now_ns() + KEEPER_LEAVE_LIMIT_NS;
	keeper_stop(keeper, stop->exit_code);
}

/* @fds belong to the caller. Those that are kept here are set to -1. */
static int request_dispatch(struct keeper *keeper, const union keeper_record *request, int *fds)
{
	struct keeper_entry *entry;

	switch (request->header.type) {
	case KEEPER_SPAWN:
		if (keeper->phase != KEEPER_STOPS)
			keeper_spawn(keeper, &request->spawn, fds);
		return 0;
	case KEEPER_SIGNAL:
		keeper_signal(keeper, &request->signal);
		return 0;
	case KEEPER_KILL_TREE:
		entry = keeper_table_by_cookie(&keeper->table, request->kill_tree.cookie);
		if (entry && keeper_entry_has_process(entry))
			keeper_kill_tree(keeper, entry);
		return 0;
	case KEEPER_CLOSE_INPUT:
		entry = keeper_table_by_cookie(&keeper->table, request->close_input.cookie);
		if (entry)
			keeper_input_close(entry);
		return 0;
	case KEEPER_ACK:
		request_ack(keeper, &request->ack);
		return 0;
	case KEEPER_RESERVE:
		keeper_record_init(&keeper->reply, KEEPER_RESERVED);
		keeper->reply.reserved.first_group_id =
			keeper_table_reserve(&keeper->table, request->reserve.n);
		keeper->reply.reserved.n = request->reserve.n;
		keeper->reply_due = true;
		return 0;
	case KEEPER_STATE:
		if (keeper->state_fd >= 0)
			close(keeper->state_fd);
		keeper->state_fd = fds[0];
		keeper->state_aside = false;
		fds[0] = -1;
		return 0;
	case KEEPER_PROGRAM:
		request_program(keeper, request->program.path);
		return 0;
	case KEEPER_READY:
		request_ready(keeper);
		return 0;
	case KEEPER_STOP:
		request_stop(keeper, &request->stop);
		return 0;
	case KEEPER_DOWN:
		keeper_terminate(keeper);
		return 0;
	case KEEPER_PONG:
		keeper->n_silent = 0;
		return 0;
	default:
		return -EPROTO; /* well-formed, but only the keeper may say it */
	}
}

bool keeper_socket_receive(struct keeper *keeper)
{
	union keeper_record request;
	int fds[KEEPER_RECORD_FDS_MAX], turns, r = 1;
	size_t n_fds = 0, i;

	for (turns = 0; turns < READ_BATCH && keeper->socket_fd >= 0; turns++) {
		if (keeper->reply_due)
			keeper_socket_flush(keeper);
		if (keeper->reply_due || keeper->socket_fd < 0)
			return false;
		r = keeper_recv(keeper->socket_fd, &request, fds, &n_fds);
		if (r <= 0)
			break;
		r = request_dispatch(keeper, &request, fds);
		for (i = 0; i < n_fds; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		if (r < 0)
			break;
	}
	if (turns == READ_BATCH)
		return true;
	if (r == -EAGAIN || keeper->socket_fd < 0)
		return false;

	if (keeper->supervisor_pid > 0 && r < 0) {
		keeper_log("the supervisor (pid %d) breaks the protocol, it is killed: %s",
			(int)keeper->supervisor_pid, strerror(-r));
		/*
		 * It is killed before its socket is closed: at an EOF it would believe that the keeper is
		 * dead, and end the node.
		 */
		keeper_supervisor_kill(keeper);
	} else if (keeper->supervisor_pid > 0 && !keeper->leave_ns) {
		/*
		 * The supervisor has closed its socket: it is exiting, or it is broken. If it does not exit
		 * soon, it is killed.
		 */
		keeper->leave_ns = keeper_now_ns() + KEEPER_LEAVE_LIMIT_NS;
	}
	socket_close(keeper);
	return false;
}

/* ---- what the supervisor is told ---- */

static void hello_fill(const struct keeper *keeper, union keeper_record *record, uint64_t first_group_id)
{
	struct keeper_hello *hello = &record->hello;

	keeper_record_init(record, KEEPER_HELLO);
	hello->node_id = keeper->node_id;
	memcpy(hello->node_key, keeper->node_key, sizeof(hello->node_key));
	hello->group_id = keeper->supervisor_group_id;
	hello->first_group_id = first_group_id;
	hello->n_group_ids = KEEPER_RESERVE_MAX;
	hello->n_slots = keeper->table.n_used;
	hello->max_slots = KEEPER_SLOTS;
	hello->flags = (keeper->state_fd >= 0 ? KEEPER_HELLO_STATE : 0) |
		       (keeper->state_aside ? KEEPER_HELLO_STATE_ASIDE : 0) |
		       (keeper->phase == KEEPER_TERMINATES ? KEEPER_HELLO_TERMINATING : 0);
	hello->n_deaths = (uint32_t)keeper->policy.n_deaths;
	hello->last_code = keeper->last_code;
	hello->last_status = keeper->last_status;
	hello->keeper_pid = keeper->pid;
	hello->node_start_ns = keeper->start_ns;
	hello->hang_limit_ns = keeper->hang_limit_ns;
}

/* Sends one record, the most urgent one. 1: sent; 0: there is none to send; negative errno. */
static int socket_say(struct keeper *keeper)
{
	union keeper_record record;
	struct keeper_entry *entry;
	int fds[KEEPER_PIPES], r;
	size_t n_fds;

	if (keeper->hello_due) {
		hello_fill(keeper, &record, keeper_table_reserve(&keeper->table, KEEPER_RESERVE_MAX));
		r = keeper_send(keeper->socket_fd, &record, &keeper->state_fd, keeper->state_fd >= 0 ? 1 : 0);
		if (r < 0)
			return r;
		keeper->hello_due = false;
		return 1;
	}
	if (keeper->reply_due) {
		r = keeper_send(keeper->socket_fd, &keeper->reply, NULL, 0);
		keeper->reply_due = r == -EAGAIN;
		return r < 0 ? r : 1;
	}
	if (keeper->terminate_due) {
		uint64_t now_ns = keeper_now_ns();

		keeper_record_init(&record, KEEPER_TERMINATE);
		record.terminate.signo = keeper->terminate_signo ? keeper->terminate_signo : SIGTERM;
		record.terminate.limit_ms = keeper->deadline_ns > now_ns
						    ? (uint32_t)((keeper->deadline_ns - now_ns) / 1000000)
						    : 0;
		r = keeper_send(keeper->socket_fd, &record, NULL, 0);
		keeper->terminate_due = r == -EAGAIN;
		return r < 0 ? r : 1;
	}
	if (keeper->ping_due) {
		keeper_record_init(&record, KEEPER_PING);
		r = keeper_send(keeper->socket_fd, &record, NULL, 0);
		keeper->ping_due = r == -EAGAIN;
		return r < 0 ? r : 1;
	}
	entry = keeper_table_untold(&keeper->table);
	if (entry) {
		keeper_entry_report(entry, &record, fds, &n_fds);
		r = keeper_send(keeper->socket_fd, &record, fds, n_fds);
		if (r < 0)
			return r;
		keeper_table_told(&keeper->table, entry);
		return 1;
	}
	if (keeper->synced_due) {
		keeper_record_init(&record, KEEPER_SYNCED);
		r = keeper_send(keeper->socket_fd, &record, NULL, 0);
		keeper->synced_due = r == -EAGAIN;
		return r < 0 ? r : 1;
	}
	return 0;
}

void keeper_socket_flush(struct keeper *keeper)
{
	struct epoll_event event = {.data.u64 = keeper_source(KEEPER_SOURCE_SOCKET, 0, 0)};
	int r = 0;

	if (keeper->socket_fd < 0)
		return;
	while (keeper->writable && (r = socket_say(keeper)) > 0)
		;
	if (r < 0)
		keeper->writable = false;
	if (r < 0 && r != -EAGAIN && r != -EPIPE)
		keeper_log("the supervisor cannot be told something: %s", strerror(-r));

	event.events = (keeper->reply_due ? 0 : EPOLLIN) | (r == -EAGAIN || !keeper->writable ? EPOLLOUT : 0);
	if (r < 0 && r != -EAGAIN)
		event.events = EPOLLIN; /* the supervisor has closed its end; the loop will read EOF */
	if (event.events != keeper->socket_events) {
		keeper->socket_events = event.events;
		epoll_ctl(keeper->epoll_fd, EPOLL_CTL_MOD, keeper->socket_fd, &event);
	}
}
