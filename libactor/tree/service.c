/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's actor: its life, and its methods for commands (docs/protocol.md, *Supervisors*). */
#include <errno.h>
#include <string.h>

#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/tree/tree.h"
#include "libactor/util/clock.h"

static uint64_t now(void)
{
	return (uint64_t)clock_now_ns();
}

/* ---- its life ---- */

struct supervisor *supervisor_find(actor_group *group, actor_ref ref)
{
	bool ours = ref.node == group->node && ref.group == group->id;
	struct actor *found = ours ? actor_find(group, ref.serial) : NULL;
	struct supervisor *supervisor = found && found->behavior == &tree_behavior ? found->state : NULL;

	return supervisor && supervisor->engine ? supervisor : NULL;
}

/* The group is being freed, and the actor with it. */
static void supervisor_forget(struct actor *self)
{
	if (self->behavior == &tree_behavior)
		tree_free(self->state);
}

static int supervisor_init(actor *self, const void *data)
{
	const struct supervisor_arg *arg = data;
	int r = arg->spec->name ? actor_register(self, arg->spec->name) : 0;

	self->group->forget = supervisor_forget;
	return r < 0 ? r : tree_begin(actor_state(self), self, arg);
}

static void supervisor_terminate(actor *self, const struct actor_cause *cause)
{
	struct supervisor *supervisor = actor_state(self);

	tree_end(supervisor, !strcmp(cause->reason, "killed"));
	tree_free(supervisor);
}

/*
 * When the actor that has spawned the supervisor with a link ends, for whatever reason, the supervisor stops.
 * Other exit signals are ignored.
 */
static int supervisor_on_exit(actor *self, actor_ref from, const struct actor_cause *cause)
{
	struct supervisor *supervisor = actor_state(self);

	if (!actor_ref_equal(from, supervisor->parent))
		return 0;
	return actor_stop(self, actor_self(self), "shutdown");
}

static int supervisor_events(actor *self, const actor_msg *msg)
{
	if (actor_ref_equal(actor_msg_sender(msg), actor_self(self)))
		events_handle(actor_state(self));
	return 0;
}

/* ---- commands ---- */

static int refuse(actor_from *from, int r)
{
	switch (r) {
	case -EALREADY:
		return actor_reply_error(from, "running", "the child runs, or is about to");
	case -EBUSY:
		return actor_reply_error(from, "not_down", "the child is not down");
	case -EEXIST:
		return actor_reply_error(from, ERROR_IN_USE, "another child has the name");
	case -ESHUTDOWN:
		return actor_reply_error(from, "stopping", "the supervisor is ending");
	default:
		return actor_reply_error(from, ERROR_OVERLOADED, "out of memory");
	}
}

/* The child that the message names. NULL: there is none, and the caller was answered. */
static struct child *child_named(actor *self, const actor_msg *msg, actor_from *from)
{
	struct child *child;
	const char *name;

	if (actor_msg_unpack(msg, "s", &name) < 0) {
		(void)actor_reply_error(from, ERROR_BAD_ARGS, "one argument, the name of a child");
		return NULL;
	}
	child = tree_child_find(actor_state(self), name);
	if (!child)
		(void)actor_reply_error(from, ERROR_NOPROC, "no child is named '%.255s'", name);
	return child;
}

/* True if the child itself sent the command. Waiting for its own end, it would be killed after its time. */
static bool is_itself(const struct child *child, const actor_msg *msg)
{
	return actor_ref_equal(actor_msg_sender(msg), child->who);
}

static int on_stop(actor *self, const actor_msg *msg, actor_from *from)
{
	struct child *child = child_named(self, msg, from);
	int r;

	if (!child)
		return 0;
	if (is_itself(child, msg))
		return actor_reply_error(from, ERROR_DEADLOCK, "a child waits for its own end");
	r = waiter_add(child, from, false);
	if (r < 0)
		return refuse(from, r);
	if (supervision_child_stop(child->engine, now()) == 0)
		waiters_answer_stop(child);
	tree_pump(actor_state(self));
	return 0;
}

typedef int (*start_fn)(struct supervision_child *child, uint64_t now_ns);

static int start_by(actor *self, const actor_msg *msg, actor_from *from, start_fn start)
{
	struct child *child = child_named(self, msg, from);
	int r;

	if (!child)
		return 0;
	if (is_itself(child, msg))
		return actor_reply_error(from, ERROR_DEADLOCK, "a child waits for its own end");
	r = start(child->engine, now());
	if (r == 0)
		r = waiter_add(child, from, true);
	if (r < 0)
		(void)refuse(from, r);
	tree_pump(actor_state(self));
	return 0;
}

static int on_start(actor *self, const actor_msg *msg, actor_from *from)
{
	return start_by(self, msg, from, supervision_child_start);
}

static int on_restart(actor *self, const actor_msg *msg, actor_from *from)
{
	return start_by(self, msg, from, supervision_child_restart);
}

static int on_delete(actor *self, const actor_msg *msg, actor_from *from)
{
	struct child *child = child_named(self, msg, from);
	int r;

	if (!child)
		return 0;
	r = supervision_child_remove(child->engine);
	if (r < 0)
		return refuse(from, r);
	tree_child_free(child);
	tree_pump(actor_state(self));
	return actor_reply(from, "");
}

static struct child *staged_find(const struct supervisor *supervisor, uint64_t number)
{
	list_for_each(it, &supervisor->staged) {
		struct child *child = container_of(it, struct child, staged);

		if (child->number == number)
			return child;
	}
	return NULL;
}

/* A child that an actor of this group has made ready (client.c). */
static int on_start_new(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = actor_state(self);
	struct child *child;
	uint64_t number;
	int r;

	if (actor_msg_unpack(msg, "U", &number) < 0)
		return actor_reply_error(from, ERROR_BAD_ARGS, "actor_supervisor_start_child() calls this");
	child = staged_find(supervisor, number);
	if (!child)
		return actor_reply_error(from, ERROR_NOPROC, "no such child is ready");
	list_remove(&child->staged);
	r = tree_child_add(supervisor, child);
	if (r == 0)
		r = waiter_add(child, from, true);
	if (r == 0) {
		(void)supervision_child_start(child->engine, now());
		tree_pump(supervisor);
		return 0;
	}
	if (child->engine)
		(void)supervision_child_remove(child->engine);
	tree_child_free(child);
	return refuse(from, r);
}

/* ---- questions ---- */

static void child_put(struct buf *out, const struct child *child)
{
	static const char *const restarts[] = {"permanent", "transient", "temporary"};
	const struct supervision_child *engine = child->engine;

	mp_put_map(out, 7);
	mp_put_cstr(out, "name");
	mp_put_cstr(out, child->name);
	mp_put_cstr(out, "state");
	mp_put_cstr(out, supervision_state_name(engine->state));
	mp_put_cstr(out, "restart");
	mp_put_cstr(out, restarts[engine->spec.restart]);
	mp_put_cstr(out, "ref");
	if (actor_ref_is_nobody(child->who))
		mp_put_nil(out);
	else
		mp_put_ref(out, child->who);
	mp_put_cstr(out, "pid");
	if (child->pid)
		mp_put_uint(out, (uint64_t)child->pid);
	else
		mp_put_nil(out);
	mp_put_cstr(out, "restarts");
	mp_put_uint(out, engine->n_restarts);
	mp_put_cstr(out, "supervisor");
	mp_put_bool(out, child->spec->kind == CHILD_SUPERVISOR);
}

static int on_children(actor *self, const actor_msg *msg, actor_from *from)
{
	const struct supervisor *supervisor = actor_state(self);
	struct supervision_child *it;
	struct buf out = BUF_INIT;
	int r;

	mp_put_array(&out, (uint32_t)supervision_count(supervisor->engine).n_children);
	for (it = supervision_first_child(supervisor->engine); it; it = supervision_child_next(it))
		child_put(&out, it->spec.data);
	r = buf_error(&out);
	r = r < 0 ? refuse(from, r) : actor_reply(from, "m", (const void *)out.data, out.size_bytes);
	buf_deinit(&out);
	return r;
}

static const struct actor_method supervisor_methods[] = {
	{.name = "children", .on_call = on_children, .args = "", .doc = "an array of maps, the oldest first"},
	{.name = "start", .on_call = on_start, .args = "name:str", .doc = "a child that is down; its ref"},
	{.name = "stop", .on_call = on_stop, .args = "name:str", .doc = "answers when the child is gone"},
	{.name = "restart",
		.on_call = on_restart,
		.args = "name:str",
		.doc = "stop, if it runs, and start; its ref"},
	{.name = "delete", .on_call = on_delete, .args = "name:str", .doc = "a child that is down"},
	{.name = "$start_new", .on_call = on_start_new},
	{.name = "$events", .on_cast = supervisor_events},
	{0},
};

const struct actor_behavior tree_behavior = {
	.name = "supervisor",
	.state_size = sizeof(struct supervisor),
	.methods = supervisor_methods,
	.init = supervisor_init,
	.terminate = supervisor_terminate,
	.on_exit = supervisor_on_exit,
};
