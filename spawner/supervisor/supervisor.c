/*
 * actor-supervisor: decides what runs
 *
 * A group like any other, with one actor, `$spawner`. It forks nothing and reaps nothing: it tells the keeper, and hears of it. All that
 * it must not forget lies in a memfd that the keeper holds, written before anything is done that rests on it; so it may be killed at
 * any moment, and the next one goes on.
 *
 * The beginning: HELLO says who we are and brings the state of the one before; then the whole table of processes, then SYNCED. Only then
 * do callers get in. The end: the keeper's socket ends when the keeper does, and then everything of this node goes, found by its marker,
 * for nobody else is left to see to it.
 */
#include "spawner/supervisor/supervisor.h"

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

#include "libactor/protocol/cause.h"
#include "spawner/shared/process-tree.h"
#include "spawner/shared/node-log.h"
#include "spawner/shared/runtime-dir.h"
#include "libactor/node/service.h"
#include "spawner/shared/sweep.h"
#include "libactor/util/clock.h"
#include "libactor/util/log.h"

#define HELLO_TIMEOUT_MS 10000
#define FILES_OWN	 32  /* descriptors of our own, and of the broker's output */
#define FILES_CONTROL_MAX 128 /* for clients and their links; of few, a quarter */
#define TURN_RECORDS 256 /* of the keeper's in one go: the rest after what it led to was done */

uint64_t supervisor_now_ns(void)
{
	return (uint64_t)clock_now_ns();
}

const char *supervisor_log_name(const struct child *child)
{
	return child->daemon ? "$broker" : child->name;
}

void supervisor_log_path(const char *name, char *ret, size_t size, void *arg)
{
	const struct supervisor *supervisor = arg;
	char file[LOGFILE_NAME_MAX];

	logfile_name(name, file);
	snprintf(ret, size, "%s/%s", supervisor->log_dir, file);
}

/* --- the keeper is gone --- */

/* Of the leaders that were alive when the keeper was heard last: their sessions may hold somebody without a mark. */
static size_t sessions_of(const struct node *node, pid_t **ret)
{
	size_t n = 0, n_max = node ? node_count(node) : 0;

	*ret = n_max ? calloc(n_max, sizeof(**ret)) : NULL;
	for (struct child *child = *ret ? node_first(node) : NULL; child && n < n_max; child = node_after(node, child))
		if (child->pid > 0)
			(*ret)[n++] = child->pid;
	return n;
}

/*
 * The broker goes last: should we be killed meanwhile, it goes on with this. It waits for that as long as we hold the
 * lock of the directory (broker/aftermath.c).
 */
static void __attribute__((noreturn)) end_of_node(struct supervisor *supervisor)
{
	struct child *broker = supervisor->node ? node_broker(supervisor->node) : NULL;
	pid_t *sessions, except = broker ? broker->pid : 0;
	size_t n_sessions = sessions_of(supervisor->node, &sessions);
	int dir_fd, r;

	log_error("the keeper is gone: everything of this node is ended");
	r = sweep_kill(supervisor->node_id, sessions, n_sessions, &except, except > 0, SUPERVISOR_SWEEP_MS);
	if (r >= 0 && except > 0)
		r = sweep_kill_one(supervisor->node_id, except, SUPERVISOR_SWEEP_MS);
	if (r < 0)
		log_error("not all processes could be ended: %s", strerror(-r));
	dir_fd = open(supervisor->runtime_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd >= 0)
		runtime_dir_leave(dir_fd, supervisor->runtime_dir, supervisor->node_id);
	_exit(1);
}

static void keeper_tell(struct supervisor *supervisor, const union keeper_record *record, int fd)
{
	int err = keeper_link_send(&supervisor->keeper, record, fd);

	if (err == -EPIPE)
		end_of_node(supervisor);
	if (err) {
		log_error("the keeper cannot be told: %s", strerror(-err));
		abort(); /* what is written in the state would not be done: the next one makes up for it */
	}
}

static void tell_plain(struct supervisor *supervisor, enum keeper_type type)
{
	union keeper_record record;

	keeper_record_init(&record, type);
	keeper_tell(supervisor, &record, -1);
}

void supervisor_tell_down(struct supervisor *supervisor)
{
	tell_plain(supervisor, KEEPER_DOWN);
}

/* Hear when it can be written to, if something waits. */
static void keeper_watch(struct supervisor *supervisor)
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

/* --- the directories of groups --- */

/* 0, or negative errno. */
static int groups_dir_open(struct supervisor *supervisor)
{
	int dir_fd = open(supervisor->runtime_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;

	if (dir_fd < 0)
		return -errno;
	if (supervisor->groups_dir_fd >= 0)
		close(supervisor->groups_dir_fd);
	supervisor->groups_dir_fd = -1;
	if (mkdirat(dir_fd, "g", 0700) == 0 || errno == EEXIST)
		supervisor->groups_dir_fd = openat(dir_fd, "g", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (supervisor->groups_dir_fd < 0)
		r = -errno;
	close(dir_fd);
	return r;
}

/* Opens it anew if its name means something else by now, or nothing. */
static void groups_dir_look(struct supervisor *supervisor)
{
	char path[RUNTIME_DIR_PATH_SIZE + 4];
	struct stat here, named;

	snprintf(path, sizeof(path), "%s/g", supervisor->runtime_dir);
	if (supervisor->groups_dir_fd < 0 || fstat(supervisor->groups_dir_fd, &here) < 0 || lstat(path, &named) < 0 ||
		here.st_ino != named.st_ino || here.st_dev != named.st_dev)
		groups_dir_open(supervisor);
}

static void group_dir_make(struct supervisor *supervisor, uint64_t group)
{
	char name[24];

	groups_dir_look(supervisor);
	snprintf(name, sizeof(name), "%" PRIu64, group);
	if (mkdirat(supervisor->groups_dir_fd, name, 0700) < 0 && errno != EEXIST)
		log_warning("%s/g/%s cannot be made: %s", supervisor->runtime_dir, name, strerror(errno));
}

static void group_dir_remove(struct supervisor *supervisor, uint64_t group)
{
	char name[24];

	groups_dir_look(supervisor);
	snprintf(name, sizeof(name), "%" PRIu64, group);
	if (runtime_dir_remove(supervisor->groups_dir_fd, name) == -ENOTEMPTY)
		log_info("%s/g/%s stays: it has something that is no socket", supervisor->runtime_dir, name);
}

/* --- actions --- */

static void do_spawn(struct supervisor *supervisor, uint64_t group)
{
	struct child *child = node_child_by_group(supervisor->node, group);
	char text[LAUNCH_TEXT_BYTES];
	union keeper_record record;
	int fd, err;

	if (!child)
		return;
	if (!child->daemon && node_is_full(supervisor->node, 0, text, sizeof(text))) {
		node_launch_failed(supervisor->node, group, EMFILE, text, supervisor_now_ns());
		return;
	}
	err = launch_seal(&supervisor->launch, child, &fd, text);
	if (err) {
		node_launch_failed(supervisor->node, group, -err, text, supervisor_now_ns());
		return;
	}
	group_dir_make(supervisor, group);
	keeper_record_init(&record, KEEPER_SPAWN);
	record.spawn.cookie = record.spawn.group_id = group;
	record.spawn.flags = child->daemon ? KEEPER_SPAWN_DAEMON : 0;
	record.spawn.stdout_io = record.spawn.stderr_io = KEEPER_IO_PIPE;
	record.spawn.notify_fd = -1;
	snprintf(record.spawn.name, sizeof(record.spawn.name), "%.*s", (int)sizeof(record.spawn.name) - 1, child->name);
	keeper_tell(supervisor, &record, fd);
}

static void do_term(struct supervisor *supervisor, uint64_t group, uint64_t grace_ms)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_SIGNAL);
	record.signal.cookie = group;
	record.signal.signo = SIGTERM;
	record.signal.flags = KEEPER_SIGNAL_TREE | KEEPER_SIGNAL_STOP;
	record.signal.grace_ms = (uint32_t)grace_ms;
	keeper_tell(supervisor, &record, -1);
}

static void do_signal(struct supervisor *supervisor, uint64_t group, int signo)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_SIGNAL);
	record.signal.cookie = group;
	record.signal.signo = signo;
	keeper_tell(supervisor, &record, -1);
}

static void do_kill_tree(struct supervisor *supervisor, uint64_t group)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_KILL_TREE);
	record.kill_tree.cookie = group;
	keeper_tell(supervisor, &record, -1);
}

void supervisor_kill_broker(struct supervisor *supervisor)
{
	const struct child *broker = node_broker(supervisor->node);

	if (!broker || broker->pid <= 0 || process_is_traced(broker->pid))
		return;
	log_warning("the broker (pid %d) does not answer for %" PRId64 " s: it is killed, and started again", (int)broker->pid,
		supervisor->hang_limit_ms / 1000);
	do_kill_tree(supervisor, broker->group);
}

static void do_ack(struct supervisor *supervisor, uint64_t group, uint64_t seq)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_ACK);
	record.ack.group_id = group;
	record.ack.seq = seq;
	keeper_tell(supervisor, &record, -1);
}

static void do_reserve(struct supervisor *supervisor, uint64_t n)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_RESERVE);
	record.reserve.n = (uint32_t)n;
	keeper_tell(supervisor, &record, -1);
}

static void do_reply(const struct node_action *action)
{
	if (action->error)
		actor_reply_error(action->from, action->error, "%s", action->text);
	else if (buf_error(&action->body) < 0 ||
		actor_reply(action->from, "m", (const void *)action->body.data, action->body.size_bytes) < 0)
		actor_reply_error(action->from, "overloaded", "the answer is too big");
}

static void do_group_down(struct supervisor *supervisor, const struct node_action *action)
{
	struct buf cause = BUF_INIT;

	cause_put(&cause, &action->cause);
	if (!buf_error(&cause) && service_cast_broker(supervisor->self, "group_down", "Um", action->group, (const void *)cause.data,
					  cause.size_bytes) == 0)
		service_hand_over(supervisor->self, 0, action->number);
	buf_deinit(&cause);
}

static void owner_forget(struct supervisor *supervisor, uint64_t number)
{
	struct hash_node *n = hash_first(&supervisor->owners_by_number, hash_of_u64(&supervisor->owners_by_number, number));

	for (; n; n = hash_next(n)) {
		struct owner_watch *watch = container_of(n, struct owner_watch, by_number);

		if (watch->number != number)
			continue;
		if (watch->monitor) {
			actor_demonitor(supervisor->self, watch->monitor);
			hash_remove(&supervisor->owners_by_monitor, &watch->by_monitor);
		}
		hash_remove(&supervisor->owners_by_number, &watch->by_number);
		free(watch);
		return;
	}
}

/* Each of them to its watcher; a watcher in another group than @client cannot be. */
static void do_tell(struct supervisor *supervisor, uint64_t client)
{
	struct node_notice notice;
	uint64_t last = 0;

	while (node_next_notice(supervisor->node, client, &notice)) {
		service_send_down(supervisor->self, notice.watcher, (actor_ref){supervisor->node_id, notice.group, 0}, notice.id,
			notice.cause);
		last = notice.number;
	}
	if (last)
		service_hand_over(supervisor->self, client, last);
}

void supervisor_handed_over(struct supervisor *supervisor, uint64_t group, uint64_t number, bool ok, bool routed)
{
	/* a broker that has just been started does not know yet whom it routes for: what is for one of those it may have dropped */
	bool early = routed && supervisor_now_ns() - supervisor->broker_up_ns < SUPERVISOR_WINDOW_MS * UINT64_C(1000000);

	if (!group) {
		if (ok)
			node_broker_told(supervisor->node, number); /* else: the next `groups` says it */
	} else if (ok && !early) {
		node_notices_handed(supervisor->node, group, number);
	} else {
		node_notices_lost(supervisor->node, group);
		if (!supervisor->again_is_due && actor_send_after(supervisor->self, SUPERVISOR_AGAIN_MS, "tell_again", NULL, "") == 0)
			supervisor->again_is_due = true;
	}
	supervisor_need_turn(supervisor);
}

static void do_late(struct supervisor *supervisor, const struct node_action *action)
{
	switch (action->kind) {
	case NODE_RESERVE:
		do_reserve(supervisor, action->number);
		break;
	case NODE_SPAWN:
		do_spawn(supervisor, action->group);
		break;
	case NODE_TERM:
		do_term(supervisor, action->group, action->number);
		break;
	case NODE_SIGNAL:
		do_signal(supervisor, action->group, action->signo);
		break;
	case NODE_KILL_TREE:
		do_kill_tree(supervisor, action->group);
		break;
	case NODE_ACK:
		do_ack(supervisor, action->group, action->number);
		break;
	case NODE_CLEAN:
		group_dir_remove(supervisor, action->group);
		break;
	case NODE_OWNER_WATCH:
		supervisor_watch_owner(supervisor, action->number, action->watcher);
		break;
	case NODE_OWNER_UNWATCH:
		owner_forget(supervisor, action->number);
		break;
	case NODE_REPLY:
		do_reply(action);
		break;
	case NODE_TELL:
		do_tell(supervisor, action->group);
		break;
	case NODE_GROUP_DOWN:
		do_group_down(supervisor, action);
		break;
	case NODE_STOPPED:
		supervisor->stopped = true;
		break;
	case NODE_LOG:
	case _NODE_ACTION_N:
		break;
	}
}

/* --- the state --- */

static void state_hand_over(struct supervisor *supervisor)
{
	union keeper_record record;
	int fd = fcntl(supervisor->state.fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0) {
		log_error("the state cannot be handed to the keeper: %s", strerror(errno));
		abort();
	}
	keeper_record_init(&record, KEEPER_STATE);
	keeper_tell(supervisor, &record, fd);
}

static void state_write(struct supervisor *supervisor)
{
	static struct buf bytes;
	int r = 0;

	if (!node_state_is_dirty(supervisor->node))
		return;
	buf_reset(&bytes, 1 << 20);
	if (state_fits(&supervisor->state, 0)) {
		node_state_put_changes(supervisor->node, &bytes);
		if (!buf_error(&bytes) && state_fits(&supervisor->state, bytes.size_bytes)) {
			state_append(&supervisor->state, bytes.data, bytes.size_bytes);
			return;
		}
		buf_reset(&bytes, 1 << 20);
	}
	node_state_put_all(supervisor->node, &bytes);
	r = buf_error(&bytes);
	if (!r)
		r = state_snapshot(&supervisor->state, bytes.data, bytes.size_bytes);
	if (r == 1)
		state_hand_over(supervisor);
	if (r < 0) {
		log_error("the state cannot be written: %s; processes started from now on may be adopted without it",
			strerror(-r));
		supervisor->state.used_bytes = 0; /* no change can be understood behind what is missing: all of it, the next time */
		node_state_not_written(supervisor->node);
	}
}

/* --- a turn --- */

static void timer_arm(struct supervisor *supervisor)
{
	uint64_t deadline_ns = node_next_deadline(supervisor->node), now_ns = supervisor_now_ns();
	int64_t delay_ms;

	if (deadline_ns == supervisor->timer_ns && supervisor->timer)
		return;
	if (supervisor->timer)
		actor_timer_cancel(supervisor->self, supervisor->timer);
	supervisor->timer = 0;
	if (deadline_ns == SUPERVISION_NEVER)
		return;
	delay_ms = deadline_ns <= now_ns ? 0 : (int64_t)((deadline_ns - now_ns + 999999) / 1000000);
	supervisor->timer_ns = deadline_ns;
	if (actor_send_after(supervisor->self, delay_ms, "timer", &supervisor->timer, "") < 0)
		abort();
}

void supervisor_turn(struct supervisor *supervisor)
{
	struct node_action *action;
	struct list late, *link;

	supervisor->turn_is_due = false;
	list_init(&late);
	do { /* a launch that fails at once leads to further actions: they rest on a state that is not written yet */
		while ((action = node_next_early(supervisor->node))) {
			log_info("%s", action->text);
			node_action_free(action);
		}
		state_write(supervisor);
		while ((action = node_next_late(supervisor->node)))
			list_append(&late, &action->link);
		link = late.next;
		while (!list_is_empty(&late)) {
			action = container_of(list_pop(&late), struct node_action, link);
			do_late(supervisor, action);
			node_action_free(action);
		}
	} while (link != &late);
	if (keeper_link_flush(&supervisor->keeper) == -EPIPE)
		end_of_node(supervisor);
	keeper_watch(supervisor);
	timer_arm(supervisor);
	if (supervisor->stopped)
		actor_stop(supervisor->self, actor_self(supervisor->self), "shutdown");
}

void supervisor_need_turn(struct supervisor *supervisor)
{
	if (supervisor->turn_is_due)
		return;
	supervisor->turn_is_due = true;
	if (actor_cast(supervisor->self, actor_to(actor_self(supervisor->self)), "turn", "") < 0)
		supervisor_turn(supervisor);
}

/* --- what the keeper says --- */

static void take_slot(struct supervisor *supervisor, const struct keeper_slot *slot, const int *fds, size_t n_fds)
{
	int pipes[2] = {-1, -1};
	size_t i = 0;
	char text[LAUNCH_TEXT_BYTES] = "";

	if (slot->fd_mask & KEEPER_FD_STDOUT && i < n_fds)
		pipes[0] = fds[i++];
	if (slot->fd_mask & KEEPER_FD_STDERR && i < n_fds)
		pipes[1] = fds[i++];
	for (; i < n_fds; i++)
		close(fds[i]);
	if (pipes[0] >= 0 || pipes[1] >= 0) {
		struct child *child = node_child_by_group(supervisor->node, slot->group_id);
		struct output_life life = {.group = slot->group_id, .forked_ns = slot->forked_ns, .pid = slot->pid};

		life.log_name = slot->spawn_flags & KEEPER_SPAWN_DAEMON ? "$broker" : slot->name[0] ? slot->name : "adopted";
		if (child) {
			life.log_name = supervisor_log_name(child);
			life.number = (uint32_t)child->n_ends + 1;
			life.no_stamps = child->spec.no_stamps;
		}
		output_add(&supervisor->outputs, &life, pipes);
	}
	if (slot->stage == KEEPER_EXITED)
		output_end(&supervisor->outputs, slot->group_id, STAMP_ENDED, slot->code, slot->status, text, sizeof(text));
	else if (slot->stage == KEEPER_FAILED)
		output_end(&supervisor->outputs, slot->group_id, STAMP_FAILED, 0, slot->error, text, sizeof(text));
	if (slot->stage == KEEPER_FAILED) {
		const struct child *child = node_child_by_group(supervisor->node, slot->group_id);

		text[0] = 0;
		if (child && slot->step == KEEPER_STEP_EXEC)
			launch_explain(child, slot->error, text);
	}
	node_slot(supervisor->node, slot, text, supervisor_now_ns());
}

/* One record. 1; 0 nothing there; the keeper's end is the end. *ret_synced is set by SYNCED. */
static int take_record(struct supervisor *supervisor, bool *ret_synced)
{
	int fds[KEEPER_RECORD_FDS_MAX], r;
	union keeper_record record;
	size_t n_fds = 0;
	uint64_t now_ns = supervisor_now_ns();

	r = keeper_recv(supervisor->keeper.fd, &record, fds, &n_fds);
	if (r == -EAGAIN)
		return 0;
	if (r == 0)
		end_of_node(supervisor);
	if (r < 0) {
		log_error("the keeper says what is not understood: %s", strerror(-r));
		exit(1);
	}
	switch (record.header.type) {
	case KEEPER_SLOT:
		take_slot(supervisor, &record.slot, fds, n_fds);
		return 1;
	case KEEPER_RESERVED:
		node_reserved(supervisor->node, record.reserved.first_group_id, record.reserved.n, now_ns);
		break;
	case KEEPER_REFUSED:
		node_refused(supervisor->node, record.refused.group_id, record.refused.error, now_ns);
		break;
	case KEEPER_TERMINATE:
		log_info("asked to end the node");
		node_down(supervisor->node, NULL, now_ns);
		break;
	case KEEPER_PING:
		tell_plain(supervisor, KEEPER_PONG);
		break;
	case KEEPER_SYNCED:
		if (ret_synced)
			*ret_synced = true;
		break;
	default:
		break;
	}
	while (n_fds)
		close(fds[--n_fds]);
	return 1;
}

void supervisor_io(struct supervisor *supervisor)
{
	uint32_t events;

	outputs_turn(&supervisor->outputs, &events);
	if (events & EPOLLOUT && keeper_link_flush(&supervisor->keeper) == -EPIPE)
		end_of_node(supervisor);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		for (int i = 0; i < TURN_RECORDS && take_record(supervisor, NULL) > 0; i++)
			;
	if (events)
		supervisor_need_turn(supervisor);
}

void supervisor_tell_ready(struct supervisor *supervisor)
{
	union keeper_record record;

	if (supervisor->ready_told)
		return;
	supervisor->ready_told = true;
	keeper_record_init(&record, KEEPER_READY);
	keeper_tell(supervisor, &record, -1);
	keeper_watch(supervisor);
}

void supervisor_watch_owner(struct supervisor *supervisor, uint64_t number, actor_ref owner)
{
	struct owner_watch *watch = NULL;
	struct hash_node *n = hash_first(&supervisor->owners_by_number, hash_of_u64(&supervisor->owners_by_number, number));

	for (; n && !watch; n = hash_next(n))
		if (container_of(n, struct owner_watch, by_number)->number == number)
			watch = container_of(n, struct owner_watch, by_number);
	if (!watch) {
		if (!node_child_by_number(supervisor->node, number))
			return;
		watch = calloc(1, sizeof(*watch));
		if (!watch)
			abort();
		watch->number = number;
		watch->owner = owner;
		if (hash_insert(&supervisor->owners_by_number, &watch->by_number,
			    hash_of_u64(&supervisor->owners_by_number, number)) < 0)
			abort();
	}
	if (watch->monitor)
		return;
	if (actor_monitor(supervisor->self, watch->owner, &watch->monitor) < 0) {
		watch->monitor = 0;
		actor_send_after(supervisor->self, 1000, "watch_owner", NULL, "Ur", number, watch->owner);
		return;
	}
	if (hash_insert(&supervisor->owners_by_monitor, &watch->by_monitor,
		    hash_of_u64(&supervisor->owners_by_monitor, watch->monitor)) < 0)
		abort();
}

/* --- the beginning --- */

static void state_load(struct supervisor *supervisor, int fd)
{
	int r;

	if (fd < 0)
		return;
	r = state_open(&supervisor->state, fd);
	for (unsigned int n = 0; !r && n < 2; n++) {
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

/* The keeper died before it could say hello. Which node that was is in our own marker. */
static void hello_missed(struct supervisor *supervisor)
{
	const char *value = getenv(SWEEP_VARIABLE);
	struct sweep_marker marker;

	supervisor->runtime_dir = getenv("ACTOR_RUNTIME_DIR");
	if (!value || !sweep_marker_parse(value, &marker) || !supervisor->runtime_dir)
		return;
	supervisor->node_id = marker.node_id;
	end_of_node(supervisor);
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

	supervisor->runtime_dir = getenv("ACTOR_RUNTIME_DIR");
	supervisor->log_dir = getenv("ACTOR_LOG_DIR");
	if (!supervisor->runtime_dir || !supervisor->log_dir) {
		log_error("ACTOR_RUNTIME_DIR or ACTOR_LOG_DIR is not set: this program is started by actor-spawner");
		exit(2);
	}
	supervisor->groups_dir_fd = -1;
	r = groups_dir_open(supervisor);
	if (r < 0) {
		log_error("%s/g: %s", supervisor->runtime_dir, strerror(-r));
		exit(1);
	}
	if (outputs_init(&supervisor->outputs, supervisor->log_dir) < 0)
		abort();
	supervisor->outputs.lost = output_was_lost;
	supervisor->outputs.arg = supervisor;
}

/* Everything the keeper knows, before anybody else can ask. */
static void sync_with_keeper(struct supervisor *supervisor, const struct keeper_hello *hello)
{
	bool synced = false;

	node_start(supervisor->node, supervisor_now_ns());
	node_reserved(supervisor->node, hello->first_group_id, hello->n_group_ids, supervisor_now_ns());
	while (!synced) {
		struct pollfd poll_fd = {.fd = supervisor->keeper.fd, .events = POLLIN};

		if (take_record(supervisor, &synced) == 0)
			poll(&poll_fd, 1, -1);
	}
	node_synced(supervisor->node, supervisor_now_ns());
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
		.name = "$spawner",
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
		return 1;
	}
	r = actor_group_run(supervisor->group);
	actor_group_free(supervisor->group);
	if (!supervisor->stopped) {
		log_error("the service ended: %s", strerror(r < 0 ? -r : ECANCELED));
		return 1;
	}
	keeper_record_init(&record, KEEPER_STOP);
	fcntl(supervisor->keeper.fd, F_SETFL, fcntl(supervisor->keeper.fd, F_GETFL) & ~O_NONBLOCK);
	if (keeper_link_flush(&supervisor->keeper) == -EPIPE || keeper_link_send(&supervisor->keeper, &record, -1) == -EPIPE)
		end_of_node(supervisor); /* what nobody could be told of may still be there */
	while (keeper_link_is_waiting(&supervisor->keeper)) {
		struct pollfd poll_fd = {.fd = supervisor->keeper.fd, .events = POLLOUT};

		poll(&poll_fd, 1, -1);
		if (keeper_link_flush(&supervisor->keeper) < 0)
			end_of_node(supervisor);
	}
	return 0;
}

/*
 * What is left for children when we keep enough to be spoken to: two descriptors each. The keeper needs as many and has
 * less of its own.
 */
static void limit_processes(struct supervisor *supervisor, struct node_config *config)
{
	struct rlimit limit;
	rlim_t reserve, files;

	supervisor->outputs.open_max = OUTPUT_OPEN_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > 1 << 20)
		return;
	files = limit.rlim_cur;
	if (files / 16 < OUTPUT_OPEN_MAX)
		supervisor->outputs.open_max = (unsigned int)(files / 16);
	reserve = files / 4 < FILES_CONTROL_MAX ? files / 4 : FILES_CONTROL_MAX;
	reserve += FILES_OWN + OUTPUT_LOG_FDS * supervisor->outputs.open_max;
	config->max_files = files;
	config->max_processes = files > reserve + 2 ? (files - reserve) / 2 : 1;
}

int main(int argc, char **argv)
{
	static struct supervisor supervisor = {.state = STATE_INIT};
	struct node_config config = {.broker = getenv("ACTOR_BROKER"), .caller_group = caller_group};
	union keeper_record hello;
	int state_fd, r;

	log_init("actor-supervisor", LOG_INFO);
	if (getenv("ACTOR_LOG_DIR")) {
		node_log_init(getenv("ACTOR_LOG_DIR"));
		log_before(node_log_turn_over);
	}
	/* the keeper ends us, by STOP or by its own end; a pipe without reader is an error code */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log beyond the limit of a file's size likewise */
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
			hello.hello.flags & KEEPER_HELLO_STATE_ASIDE ? "; its state is set aside, what runs is adopted" : "");
	state_load(&supervisor, state_fd);
	if (hello.hello.flags & KEEPER_HELLO_STATE_ASIDE)
		node_state_lost(supervisor.node, supervisor_now_ns());
	sync_with_keeper(&supervisor, &hello.hello);
	r = run(&supervisor);
	outputs_deinit(&supervisor.outputs);
	node_free(supervisor.node);
	state_deinit(&supervisor.state);
	keeper_link_deinit(&supervisor.keeper);
	return r;
}
