/* SPDX-License-Identifier: Apache-2.0 */
/*
 * up, down: starts and ends a node
 *
 * `up` starts the keeper and stays its parent. Ctrl-C reaches both, and the keeper ends the node in an
 * orderly way. A signal that is sent to actorctl alone is passed on. If actorctl is killed, the keeper gets
 * TERM. In the foreground `up` also shows what the programs write, out of their logs (show.h). With -d the
 * keeper has its own session and a log file, and actorctl ends as soon as the node is ready. In both cases a
 * pipe reports the start: a newline when the node is ready; when the start failed, the last line of the
 * keeper, or nothing if it could not even say that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libactor/protocol/names.h"
#include "libactor/util/clock.h"
#include "spawner/shared/limits.h"
#include "spawner/shared/protocol.h"
#include "spawner/shared/runtime-dir.h"
#include "tools/commands/commands.h"
#include "tools/lib/path.h"
#include "tools/logs/show.h"
#include "tools/view/child.h"
#include "tools/view/node.h"
#include "tools/view/output.h"
#include "tools/view/session.h"
#include "tools/view/wait.h"

#define UP_TIMEOUT_MS  30000 /* with -d; long enough for a machine under load */
#define DOWN_ASK_MS    1000  /* time for sending the request; the lock then shows whether the node is down */
#define DOWN_POLL_MS   200
#define ERROR_TAIL_MAX 2048
#define LOG_BYTES_MAX  (10 << 20)
#define UP_SHOW_END_MS 500 /* at the end, so long for a reader of the programs' output */

struct up {
	struct ctl *ctl;
	bool detach;
	char keeper[PATH_SIZE];
	char dir[NODE_PATH_SIZE];
	/* --log-dir, absolute; NULL: the keeper finds it by its own rule */
	char *log_dir;
	char log_path[NODE_PATH_SIZE + 32]; /* only with -d */
	off_t log_start;
	int log_fd;
	int ready_fd; /* actorctl's end of the pipe */
	pid_t pid;
	struct show *show;             /* in the foreground: what the programs write; NULL: it is not shown */
	char said[ERROR_TAIL_MAX + 1]; /* why the node does not start, as the keeper said by the pipe */
};

/* ---- up ---- */

static int up_fail_running(const struct up *up)
{
	pid_t pid = node_keeper_pid(up->ctl, NULL);

	if (!pid)
		return ctl_fail(up->ctl, CTL_CONFLICT, "running", "try again",
			"a node that was in %s is not wholly gone yet", up->dir);
	return ctl_fail(up->ctl, CTL_CONFLICT, "running", "see actorctl status; stop it with: actorctl down",
		"a node is already running, pid %d, in %s", (int)pid, up->dir);
}

/* Does mkdir -p, for the log file. */
static int up_make_dirs(char *path)
{
	for (char *slash = path + 1;; slash++) {
		slash = strchrnul(slash, '/');
		char end = *slash;

		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
		*slash = end;
		if (!end)
			return 0;
	}
}

/* The node's log has a few lines a day, so one predecessor is enough. */
static void up_rotate_log(const char *path)
{
	char older[NODE_PATH_SIZE + 40];
	struct stat st;

	if (lstat(path, &st) || !S_ISREG(st.st_mode) || st.st_size < LOG_BYTES_MAX)
		return;
	snprintf(older, sizeof(older), "%s.1", path);
	rename(path, older);
}

static int up_fail_log(const struct up *up, int error, const char *what, const char *path)
{
	char why[RUNTIME_DIR_WHY_SIZE];

	if (error != ENOSPC && error != EDQUOT)
		return ctl_fail_errno(up->ctl, error, "choose another place with --log-dir or ACTOR_LOG_DIR",
			"%s %s", what, path);
	runtime_dir_no_room(error, path, "--log-dir or ACTOR_LOG_DIR", why);
	return ctl_fail(up->ctl, CTL_FAILED, "no_room", NULL, "%s %s: %s", what, path, why);
}

static int up_open_log(struct up *up)
{
	char dir[RUNTIME_DIR_PATH_SIZE];
	int r = log_dir_resolve(up->log_dir, up->dir, dir);

	if (r)
		return ctl_fail_errno(up->ctl, -r, NULL, "cannot use the log directory");
	r = up_make_dirs(dir);
	if (r)
		return up_fail_log(up, -r, "cannot make the log directory", dir);
	snprintf(up->log_path, sizeof(up->log_path), "%s/actor-spawner.log", dir);
	up_rotate_log(up->log_path);
	up->log_fd = open(up->log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (up->log_fd < 0)
		return up_fail_log(up, errno, "cannot write", up->log_path);
	up->log_start = lseek(up->log_fd, 0, SEEK_END);
	return 0;
}

static void up_exec(const struct up *up, int ready_fd, const sigset_t *mask, pid_t parent)
{
	char number[16];
	const char *argv[10] = {up->keeper, "--runtime-dir", up->dir, "--ready-fd", number};
	int null_fd, n = 5;

	snprintf(number, sizeof(number), "%d", ready_fd);
	if (up->log_dir) {
		argv[n++] = "--log-dir";
		argv[n++] = up->log_dir;
	}
	if (up->detach) {
		setsid();
		null_fd = open("/dev/null", O_RDONLY);
		if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(up->log_fd, 1) < 0 ||
			dup2(up->log_fd, 2) < 0 || chdir("/"))
			_exit(CTL_FAILED);
	} else {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(CTL_FAILED);
	}
	/* Descriptors that a shell or cron left open must not stay open as long as the node runs. */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	fcntl(ready_fd, F_SETFD, 0);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execv(up->keeper, (char **)argv);
	dprintf(ready_fd, "cannot run %s: %s\n", up->keeper, strerror(errno));
	dprintf(2, "actor-spawner: cannot run %s: %s\n", up->keeper, strerror(errno));
	_exit(127);
}

static int up_start(struct up *up, const sigset_t *mask)
{
	pid_t parent = getpid();
	int ready[2];

	if (pipe2(ready, O_CLOEXEC))
		return ctl_fail_errno(up->ctl, errno, NULL, "cannot start the node");
	fflush(stdout);
	up->pid = fork();
	if (up->pid < 0) {
		int error = errno;

		close(ready[0]);
		close(ready[1]);
		return ctl_fail_errno(up->ctl, error, NULL, "cannot start the node");
	}
	if (!up->pid)
		up_exec(up, ready[1], mask, parent);
	close(ready[1]);
	up->ready_fd = ready[0];
	return 0;
}

/* Reads what the keeper says of its start. True: the node is ready. */
static bool up_hear(struct up *up)
{
	ssize_t n = read(up->ready_fd, up->said, sizeof(up->said) - 1);
	bool ready = n > 0 && up->said[0] == '\n';

	up->said[n > 0 ? n : 0] = '\0';
	up->said[strcspn(up->said, "\n")] = '\0';
	return ready;
}

static const char *up_without_name(const char *line)
{
	return strncmp(line, "actor-spawner: ", 15) ? line : line + 15;
}

/* The last line that keeper or supervisor wrote, out of their log; with @word the last one that has it. */
static const char *up_last_line(const struct up *up, const char *word, char text[ERROR_TAIL_MAX + 1])
{
	off_t end, from;
	char *line;
	ssize_t n;

	if (up->log_fd < 0)
		return NULL;
	end = lseek(up->log_fd, 0, SEEK_END);
	from = end - up->log_start > ERROR_TAIL_MAX ? end - ERROR_TAIL_MAX : up->log_start;
	n = pread(up->log_fd, text, ERROR_TAIL_MAX, from);
	text[n > 0 ? n : 0] = '\0';
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	while (n > 0) {
		line = strrchr(text, '\n');
		if (!word || strstr(line ? line : text, word)) {
			return up_without_name(line ? line + 1 : text);
		}
		if (!line)
			break;
		*line = '\0';
	}
	return NULL;
}

/*
 * Reports that a signal ended the keeper. With too low a limit of memory the kernel ends it when it is
 * executed, before it can say anything, so this is said here: actorctl has the same limits.
 */
static int up_fail_signal(const struct up *up, const char *what, const char *code, int signo)
{
	char why[MEMORY_LIMIT_WHY_SIZE];

	if (!memory_limits_suffice(why))
		return ctl_fail(up->ctl, CTL_FAILED, code, NULL, "%s: actor-spawner was ended by %s; %s",
			what, strsignal(signo), why);
	return ctl_fail(up->ctl, CTL_FAILED, code, NULL, "%s: actor-spawner was ended by %s%s%s", what,
		strsignal(signo), up->detach ? "; see " : "", up->log_path);
}

/* Reports a failed start, with the keeper's last line: from the pipe, since the log may take nothing. */
static int up_fail_start(const struct up *up, int wait_status)
{
	char text[ERROR_TAIL_MAX + 1];
	const char *line = *up->said ? up_without_name(up->said) : up_last_line(up, NULL, text);

	if (!line)
		line = "it said nothing";
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == KEEPER_EXIT_RUNNING)
		return up_fail_running(up);
	if (WIFSIGNALED(wait_status))
		return up_fail_signal(up, "the node did not start", "start", WTERMSIG(wait_status));
	return ctl_fail(up->ctl, CTL_FAILED, "start", NULL, "the node did not start: %s (log: %s)", line,
		up->log_path);
}

static void up_tell(const struct up *up)
{
	const struct ctl *ctl = up->ctl;

	if (ctl->json) {
		json_t *shown =
			json_pack("{sssisO?}", "runtime_dir", up->dir, "pid", (int)up->pid, "log", NULL);

		if (up->detach)
			json_object_set_new(shown, "log", json_string(up->log_path));
		output_json(ctl, shown);
		json_decref(shown);
	} else if (up->detach) {
		printf("node is ready: pid %d, runtime directory %s, log %s\n", (int)up->pid, up->dir,
			up->log_path);
	} else {
		printf("node is ready: pid %d, runtime directory %s; stop it with Ctrl-C or: actorctl%s%s down\n",
			(int)up->pid, up->dir, ctl->runtime_dir ? " --runtime-dir " : "",
			ctl->runtime_dir ? up->dir : "");
	}
	fflush(stdout);
}

static int up_wait_detached(struct up *up)
{
	int64_t timeout_ms = ctl_timeout_ms(up->ctl, UP_TIMEOUT_MS);
	struct wait_signals signals;
	struct pollfd fds[2] = {{.fd = up->ready_fd, .events = POLLIN}, {.events = POLLIN}};
	int status = 0, n, signo;

	wait_signals_begin(&signals);
	fds[1].fd = signals.fd;
	wait_note_later(up->ctl, "waiting for the node to be ready; log: %.400s", up->log_path);
	do {
		n = poll(fds, 2, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
	} while (n < 0 && errno == EINTR);
	wait_note_cancel();
	signo = wait_signals_take(&signals);
	if (signo) {
		ctl_fail(up->ctl, CTL_INTERRUPTED, "interrupted",
			"see actorctl status, or stop it with: actorctl down",
			"interrupted; the node (pid %d) goes on starting", (int)up->pid);
		wait_die(signo);
	}
	wait_signals_end(&signals);
	if (n == 0) {
		char text[ERROR_TAIL_MAX + 1];
		const char *line = up_last_line(up, "<error>", text);

		return ctl_fail(up->ctl, CTL_TIMEOUT, "timeout",
			"it may still come up: see actorctl status, or stop it with: actorctl down",
			"the node (pid %d) is not ready yet%s%s; log: %s", (int)up->pid, line ? ": " : "",
			line ? line : "", up->log_path);
	}
	if (n < 0 || !up_hear(up)) {
		waitpid(up->pid, &status, 0);
		return up_fail_start(up, status);
	}
	up_tell(up);
	return CTL_OK;
}

/*
 * Waits until the keeper ends (SIGCHLD). All other signals are passed on to the keeper, except those of a key
 * at the terminal (SI_KERNEL), which have reached the keeper already.
 */
static int up_wait_foreground(struct up *up, int signal_fd)
{
	struct pollfd fds[2 + SHOW_FDS] = {
		{.fd = signal_fd, .events = POLLIN}, {.fd = up->ready_fd, .events = POLLIN}};
	struct signalfd_siginfo info;
	bool interrupted = false, ready = false;
	int status = 0;

	for (;;) {
		bool shows = ready && up->show;
		int timeout_ms = shows ? show_wait(up->show, fds + 2) : -1;

		if (poll(fds, shows ? 2 + SHOW_FDS : 2, timeout_ms) < 0) {
			if (errno == EINTR)
				continue;
			return ctl_fail_errno(up->ctl, errno, "the node goes on; see actorctl status",
				"cannot wait for the node");
		}
		if (fds[1].revents) {
			ready = up_hear(up);
			if (ready)
				up_tell(up);
			fds[1].fd = -1;
		}
		if (shows)
			show_turn(up->show);
		if (!(fds[0].revents & POLLIN) || read(signal_fd, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo == SIGCHLD) {
			if (waitpid(up->pid, &status, WNOHANG) != up->pid)
				continue;
			break;
		}
		interrupted = true;
		if (info.ssi_code != SI_KERNEL)
			kill(up->pid, (int)info.ssi_signo);
		else if (ready)
			ctl_note(up->ctl, "stopping the node; again to kill everything");
	}
	if (ready && up->show)
		show_end(up->show, UP_SHOW_END_MS);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return CTL_OK;
	if (WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_EXIT_RUNNING)
		return CTL_CONFLICT; /* the keeper has said so */
	if (WIFSIGNALED(status))
		return up_fail_signal(up, ready ? "the node ended" : "the node did not start",
			ready ? "ended" : "start", WTERMSIG(status));
	if (!ready && !interrupted && !up->ctl->json)
		return CTL_FAILED; /* the keeper has said why, on the same stderr */
	if (!ready && !interrupted && *up->said)
		return ctl_fail(up->ctl, CTL_FAILED, "start", NULL, "the node did not start: %s",
			up_without_name(up->said));
	if (!ready && !interrupted)
		return ctl_fail(up->ctl, CTL_FAILED, "start", NULL,
			"the node did not start (actor-spawner: exit %d)", WEXITSTATUS(status));
	return ctl_fail(up->ctl, CTL_FAILED, "ended", NULL,
		"the node ended with errors (actor-spawner: exit %d)", WEXITSTATUS(status));
}

static int up_go(struct up *up)
{
	sigset_t ours, before;
	int signal_fd, status;

	if (up->detach) {
		status = up_open_log(up);
		if (!status)
			status = up_start(up, NULL);
		return status ? status : up_wait_detached(up);
	}
	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGQUIT);
	sigaddset(&ours, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ours, &before);
	signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return ctl_fail_errno(up->ctl, errno, NULL, "cannot start the node");
	/* a reader of the output that goes away must not end the node */
	signal(SIGPIPE, SIG_IGN);
	status = up_start(up, &before);
	if (!status)
		status = up_wait_foreground(up, signal_fd);
	close(signal_fd);
	return status;
}

/* Notes where the logs end, before a program of this node can write. */
static void up_show(struct up *up)
{
	struct log_format format = {
		.style = up->ctl->json ? LOG_JSON : LOG_SHORT, .colors = ctl_colors(up->ctl)};
	char dir[RUNTIME_DIR_PATH_SIZE];

	if (!log_dir_resolve(up->log_dir, up->dir, dir))
		up->show = show_new(dir, STDOUT_FILENO, &format);
}

static int up_run(struct ctl *ctl, const struct args *args)
{
	struct up up = {.ctl = ctl, .detach = args_has(args, "detach"), .log_fd = -1, .ready_fd = -1};
	const char *log_dir = args_value(args, "log-dir");
	char *absolute;
	int status;

	if (node_runtime_dir(ctl, up.dir))
		return ctl_fail(
			ctl, CTL_USAGE, "bad_path", NULL, "the path of the runtime directory is too long");
	absolute = path_absolute(up.dir);
	if (absolute)
		snprintf(up.dir, sizeof(up.dir), "%s", absolute);
	free(absolute);
	if (path_find_program("actor-spawner", "spawner", up.keeper))
		return ctl_fail(ctl, CTL_FAILED, "no_program", "is the installation complete?",
			"actor-spawner is neither beside actorctl nor in PATH");
	if (node_keeper_pid(ctl, NULL))
		return up_fail_running(&up);
	if (node_lock_is_hidden(ctl))
		return session_fail_lock(ctl, CTL_CONFLICT);
	up.log_dir = log_dir ? path_absolute(log_dir) : NULL;
	if (!up.detach && !args_has(args, "quiet"))
		up_show(&up);
	status = log_dir && !up.log_dir
			 ? ctl_fail_errno(ctl, errno, NULL, "cannot use the log directory %s", log_dir)
			 : up_go(&up);
	show_free(up.show);
	free(up.log_dir);
	if (up.log_fd >= 0)
		close(up.log_fd);
	if (up.ready_fd >= 0)
		close(up.ready_fd);
	return status;
}

static const struct option_spec up_options[] = {
	{'d', "detach", OPTION_FLAG, NULL, "in the background; returns when the node is ready"},
	{'q', "quiet", OPTION_FLAG, NULL, "in the foreground: do not show what the programs write"},
	{0, "log-dir", OPTION_VALUE, "DIR", "where the logs of the node and its processes go"},
	{0},
};

const struct command command_up = {
	.name = "up",
	.synopsis = "[-d | -q]",
	.summary = "start a node",
	.examples = "  actorctl up -d\n"
		    "  actorctl --runtime-dir /tmp/n1 up       in the foreground, Ctrl-C stops it\n",
	.details =
		"In the foreground stdout also shows the output of the programs: the name before each line, | for their stdout and !\n"
		"for their stderr. It stays in the log files too. No program waits if nobody reads it: what is left out is counted.\n\n"
		"Everything that is started later gets nothing of this shell's environment, see 'actorctl help spawn'.\n",
	.options = up_options,
	.run = up_run,
};

/* ---- down ---- */

/* How many processes are not down yet. -1: nobody answers any more. */
static int down_count(struct session *session)
{
	const actor_dest spawner = actor_named(NAME_SPAWNER);
	struct session_error error;
	json_t *children = NULL;
	const json_t *child;
	int n = 0;
	size_t i;

	if (session_ask(session, &spawner, "ls", json_array(), DOWN_ASK_MS, &children, &error))
		return -1;
	json_array_foreach(children, i, child)
		n += !child_is_down(child);
	json_decref(children);
	return n;
}

/*
 * Asks the supervisor for an orderly end, or, if it does not answer, the keeper. Without an answer the
 * session stays open, to count the processes that are left. After an answer it is closed, since the
 * supervisor says good-bye when it ends and would wait for the good-bye of actorctl.
 */
static int down_request(struct ctl *ctl, struct session **session, pid_t keeper)
{
	const actor_dest spawner = actor_named(NAME_SPAWNER);
	struct session_error error = {.name = ""};
	int64_t ask_ms = ctl_timeout_ms(ctl, DOWN_ASK_MS);
	json_t *nothing = NULL;
	int r = -ENOTCONN;

	if (ask_ms > DOWN_ASK_MS)
		ask_ms = DOWN_ASK_MS;

	if (*session)
		r = session_ask(*session, &spawner, "down", json_array(), ask_ms, &nothing, &error);
	json_decref(nothing);
	if (r != -ETIMEDOUT)
		*session = session_close(*session);
	if (!r || !strcmp(error.name, "not_stopped"))
		return 0;
	/*
	 * The supervisor may be slow, or hang, or be gone. The keeper handles all three. A queued TERM only
	 * repeats the request. It never means "at once", as a second plain TERM does.
	 */
	if (sigqueue(keeper, SIGTERM, (union sigval){0}) && errno != ESRCH)
		return ctl_fail_errno(ctl, errno, "run actorctl as the user who started it",
			"cannot stop the node (pid %d)", (int)keeper);
	return 0;
}

/*
 * Waits for the keeper's end, then for the lock, which the supervisor holds until the last process is gone.
 */
static int down_wait(struct ctl *ctl, struct session **session, pid_t keeper, const char *dir,
	const struct wait_signals *signals)
{
	int64_t timeout_ms = ctl_timeout_ms(ctl, CTL_NO_TIMEOUT), start_ms = clock_now_ms();
	bool progress = ctl->stderr_is_tty && !ctl->json;
	struct pollfd fds[2] = {
		{.fd = pidfd_open(keeper, 0), .events = POLLIN}, {.fd = signals->fd, .events = POLLIN}};
	int status = CTL_OK, n, shown = -1, signo;

	while (node_keeper_pid(ctl, NULL) == keeper) {
		if (timeout_ms >= 0 && clock_now_ms() - start_ms >= timeout_ms) {
			status = ctl_fail(ctl, CTL_TIMEOUT, "timeout", "see actorctl ls",
				"the node in %s is still stopping", dir);
			break;
		}
		n = progress && *session ? down_count(*session) : -1;
		if (n < 0)
			*session = session_close(*session);
		if (n >= 0 && n != shown) {
			fprintf(stderr, "\rstopping %d %s...\033[K", n, n == 1 ? "process" : "processes");
			fflush(stderr);
			shown = n;
		}
		poll(fds, 2, DOWN_POLL_MS);
		signo = wait_signals_take(signals);
		if (signo) {
			if (shown >= 0)
				fputs("\r\033[K", stderr);
			ctl_fail(ctl, CTL_INTERRUPTED, "interrupted", "see actorctl ls",
				"interrupted; the node in %s goes on stopping", dir);
			wait_die(signo);
		}
		if (fds[0].revents) {
			if (fds[0].fd >= 0)
				close(fds[0].fd);
			fds[0].fd = -1;
			fds[0].revents = 0;
			poll(NULL, 0, 5); /* the lock is free soon after */
		}
	}
	if (shown >= 0)
		fputs("\r\033[K", stderr);
	if (fds[0].fd >= 0)
		close(fds[0].fd);
	return status;
}

/* What runs as another user could not be ended, and whoever takes the node down must know. */
static int down_left(struct ctl *ctl, uint64_t id, const char *dir)
{
	char as[64] = "lives on", more[48] = "";
	unsigned n;
	pid_t pid;
	uid_t uid;

	n = node_count_processes(id, &pid, &uid);
	if (!n)
		return CTL_OK;
	if (uid != (uid_t)-1 && uid != geteuid())
		snprintf(as, sizeof(as), "runs as another user (uid %u)", (unsigned)uid);
	if (n > 1)
		snprintf(more, sizeof(more), ", and so do %u more", n - 1);
	return ctl_fail(ctl, CTL_FAILED, "not_stopped", "end it as that user or as root",
		"the node in %s is down, but %d %s; not stopped: the node could not end it%s", dir, (int)pid,
		as, more);
}

static int down_run(struct ctl *ctl, const struct args *args)
{
	struct session *session = NULL;
	struct wait_signals signals;
	char dir[NODE_PATH_SIZE];
	int status, error, r;
	uint64_t id;
	pid_t keeper;

	if (node_runtime_dir(ctl, dir))
		return session_fail_open(ctl, ACTOR_JOIN_SPAWNER, ENAMETOOLONG);
	keeper = node_keeper_pid(ctl, &error);
	if (!keeper && error)
		return session_fail_open(ctl, ACTOR_JOIN_SPAWNER, error);
	r = session_try_open(ctl, ACTOR_JOIN_SPAWNER, keeper ? DOWN_ASK_MS : 1, &session);
	if (r == -EPERM || r == -EACCES ||
		/*
		 * the directory belongs to another user or is open to others, so its lock file may name any
		 * process
		 */
		r == -ENOTDIR)
		return session_fail_open(ctl, ACTOR_JOIN_SPAWNER, -r);
	if (r)
		session = NULL;
	if (!keeper) {
		session_close(session);
		return session_fail_open(ctl, ACTOR_JOIN_SPAWNER, ENOTCONN);
	}
	id = node_id(ctl);
	wait_signals_begin(&signals);
	status = down_request(ctl, &session, keeper);
	if (!status)
		status = down_wait(ctl, &session, keeper, dir, &signals);
	wait_signals_end(&signals);
	session_close(session);
	if (status)
		return status;
	status = down_left(ctl, id, dir);
	if (status)
		return status;
	if (ctl->json) {
		json_t *shown = json_pack("{sssi}", "runtime_dir", dir, "pid", (int)keeper);

		output_json(ctl, shown);
		json_decref(shown);
	} else {
		printf("node is down: %s\n", dir);
	}
	return CTL_OK;
}

const struct command command_down = {
	.name = "down",
	.synopsis = "",
	.summary = "stop everything in order, and the node",
	.examples =
		"  actorctl down\n"
		"  actorctl down -t 10s        give up waiting after 10 seconds; the node goes on stopping\n",
	.run = down_run,
};
