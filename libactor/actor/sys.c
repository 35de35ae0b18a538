/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers the requests `$sys_…`. Every actor that may call an actor may make them; it may stop and kill that
 * actor, too. A daemon's service actor refuses only to be suspended: all other processes depend on it.
 */
#include "libactor/actor/sys.h"

#include <errno.h>

#include "libactor/actor/answer.h"
#include "libactor/actor/guests.h"
#include "libactor/actor/call.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/history.h"
#include "libactor/actor/links.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/monitor.h"
#include "libactor/actor/name.h"
#include "libactor/actor/stash.h"
#include "libactor/loop/timer.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"
#include "libactor/util/slots.h"

#define ACTORS_DEFAULT  1000u
#define ACTORS_MAX      4096u
#define LIST_BYTES_MAX  (1u << 20) /* of one answer; the actor that goes beyond this is its last */
#define NAMES_SHOWN_MAX 16u        /* of one actor */
#define REFS_SHOWN_MAX  1000u      /* of one actor: links, monitors, watchers */
#define STATES_WAIT_MAX 64u        /* `$sys_state` that a mailbox takes beyond its limit */
/* A turn of the loop answers as many; the others wait for the next turn, so that all others have theirs. */
#define ANSWERS_PER_TURN 64u
#define BYTES_PER_TURN   (256u << 10)

/* ---- one actor as a map ---- */

static bool in_handler(const struct actor *self)
{
	return self->task.stack || actor_is_current(self);
}

static const char *status_word(const struct actor *self)
{
	if (self->status == ACTOR_STARTING)
		return "starting";
	if (self->status == ACTOR_ENDING)
		return "ending";
	if (in_handler(self))
		return "handling";
	if (self->suspended)
		return "suspended";
	return list_is_empty(&self->mailbox.messages) ? "idle" : "runnable";
}

/* What the actor waits for inside a handler. NULL: it does not wait. */
static const char *wait_word(const struct actor *self)
{
	if (!self->task.stack || self->task.woken)
		return NULL;
	if (self->waiting_call)
		return "call";
	if (list_is_linked(&self->task.blocked_link))
		return "room";
	return timer_is_armed(&self->task.wake_timer) ? "time" : "other";
}

const char *actor_life_word(int life)
{
	static const char *const words[] = {[ACTOR_LIFE_DEAD] = "dead",
		[ACTOR_LIFE_STARTING] = "starting",
		[ACTOR_LIFE_RUNNING] = "running",
		[ACTOR_LIFE_PARKED] = "parked",
		[ACTOR_LIFE_SUSPENDED] = "suspended",
		[ACTOR_LIFE_DRAINING] = "draining",
		[ACTOR_LIFE_STOPPING] = "stopping"};

	return life >= 0 && life <= ACTOR_LIFE_STOPPING ? words[life] : "?";
}

enum actor_life sys_life(const struct actor *self)
{
	if (self->status == ACTOR_ENDING || self->stopping || ending_is_due(self))
		return ACTOR_LIFE_STOPPING;
	if (self->draining)
		return ACTOR_LIFE_DRAINING;
	if (self->suspended)
		return ACTOR_LIFE_SUSPENDED;
	if (!self->has_started)
		return ACTOR_LIFE_STARTING;
	return wait_word(self) ? ACTOR_LIFE_PARKED : ACTOR_LIFE_RUNNING;
}

static uint64_t memory_bytes(const struct actor *self)
{
	const struct history *history = history_of(self);
	uint64_t n = sizeof(*self) + self->behavior->state_size + self->mailbox.n_bytes;

	if (history)
		n += history_bytes(history);
	return n;
}

static void put_uint(struct buf *out, const char *key, uint64_t value)
{
	mp_put_cstr(out, key);
	mp_put_uint(out, value);
}

static void put_str(struct buf *out, const char *key, const char *value)
{
	mp_put_cstr(out, key);
	mp_put_cstr(out, value);
}

static void put_names(struct buf *out, const struct actor *self)
{
	uint32_t n = 0;

	list_for_each(it, &self->names)
		n += n < NAMES_SHOWN_MAX;
	mp_put_cstr(out, "names");
	mp_put_array(out, n);
	list_for_each(it, &self->names) {
		const struct own_name *name = container_of(it, struct own_name, link);

		if (!n--)
			break;
		mp_put_str(out, name->name, name->length);
	}
}

static void put_ties(struct buf *out, const struct actor *self)
{
	uint32_t n_links = 0, n_monitors = 0, n_watchers = 0;

	list_for_each(it, &self->monitors) {
		if (container_of(it, struct monitor, watcher_link)->is_link)
			n_links++;
		else
			n_monitors++;
	}
	list_for_each(it, &self->watchers)
		n_watchers++;
	put_uint(out, "links", n_links);
	put_uint(out, "monitors", n_monitors);
	/* n_watchers counts the other halves of links, too */
	put_uint(out, "watchers", n_watchers > n_links ? n_watchers - n_links : 0);
}

#define STATUS_PAIRS 15

static void put_status(struct buf *out, const struct actor *self)
{
	const struct call *call = self->waiting_call;

	mp_put_cstr(out, "ref");
	mp_put_ref(out, self->ref);
	put_str(out, "behavior", self->behavior->name);
	put_names(out, self);
	put_str(out, "status", status_word(self));
	mp_put_cstr(out, "suspended");
	mp_put_bool(out, self->suspended);
	put_str(out, "method", in_handler(self) ? self->method : NULL);
	put_str(out, "waits_in", wait_word(self));
	mp_put_cstr(out, "waits_for");
	if (call && !actor_ref_is_nobody(call->callee))
		mp_put_ref(out, call->callee);
	else
		mp_put_nil(out);
	put_uint(out, "messages", self->mailbox.n_messages);
	put_uint(out, "bytes", self->mailbox.n_bytes);
	put_uint(out, "handled", self->n_handled);
	put_uint(out, "memory", memory_bytes(self));
	put_ties(out, self); /* three pairs */
}

/* ---- the requests ---- */

/* The refs that @self is linked with, or, without @links, monitors. */
static void put_targets(struct buf *out, const char *key, const struct actor *self, bool links)
{
	uint32_t n = 0;

	list_for_each(it, &self->monitors)
		n += n < REFS_SHOWN_MAX && container_of(it, struct monitor, watcher_link)->is_link == links;
	mp_put_cstr(out, key);
	mp_put_array(out, n);
	list_for_each(it, &self->monitors) {
		const struct monitor *monitor = container_of(it, struct monitor, watcher_link);

		if (monitor->is_link != links)
			continue;
		if (!n--)
			break;
		mp_put_ref(out, monitor->who);
	}
}

/* The other half of a link is among the watchers of @self. It is shown as a link, and not as a watcher. */
static bool is_shown(const struct actor *self, const struct watcher *watcher)
{
	return !link_find(self, watcher->who);
}

static void put_watchers(struct buf *out, const struct actor *self)
{
	uint32_t n = 0;

	list_for_each(it, &self->watchers)
		n += n < REFS_SHOWN_MAX && is_shown(self, container_of(it, struct watcher, target_link));
	mp_put_cstr(out, "watched_by");
	mp_put_array(out, n);
	list_for_each(it, &self->watchers) {
		const struct watcher *watcher = container_of(it, struct watcher, target_link);

		if (!is_shown(self, watcher))
			continue;
		if (!n--)
			break;
		mp_put_ref(out, watcher->who);
	}
}

static void status_put(struct buf *out, const struct actor *self)
{
	const struct history *history = history_of(self);

	mp_put_map(out, STATUS_PAIRS + 8);
	put_status(out, self);
	put_str(out, "life", actor_life_word(sys_life(self)));
	put_uint(out, "max_messages", self->mailbox.max_messages);
	put_uint(out, "max_bytes", self->mailbox.max_bytes);
	put_uint(out, "stashed", stash_count(self));
	put_uint(out, "kept", history ? history->max_entries : 0);
	put_targets(out, "linked_with", self, true);
	put_targets(out, "monitoring", self, false);
	put_watchers(out, self);
}

/*
 * The arguments are [max, after], both optional. A list that has max actors or enough bytes is cut. Then it
 * ends with a uint, which is the `after` of the next request.
 */
static int actors_put(struct buf *out, actor_group *group, const actor_msg *msg)
{
	struct mp_reader r = mp_reader(msg->body, msg->body_bytes);
	struct buf actors = BUF_INIT;
	uint64_t max = ACTORS_DEFAULT, after = 0;
	uint32_t n = 0, n_args, at;
	bool goes_on = false;
	struct actor *self;

	if (mp_read_array(&r, &n_args) < 0 || (n_args > 0 && mp_read_uint(&r, &max) < 0) ||
		(n_args > 1 && mp_read_uint(&r, &after) < 0) || !max || after > UINT32_MAX)
		return -EINVAL;
	if (max > ACTORS_MAX)
		max = ACTORS_MAX;
	at = (uint32_t)after;
	while ((self = slots_walk(&group->actors, &at))) {
		if (self->internal)
			continue;
		if (n == max || actors.size_bytes > LIST_BYTES_MAX) {
			goes_on = true;
			break;
		}
		mp_put_map(&actors, STATUS_PAIRS);
		put_status(&actors, self);
		n++;
		after = at;
	}
	mp_put_array(out, n + goes_on);
	mp_put_raw(out, actors.data, actors.size_bytes);
	if (goes_on)
		mp_put_uint(out, after);
	if (buf_error(&actors) < 0) {
		buf_deinit(&actors);
		return -ENOMEM;
	}
	buf_deinit(&actors);
	return 0;
}

/* The answer is the method whose handler still runs, and is not interrupted; nil: no handler runs. */
static int suspend(struct buf *out, struct actor *self)
{
	if (self->group->is_service || self->internal)
		return -EPERM;
	self->suspended = true;
	mp_put_cstr(out, in_handler(self) || self->status == ACTOR_STARTING ? self->method : NULL);
	return 0;
}

static int resume(struct buf *out, struct actor *self)
{
	self->suspended = false;
	actor_make_runnable(self);
	mp_put_nil(out);
	return 0;
}

static int keep(struct buf *out, struct actor *self, const actor_msg *msg)
{
	struct mp_reader r = mp_reader(msg->body, msg->body_bytes);
	uint32_t n_args;
	uint64_t n;

	if (mp_read_array(&r, &n_args) < 0 || n_args < 1 || mp_read_uint(&r, &n) < 0)
		return -EINVAL;
	mp_put_nil(out);
	return history_keep(self, n);
}

static int last(struct buf *out, const struct actor *self)
{
	const struct history *history = history_of(self);

	if (history)
		history_put(out, history);
	else
		mp_put_nil(out);
	return 0;
}

static int answer_put(struct buf *out, actor_group *group, struct actor *self, const actor_msg *msg)
{
	if (!strcmp(msg->method, METHOD_SYS_ACTORS))
		return actors_put(out, group, msg);
	if (!strcmp(msg->method, METHOD_SPAWN))
		return -ENOENT; /* the group has registered no behavior */
	if (!self)
		return -ENOSYS;
	if (!strcmp(msg->method, METHOD_SYS_STATUS)) {
		status_put(out, self);
		return 0;
	}
	if (!strcmp(msg->method, METHOD_SYS_SUSPEND))
		return suspend(out, self);
	if (!strcmp(msg->method, METHOD_SYS_RESUME))
		return resume(out, self);
	if (!strcmp(msg->method, METHOD_SYS_KEEP))
		return keep(out, self, msg);
	return strcmp(msg->method, METHOD_SYS_LAST) ? -ENOSYS : last(out, self);
}

static const char *error_name(int r)
{
	switch (r) {
	case -ENOSYS:
		return ERROR_NO_METHOD;
	case -EINVAL:
		return ERROR_BAD_ARGS;
	case -EPERM:
		return ERROR_PERMISSION;
	case -ENOENT:
		return ERROR_NO_BEHAVIOR;
	default:
		return ERROR_OVERLOADED;
	}
}

/*
 * Answers @msg, and frees it. @self: the actor that was asked; NULL: the group. Returns the number of bytes
 * of the answer.
 */
static size_t answer(actor_group *group, struct actor *self, actor_msg *msg)
{
	struct answer_to to = {msg->sender, msg->id, msg->way, msg_trace(msg)};
	actor_ref callee = self ? self->ref : group_ref(group, 0);
	struct buf out = BUF_INIT;
	size_t n_bytes;
	int r;

	if (self && !strcmp(msg->method, METHOD_SYS_STATE)) {
		if (self->mailbox.n_messages < self->mailbox.max_messages + STATES_WAIT_MAX) {
			msg->to = 0;
			mailbox_push_front(self, msg);
			return 0;
		}
		r = -ENOBUFS;
	} else {
		r = answer_put(&out, group, self, msg);
	}
	if (r == 0)
		r = buf_error(&out);
	if (r == 0)
		call_answer(group, &to, callee, out.data, out.size_bytes);
	else
		call_refuse(group, &to, callee, error_name(r), msg->method);
	n_bytes = out.size_bytes;
	buf_deinit(&out);
	actor_msg_free(msg);
	return n_bytes;
}

/* The peer by whose own link @msg came has one request less that waits. */
static void peer_has_one_less(actor_group *group, const actor_msg *msg)
{
	struct peer *peer = msg->way ? NULL : peer_find(group, msg->sender.group);

	if (peer && peer->n_sys_asked)
		peer->n_sys_asked--;
}

void sys_turn(actor_group *group)
{
	size_t n_bytes = 0;
	struct list *node;

	for (uint32_t n = 0;
		n < ANSWERS_PER_TURN && n_bytes < BYTES_PER_TURN && (node = list_pop(&group->sys_asked));
		n++) {
		actor_msg *msg = container_of(node, actor_msg, link);
		struct actor *self = msg->to ? actor_find(group, msg->to) : NULL;

		peer_has_one_less(group, msg);
		if (msg->to && (!self || self->status == ACTOR_ENDING)) {
			struct answer_to to = {msg->sender, msg->id, msg->way, msg_trace(msg)};

			call_refuse(group, &to, group_ref(group, msg->to), ERROR_NOPROC, "");
			actor_msg_free(msg);
			continue;
		}
		if (!strcmp(msg->method, METHOD_SPAWN) && group->guest_hooks)
			group->guest_hooks->asked(group, msg);
		else
			n_bytes += answer(group, self, msg);
	}
	group->loop.goes_on = !list_is_empty(&group->sys_asked);
}

void sys_end(actor_group *group)
{
	struct list *node;

	while ((node = list_pop(&group->sys_asked)))
		actor_msg_free(container_of(node, actor_msg, link));
}

int sys_state(struct actor *self, struct actor_from *from)
{
	actor_msg *state;
	int r;

	if (!self->behavior->format_status)
		return actor_reply_error(from, ERROR_NO_METHOD, "its behavior has no format_status");
	r = actor_msg_new(&state);
	if (r < 0)
		return actor_reply_error(from, ERROR_OVERLOADED, "no memory");
	r = self->behavior->format_status(self, state);
	if (r < 0)
		r = actor_reply_error(from, ERROR_BAD_RESULT, "format_status: %s", strerror(-r));
	else
		r = actor_reply_msg(from, &state);
	actor_msg_free(state);
	return r;
}
