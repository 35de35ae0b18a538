/* The methods of `$spawner` (docs/protocol.md §5). Whoever waits is kept by the node: the actor itself never does. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libactor/node/service.h"
#include "spawner/supervisor/supervisor.h"
#include "libactor/util/log.h"
#include "libactor/protocol/mp.h"

#define LIST_ARGV_BYTES 1024u

static struct supervisor *supervisor_of(actor *self)
{
	return *(struct supervisor **)actor_state(self);
}

/* --- arguments: an array, of which the last ones may be missing --- */

struct args {
	struct mp_reader r;
	uint32_t n;
};

static struct args args_of(const actor_msg *msg)
{
	struct args args = {0};
	size_t size_bytes;
	const void *body = actor_msg_body(msg, &size_bytes);

	args.r = mp_reader(body, size_bytes);
	if (mp_read_array(&args.r, &args.n) < 0)
		args.n = 0;
	return args;
}

/* A name, terminated; -EPROTO: it is none. */
static int args_name(struct args *args, char ret[256])
{
	const char *s;
	size_t len;

	if (!args->n || mp_read_str(&args->r, &s, &len) < 0 || !len || len > 255 || memchr(s, 0, len))
		return -EPROTO;
	args->n--;
	memcpy(ret, s, len);
	ret[len] = 0;
	return 0;
}

static int args_uint(struct args *args, uint64_t *ret)
{
	if (!args->n || mp_read_uint(&args->r, ret) < 0)
		return -EPROTO;
	args->n--;
	return 0;
}

static int args_ref(struct args *args, actor_ref *ret)
{
	if (!args->n || mp_read_ref(&args->r, ret) < 0)
		return -EPROTO;
	args->n--;
	return 0;
}

static int args_bool(struct args *args, bool fallback, bool *ret)
{
	*ret = fallback;
	if (!args->n)
		return 0;
	args->n--;
	return mp_read_bool(&args->r, ret);
}

/* Milliseconds; missing, nil, negative: none (0). */
static int args_timeout(struct args *args, uint64_t *ret)
{
	int64_t ms;

	*ret = 0;
	if (!args->n)
		return 0;
	args->n--;
	if (mp_peek(&args->r) == MP_NIL)
		return mp_read_nil(&args->r);
	if (mp_read_int(&args->r, &ms) < 0 || ms > (int64_t)SPEC_TIMEOUT_MAX_MS * 365)
		return -EPROTO;
	*ret = ms > 0 ? (uint64_t)ms : 0;
	return 0;
}

static int args_wait(struct args *args, const char *const *words, const enum node_wait *waits, size_t n,
	enum node_wait *io_wait)
{
	const char *s;
	size_t len;

	if (!args->n)
		return 0;
	args->n--;
	if (mp_read_str(&args->r, &s, &len) < 0)
		return -EPROTO;
	for (size_t i = 0; i < n; i++)
		if (mp_str_is(s, len, words[i])) {
			*io_wait = waits[i];
			return 0;
		}
	return -EPROTO;
}

static int bad_args(actor_from *from, const char *wanted)
{
	actor_reply_error(from, "bad_args", "wanted: %s", wanted);
	return 0;
}

/* The caller's address, to be answered by a turn. NULL: it was refused. */
static actor_from *keep(struct supervisor *supervisor, actor_from *from)
{
	actor_from *kept = actor_from_keep(from);

	if (!kept)
		actor_reply_error(from, "overloaded", "out of memory");
	else
		supervisor_need_turn(supervisor);
	return kept;
}

/* --- spawn and what follows --- */

static int on_spawn(actor *self, const actor_msg *msg, actor_from *from)
{
	static const char *const words[] = {"none", "up", "ready", "exit"};
	static const enum node_wait waits[] = {NODE_WAIT_NONE, NODE_WAIT_UP, NODE_WAIT_READY, NODE_WAIT_EXIT};
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	enum node_wait wait = NODE_WAIT_NONE;
	char text[SPEC_TEXT_BYTES] = "wanted: spec:map wait:none|up|ready|exit timeout_ms:int";
	uint64_t timeout_ms = 0;
	struct spec spec;
	int err = args.n ? spec_parse(&args.r, &spec, text) : -EINVAL;

	if (err == -ENOMEM) {
		actor_reply_error(from, "overloaded", "out of memory");
		return 0;
	}
	if (err) {
		actor_reply_error(from, "bad_args", "%s", text);
		return 0;
	}
	args.n--;
	if (args_wait(&args, words, waits, 4, &wait) < 0 || args_timeout(&args, &timeout_ms) < 0) {
		spec_deinit(&spec);
		return bad_args(from, "spec:map wait:none|up|ready|exit timeout_ms:int");
	}
	from = keep(supervisor, from);
	if (from)
		node_spawn(supervisor->node, &spec, actor_from_ref(from), from, wait, timeout_ms, supervisor_now_ns());
	spec_deinit(&spec);
	return 0;
}

static int named(actor *self, const actor_msg *msg, actor_from *from,
	void (*verb)(struct node *node, const char *name, bool flag, void *from, uint64_t now_ns), bool fallback,
	const char *wanted)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	char name[256];
	bool flag;

	if (args_name(&args, name) < 0 || args_bool(&args, fallback, &flag) < 0)
		return bad_args(from, wanted);
	from = keep(supervisor, from);
	if (from)
		verb(supervisor->node, name, flag, from, supervisor_now_ns());
	return 0;
}

static int on_stop(actor *self, const actor_msg *msg, actor_from *from)
{
	return named(self, msg, from, node_stop, true, "name:str wait:bool");
}

static int on_start(actor *self, const actor_msg *msg, actor_from *from)
{
	return named(self, msg, from, node_child_start, true, "name:str wait:bool");
}

static int on_restart(actor *self, const actor_msg *msg, actor_from *from)
{
	return named(self, msg, from, node_restart, true, "name:str wait:bool");
}

static int on_rm(actor *self, const actor_msg *msg, actor_from *from)
{
	return named(self, msg, from, node_remove, false, "name:str force:bool");
}

static int on_kill(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t signo;
	char name[256];

	if (args_name(&args, name) < 0 || args_uint(&args, &signo) < 0 || signo > 1024)
		return bad_args(from, "name:str signal:int");
	from = keep(supervisor, from);
	if (from)
		node_kill(supervisor->node, name, (int)signo, from, supervisor_now_ns());
	return 0;
}

static int on_wait(actor *self, const actor_msg *msg, actor_from *from)
{
	static const char *const words[] = {"up", "ready", "down"};
	static const enum node_wait waits[] = {NODE_WAIT_UP, NODE_WAIT_READY, NODE_WAIT_DOWN};
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	enum node_wait wait = NODE_WAIT_NONE;
	uint64_t timeout_ms;
	char name[256];

	if (args_name(&args, name) < 0 || !args.n || args_wait(&args, words, waits, 3, &wait) < 0 ||
		args_timeout(&args, &timeout_ms) < 0)
		return bad_args(from, "name:str condition:up|ready|down timeout_ms:int");
	from = keep(supervisor, from);
	if (from)
		node_wait(supervisor->node, name, wait, timeout_ms, from, supervisor_now_ns());
	return 0;
}

/* Whoever asks pays for what is asked for. */
static bool is_of_caller(actor_ref watcher, const actor_from *from)
{
	actor_ref caller = actor_from_ref(from);

	return watcher.group == caller.group && watcher.node == caller.node;
}

static int not_yours(actor_from *from)
{
	actor_reply_error(from, "permission", "the watcher is of another group than the caller");
	return 0;
}

static int on_monitor(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t group, id;
	actor_ref watcher;

	if (args_uint(&args, &group) < 0 || args_ref(&args, &watcher) < 0 || args_uint(&args, &id) < 0)
		return bad_args(from, "group:int watcher:ref id:int");
	if (!is_of_caller(watcher, from))
		return not_yours(from);
	from = keep(supervisor, from);
	if (from)
		node_monitor(supervisor->node, group, watcher, id, from);
	return 0;
}

static int on_demonitor(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	actor_ref watcher;
	uint64_t id;

	if (args_ref(&args, &watcher) < 0 || args_uint(&args, &id) < 0)
		return bad_args(from, "watcher:ref id:int");
	if (!is_of_caller(watcher, from))
		return not_yours(from);
	from = keep(supervisor, from);
	if (from)
		node_demonitor(supervisor->node, watcher, id, from);
	return 0;
}

/* A runtime takes its monitors back without waiting for an answer. */
static int on_demonitor_cast(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	actor_ref watcher;
	uint64_t id;

	if (args_ref(&args, &watcher) < 0 || args_uint(&args, &id) < 0 || watcher.group != actor_msg_sender(msg).group)
		return 0;
	node_demonitor(supervisor->node, watcher, id, NULL);
	supervisor_need_turn(supervisor);
	return 0;
}

static int on_down_verb(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);

	from = keep(supervisor, from);
	if (from) {
		log_info("asked to end the node");
		supervisor_tell_down(supervisor);
		node_down(supervisor->node, from, supervisor_now_ns());
	}
	return 0;
}

/* --- looking: from what is known, at once --- */

static int answer(actor_from *from, struct buf *body)
{
	if (buf_error(body) < 0 || actor_reply(from, "m", (const void *)body->data, body->size_bytes) < 0)
		actor_reply_error(from, "overloaded", "the answer is too big");
	buf_deinit(body);
	return 0;
}

static int on_ls(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t now_ns = supervisor_now_ns();
	struct buf body = BUF_INIT;
	struct child *child;
	char name[256];

	if (args.n && mp_peek(&args.r) != MP_NIL) {
		if (args_name(&args, name) < 0)
			return bad_args(from, "[name:str]");
		child = node_child_by_name(supervisor->node, name);
		mp_put_array(&body, child ? 1 : 0);
		if (child)
			node_put_child(supervisor->node, &body, child, now_ns, SIZE_MAX);
		return answer(from, &body);
	}
	mp_put_array(&body, (uint32_t)node_count(supervisor->node));
	for (child = node_first(supervisor->node); child; child = node_after(supervisor->node, child))
		node_put_child(supervisor->node, &body, child, now_ns, LIST_ARGV_BYTES);
	return answer(from, &body);
}

static uint64_t ms_since(uint64_t then_ns)
{
	uint64_t now_ns = supervisor_now_ns();

	return then_ns && now_ns > then_ns ? (now_ns - then_ns) / 1000000 : 0;
}

static void put_broker(struct buf *b, const struct child *broker)
{
	mp_put_map(b, 4);
	mp_put_cstr(b, "pid");
	if (broker && broker->pid)
		mp_put_int(b, broker->pid);
	else
		mp_put_nil(b);
	mp_put_cstr(b, "state");
	mp_put_cstr(b, broker ? child_state_name(broker) : "down");
	mp_put_cstr(b, "restarts");
	mp_put_uint(b, broker ? broker->sup->n_restarts : 0);
	mp_put_cstr(b, "uptime_ms");
	mp_put_uint(b, broker && broker->pid ? ms_since(broker->exec_ns) : 0);
}

static void put_counts(struct buf *b, const struct node *node)
{
	static const char *const states[] = {"starting", "up", "ready", "stopping", "backoff", "down"};
	enum { N = sizeof(states) / sizeof(states[0]) };
	uint64_t counts[N] = {0};

	for (struct child *child = node_first(node); child; child = node_after(node, child))
		for (size_t i = 0; i < N; i++)
			counts[i] += !strcmp(child_state_name(child), states[i]);
	mp_put_map(b, N);
	for (size_t i = 0; i < N; i++) {
		mp_put_cstr(b, states[i]);
		mp_put_uint(b, counts[i]);
	}
}

static size_t count_adopted(const struct node *node)
{
	size_t n = 0;

	for (struct child *child = node_first(node); child; child = node_after(node, child))
		n += child->adopted;
	return n;
}

static int on_status(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct buf body = BUF_INIT;

	mp_put_map(&body, 10);
	mp_put_cstr(&body, "node");
	mp_put_uint(&body, supervisor->node_id);
	mp_put_cstr(&body, "runtime_dir");
	mp_put_cstr(&body, supervisor->runtime_dir);
	mp_put_cstr(&body, "log_dir");
	mp_put_cstr(&body, supervisor->log_dir);
	mp_put_cstr(&body, "version");
	mp_put_cstr(&body, ACTOR_VERSION);
	mp_put_cstr(&body, "uptime_ms");
	mp_put_uint(&body, ms_since(supervisor->node_start_ns));
	mp_put_cstr(&body, "stopping");
	mp_put_bool(&body, node_is_stopping(supervisor->node));
	mp_put_cstr(&body, "keeper");
	mp_put_map(&body, 2);
	mp_put_cstr(&body, "pid");
	mp_put_int(&body, supervisor->keeper_pid);
	mp_put_cstr(&body, "uptime_ms");
	mp_put_uint(&body, ms_since(supervisor->node_start_ns));
	mp_put_cstr(&body, "supervisor");
	mp_put_map(&body, 5);
	mp_put_cstr(&body, "pid");
	mp_put_int(&body, getpid());
	mp_put_cstr(&body, "restarts");
	mp_put_uint(&body, supervisor->n_deaths);
	mp_put_cstr(&body, "uptime_ms");
	mp_put_uint(&body, ms_since(supervisor->start_ns));
	mp_put_cstr(&body, "state_lost_ms");
	if (node_state_lost_ns(supervisor->node))
		mp_put_uint(&body, ms_since(node_state_lost_ns(supervisor->node)));
	else
		mp_put_nil(&body);
	mp_put_cstr(&body, "adopted");
	mp_put_uint(&body, count_adopted(supervisor->node));
	mp_put_cstr(&body, "broker");
	put_broker(&body, node_broker(supervisor->node));
	mp_put_cstr(&body, "children");
	put_counts(&body, supervisor->node);
	return answer(from, &body);
}

static int on_logs(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	struct buf body = BUF_INIT;
	char name[256], path[4096];

	if (args_name(&args, name) < 0)
		return bad_args(from, "name:str");
	if (strcmp(name, "$broker") != 0 && !node_child_by_name(supervisor->node, name)) {
		actor_reply_error(from, "no_name", "no process is called %s", name);
		return 0;
	}
	supervisor_log_path(name, path, sizeof(path), supervisor);
	mp_put_map(&body, 1);
	mp_put_cstr(&body, "path");
	mp_put_cstr(&body, path);
	return answer(from, &body);
}

/* --- what comes without being asked for --- */

/* The runtime, timers and descriptors of this group speak to the actor by casts. Anybody can send a cast that looks like one of theirs. */
static bool is_from_within(actor *self, const actor_msg *msg)
{
	return actor_msg_sender(msg).group == actor_self(self).group;
}

static int on_turn(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);

	if (is_from_within(self, msg) && supervisor->turn_is_due)
		supervisor_turn(supervisor);
	return 0;
}

static int on_io(actor *self, const actor_msg *msg)
{
	if (is_from_within(self, msg))
		supervisor_io(supervisor_of(self));
	return 0;
}

static int on_timer(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);

	if (!is_from_within(self, msg))
		return 0;
	supervisor->timer = 0;
	node_timer(supervisor->node, supervisor_now_ns());
	supervisor_need_turn(supervisor);
	return 0;
}

/*
 * As the keeper looks after us: three looks in a row without an answer, and the broker is killed. Direct links go on meanwhile, and
 * every group announces itself to the next one. Without a link to it, a look counts when it did not answer the last hello.
 */
static int on_broker_look(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	const struct child *broker = node_broker(supervisor->node);

	if (!is_from_within(self, msg))
		return 0;
	if (!broker || broker->group != supervisor->looked_at || (!supervisor->broker_up && !service_broker_is_silent(self))) {
		supervisor->n_silent = 0;
		supervisor->looked_at = broker ? broker->group : 0;
	} else if (supervisor->n_silent >= KEEPER_HANG_LOOKS) {
		supervisor->n_silent = 0;
		supervisor_kill_broker(supervisor);
	} else if (supervisor->n_silent++ == 0 && supervisor->broker_up &&
		service_ping_broker(self, "broker_lives", supervisor->hang_limit_ms) < 0)
		supervisor->n_silent = 0;
	return actor_send_after(self, supervisor->hang_limit_ms / KEEPER_HANG_LOOKS, "broker_look", NULL, "");
}

static int on_broker_lives(actor *self, const actor_msg *msg)
{
	if (is_from_within(self, msg))
		supervisor_of(self)->n_silent = 0;
	return 0;
}

static int on_broker_up(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct buf groups = BUF_INIT;
	struct mp_reader r;
	const uint8_t *live, *exits, *speaking, *clients;
	size_t live_bytes, exits_bytes, speaking_bytes, clients_bytes;
	uint32_t n;

	if (!is_from_within(self, msg))
		return 0;
	supervisor->broker_up = true;
	supervisor->n_silent = 0;
	supervisor->broker_up_ns = supervisor_now_ns();
	if (node_broker(supervisor->node))
		node_group_ready(supervisor->node, node_broker(supervisor->node)->group, supervisor->broker_up_ns);
	node_put_groups(supervisor->node, &groups);
	if (!buf_error(&groups)) {
		r = mp_reader(groups.data, groups.size_bytes);
		if (!mp_read_array(&r, &n) && !mp_read_raw(&r, &live, &live_bytes) && !mp_read_raw(&r, &exits, &exits_bytes) &&
			!mp_read_raw(&r, &speaking, &speaking_bytes) && !mp_read_raw(&r, &clients, &clients_bytes) &&
			service_cast_broker(self, "groups", "mmmm", (const void *)live, live_bytes, (const void *)exits, exits_bytes,
				(const void *)speaking, speaking_bytes, (const void *)clients, clients_bytes) == 0)
			service_hand_over(self, 0, node_last_number(supervisor->node)); /* whatever a broker can be owed is among these */
	}
	buf_deinit(&groups);
	node_tell_again(supervisor->node);
	supervisor_need_turn(supervisor);
	supervisor_tell_ready(supervisor);
	return 0;
}

static int on_broker_down(actor *self, const actor_msg *msg)
{
	if (is_from_within(self, msg))
		supervisor_of(self)->broker_up = false;
	return 0;
}

static int on_tell_again(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);

	if (!is_from_within(self, msg))
		return 0;
	supervisor->again_is_due = false;
	node_tell_again(supervisor->node);
	supervisor_need_turn(supervisor);
	return 0;
}

static int on_handed_over(actor *self, const actor_msg *msg)
{
	struct args args = args_of(msg);
	uint64_t group, number;
	bool ok, routed;

	if (is_from_within(self, msg) && !args_uint(&args, &group) && !args_uint(&args, &number) && !args_bool(&args, false, &ok) &&
		!args_bool(&args, false, &routed))
		supervisor_handed_over(supervisor_of(self), group, number, ok, routed);
	return 0;
}

static int on_client_gone(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t group;

	if (!is_from_within(self, msg) || args_uint(&args, &group) < 0)
		return 0;
	node_client_gone(supervisor->node, group, supervisor_now_ns());
	supervisor_need_turn(supervisor);
	return 0;
}

static int on_broker_late(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);

	if (!is_from_within(self, msg))
		return 0;
	if (!supervisor->ready_told)
		log_warning("there is no broker after %d s: processes run, but names and calls between groups do not work",
			SUPERVISOR_READY_MS / 1000);
	supervisor_tell_ready(supervisor);
	return 0;
}

static bool is_from_broker(const struct supervisor *supervisor, const actor_msg *msg)
{
	const struct child *broker = node_broker(supervisor->node);

	return broker && actor_msg_sender(msg).group == broker->group;
}

/* Of a group that the broker admitted: nobody else knows. */
static int on_group_gone(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t group;

	if (!is_from_broker(supervisor, msg) || args_uint(&args, &group) < 0 || group >> 62 != 2)
		return 0;
	node_client_gone(supervisor->node, group, supervisor_now_ns());
	supervisor_need_turn(supervisor);
	return 0;
}

static int on_group_ready(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t group;

	if (!is_from_broker(supervisor, msg) || args_uint(&args, &group) < 0)
		return 0;
	node_group_ready(supervisor->node, group, supervisor_now_ns());
	supervisor_need_turn(supervisor);
	return 0;
}

static int on_group_hello(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t group;

	if (is_from_broker(supervisor, msg) && args_uint(&args, &group) == 0)
		node_group_hello(supervisor->node, group);
	return 0;
}

static int on_watch_owner(actor *self, const actor_msg *msg)
{
	struct args args = args_of(msg);
	actor_ref owner;
	uint64_t number;

	if (actor_ref_equal(actor_msg_sender(msg), actor_self(self)) && !args_uint(&args, &number) &&
		!args_ref(&args, &owner))
		supervisor_watch_owner(supervisor_of(self), number, owner);
	return 0;
}

/* An owner ended. If only the way to it is lost while its process lives, it is looked for again. */
static int on_owner_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct hash_node *n = hash_first(&supervisor->owners_by_monitor, hash_of_u64(&supervisor->owners_by_monitor, monitor));

	for (; n; n = hash_next(n)) {
		struct owner_watch *watch = container_of(n, struct owner_watch, by_monitor);

		if (watch->monitor != monitor)
			continue;
		hash_remove(&supervisor->owners_by_monitor, &watch->by_monitor);
		watch->monitor = 0;
		if (!strcmp(cause->reason, "noconnection") && node_child_by_group(supervisor->node, who.group))
			actor_send_after(self, 1000, "watch_owner", NULL, "Ur", watch->number, watch->owner);
		else
			node_owner_gone(supervisor->node, watch->number, supervisor_now_ns());
		supervisor_need_turn(supervisor);
		break;
	}
	return 0;
}

static int on_other(actor *self, const actor_msg *msg, actor_from *from)
{
	if (from)
		actor_reply_error(from, "no_method", "$spawner has no method %s", actor_msg_method(msg));
	return 0;
}

static int init(actor *self, const void *arg)
{
	struct supervisor *supervisor = *(struct supervisor *const *)arg;
	int r;

	*(struct supervisor **)actor_state(self) = supervisor;
	supervisor->self = self;
	r = actor_watch_fd(self, supervisor->outputs.epoll_fd, POLLIN, "io");
	if (r < 0)
		return r;
	r = actor_send_after(self, supervisor->hang_limit_ms / KEEPER_HANG_LOOKS, "broker_look", NULL, "");
	if (r < 0)
		return r;
	r = actor_send_after(self, SUPERVISOR_READY_MS, "broker_late", NULL, "");
	if (r < 0)
		return r;
	if (!node_broker(supervisor->node))
		supervisor_tell_ready(supervisor); /* there will never be one */
	supervisor_need_turn(supervisor);
	return 0;
}

static const struct actor_method methods[] = {
	{"spawn", on_spawn, NULL, "spec:map wait:none|up|ready|exit timeout_ms:int", "starts a process"},
	{"stop", on_stop, NULL, "name:str wait:bool", "TERM to the whole tree, grace, KILL; it stays down"},
	{"start", on_start, NULL, "name:str wait:bool", "starts one that is down"},
	{"restart", on_restart, NULL, "name:str wait:bool", "stops it, then starts it"},
	{"kill", on_kill, NULL, "name:str signal:int", "sends a signal; 9 goes to the whole tree"},
	{"rm", on_rm, NULL, "name:str force:bool", "forgets one that is down"},
	{"ls", on_ls, NULL, "[name:str]", "all processes"},
	{"status", on_status, NULL, "", "the node"},
	{"wait", on_wait, NULL, "name:str condition:up|ready|down timeout_ms:int", "waits for a process to get there"},
	{"monitor", on_monitor, NULL, "group:int watcher:ref id:int", "one `down` when that process ends"},
	{"demonitor", on_demonitor, on_demonitor_cast, "watcher:ref id:int", "no `down` any more"},
	{"down", on_down_verb, NULL, "", "ends the node in order"},
	{"logs", on_logs, NULL, "name:str", "where the log is"},
	{.name = "turn", .on_cast = on_turn},
	{.name = "io", .on_cast = on_io},
	{.name = "timer", .on_cast = on_timer},
	{.name = "broker_up", .on_cast = on_broker_up},
	{.name = "broker_look", .on_cast = on_broker_look},
	{.name = "broker_lives", .on_cast = on_broker_lives},
	{.name = "broker_down", .on_cast = on_broker_down},
	{.name = "tell_again", .on_cast = on_tell_again},
	{.name = "handed_over", .on_cast = on_handed_over},
	{.name = "client_gone", .on_cast = on_client_gone},
	{.name = "broker_late", .on_cast = on_broker_late},
	{.name = "group_ready", .on_cast = on_group_ready},
	{.name = "group_gone", .on_cast = on_group_gone},
	{.name = "group_hello", .on_cast = on_group_hello},
	{.name = "watch_owner", .on_cast = on_watch_owner},
	{0},
};

const struct actor_behavior supervisor_behavior = {
	.name = "spawner",
	.state_size = sizeof(struct supervisor *),
	.methods = methods,
	.init = init,
	.on_down = on_owner_down,
	.on_other = on_other,
	.mailbox_max_messages = 65536,
	.mailbox_max_bytes = 64u << 20,
};
