/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-child: what runs between fork and exec
 *
 * The spec is mapped and checked here and not in the keeper, so a bad spec costs only this child. The child
 * uses no heap: the two arrays for execve lie in an anonymous mapping.
 *
 * The order matters. Descriptors are first moved above all numbers that are wanted in the child. Then all
 * descriptors are marked close-on-exec at once, and only those that are then dup2'ed to their places survive
 * the exec. The cgroup and the limits need the privileges that the change of user gives up. PR_SET_PDEATHSIG
 * comes after the change of user, which would clear it. getppid() comes after PR_SET_PDEATHSIG, because the
 * keeper may have died before that. The working directory comes last, since it is entered with the user's
 * rights.
 */
#include "spawner/keeper/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libactor/protocol/variables.h"
#include "spawner/shared/client.h"
#include "spawner/shared/marks.h"
#include "spawner/shared/node-info.h"

#define NODE_INFO_FD 3
#define CLOSE_RANGE_MARK                                                                                     \
	(1u << 2) /* CLOSE_RANGE_CLOEXEC, whose header clashes with fcntl.h on some libcs                    \
		   */

static void child_fail(const struct keeper_child *child, enum keeper_step step, int error)
	__attribute__((noreturn));

static void child_fail(const struct keeper_child *child, enum keeper_step step, int error)
{
	struct keeper_child_failure failure = {.step = step, .error = error};

	while (write(child->exec_fd, &failure, sizeof(failure)) < 0 && errno == EINTR)
		;
	_exit(127);
}

static sigset_t ignored; /* signals that the keeper ignores: a program would inherit only these */

void keeper_child_note_ignored(void)
{
	struct sigaction action;
	int signo;

	sigemptyset(&ignored);
	for (signo = 1; signo < NSIG; signo++)
		if (sigaction(signo, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			sigaddset(&ignored, signo);
}

void keeper_child_reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;
	int signo;

	for (signo = 1; signo < NSIG; signo++)
		if (sigismember(&ignored, signo) == 1)
			sigaction(signo, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The first number above all that are wanted in this child. It is not higher than needed, since the limit of
 * descriptors may be low.
 */
static int fd_floor = 3;

static bool fd_lift(int *fd)
{
	int high;

	if (*fd < 0)
		return true;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, fd_floor);
	if (high < 0)
		return false;
	*fd = high;
	return true;
}

/* Makes the sealed memfd that tells a daemon its node and its group (node-info.h). */
static int child_node_info(const struct keeper_child *child)
{
	struct keeper_node_info info = {.magic = KEEPER_NODE_INFO_MAGIC,
		.version = KEEPER_VERSION,
		.node_id = child->node_id,
		.group_id = child->spawn->group_id,
		.keeper_pid = child->keeper_pid};
	int fd;

	memcpy(info.node_key, child->node_key, sizeof(info.node_key));
	fd = memfd_create("actor-node", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (write(fd, &info, sizeof(info)) != sizeof(info) || lseek(fd, 0, SEEK_SET) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0 ||
		!fd_lift(&fd))
		return -1;
	return fd;
}

/* With the keeper's rights. It does not wait for the other end of a FIFO; reads from it do wait. */
static int child_input_open(const struct keeper_child *child, const struct keeper_spec_view *view)
{
	int fd;

	if (!view->input)
		child_fail(child, KEEPER_STEP_STDIO, EINVAL);
	fd = open(view->input, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || !fd_lift(&fd) || fcntl(fd, F_SETFL, 0) < 0)
		child_fail(child, KEEPER_STEP_STDIO, errno);
	return fd;
}

static void child_stdio(
	const struct keeper_child *child, const struct keeper_spec_view *view, const int *pipes)
{
	const uint8_t modes[2] = {child->spawn->stdout_io, child->spawn->stderr_io};
	int null, input, i;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || !fd_lift(&null))
		child_fail(child, KEEPER_STEP_STDIO, errno);
	if (child->spawn->stdin_io == KEEPER_INPUT_FILE)
		input = child_input_open(child, view);
	else
		input = child->spawn->stdin_io == KEEPER_INPUT_PIPE ? pipes[KEEPER_PIPE_STDIN] : null;
	if (dup2(input, 0) < 0)
		child_fail(child, KEEPER_STEP_STDIO, errno);
	for (i = 0; i < 2; i++) {
		int from = modes[i] == KEEPER_IO_PIPE     ? pipes[i]
			   : modes[i] == KEEPER_IO_NULL   ? null
			   : modes[i] == KEEPER_IO_STDOUT ? 1
							  : -1;

		if (from >= 0 && dup2(from, 1 + i) < 0)
			child_fail(child, KEEPER_STEP_STDIO, errno);
	}
}

static void child_place(const struct keeper_child *child, int fd, int target, bool *taken)
{
	if (taken[target])
		child_fail(child, KEEPER_STEP_FDS, EINVAL);
	taken[target] = true;
	if (dup2(fd, target) < 0)
		child_fail(child, KEEPER_STEP_FDS, errno);
}

static void child_fds(struct keeper_child *child, const struct keeper_spec_view *view)
{
	bool taken[KEEPER_CHILD_FD_MAX + 1] = {false};
	int extra[KEEPER_EXTRA_FDS_MAX], node_fd = -1, exec_fd = child->exec_fd;
	unsigned i;

	if (view->file->n_extra_fds != child->spawn->n_extra_fds)
		child_fail(child, KEEPER_STEP_FDS, EINVAL);
	if (child->spawn->flags & KEEPER_SPAWN_DAEMON)
		fd_floor = NODE_INFO_FD + 1;
	if (child->spawn->flags & KEEPER_SPAWN_NOTIFY && child->spawn->notify_fd >= fd_floor)
		fd_floor = child->spawn->notify_fd + 1;
	for (i = 0; i < child->spawn->n_extra_fds; i++)
		if ((int)view->file->extra_fd_targets[i] >= fd_floor)
			fd_floor = (int)view->file->extra_fd_targets[i] + 1;
	if (!fd_lift(&exec_fd))
		child_fail(child, KEEPER_STEP_FDS, errno);
	child->exec_fd = exec_fd;
	for (i = 0; i < KEEPER_PIPES; i++)
		if (!fd_lift(&child->pipes[i]))
			child_fail(child, KEEPER_STEP_FDS, errno);
	for (i = 0; i < child->spawn->n_extra_fds; i++) {
		extra[i] = child->extra_fds[i];
		if (!fd_lift(&extra[i]))
			child_fail(child, KEEPER_STEP_FDS, errno);
	}
	if (child->spawn->flags & KEEPER_SPAWN_DAEMON) {
		node_fd = child_node_info(child);
		if (node_fd < 0)
			child_fail(child, KEEPER_STEP_FDS, errno);
	}
	if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_MARK) < 0)
		child_fail(child, KEEPER_STEP_FDS, errno);

	child_stdio(child, view, child->pipes);
	if (node_fd >= 0)
		child_place(child, node_fd, NODE_INFO_FD, taken);
	if (child->pipes[2] >= 0)
		child_place(child, child->pipes[2], child->spawn->notify_fd, taken);
	for (i = 0; i < child->spawn->n_extra_fds; i++)
		child_place(child, extra[i], (int)view->file->extra_fd_targets[i], taken);
}

static void child_cgroup(const struct keeper_child *child, const char *path)
{
	int dir_fd, fd;

	dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = dir_fd < 0 ? -1 : openat(dir_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		child_fail(child, KEEPER_STEP_CGROUP, errno);
}

static void child_limits(const struct keeper_child *child, const struct keeper_spec_view *view,
	const struct sweep_marker *marker)
{
	uint32_t i;

	if (!(child->spawn->flags & KEEPER_SPAWN_DAEMON) &&
		(setrlimit(RLIMIT_NOFILE, child->nofile) < 0 ||
			setrlimit(RLIMIT_FSIZE, child->file_size) < 0))
		child_fail(child, KEEPER_STEP_RLIMIT, errno);
	sweep_limit_set(marker);
	for (i = 0; i < view->file->n_rlimits; i++) {
		struct rlimit limit = {.rlim_cur = view->rlimits[i].soft, .rlim_max = view->rlimits[i].hard};

		if (setrlimit((__rlimit_resource_t)view->rlimits[i].resource, &limit) < 0)
			child_fail(child, KEEPER_STEP_RLIMIT, errno);
	}
}

static void child_priority(const struct keeper_child *child, const struct keeper_spec_view *view)
{
	char text[16];
	int fd, length;

	if (view->file->flags & KEEPER_SPEC_NICE && setpriority(PRIO_PROCESS, 0, view->file->nice) < 0)
		child_fail(child, KEEPER_STEP_NICE, errno);
	if (!(view->file->flags & KEEPER_SPEC_OOM))
		return;
	length = snprintf(text, sizeof(text), "%d", view->file->oom_score_adj);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)length) != length)
		child_fail(child, KEEPER_STEP_OOM, errno);
}

static void child_user(const struct keeper_child *child, const struct keeper_spec_view *view)
{
	uint32_t flags = view->file->flags;

	if ((flags & KEEPER_SPEC_GROUPS && setgroups(view->file->n_groups, view->groups) < 0) ||
		(flags & KEEPER_SPEC_GID &&
			setresgid(view->file->gid, view->file->gid, view->file->gid) < 0) ||
		(flags & KEEPER_SPEC_UID &&
			setresuid(view->file->uid, view->file->uid, view->file->uid) < 0) ||
		(flags & KEEPER_SPEC_NO_NEW_PRIVS && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0))
		child_fail(child, KEEPER_STEP_USER, errno);
	if (prctl(PR_SET_PDEATHSIG,
		    child->spawn->flags & KEEPER_SPAWN_DAEMON ? KEEPER_DEATH_SIGNAL : SIGKILL) < 0)
		child_fail(child, KEEPER_STEP_SESSION, errno);
	/*
	 * A daemon goes on. It finds out by itself that the keeper is gone, and it may be the last process
	 * that can end the node.
	 */
	if (getppid() != child->keeper_pid && !(child->spawn->flags & KEEPER_SPAWN_DAEMON))
		_exit(127);
}

static bool variable_is(const char *text, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(text, name, length) && text[length] == '=';
}

/*
 * Searches PATH as a shell does: a file that may not be run is skipped, but if no other file is found, its
 * EACCES is the error.
 */
static void child_exec(
	const struct keeper_child *child, const char *program, char *const *argv, char *const *env)
{
	const char *search = "/usr/local/bin:/usr/bin:/bin";
	char path[4096];
	int error = ENOENT;
	size_t i;

	if (strchr(program, '/')) {
		execve(program, argv, env);
		child_fail(child, KEEPER_STEP_EXEC, errno);
	}
	for (i = 0; env[i]; i++)
		if (variable_is(env[i], "PATH")) {
			search = env[i] + 5;
			break;
		}
	for (;;) {
		size_t length = strcspn(search, ":");

		if (length + 1 + strlen(program) < sizeof(path)) {
			snprintf(path, sizeof(path), "%.*s%s%s", (int)length, search, length ? "/" : "",
				program);
			execve(path, argv, env);
			if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
				child_fail(child, KEEPER_STEP_EXEC, errno);
			if (errno == EACCES)
				error = EACCES;
		}
		if (!search[length])
			child_fail(child, KEEPER_STEP_EXEC, error);
		search += length + 1;
	}
}

void keeper_child_run(const struct keeper_child *child_in)
{
	static char marker_text[SWEEP_MARKER_SIZE], node_fd_text[32];
	struct keeper_child copy = *child_in, *child = &copy;
	struct sweep_marker marker = {.node_id = child->node_id, .group_id = child->spawn->group_id};
	struct keeper_spec_view view;
	uint32_t i, n;
	char **argv, **env;
	int r;

	if (setsid() < 0)
		child_fail(child, KEEPER_STEP_SESSION, errno);
	r = keeper_spec_map(child->spec_fd, &view);
	if (r < 0)
		child_fail(child, KEEPER_STEP_SPEC, -r);

	argv = mmap(NULL, ((size_t)view.file->n_argv + view.file->n_env + 4) * sizeof(*argv),
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (argv == MAP_FAILED)
		child_fail(child, KEEPER_STEP_SPEC, errno);
	for (i = 0; i < view.file->n_argv; i++)
		argv[i] = (char *)view.base + view.argv[i];
	env = argv + view.file->n_argv + 1;
	n = 0;
	sweep_marker_format(marker_text, &marker);
	env[n++] = marker_text;
	if (child->spawn->flags & KEEPER_SPAWN_DAEMON) {
		snprintf(node_fd_text, sizeof(node_fd_text), ENV_NODE_FD "=%d", NODE_INFO_FD);
		env[n++] = node_fd_text;
	}
	for (i = 0; i < view.file->n_env; i++) {
		char *text = (char *)view.base + view.env[i];

		if (!variable_is(text, ENV_GROUP) && !variable_is(text, ENV_NODE_FD))
			env[n++] = text;
	}

	child_fds(child, &view);
	if (view.cgroup)
		child_cgroup(child, view.cgroup);
	child_limits(child, &view, &marker);
	child_priority(child, &view);
	child_user(child, &view);
	if (view.file->flags & KEEPER_SPEC_UMASK)
		umask(view.file->umask);
	if (chdir(view.cwd) < 0)
		child_fail(child, KEEPER_STEP_CWD, errno);
	keeper_child_reset_signals();
	child_exec(child, view.program, argv, env);
	child_fail(child, KEEPER_STEP_EXEC, ENOEXEC);
}
