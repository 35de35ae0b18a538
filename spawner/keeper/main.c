/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper: the parent of every process of a node
 *
 * Everything else of actor may crash and is started again; this program may not, so it is small: one thread,
 * one loop, no heap, libc only. It decides nothing: the supervisor decides what runs, when and how often. The
 * keeper starts what it is told to start. It holds what must outlive a supervisor: the table of processes,
 * the read ends of their pipes, the supervisor's state. And it sees to it that no process of the node
 * outlives the node.
 *
 * If the keeper itself is killed, its children end by PR_SET_PDEATHSIG. The supervisor reads EOF and kills
 * the remaining processes of the node. If the supervisor dies too, the broker kills them. If all three die,
 * the next node in this directory kills them before it starts.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spawner/keeper/child.h"
#include "spawner/keeper/keeper.h"
#include "spawner/shared/client.h"
#include "spawner/shared/limits.h"
#include "spawner/shared/node-log.h"
#include "spawner/shared/process-tree.h"
#include "spawner/shared/sweep.h"

#define STALE_LIMIT_MS    5000u
#define STOP_LIMIT_S      60u
#define HANG_LIMIT_S      30u
#define TAKEOVER_LIMIT_NS (5 * 1000000000ull)

static struct keeper keeper_static; /* a megabyte, of which an idle node touches a few pages */

static bool file_runs(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/*
 * Searches beside this program, in the libexec directory of an installed tree, and in the program's own room
 * of a build tree.
 */
static bool program_find(const char *name, const char *room, char ret_path[KEEPER_PATH_SIZE])
{
	static const char *const places[] = {"", "../libexec/actor/"};
	char self[KEEPER_PATH_SIZE / 2], *slash;
	ssize_t n;
	size_t i;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	slash[1] = 0;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(ret_path, KEEPER_PATH_SIZE, "%s%s%s", self, places[i], name);
		if (file_runs(ret_path))
			return true;
	}
	snprintf(ret_path, KEEPER_PATH_SIZE, "%s../%s/%s", self, room, name);
	return file_runs(ret_path);
}

static bool program_given(const char *given, const char *what, char ret_path[KEEPER_PATH_SIZE])
{
	if (realpath(given, ret_path) && file_runs(ret_path))
		return true;
	keeper_log("%s: %s is no program that can be run", what, given);
	return false;
}

static void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

static bool number_read(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *ret <= max;
}

/* Finds the directories and programs. NULL: the default. -1: go on; else exit with this code. */
static int start_places(struct keeper *keeper, const char *dir, const char *log_dir, const char *supervisor,
	const char *broker)
{
	if (runtime_dir_resolve(dir, keeper->dir) < 0 ||
		log_dir_resolve(log_dir, keeper->dir, keeper->log_dir) < 0) {
		keeper_log("the path of the runtime or log directory is too long");
		return 1;
	}
	if (supervisor ? !program_given(supervisor, "--supervisor", keeper->supervisor)
		       : !program_find("actor-supervisor", "spawner", keeper->supervisor)) {
		if (!supervisor)
			keeper_log("actor-supervisor is found neither beside actor-spawner nor in "
				   "../libexec/actor; "
				   "name it with --supervisor");
		return 1;
	}
	if (broker ? !program_given(broker, "--broker", keeper->broker)
		   : !program_find("actor-broker", "broker", keeper->broker)) {
		if (broker)
			return 1;
		keeper->broker[0] = 0; /* the supervisor will report that there is no broker */
	}
	return -1;
}

/* -1: go on; else exit with this code. */
static int start_options(struct keeper *keeper, int argc, char **argv)
{
	static const struct option options[] = {
		{"runtime-dir", required_argument, NULL, 'r'},
		{"log-dir", required_argument, NULL, 'l'},
		{"supervisor", required_argument, NULL, 's'},
		{"broker", required_argument, NULL, 'b'},
		{"ready-fd", required_argument, NULL, 'f'},
		{"stop-limit", required_argument, NULL, 't'},
		{"hang-limit", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	const char *dir = NULL, *log_dir = NULL, *supervisor = NULL, *broker = NULL;
	unsigned long number;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case 'r':
			dir = optarg;
			break;
		case 'l':
			log_dir = optarg;
			break;
		case 's':
			supervisor = optarg;
			break;
		case 'b':
			broker = optarg;
			break;
		case 'f':
			if (!number_read(optarg, 1 << 20, &number) ||
				fcntl((int)number, F_SETFD, FD_CLOEXEC) < 0) {
				keeper_log("--ready-fd %s is no open file descriptor", optarg);
				return 2;
			}
			keeper->ready_fd = (int)number;
			break;
		case 't':
			if (!number_read(optarg, 86400, &number) || !number) {
				keeper_log("--stop-limit %s is no number of seconds from 1 to 86400", optarg);
				return 2;
			}
			keeper->stop_limit_ns = number * 1000000000ull;
			break;
		case 'p':
			if (!number_read(optarg, 86400, &number) || !number) {
				keeper_log("--hang-limit %s is no number of seconds from 1 to 86400", optarg);
				return 2;
			}
			keeper->hang_limit_ns = number * 1000000000ull;
			break;
		case 'h':
			say("Usage: actor-spawner [OPTION]...\n"
			    "Runs a node: keeps its supervisor alive and is the parent of all its "
			    "processes.\n\n"
			    "  --runtime-dir DIR   where its sockets live ($ACTOR_RUNTIME_DIR)\n"
			    "  --log-dir DIR       where logs go ($ACTOR_LOG_DIR)\n"
			    "  --supervisor PATH   the supervisor to run\n"
			    "  --broker PATH       the broker the supervisor is to run\n"
			    "  --ready-fd N        gets one newline when the node is ready, or the line that says why "
			    "it is not\n"
			    "  --stop-limit S      seconds an orderly end may take, then everything is "
			    "killed (60)\n"
			    "  --hang-limit S      seconds the supervisor may be silent before it is started "
			    "again (30)\n"
			    "  --version, --help\n\n"
			    "TERM, INT or HUP ends the node in an orderly way, a second one at once.\n"
			    "Exit codes: 0 ended as asked; 1 failed; 2 usage; 9 a node is already running "
			    "here.\n");
			return 0;
		case 'V':
			say("actor-spawner " KEEPER_BUILD_VERSION "\n");
			return 0;
		default:
			return 2;
		}
	}
	if (optind < argc) {
		keeper_log("%s is not understood; see --help", argv[optind]);
		return 2;
	}
	return start_places(keeper, dir, log_dir, supervisor, broker);
}

/*
 * If descriptor 0, 1 or 2 were closed, the first pipes would get these numbers and become the stdio of
 * children.
 */
static void start_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2 && fcntl(fd, F_SETFD, 0) == 0);
	if (fd >= 0)
		close(fd);
}

/* -1: go on; else exit with this code. */
static int start_dir(struct keeper *keeper)
{
	char why[RUNTIME_DIR_WHY_SIZE];

	if (runtime_dir_open(keeper->dir, &keeper->dir_fd, &keeper->dir_made, why) < 0 ||
		runtime_dir_check(keeper->dir_fd, keeper->dir, why) < 0) {
		keeper_log("%s", why);
		return 1;
	}
	return -1;
}

/* A zombie counts as dead: its parent may be slow to reap it. */
static bool process_is_dead(pid_t pid)
{
	struct process_stat stat;

	return (kill(pid, 0) < 0 && errno == ESRCH) ||
	       (process_stat_read(pid, &stat) && (stat.exiting || process_is_zombie(&stat)));
}

/*
 * Locks the runtime directory. If its keeper is dead but its lock is held, the old supervisor is killing the
 * processes of its node. That takes only moments, so this function waits instead of saying "already running".
 * -1: go on; else exit with this code.
 */
static int start_lock(struct keeper *keeper)
{
	uint64_t until_ns = keeper_now_ns() + TAKEOVER_LIMIT_NS;
	struct timespec nap = {.tv_nsec = 10 * 1000000};
	struct sweep_denied denied = {0};
	struct runtime_dir_owner owner;
	char why[RUNTIME_DIR_WHY_SIZE];
	int r;

	while ((r = runtime_dir_lock(keeper->dir_fd, &keeper->lock_fd, &owner)) == -EBUSY || r == -ENOENT) {
		bool dead = owner.pid > 0 && process_is_dead(owner.pid);

		if (!dead && owner.pid > 0) {
			keeper_log("already running, pid %d, in %s", owner.pid, keeper->dir);
			return KEEPER_EXIT_RUNNING;
		}
		if (keeper_now_ns() >= until_ns) {
			keeper_log(
				"%s is still locked by the rest of a node that died; try again", keeper->dir);
			return KEEPER_EXIT_RUNNING;
		}
		if (r == -ENOENT) { /* the earlier node has removed the directory meanwhile */
			close(keeper->dir_fd);
			r = start_dir(keeper);
			if (r >= 0)
				return r;
		}
		nanosleep(&nap, NULL);
	}
	if (r < 0) {
		runtime_dir_no_room(-r, keeper->dir, "--runtime-dir", why);
		keeper_log("%s/lock cannot be taken: %s", keeper->dir, why);
		return 1;
	}
	if (runtime_dir_room(keeper->dir_fd, keeper->dir, why) < 0) {
		keeper_log("%s", why);
		return 1;
	}

	if (owner.node_id) {
		r = sweep_kill(owner.node_id, NULL, 0, NULL, 0, STALE_LIMIT_MS, &denied);
		if (denied.n)
			keeper_log(
				"%u processes of the node that was in %s before run as another user and go on, one "
				"is %d (uid %d)",
				denied.n, keeper->dir, (int)denied.pid, (int)denied.uid);
		if (r < 0) {
			keeper_log("processes of the node that was in %s before cannot be removed: %s",
				keeper->dir, strerror(-r));
			return 1;
		}
		if (r > 0)
			keeper_log(
				"the node that was in %s before left %d processes behind, they were killed",
				keeper->dir, r);
	}
	keeper->dir_made = keeper->dir_made || owner.made;
	r = runtime_dir_clear(keeper->dir_fd);
	if (r < 0 && r != -ENOTEMPTY) {
		keeper_log("%s cannot be cleared: %s", keeper->dir, strerror(-r));
		return 1;
	}
	fchmod(keeper->dir_fd, 0700);
	runtime_dir_clear_beside(keeper->dir);
	return -1;
}

/*
 * Notes the keeper's limits, which the programs get back (child.c), and raises the limit of a file's size.
 * The supervisor's state is a file: if it does not fit, what it holds is lost with the supervisor. -1: go on;
 * else exit with this code.
 */
static int start_limits(struct keeper *keeper)
{
	struct rlimit raised = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
	char why[MEMORY_LIMIT_WHY_SIZE];

	if (!memory_limits_suffice(why)) {
		keeper_log("%s", why);
		return 1;
	}
	if (getrlimit(RLIMIT_NOFILE, &keeper->nofile) < 0 || getrlimit(RLIMIT_FSIZE, &keeper->file_size) < 0)
		return 1;
	if (keeper->nofile.rlim_max < KEEPER_FILES_MIN) {
		keeper_log(
			"the limit of open files is %llu (ulimit -Hn): a node needs %d, and 3 for each process; raise "
			"it and try again",
			(unsigned long long)keeper->nofile.rlim_max, KEEPER_FILES_MIN);
		return 1;
	}
	if (setrlimit(RLIMIT_FSIZE, &raised) == 0) /* root may raise it */
		return -1;
	if (keeper->file_size.rlim_max < KEEPER_FILE_SIZE_MIN) {
		keeper_log(
			"the limit of the size of a file is %llu bytes (ulimit -Hf): a node needs %u; raise it and try "
			"again",
			(unsigned long long)keeper->file_size.rlim_max, KEEPER_FILE_SIZE_MIN);
		return 1;
	}
	raised.rlim_cur = raised.rlim_max = keeper->file_size.rlim_max;
	setrlimit(RLIMIT_FSIZE, &raised);
	return -1;
}

/*
 * Refuses to run if /proc is that of another pid namespace. There the keeper would find marks under the pids
 * of the other namespace, and kill whatever processes have these pids here. -1: go on; else exit with this
 * code.
 */
static int start_proc(void)
{
	char text[16] = "";

	if (readlink("/proc/self", text, sizeof(text) - 1) < 0) {
		keeper_log("/proc is needed and cannot be read: %s", strerror(errno));
		return 1;
	}
	if (atoi(text) == (int)getpid())
		return -1;
	keeper_log("/proc shows the processes of another pid namespace than ours: mount it anew "
		   "(unshare --mount-proc)");
	return 1;
}

/* 0; negative errno; 1: the log already says why the node cannot start. */
static int start_node(struct keeper *keeper)
{
	struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = keeper_source(KEEPER_SOURCE_SIGNAL, 0, 0)};
	struct runtime_dir_owner owner;
	struct rlimit raised;
	sigset_t signals;
	char why[RUNTIME_DIR_WHY_SIZE];
	int r;

	keeper_table_init(&keeper->table);
	keeper->pid = getpid();
	keeper->only_ours = keeper->pid != 1 && keeper_count_children(keeper) == 0;
	keeper->start_ns = keeper_now_ns();
	while (!keeper->node_id)
		if (getrandom(&keeper->node_id, sizeof(keeper->node_id), 0) < 0)
			return -errno;
	if (getrandom(keeper->node_key, sizeof(keeper->node_key), 0) != sizeof(keeper->node_key))
		return -errno;
	owner = (struct runtime_dir_owner){
		.pid = keeper->pid, .node_id = keeper->node_id, .made = keeper->dir_made};
	r = runtime_dir_own(keeper->lock_fd, &owner);
	if (r < 0)
		return r;
	/*
	 * If the log directory cannot be claimed for another reason, it cannot be written either. The
	 * supervisor will say so.
	 */
	node_log_init(keeper->log_dir);
	keeper->log_dir_fd = log_dir_claim(keeper->log_dir, keeper->dir, why);
	if (keeper->log_dir_fd == -EBUSY) {
		keeper_log("%s", why);
		return 1;
	}

	raised = (struct rlimit){.rlim_cur = keeper->nofile.rlim_max, .rlim_max = keeper->nofile.rlim_max};
	setrlimit(RLIMIT_NOFILE, &raised);

	/* With an inherited SIG_IGN of SIGCHLD the kernel would reap children before the keeper can. */
	sigaction(SIGCHLD, &action, NULL);
	keeper_child_note_ignored();
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_SETMASK, &signals, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ||
		chdir("/") < 0)
		return -errno;
	keeper->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	keeper->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (keeper->signal_fd < 0 || keeper->epoll_fd < 0 ||
		epoll_ctl(keeper->epoll_fd, EPOLL_CTL_ADD, keeper->signal_fd, &event) < 0)
		return -errno;
	keeper_place_watch(keeper);
	return keeper_supervisor_start(keeper);
}

/* The whole life of a node. Returns the exit code. */
static int keeper_live(struct keeper *keeper, int argc, char **argv)
{
	char why[RUNTIME_DIR_WHY_SIZE];
	int r;

	r = start_options(keeper, argc, argv);
	if (r >= 0)
		return r;
	r = start_limits(keeper);
	if (r >= 0)
		return r;
	r = start_proc();
	if (r >= 0)
		return r;
	r = start_dir(keeper);
	if (r >= 0)
		return r;
	r = start_lock(keeper);
	if (r >= 0) {
		if (keeper->dir_made) { /* then the lock is ours, and nobody else is in it */
			unlinkat(keeper->dir_fd, "lock", 0);
			rmdir(keeper->dir);
		}
		return r;
	}
	r = start_node(keeper);
	if (r < 0) {
		runtime_dir_no_room(-r, keeper->dir, "--runtime-dir", why);
		keeper_log("the node cannot be started: %s", why);
	}
	if (r)
		keeper->exit_code = 1;
	else
		keeper_run(keeper);
	if (runtime_dir_leave(keeper->dir_fd, keeper->dir, keeper->node_id) == -ENOTEMPTY)
		keeper_log("%s stays: it has something that no node made", keeper->dir);
	return keeper->exit_code;
}

int main(int argc, char **argv)
{
	struct keeper *keeper = &keeper_static;
	int exit_code;

	keeper->epoll_fd = keeper->signal_fd = keeper->dir_fd = keeper->lock_fd = keeper->place_fd = -1;
	keeper->ready_fd = keeper->state_fd = keeper->socket_fd = -1;
	keeper->stop_limit_ns = STOP_LIMIT_S * 1000000000ull;
	keeper->hang_limit_ns = HANG_LIMIT_S * 1000000000ull;
	start_stdio();
	/* a log line beyond the limit of a file's size is lost, but does not end the node */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	exit_code = keeper_live(keeper, argc, argv);
	/* The log may take nothing, as on a full disk. So whoever waits for the node is told directly. */
	if (exit_code && keeper->ready_fd >= 0)
		keeper_log_repeat(keeper->ready_fd);
	return exit_code;
}
