/* SPDX-License-Identifier: Apache-2.0 */
/* The group, as a part of its node: setting up, running, and ending in order. */
#include "libactor/group.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/behavior.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/fd.h"
#include "libactor/actor/guests.h"
#include "libactor/actor/inlet.h"
#include "libactor/actor/membership.h"
#include "libactor/actor/name-watch.h"
#include "libactor/actor/name.h"
#include "libactor/actor/offload.h"
#include "libactor/actor/pg-pick.h"
#include "libactor/actor/pg.h"
#include "libactor/actor/inflow.h"
#include "libactor/actor/served.h"
#include "libactor/actor/sys.h"
#include "libactor/actor/timers.h"
#include "libactor/base/base.h"
#include "libactor/loop/bell.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/blocks.h"
#include "libactor/node/announce.h"
#include "libactor/node/door.h"
#include "libactor/node/flush.h"
#include "libactor/node/gone.h"
#include "libactor/node/inbound.h"
#include "libactor/node/introduction.h"
#include "libactor/node/knocks.h"
#include "libactor/node/link.h"
#include "libactor/node/uplink.h"
#include "libactor/peer/dead-groups.h"
#include "libactor/peer/name-cache.h"
#include "libactor/peer/peer.h"
#include "libactor/place/node-dirs.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/token.h"
#include "libactor/protocol/variables.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"
#include "libactor/util/sized.h"
#include "libactor/util/slots.h"

#define HEAP_KEEP_BYTES    (2u << 20) /* more than the messages of one turn */
#define CONNECT_TIMEOUT_MS 5000
#define FLUSH_MS           5000
#define STOP_PATIENCE_MS   5000
/*
 * Flushing gets the rest of this time after stopping. So an end with its byes takes less than the stop
 * timeout of a child (10 s), unless even killed actors take long.
 */
#define END_PATIENCE_MS 8000

_Static_assert(sizeof(((actor_group *)NULL)->runtime_dir) == RUNTIME_DIR_PATH_SIZE, "has room for a path");

/*
 * The owner of the runtime directory can read all that is said there, and answer in the node's place. So the
 * owner must be our user or root. A supervised process accepts any owner, because its supervisor may run it
 * as another user. The mode must be one that the keeper demands of its own directory.
 */
int group_check_runtime_dir(actor_group *group)
{
	struct stat st;

	if (lstat(group->runtime_dir, &st) < 0)
		return errno == ENOENT ? -ENOTCONN : -errno;
	if (!S_ISDIR(st.st_mode)) {
		group_log(group, "runtime directory %s is refused: it is a symlink or no directory",
			group->runtime_dir);
		return -ENOTDIR;
	}
	if (st.st_uid != geteuid() && st.st_uid != 0 && !group->supervised) {
		group_log(group,
			"runtime directory %s is refused: it belongs to uid %u, not to us (%u); run this as the user who started the node",
			group->runtime_dir, (unsigned)st.st_uid, (unsigned)geteuid());
		return -EPERM;
	}
	if ((st.st_mode & 07777 & ~0011u) != 0700) {
		group_log(group,
			"runtime directory %s is refused: its mode is %04o; make it 0700 (chmod 700), or choose another if others use it",
			group->runtime_dir, (unsigned)(st.st_mode & 07777));
		return -EPERM;
	}
	group->runtime_uid = st.st_uid;
	return 0;
}

/* By the broker's word alone one is a supervised child; the supervisor's rendezvous ignores a token. */
static bool mode_has_token(enum actor_join_mode mode)
{
	return mode == ACTOR_JOIN_DIRECT || mode == ACTOR_JOIN_BROKER;
}

static void group_read_token(actor_group *group)
{
	const char *hex = getenv(ENV_TOKEN);
	struct token token;

	group->is_worker = getenv(ENV_POOL_WORKER);
	if (!hex || token_from_hex(&token, hex) < 0)
		return;
	memcpy(group->token, token.bytes, token.size_bytes);
	group->token_bytes = token.size_bytes;
	group->supervised = true;
}

/* ---- hooks of the loop ---- */

static actor_group *group_of_loop(struct loop *loop)
{
	return container_of(loop, struct actor_group, loop);
}

static void group_poll(struct loop *loop)
{
	actor_group *group = group_of_loop(loop);

	bool rang = group->bell && bell_rang(group->bell);

	if (group->transport)
		inbound_poll(group);
	if (rang)
		offloads_take(group);
	if (rang || !list_is_empty(&group->inlets_held))
		inlets_take(group, rang);
}

static void group_turn(struct loop *loop)
{
	actor_group *group = group_of_loop(loop);

	if (atomic_load_explicit(&group->stop_requested, memory_order_relaxed) && !group->stop_begun) {
		group->stop_begun = true;
		actors_stop_all(group, "shutdown");
	}
	if (!list_is_empty(&group->sys_asked))
		sys_turn(group);
	uplink_turn(group);
	peers_flush(group);
	if (!list_is_empty(&group->flushes))
		flushes_turn(group);
	peers_free_over(group);
}

static bool group_has_no_event(struct loop *loop)
{
	actor_group *group = group_of_loop(loop);

	/*
	 * A thread that rang, or stopped the group, has already woken the loop, and does not wake it twice.
	 */
	if (group->bell && bell_is_ringing(group->bell))
		return false;
	if (atomic_load(&group->stop_requested) && !group->stop_begun)
		return false;
	return inbound_is_idle(group);
}

static const struct loop_hooks group_hooks = {
	.run = actor_run,
	.starved = actor_starved,
	.ready = fd_watch_ready,
	.poll = group_poll,
	.turn = group_turn,
	.is_idle = group_has_no_event,
};

static const struct peer_hooks group_peer_hooks = {
	.wanted = peer_ask,
	.timeout = peer_timeout,
	.link_ends = inbound_link_ends,
	.door_opens = knocks_take_all,
};

/*
 * A turn of the loop takes a batch of messages and frees them all. glibc gives the top of the heap back to
 * the kernel from 128 KiB on, so each turn would ask for the same memory again, with its page faults. When a
 * block is freed that was mapped on its own, glibc raises that limit to twice the size of the block. So this
 * function frees such a block.
 */
static void heap_keep_a_batch(void)
{
	void *volatile block = malloc(HEAP_KEEP_BYTES / 2);

	free(block);
}

int group_new(actor_group **ret, enum actor_join_mode mode, size_t stack_bytes)
{
	actor_group *group = calloc(1, sizeof(*group));
	int r;

	if (!group)
		return -ENOMEM;
	heap_keep_a_batch();
	group->mode = mode;
	group->peer_hooks = &group_peer_hooks;
	hash_init(&group->peers);
	hash_init(&group->pauses);
	hash_init(&group->links);
	list_init(&group->peers_over);
	list_init(&group->knocks);
	list_init(&group->dirty);
	list_init(&group->flushes);
	list_init(&group->sys_asked);
	hash_init(&group->histories);
	hash_init(&group->stashes);
	list_init(&group->downs_held);
	alarms_init(group);
	list_init(&group->inlets);
	list_init(&group->inlets_held);
	names_init(group);
	dead_groups_init(group);
	own_names_init(group);
	name_watchers_init(group);
	memberships_init(group);
	pg_copies_init(group);
	pg_loads_init(group);
	served_init(group);
	inflows_init(group);
	list_init(&group->behaviors);
	list_init(&group->uplink
			   .requests); /* before any step that may fail, because the end uses these lists */
	list_init(&group->uplink.waiting);
	r = loop_init(&group->loop, stack_bytes, &group_hooks);
	if (r == 0 && mode != ACTOR_JOIN_NONE) {
		r = transport_new(&group->transport);
		if (r == 0)
			r = loop_add_polled(&group->loop, transport_fd(group->transport));
	}
	if (r == 0)
		r = uplink_init(group);
	if (r < 0) {
		actor_group_free(group);
		return r;
	}
	*ret = group;
	return 0;
}

static bool group_is_connected(void *arg)
{
	actor_group *group = arg;

	return (group->uplink.state == UPLINK_UP && group->uplink.announced) || uplink_is_hopeless(group);
}

/* the size in version 0.1 */
#define OPTIONS_FIRST_BYTES sizeof(struct actor_group_options)

int group_read_options(
	struct actor_group_options *ret, const struct actor_group_options *given, size_t given_bytes)
{
	return sized_read(ret, sizeof(*ret), given, given_bytes, OPTIONS_FIRST_BYTES);
}

int actor_group_new_sized(actor_group **ret, const struct actor_group_options *given, size_t given_bytes)
{
	struct actor_group_options read, *options = &read;
	actor_group *group;
	size_t stack_bytes;
	int r;

	r = group_read_options(&read, given, given_bytes);
	if (r < 0)
		return r;
	if (options->stack_size_bytes > ACTOR_STACK_MAX_BYTES)
		return -EINVAL;
	stack_bytes = options->stack_size_bytes ? options->stack_size_bytes : ACTOR_STACK_DEFAULT_BYTES;
	r = group_new(&group, options->mode,
		stack_bytes < ACTOR_STACK_MIN_BYTES ? ACTOR_STACK_MIN_BYTES : stack_bytes);
	if (r < 0)
		return r;
	snprintf(group->name, sizeof(group->name), "%s",
		options->name ? options->name : program_invocation_short_name);
	group->helpers_max = options->offload_threads_max;
	group->guests_max = options->guests_max ? options->guests_max : GUESTS_MAX_DEFAULT;
	group->log = options->log;
	group->log_arg = options->log_arg;
	if (group->mode == ACTOR_JOIN_NONE) {
		group->node = group->id = 1;
		*ret = group;
		return 0;
	}
	group->connect_timeout_ms =
		options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	if (!options->ignore_token && mode_has_token(group->mode))
		group_read_token(group);
	r = runtime_dir_resolve(options->runtime_dir, group->runtime_dir);
	if (r == 0)
		r = group_check_runtime_dir(group);
	if (r < 0) {
		actor_group_free(group);
		return r;
	}
	if (!options->ignore_token && mode_has_token(group->mode))
		unsetenv(ENV_TOKEN); /* child processes must not use our token */
	uplink_start(group);
	(void)loop_pump(&group->loop, group_is_connected, group,
		deadline_after_ms(clock_now_ns(), group->connect_timeout_ms));
	if (group->uplink.state != UPLINK_UP || !group->uplink.announced) {
		r = group->uplink.last_error;
		if (r == 0 || r == -ENOENT || r == -ECONNREFUSED || r == -ETIMEDOUT || r == -ECONNRESET)
			r = -ENOTCONN;
		actor_group_free(group);
		return r;
	}
	*ret = group;
	return 0;
}

/* ---- running ---- */

static bool group_is_idle(void *arg)
{
	return ((actor_group *)arg)->n_alive == 0;
}

static void group_tell_ready(actor_group *group)
{
	if (!group->told_ready && mode_has_token(group->mode) && !group->is_service)
		announce_ready(group);
}

/*
 * All actors that were asked to stop have ended. The next actor belongs to another run, which may be stopped
 * as well.
 */
static void group_stop_is_over(actor_group *group)
{
	if (!group->stop_begun || group->uplink.gone)
		return;
	group->stop_begun = false;
	atomic_store(&group->stop_requested, false);
}

static int group_pump(actor_group *group, bool (*done)(void *arg), void *arg)
{
	int r;

	blocks_begin();
	r = loop_pump(&group->loop, done, arg, NEVER_NS);
	blocks_end();
	return r;
}

int actor_group_run(actor_group *group)
{
	int r;

	if (group->loop.in_loop)
		return -EDEADLK;
	group_tell_ready(group);
	r = group_pump(group, group_is_idle, group);
	if (r == 0 && group->uplink.gone)
		return -ENOTCONN;
	if (r == 0)
		group_stop_is_over(group);
	return r;
}

void actor_group_stop(actor_group *group)
{
	uint64_t one = 1;
	int saved_errno = errno;

	atomic_store(&group->stop_requested, true);
	(void)!write(group->loop.wake_fd, &one, sizeof(one));
	errno = saved_errno;
}

int actor_group_get_fd(actor_group *group)
{
	group->loop.embedded = true;
	return group->loop.epoll_fd;
}

int actor_group_dispatch(actor_group *group)
{
	if (group->loop.in_loop)
		return -EDEADLK;
	group_tell_ready(group);
	loop_poll(&group->loop);
	if (!group->n_alive)
		group_stop_is_over(group);
	return group->n_alive > INT_MAX ? INT_MAX : (int)group->n_alive;
}

uint64_t actor_group_node(const actor_group *group)
{
	return group->node;
}

uint64_t actor_group_id(const actor_group *group)
{
	return group->id;
}

static bool group_spawn_is_done(void *arg)
{
	return ((struct spawn_wait *)arg)->done;
}

int group_spawn(actor_group *group, const struct actor_behavior *behavior, const void *arg, bool internal,
	actor_ref *ret)
{
	struct spawn_wait wait = {0};
	struct actor *self;
	actor_ref ref;
	int r;

	if (!behavior)
		return -EINVAL;
	if (group->loop.in_loop)
		return -EDEADLK;
	r = actor_new(group, behavior, arg, internal, &self);
	if (r < 0)
		return r;
	actor_joins_stop(self);
	ref = self->ref;
	self->spawn_wait = &wait;
	r = group_pump(group, group_spawn_is_done, &wait);
	if (!wait.done) {
		self = actor_find(group, ref.serial);
		if (self) {
			self->spawn_wait = NULL;
			actor_request_kill(self);
		}
		return r < 0 ? r : -ECANCELED;
	}
	if (wait.result == 0 && ret)
		*ret = ref;
	return wait.result;
}

int actor_group_spawn_sized(actor_group *group, const struct actor_behavior *behavior, size_t behavior_bytes,
	const void *arg, const char *name, actor_ref *ret)
{
	struct actor *self;
	actor_ref ref;
	int r;

	r = behavior_known(group, &behavior, behavior_bytes);
	if (r == 0)
		r = group_spawn(group, behavior, arg, false, &ref);
	if (r == 0 && name) {
		self = actor_find(group, ref.serial);
		r = self ? name_register(group, self, name) : -ESRCH;
		self = actor_find(group, ref.serial);
		if (r < 0 && self) {
			actor_request_kill(self);
			(void)loop_pump_until(&group->loop, clock_now_ns());
		}
	}
	if (r == 0 && ret)
		*ret = ref;
	return r;
}

/* ---- the end ---- */

struct farewell {
	actor_group *group;
	bool uplink; /* the byes to the daemon; false: those to peers */
	bool wanting;
};

static void bye_say(struct hash_node *node, void *arg)
{
	struct peer *peer = container_of(node, struct peer, node);
	const struct farewell *farewell = arg;

	if ((peer->kind == PEER_UPLINK) != farewell->uplink ||
		(peer->state != PEER_LINKED && peer->state != PEER_KNOCKING) || peer->said_bye || !peer->pipe)
		return;
	wire_put_bye(peer_out(peer), wire_cstr("normal"));
	peer_wrote(peer);
	peer->said_bye = true;
}

static void bye_wanting(struct hash_node *node, void *arg)
{
	struct peer *peer = container_of(node, struct peer, node);
	struct farewell *farewell = arg;

	if ((peer->state == PEER_LINKED || peer->state == PEER_KNOCKING) && peer->said_bye && !peer->got_bye)
		farewell->wanting = true;
}

static bool bye_is_over(void *arg)
{
	struct farewell *farewell = arg;

	farewell->wanting = false;
	hash_each(&farewell->group->peers, bye_wanting, farewell);
	return !farewell->wanting;
}

/*
 * When the broker gets our bye, it tells all others of our end. So the peers get their byes first, and have
 * read what we sent when the broker gets its own.
 */
static void group_say_bye(actor_group *group)
{
	struct farewell farewell = {.group = group};
	int64_t deadline_ns = deadline_after_ms(clock_now_ns(), BYE_MS);

	for (int turn = 0; turn < 2; turn++) {
		farewell.uplink = turn == 1;
		hash_each(&group->peers, bye_say, &farewell);
		if (!bye_is_over(&farewell))
			(void)loop_pump(&group->loop, bye_is_over, &farewell, deadline_ns);
	}
}

static void peer_close(struct hash_node *node, void *arg)
{
	struct peer *peer = container_of(node, struct peer, node);
	struct actor_cause cause = cause_make(ERROR_NOCONNECTION);

	if (peer->kind == PEER_UPLINK)
		peer->group->uplink.peer = NULL;
	peer_fail_all(peer, &cause, -ECONNRESET);
	peer_forget(peer);
}

/* @patience_ns: how long killed actors may take to end. */
static void group_stop_actors(actor_group *group, int64_t patience_ns)
{
	struct actor *self;
	uint32_t at = 0;

	group->stop_begun = true;
	actors_stop_all(group, "shutdown");
	if (loop_pump(&group->loop, group_is_idle, group,
		    deadline_after_ms(clock_now_ns(), STOP_PATIENCE_MS)) == 0)
		return;
	while ((self = slots_walk(&group->actors, &at)))
		actor_request_kill(self);
	(void)loop_pump(&group->loop, group_is_idle, group, patience_ns);
}

actor_group *actor_group_free(actor_group *group)
{
	int64_t patience_ns;

	if (!group)
		return NULL;
	if (group->loop.in_loop)
		return NULL; /* called in a handler: a bug of the program, but no reason to crash */
	patience_ns = deadline_after_ms(clock_now_ns(), END_PATIENCE_MS);
	if (group->n_alive)
		group_stop_actors(group, patience_ns);
	if (group->transport && group->loop.epoll_fd >= 0) {
		int64_t left_ms = (patience_ns - clock_now_ns()) / MS_NS;

		(void)actor_group_flush(group, left_ms < 0 ? 0 : left_ms < FLUSH_MS ? left_ms : FLUSH_MS);
		group_say_bye(group);
	}
	group->closing = true;
	{
		struct actor *self;
		uint32_t at = 0;

		/* internal actors, and actors that did not end in time */
		while ((self = slots_walk(&group->actors, &at)))
			actor_discard(self);
	}
	offloads_end(group, patience_ns);
	group->bell = bell_free(group->bell);
	uplink_stop(group);
	hash_each(&group->peers, peer_close, NULL);
	peers_free_over(group);
	door_close_own(group);
	group->server = server_free(group->server);
	group->transport = transport_free(group->transport);
	loop_deinit(&group->loop);
	names_deinit(group);
	dead_groups_deinit(group);
	own_names_deinit(group);
	name_watchers_deinit(group);
	pg_copies_deinit(group);
	pg_loads_deinit(group);
	served_deinit(group);
	inflows_deinit(group);
	memberships_deinit(group);
	guests_free(group);
	behaviors_free(group);
	hash_deinit(&group->peers);
	hash_deinit(&group->pauses);
	hash_deinit(&group->links);
	sys_end(group);
	hash_deinit(&group->histories);
	hash_deinit(&group->stashes);
	slots_deinit(&group->actors);
	slots_deinit(&group->calls);
	slots_deinit(&group->requests);
	slots_deinit(&group->monitors);
	alarms_deinit(group);
	slots_deinit(&group->fd_watches);
	buf_deinit(&group->scratch);
	buf_deinit(&group->discard);
	free(group);
	return NULL;
}
