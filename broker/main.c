/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor-broker: the core (core.h) with sockets, a clock and signals. One thread gives the transport's events
 * to the core and carries out the core's operations at once. The program forks nothing, and nothing that a
 * peer does ends it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/aftermath.h"
#include "broker/clients.h"
#include "broker/hands.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/variables.h"
#include "libactor/transport/files.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/log.h"
#include "libactor/util/processors.h"
#include "libactor/util/spin.h"
#include "spawner/shared/node-info.h"
#include "spawner/shared/node-log.h"
#include "spawner/shared/protocol.h"
#include "spawner/shared/runtime-dir.h"

#define STALL_MAX_MS    86400000 /* a day */
#define LINES_MAX_BYTES (64u << 10)
#define FILES_OWN       24 /* descriptors that belong to no group and no guest */
#define GROUPS_MIN      8
/* A group that has slept answers a frame of the broker within this time. */
#define SPIN_NS             30000
#define SPIN_MAX_US         1000
#define PIPE_NAME_MAX_BYTES (sizeof("/b/.ipc") + 2 * 20) /* two numbers */

struct program {
	struct hands hands;
	const char *runtime_dir;
	struct buf lines; /* lines for the log, each ending in a 0, until the frames of the turn are sent */
	struct spin spin;
	int signal_fd;
	pid_t keeper_pid; /* the broker's parent; 0: the broker was started by hand */
};

static int prepare_socket_dir(const char *runtime_dir);

/* ---- the core's operations ---- */

static int op_pipe_listen(
	void *arg, struct broker_pipe *pipe, const char *path, uid_t uid, pid_t pid, void **ret_handle)
{
	struct program *program = arg;
	struct pipe *handle;
	int r = hands_pipe_listen(&program->hands, pipe, path, uid, pid, &handle);

	/* somebody has removed the directory */
	if (r == -ENOENT && prepare_socket_dir(program->runtime_dir) == 0)
		r = hands_pipe_listen(&program->hands, pipe, path, uid, pid, &handle);
	if (r == 0) {
		pipe_say_why(handle);
		*ret_handle = handle;
	}
	return r;
}

static void op_client_note(void *arg, uint64_t group, pid_t pid)
{
	client_note(((struct program *)arg)->runtime_dir, group, pid);
}

static bool op_group_lives(void *arg, uint64_t group)
{
	return client_lives(((struct program *)arg)->runtime_dir, group);
}

static void op_group_gone(void *arg, uint64_t group)
{
	client_remove(((struct program *)arg)->runtime_dir, group);
}

static void lines_write(struct program *program)
{
	const struct buf *lines = &program->lines;

	for (size_t at = 0; at < lines->size_bytes; at += strlen((const char *)lines->data + at) + 1)
		log_info("%s", (const char *)lines->data + at);
	buf_reset(&program->lines, LINES_MAX_BYTES);
}

/*
 * Writing a line wakes the supervisor, which delays every frame that is not sent yet. So lines of level info
 * are written after the frames. Warnings and errors are written at once, since they would be lost if the
 * broker crashed first.
 */
static void op_log(void *arg, enum log_level level, const char *line)
{
	struct program *program = arg;
	struct buf *lines = &program->lines;
	size_t size_bytes = strlen(line) + 1;

	if (level == LOG_INFO && lines->size_bytes + size_bytes <= LINES_MAX_BYTES &&
		buf_reserve(lines, size_bytes)) {
		buf_append(lines, line, size_bytes);
		return;
	}
	lines_write(program);
	log_write(level, "%s", line);
}

static const struct broker_ops ops = {
	HANDS_OPS,
	.pipe_listen = op_pipe_listen,
	.client_note = op_client_note,
	.group_lives = op_group_lives,
	.group_gone = op_group_gone,
	.log = op_log,
};

/* ---- the loop ---- */

static int64_t turn_timeout_ns(const struct broker *broker, int64_t now_ns)
{
	int64_t deadline_ns = broker_deadline_ns(broker);

	if (deadline_ns == INT64_MAX)
		return -1;
	return deadline_ns < now_ns ? 0 : deadline_ns - now_ns;
}

/*
 * The kernel announces the keeper's end by KEEPER_DEATH_SIGNAL. That is SIGCONT, so it also wakes a stopped
 * broker.
 */
static bool keeper_is_gone(const struct program *program)
{
	return program->keeper_pid && getppid() != program->keeper_pid;
}

/* True: the program is to end. */
static bool take_signals(struct program *program)
{
	struct signalfd_siginfo info;
	bool end = false;

	while (read(program->signal_fd, &info, sizeof(info)) == sizeof(info))
		end = end || info.ssi_signo != KEEPER_DEATH_SIGNAL;
	return end || keeper_is_gone(program);
}

/*
 * Waits as transport_wait() does, but first looks for events for a moment (spin.h). *ret_came: *ret is the
 * first event.
 */
static int wait_for_events(
	struct program *program, int64_t timeout_ns, struct transport_event *ret, bool *ret_came)
{
	struct transport *transport = program->hands.transport;
	int64_t window_ns = timeout_ns ? spin_begin(&program->spin) : 0, until_ns;
	int r = 0;

	*ret_came = false;
	if (window_ns) {
		until_ns = clock_now_ns() + window_ns;
		do {
			r = transport_wait(transport, 0);
			*ret_came = r == 0 && transport_next(transport, ret) == 1;
			if (!*ret_came)
				sched_yield(); /* the kernel may have put the callee on this very processor */
		} while (r == 0 && !*ret_came && clock_now_ns() < until_ns);
		spin_end(&program->spin, *ret_came);
		if (r || *ret_came)
			return r;
	}
	r = transport_wait(transport, timeout_ns);
	*ret_came = r >= 0 && transport_next(transport, ret) == 1;
	return r;
}

static void run(struct program *program)
{
	struct hands *hands = &program->hands;
	int64_t now_ns = clock_now_ns();

	for (;;) {
		struct transport_event event;
		bool came;
		int r = wait_for_events(program, turn_timeout_ns(hands->broker, now_ns), &event, &came);

		if (r < 0 && r != -EINTR) {
			log_error("cannot wait: %s", strerror(-r));
			return;
		}
		if (r > 0 && take_signals(program))
			return;
		for (int i = 1; came; i++) {
			hands_event(hands, &event);
			came = i < EVENTS_PER_TURN && transport_next(hands->transport, &event) == 1;
		}
		now_ns = hands_end_turn(hands);
		lines_write(program);
	}
}

/* ---- start ---- */

/*
 * How long to look for events before sleeping. 0 where that would harm others: with a single processor they
 * could not run meanwhile, and with a quota of a cgroup the looks would use up the node's time.
 */
static int64_t spin_window_ns(void)
{
	const char *text = getenv(ENV_SPIN_US);
	unsigned long us;
	char *end;

	if (!text || !*text)
		return processors_are_plenty() ? SPIN_NS : 0;
	us = strtoul(text, &end, 10);
	if (*end || *text < '0' || *text > '9' || us > SPIN_MAX_US) {
		log_warning(ENV_SPIN_US "=%.32s is not a number of microseconds from 0 to %d; 0 is taken",
			text, SPIN_MAX_US);
		return 0;
	}
	return (int64_t)us * 1000;
}

static const char usage[] =
	"usage: actor-broker [--runtime-dir DIR] [--node-id N --key-hex HEX --group N] [--window-ms N]\n"
	"                    [--stall-timeout-ms N]\n"
	"\n"
	"Names, introductions and routing for one node. Started by the node's supervisor, which gives it the node's\n"
	"identity on a file descriptor (ACTOR_NODE_FD); the options are for running it by hand.\n";

static int fail(const char *what, const char *on, int error)
{
	log_error("%s %s: %s", what, on, strerror(error < 0 ? -error : error));
	return EXIT_FAILURE;
}

static int parse_u64(const char *text, uint64_t *ret)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || strchr(text, '-'))
		return -EINVAL;
	*ret = value;
	return 0;
}

static int parse_key(const char *hex, uint8_t key[TOKEN_KEY_BYTES])
{
	if (strlen(hex) != 2 * TOKEN_KEY_BYTES ||
		strspn(hex, "0123456789abcdefABCDEF") != 2 * TOKEN_KEY_BYTES)
		return -EINVAL;
	for (int i = 0; i < TOKEN_KEY_BYTES; i++) {
		char byte[3] = {hex[2 * i], hex[2 * i + 1], 0};

		key[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return 0;
}

static int read_node_info(const char *fd_text, struct broker_options *options, pid_t *ret_keeper_pid)
{
	struct keeper_node_info info;
	uint64_t fd;

	if (parse_u64(fd_text, &fd) < 0 || fd > INT_MAX)
		return -EINVAL;
	if (pread((int)fd, &info, sizeof(info), 0) != (ssize_t)sizeof(info))
		return -EBADMSG;
	close((int)fd);
	if (info.magic != KEEPER_NODE_INFO_MAGIC || info.version != KEEPER_VERSION)
		return -EBADMSG;
	options->node = info.node_id;
	*ret_keeper_pid = info.keeper_pid;
	options->group = info.group_id;
	memcpy(options->key, info.node_key, sizeof(options->key));
	return 0;
}

static int parse_options(int argc, char **argv, struct broker_options *options, pid_t *ret_keeper_pid)
{
	static const struct option longs[] = {
		{"runtime-dir", required_argument, NULL, 'd'},
		{"node-id", required_argument, NULL, 'n'},
		{"key-hex", required_argument, NULL, 'k'},
		{"group", required_argument, NULL, 'g'},
		{"window-ms", required_argument, NULL, 'w'},
		{"stall-timeout-ms", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *node_fd = getenv(ENV_NODE_FD);
	bool has_key = false;
	uint64_t n;
	int c, r;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		r = 0;
		switch (c) {
		case 'd':
			options->runtime_dir = optarg;
			break;
		case 'n':
			r = parse_u64(optarg, &options->node);
			break;
		case 'k':
			r = parse_key(optarg, options->key);
			has_key = true;
			break;
		case 'g':
			r = parse_u64(optarg, &options->group);
			break;
		case 'w':
			r = parse_u64(optarg, &n);
			if (r == 0 && n > 3600000)
				r = -ERANGE;
			options->window_ms = (int64_t)n;
			break;
		case 's':
			r = parse_u64(optarg, &n);
			if (r == 0 && (n < 1 || n > STALL_MAX_MS))
				r = -ERANGE;
			options->stall_ms = (int64_t)n;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			fputs(usage, stderr);
			return -EINVAL;
		}
		if (r < 0) {
			log_error("bad value '%s'; see actor-broker --help", optarg);
			return r;
		}
	}
	if (node_fd && !has_key) {
		r = read_node_info(node_fd, options, ret_keeper_pid);
		if (r < 0) {
			log_error(
				"ACTOR_NODE_FD=%s does not hold this node's identity: %s; the broker is started by "
				"actor-supervisor, or with --node-id, --key-hex and --group",
				node_fd, strerror(-r));
			return r;
		}
	} else if (!has_key) {
		log_error(
			"neither ACTOR_NODE_FD nor --key-hex is given; the broker is started by actor-supervisor");
		return -EINVAL;
	}
	if (!options->node || !options->group || (options->group & (GROUP_CLIENT | GROUP_OF_SUPERVISOR))) {
		log_error("node id and group id must be given, the group id without its two highest bits");
		return -EINVAL;
	}
	if (!options->runtime_dir || options->runtime_dir[0] != '/') {
		log_error("no runtime directory: give ACTOR_RUNTIME_DIR or --runtime-dir, an absolute path");
		return -EINVAL;
	}
	return 0;
}

/*
 * Makes the directory of the sockets at which groups get their pipes. Removes the files that an old broker
 * left there.
 */
static int prepare_socket_dir(const char *runtime_dir)
{
	char path[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/b", runtime_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(path, 0711) < 0 && errno != EEXIST)
		return -errno;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	return 0;
}

/*
 * Raises the limit of descriptors and returns for how many groups they suffice. The broker refuses further
 * groups before the descriptors run out. 0: any number.
 */
static size_t raise_file_limit(const char *runtime_dir)
{
	const size_t files_of_group = pipe_files_max(strlen(runtime_dir) + PIPE_NAME_MAX_BYTES);
	struct rlimit limit;
	rlim_t reserve;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return 0;
	/*
	 * One guest more than guests_max(): an old guest is closed only after the new one was accepted. The
	 * second guests_max() is for farewells, of which there may be as many as guests.
	 */
	reserve = FILES_OWN + guests_max() + 1 + guests_max();
	return limit.rlim_cur > reserve + GROUPS_MIN * files_of_group
		       ? (limit.rlim_cur - reserve) / files_of_group
		       : GROUPS_MIN;
}

static void found_client(void *arg, uint64_t group, bool at_door)
{
	broker_client_lives(((struct program *)arg)->hands.broker, group, at_door, clock_now_ns());
}

/* struct sched_attr of the kernel, in its first version. */
struct scheduling {
	uint32_t size_bytes;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t slice_ns, deadline_ns, period_ns;
};

/*
 * Gives the broker a slightly longer time slice. A process that writes to the broker usually goes to sleep
 * right after. If the woken broker takes the processor from that writer at once, the writer has to run once
 * more, only to go to sleep. If the broker's slice is longer, the kernel lets a writer go on that has had
 * less than its share. A process that computes has had more than its share, and yields to the broker. An
 * eighth more is enough. With three times the slice the broker waited behind processes that compute: beside
 * builds the notice of a death took up to twice as long. The slice changes no share and needs no privilege. A
 * kernel before Linux 6.12 reports no slice, and then nothing is done.
 */
static void let_writers_go_on(void)
{
	struct scheduling scheduling;

	if (syscall(SYS_sched_getattr, 0, &scheduling, sizeof(scheduling), 0) < 0 ||
		scheduling.policy != SCHED_OTHER || !scheduling.slice_ns)
		return;
	scheduling.slice_ns += scheduling.slice_ns / 8;
	(void)syscall(SYS_sched_setattr, 0, &scheduling, 0);
}

/* Runs until a signal ends the broker, or the keeper is gone. */
static int serve(struct program *program, const struct broker_options *options)
{
	char path[PATH_MAX];
	int r;

	r = prepare_socket_dir(options->runtime_dir);
	if (r < 0)
		return fail("cannot prepare the socket directory in", options->runtime_dir, r);
	if (snprintf(path, sizeof(path), "%s/broker.ipc", options->runtime_dir) >= (int)sizeof(path))
		return fail("cannot listen in", options->runtime_dir, ENAMETOOLONG);
	r = broker_new(&program->hands.broker, options, &ops, program, clock_now_ns());
	if (r == 0)
		r = transport_new(&program->hands.transport);
	if (r < 0)
		return fail("cannot start in", options->runtime_dir, r);
	/* clients that an earlier broker admitted */
	clients_each(options->runtime_dir, found_client, program);
	r = server_listen(program->hands.transport, path, NULL, &program->hands.server);
	if (r < 0)
		return fail("cannot listen on", path, r);
	r = transport_attend(program->hands.transport, program->signal_fd);
	if (r < 0)
		return fail("cannot wait for", "signals", r);
	log_info("ready on %s (node %" PRIx64 ", group %" PRIu64 ")", path, options->node, options->group);
	if (!keeper_is_gone(program)) /* the keeper may have ended before its signal was blocked */
		run(program);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct broker_options options = {
		.window_ms = WINDOW_MS, .uid = geteuid(), .runtime_dir = getenv(ENV_RUNTIME_DIR)};
	struct program program = {.signal_fd = -1};
	int status = EXIT_SUCCESS;
	sigset_t signals;
	size_t max_groups;

	log_init("actor-broker", LOG_INFO);
	log_to(node_log_write);
	if (parse_options(argc, argv, &options, &program.keeper_pid) < 0)
		return EXIT_FAILURE;
	max_groups = raise_file_limit(options.runtime_dir);
	options.limits.farewells = guests_max();
	options.limits.spawner_links = outsiders_max();
	if (max_groups && max_groups < 65536)
		options.limits.groups = max_groups;

	/*
	 * The signals are blocked before the transport starts threads (with libnng it does), since threads
	 * inherit the mask.
	 */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, KEEPER_DEATH_SIGNAL);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	program.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (program.signal_fd < 0)
		return fail("cannot wait for", "signals", errno);

	let_writers_go_on();
	program.spin.window_ns = spin_window_ns();
	program.runtime_dir = options.runtime_dir;
	/* if the keeper is gone, the directory may belong to the next node by now */
	if (!keeper_is_gone(&program))
		status = serve(&program, &options);
	lines_write(&program);
	if (keeper_is_gone(&program)) {
		/*
		 * The broker may be the last process of the node, however serve() ended. The aftermath runs
		 * before anything is freed, since a crash while freeing would prevent it.
		 */
		aftermath_run(options.runtime_dir, options.node);
		_exit(EXIT_SUCCESS);
	}
	broker_free(program.hands.broker);
	buf_deinit(&program.lines);
	transport_free(program.hands.transport);
	close(program.signal_fd);
	return status;
}
