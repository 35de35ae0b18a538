/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor-supervisor: decides what runs
 *
 * It is a group like any other, with one actor, `$spawner`. It forks nothing and reaps nothing: it asks the
 * keeper to, and the keeper reports. All that it must not forget is in a memfd that the keeper holds. A
 * decision is written there before anything is done that needs it. So the supervisor may be killed at any
 * moment, and the next one goes on.
 *
 * At the beginning the keeper sends HELLO, which has the supervisor's identity and the state of the one
 * before; then the whole table of processes; then SYNCED. Only then are callers admitted. When the keeper
 * dies, its socket ends. Then the supervisor kills all processes of this node, which it finds by their marks,
 * since the keeper cannot do it any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/node/service.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/variables.h"
#include "libactor/transport/files.h"
#include "libactor/util/clock.h"
#include "libactor/util/log.h"
#include "spawner/shared/marks.h"
#include "spawner/shared/node-log.h"
#include "spawner/shared/runtime-dir.h"
#include "spawner/supervisor/supervisor.h"

#define HELLO_TIMEOUT_MS 10000
#define FILES_OWN        28 /* descriptors of the supervisor's own, and of the broker's output */
#define FILES_LOG_SHARE  32 /* for so many descriptors one log is kept open */
#define FILES_OF_CHILD   3  /* the child's output, and a link if it speaks with the supervisor */

static void state_load(struct supervisor *supervisor, int fd)
{
	int r;

	if (fd < 0)
		return;
	r = state_open(&supervisor->state, fd);
	for (unsigned n = 0; !r && n < 2; n++) {
		struct state_reader reader;
		const uint8_t *data;
		size_t size_bytes;

		if (!state_read(&supervisor->state, n, &reader))
			continue;
		while (!r && state_next(&reader, &data, &size_bytes))
			r = node_state_load(supervisor->node, data, size_bytes);
		if (!r)
			return;
		log_error("a copy of the state makes no sense, it is ignored");
		node_forget(supervisor->node);
		r = 0;
	}
	log_error("the state of the supervisor before cannot be used: what runs is adopted");
	node_state_lost(supervisor->node, supervisor_now_ns());
}

/* The keeper died before it could send HELLO. The marker of this process says which node it was. */
static void hello_missed(struct supervisor *supervisor)
{
	const char *value = getenv(ENV_GROUP);
	struct sweep_marker marker;

	supervisor->runtime_dir = getenv(ENV_RUNTIME_DIR);
	if (!value || !sweep_marker_parse(value, &marker) || !supervisor->runtime_dir)
		return;
	supervisor->node_id = marker.node_id;
	supervisor_end_of_node(supervisor);
}

static void receive_hello(struct supervisor *supervisor, union keeper_record *ret, int *ret_state_fd)
{
	int fds[KEEPER_RECORD_FDS_MAX], r;
	size_t n_fds = 0;

	for (;;) {
		struct pollfd poll_fd = {.fd = KEEPER_SOCKET_FD, .events = POLLIN};

		r = poll(&poll_fd, 1, HELLO_TIMEOUT_MS);
		if (r == 0 || (r < 0 && errno != EINTR))
			break;
		r = keeper_recv(KEEPER_SOCKET_FD, ret, fds, &n_fds);
		if (r == -EAGAIN)
			continue;
		if (r == 1 && ret->header.type == KEEPER_HELLO) {
			*ret_state_fd = n_fds ? fds[0] : -1;
			return;
		}
		if (r == 0)
			hello_missed(supervisor);
		break;
	}
	log_error("this program is started by actor-spawner; fd %d is no socket of one", KEEPER_SOCKET_FD);
	exit(2);
}

static void output_was_lost(uint64_t group, uint64_t n_bytes, void *arg)
{
	struct supervisor *supervisor = arg;
	struct child *child = node_child_by_group(supervisor->node, group);

	if (child)
		child->n_lost_bytes += n_bytes;
}

static void open_directories(struct supervisor *supervisor)
{
	int r;

	supervisor->runtime_dir = getenv(ENV_RUNTIME_DIR);
	supervisor->log_dir = getenv(ENV_LOG_DIR);
	if (!supervisor->runtime_dir || !supervisor->log_dir) {
		log_error(
			"ACTOR_RUNTIME_DIR or ACTOR_LOG_DIR is not set: this program is started by actor-spawner");
		exit(2);
	}
	supervisor->groups_dir_fd = -1;
	r = supervisor_groups_dir_open(supervisor);
	if (r < 0) {
		log_error("%s/g: %s", supervisor->runtime_dir, strerror(-r));
		exit(1);
	}
	if (outputs_init(&supervisor->outputs, supervisor->log_dir) < 0)
		abort();
	supervisor->outputs.lost = output_was_lost;
	supervisor->outputs.arg = supervisor;
}

static uint64_t caller_group(const void *from)
{
	return actor_from_ref(from).group;
}

static void log_line(const char *line, void *arg)
{
	log_info("%s", line);
}

static int run(struct supervisor *supervisor)
{
	char listen_path[RUNTIME_DIR_PATH_SIZE];
	struct service_options options = {
		.name = NAME_SPAWNER,
		.runtime_dir = supervisor->runtime_dir,
		.node = supervisor->node_id,
		.group = supervisor->group_id,
		.listen_path = listen_path,
		.broker_up_method = "broker_up",
		.broker_down_method = "broker_down",
		.client_gone_method = "client_gone",
		.handed_over_method = "handed_over",
		.log = log_line,
	};
	union keeper_record record;
	actor_ref self;
	int r;

	snprintf(listen_path, sizeof(listen_path), "%s/spawner.ipc", supervisor->runtime_dir);
	memcpy(options.key, supervisor->key, sizeof(options.key));
	r = service_group_new(&supervisor->group, &options);
	if (!r)
		r = actor_group_spawn(supervisor->group, &supervisor_behavior, &supervisor, NULL, &self);
	if (r) {
		log_error("the service cannot be started: %s", strerror(-r));
		return SUPERVISOR_NO_PLACE;
	}
	r = actor_group_run(supervisor->group);
	actor_group_free(supervisor->group);
	if (!supervisor->stopped) {
		log_error("the service ended: %s", strerror(r < 0 ? -r : ECANCELED));
		return 1;
	}
	keeper_record_init(&record, KEEPER_STOP);
	fcntl(supervisor->keeper.fd, F_SETFL, fcntl(supervisor->keeper.fd, F_GETFL) & ~O_NONBLOCK);
	if (keeper_link_flush(&supervisor->keeper) == -EPIPE ||
		keeper_link_send(&supervisor->keeper, &record, -1) == -EPIPE)
		/* the keeper was gone before it got STOP, so processes may still be there */
		supervisor_end_of_node(supervisor);
	while (keeper_link_is_waiting(&supervisor->keeper)) {
		struct pollfd poll_fd = {.fd = supervisor->keeper.fd, .events = POLLOUT};

		poll(&poll_fd, 1, -1);
		if (keeper_link_flush(&supervisor->keeper) < 0)
			supervisor_end_of_node(supervisor);
	}
	return 0;
}

/*
 * Computes how many children the supervisor's descriptors allow, without those for itself and its clients.
 * The keeper needs only two for each child, and fewer for itself.
 */
static void limit_processes(struct supervisor *supervisor, struct node_config *config)
{
	struct rlimit limit;
	rlim_t reserve, files;

	supervisor->outputs.open_max = OUTPUT_OPEN_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > 1 << 20)
		return;
	files = limit.rlim_cur;
	if (files / FILES_LOG_SHARE < OUTPUT_OPEN_MAX)
		supervisor->outputs.open_max = (unsigned)(files / FILES_LOG_SHARE);
	/*
	 * guests at the socket of clients, where an old one is closed after a new one has come, and guests at
	 * the door
	 */
	reserve = FILES_OWN + guests_max() + 1 + guests_max() + clients_files_max() + outsiders_max() +
		  OUTPUT_LOG_FDS * supervisor->outputs.open_max;
	config->max_files = files;
	config->max_processes = files > reserve + FILES_OF_CHILD ? (files - reserve) / FILES_OF_CHILD : 1;
}

int main(int argc, char **argv)
{
	static struct supervisor supervisor = {.state = STATE_INIT};
	struct node_config config = {.broker = getenv(ENV_BROKER), .caller_group = caller_group};
	union keeper_record hello;
	int state_fd, r;

	log_init("actor-supervisor", LOG_INFO);
	log_to(node_log_put);
	if (getenv(ENV_LOG_DIR))
		node_log_init(getenv(ENV_LOG_DIR));
	/*
	 * the supervisor ends by STOP or with the keeper, and not by a signal; a pipe without reader gives an
	 * error
	 */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log beyond the limit of a file's size gives an error too */
	receive_hello(&supervisor, &hello, &state_fd);
	fcntl(KEEPER_SOCKET_FD, F_SETFD, FD_CLOEXEC);
	fcntl(KEEPER_LOCK_FD, F_SETFD, FD_CLOEXEC);
	fcntl(KEEPER_SOCKET_FD, F_SETFL, fcntl(KEEPER_SOCKET_FD, F_GETFL) | O_NONBLOCK);
	keeper_link_init(&supervisor.keeper, KEEPER_SOCKET_FD);
	supervisor.start_ns = supervisor_now_ns();
	supervisor.node_id = config.node_id = hello.hello.node_id;
	supervisor.group_id = hello.hello.group_id;
	supervisor.keeper_pid = hello.hello.keeper_pid;
	supervisor.node_start_ns = hello.hello.node_start_ns;
	supervisor.hang_limit_ms = (int64_t)(hello.hello.hang_limit_ns / 1000000);
	supervisor.n_deaths = hello.hello.n_deaths;
	memcpy(supervisor.key, hello.hello.node_key, sizeof(supervisor.key));
	hash_init(&supervisor.owners_by_number);
	hash_init(&supervisor.owners_by_monitor);
	open_directories(&supervisor);
	supervisor.launch.runtime_dir = supervisor.runtime_dir;
	memcpy(supervisor.launch.key, supervisor.key, sizeof(supervisor.launch.key));
	if (config.broker && !config.broker[0])
		config.broker = NULL;
	if (!config.broker)
		log_warning("no actor-broker was found: names and calls between groups will not work");
	if (getrandom(&config.seed, sizeof(config.seed), 0) < 0)
		config.seed = supervisor.start_ns;
	limit_processes(&supervisor, &config);
	r = node_new(&supervisor.node, &config);
	if (r) {
		log_error("%s", strerror(-r));
		return 1;
	}
	node_set_log_path(supervisor.node, supervisor_log_path, &supervisor);
	if (hello.hello.n_deaths)
		log_warning("started again after supervisor number %" PRIu32 " ended%s", hello.hello.n_deaths,
			hello.hello.flags & KEEPER_HELLO_STATE_ASIDE
				? "; its state is set aside, what runs is adopted"
				: "");
	state_load(&supervisor, state_fd);
	if (hello.hello.flags & KEEPER_HELLO_STATE_ASIDE)
		node_state_lost(supervisor.node, supervisor_now_ns());
	supervisor_sync_with_keeper(&supervisor, &hello.hello);
	supervisor_group_dirs_sweep(&supervisor);
	r = run(&supervisor);
	outputs_deinit(&supervisor.outputs);
	buf_deinit(&supervisor.dirs_over);
	node_free(supervisor.node);
	state_deinit(&supervisor.state);
	keeper_link_deinit(&supervisor.keeper);
	return r;
}
