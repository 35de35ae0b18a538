/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of callers. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "spawner/node/private.h"

/* Finds a listed child, or refuses the caller. */
static struct child *find(struct node *node, const char *name, void *from)
{
	struct child *child = node_child_by_name(node, name);

	if (!child)
		node_answer_refuse(node, from, ERROR_NO_NAME, "no process is called %s", name);
	return child;
}

/*
 * Makes a name for a child: the program's base name, with .2, .3 … if that name is taken. A character that is
 * not allowed in names becomes `_`.
 */
static char *make_name(const struct node *node, const char *program)
{
	const char *slash = strrchr(program, '/');
	char base[CHILD_SPEC_NAME_MAX_BYTES - 12], name[CHILD_SPEC_NAME_MAX_BYTES + 1];
	struct child *taken;
	size_t n = 0;

	for (const char *s = slash && slash[1] ? slash + 1 : program; *s && n < sizeof(base) - 1; s++, n++) {
		bool plain = (unsigned char)*s > 0x20 && (unsigned char)*s < 0x7f && !(n == 0 && *s == '$');

		base[n] = plain ? *s : '_';
	}
	base[n] = 0;
	snprintf(name, sizeof(name), "%s", base);
	for (unsigned i = 2; (taken = node_child_by_name(node, name)) && !taken->ended; i++)
		snprintf(name, sizeof(name), "%s.%u", base, i);
	return strdup(name);
}

/*
 * The request came before, and its answer was lost with an earlier supervisor. It is answered as if it were
 * new, but nothing is started.
 */
static void spawn_asked_again(struct node *node, struct child *child, actor_ref caller, void *from,
	enum node_wait wait, uint64_t timeout_ms, uint64_t now_ns)
{
	if (child->spec.owned && !actor_ref_equal(child->owner, caller)) {
		struct node_action *action = node_late(node, NODE_OWNER_WATCH);

		node_owner_set(node, child, caller);
		action->number = child->number;
		action->watcher = caller;
	}
	if (wait == NODE_WAIT_NONE) {
		node_answer_child(node, from, child, now_ns);
		return;
	}
	if (!from || !node_waiter_new(node, child, from, wait, timeout_ms, 1, now_ns))
		return;
	struct waiter *waiter = container_of(child->waiters.prev, struct waiter, link);

	waiter->first = true;
	waiter->n_ends = 0;
	waiter->n_exec_failures = 0;
	node_touch(node, child);
	node_drain(node, now_ns);
}

void node_spawn(struct node *node, struct child_spec *take_spec, actor_ref caller, void *from,
	enum node_wait wait, uint64_t timeout_ms, uint64_t now_ns)
{
	struct child_spec spec = *take_spec;
	struct child *child, *taken;
	struct request *request;
	const char *why;
	char *name, text[200];

	*take_spec = (struct child_spec){0};
	request = node_request_find(node, spec.cookie);
	if (request && !request->child) {
		node_answer_refuse(node, from, "ended",
			"it was started by this very request before, and has ended and been removed since");
		child_spec_deinit(&spec);
		return;
	}
	if (request) {
		child = request->child;
		if (spec.monitor && child->group)
			node_watch_add(node, child, caller, spec.monitor_id);
		child_spec_deinit(&spec);
		spawn_asked_again(node, child, caller, from, wait, timeout_ms, now_ns);
		return;
	}
	if (node->stopping) {
		node_answer_refuse(node, from, "stopping", "the node is going down");
		child_spec_deinit(&spec);
		return;
	}
	if (node_is_full(node, 1, text, sizeof(text))) {
		node_answer_refuse(node, from, ERROR_OVERLOADED, "%s", text);
		child_spec_deinit(&spec);
		return;
	}
	why = spec.monitor ? node_watch_refusal(node, caller) : NULL;
	if (why) {
		node_answer_refuse(node, from, ERROR_OVERLOADED, "%s", why);
		child_spec_deinit(&spec);
		return;
	}
	name = spec.name ? strdup(spec.name) : make_name(node, spec.argv[0]);
	if (!name)
		abort();
	taken = node_child_by_name(node, name);
	if (taken && !(taken->ended && child_is_down(taken))) {
		node_answer_refuse(node, from, ERROR_IN_USE, "the name %s is taken: its process is %s", name,
			child_state_name(taken));
		free(name);
		child_spec_deinit(&spec);
		return;
	}
	if (taken)
		node_child_forget(node, taken);
	child = node_child_new(node, node->next_number, name, &spec, false);
	if (node_child_engage(node, child) < 0)
		abort(); /* the engine refuses nothing that child_spec_parse() has let through */
	if (child->spec.owned) {
		struct node_action *action = node_late(node, NODE_OWNER_WATCH);

		node_owner_set(node, child, caller);
		action->number = child->number;
		action->watcher = caller;
	}
	if (child->spec.monitor)
		node_watch_add(node, child, caller, child->spec.monitor_id);
	node_touch(node, child);
	if (wait == NODE_WAIT_NONE) {
		supervision_child_start(child->sup, now_ns);
		node_drain(node, now_ns);
		node_answer_child(node, from, child, now_ns);
		return;
	}
	if (!node_waiter_new(node, child, from, wait, timeout_ms, 1, now_ns)) {
		/* the request was refused, so its cookie may come again */
		node_request_end(node, child, false);
		node_child_forget(node, child);
		return;
	}
	if (from)
		container_of(child->waiters.prev, struct waiter, link)->first = true;
	supervision_child_start(child->sup, now_ns);
	node_drain(node, now_ns);
}

/* What could not be killed before may have become another user again. The keeper tells if not. */
static void kill_again(struct node *node, struct child *child)
{
	if (!child_is_denied(child))
		return;
	child->denied_pid = 0;
	node_late(node, NODE_KILL_TREE)->group = child->group;
}

void node_stop(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns)
{
	struct child *child = find(node, name, from);

	if (!child)
		return;
	if (wait && !node_waiter_new(node, child, from,
			    child_is_down(child) ? NODE_WAIT_DOWN : NODE_WAIT_STOPPED, 0, 0, now_ns))
		return;
	kill_again(node, child);
	if (!wait) {
		uint64_t number = child->number;

		node_stop_child(node, child, now_ns);
		child = node_child_by_number(node, number);
		if (child)
			node_answer_child(node, from, child, now_ns);
		else
			node_answer_nil(node, from);
		return;
	}
	node_stop_child(node, child, now_ns);
}

static bool can_start(struct node *node, const struct child *child, void *from)
{
	if (node->stopping)
		node_answer_refuse(node, from, "stopping", "the node is going down");
	else if (child->removing)
		node_answer_refuse(node, from, "stopping", "%s is being removed", child->name);
	else if (child->adopted)
		node_answer_refuse(node, from, "adopted",
			"%s was adopted after its description was lost: remove it and spawn it anew",
			child->name);
	else
		return true;
	return false;
}

void node_child_start(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns)
{
	struct child *child = find(node, name, from);

	if (!child || !can_start(node, child, from))
		return;
	node_touch(node, child);
	if (wait) {
		bool runs = child_is_up(child) || child->sup->state == SUPERVISION_STARTING;

		if (!node_waiter_new(
			    node, child, from, NODE_WAIT_READY, 0, child->sup->n_starts + !runs, now_ns))
			return;
	}
	supervision_child_start(child->sup, now_ns);
	node_drain(node, now_ns);
	if (!wait)
		node_answer_child(node, from, child, now_ns);
	else
		node_settle(node, child, now_ns);
}

void node_set(struct node *node, const char *name, struct child_spec *take_spec, bool life, void *from,
	uint64_t now_ns)
{
	struct child *child = find(node, name, from);
	bool runs;

	if (!child || !can_start(node, child, from))
		return;
	runs = child_is_up(child) || child->sup->state == SUPERVISION_STARTING;
	if (life && runs &&
		!node_waiter_new(node, child, from, NODE_WAIT_READY, 0, child->sup->n_starts + 1, now_ns))
		return;
	node_child_change(node, child, take_spec);
	if (life && runs)
		supervision_child_restart(child->sup, now_ns);
	node_drain(node, now_ns);
	if (!life || !runs)
		node_answer_child(node, from, child, now_ns);
}

void node_restart(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns)
{
	struct child *child = find(node, name, from);

	if (!child || !can_start(node, child, from))
		return;
	node_touch(node, child);
	if (wait && !node_waiter_new(node, child, from, NODE_WAIT_READY, 0, child->sup->n_starts + 1, now_ns))
		return;
	kill_again(node, child);
	supervision_child_restart(child->sup, now_ns);
	node_drain(node, now_ns);
	if (!wait)
		node_answer_child(node, from, child, now_ns);
}

void node_kill(struct node *node, const char *name, int signo, void *from, uint64_t now_ns)
{
	struct child *child = find(node, name, from);
	struct node_action *action;

	if (!child)
		return;
	if (signo < 1 || signo > SIGRTMAX) {
		node_answer_refuse(node, from, ERROR_BAD_ARGS, "%d is no signal", signo);
		return;
	}
	if (!child->group) {
		node_answer_refuse(node, from, "not_running", "%s does not run: it is %s", name,
			child_state_name(child));
		return;
	}
	action = node_late(node, signo == SIGKILL ? NODE_KILL_TREE : NODE_SIGNAL);
	action->group = child->group;
	action->signo = signo;
	node_answer_nil(node, from);
}

void node_remove(struct node *node, const char *name, bool force, void *from, uint64_t now_ns)
{
	struct child *child = find(node, name, from);

	if (!child)
		return;
	if (child_is_down(child)) {
		node_child_forget(node, child);
		node_answer_nil(node, from);
		return;
	}
	if (!force) {
		node_answer_refuse(node, from, "running", "%s is %s", name, child_state_name(child));
		return;
	}
	if (!node_waiter_new(node, child, from, NODE_WAIT_GONE, 0, 0, now_ns))
		return;
	child->removing = true;
	kill_again(node, child);
	node_stop_child(node, child, now_ns);
}

void node_wait(struct node *node, const char *name, enum node_wait wait, uint64_t timeout_ms, void *from,
	uint64_t now_ns)
{
	struct child *child = find(node, name, from);
	bool idle;

	if (!child)
		return;
	/* a caller that waits for a child that is down waits for its next start */
	idle = child_is_down(child) && (wait == NODE_WAIT_UP || wait == NODE_WAIT_READY);
	node_wait_for(node, child, from, wait, timeout_ms, child->sup->n_starts + idle, now_ns);
}

void node_monitor(struct node *node, uint64_t group, actor_ref watcher, uint64_t id, void *from)
{
	struct child *child = node_child_by_group(node, group);
	struct actor_cause cause = cause_make(ERROR_NOPROC);
	/* one that is said again is no one more */
	const char *why = node_watch_find(node, watcher, id) ? NULL : node_watch_refusal(node, watcher);

	if (why) {
		node_answer_refuse(node, from, ERROR_OVERLOADED, "%s", why);
		return;
	}
	if (child && !child->daemon) {
		node_watch_add(node, child, watcher, id);
		node_answer_nil(node, from);
		return;
	}
	for (size_t i = 0; i < node->n_recent; i++)
		if (node->recent[i].group == group)
			cause = node->recent[i].cause;
	/*
	 * The answer goes first: a caller that waits for the answer may ignore a `down` that comes before it.
	 */
	node_answer_nil(node, from);
	node_notice_add(node, group, &cause, watcher, id);
}

void node_demonitor(struct node *node, actor_ref watcher, uint64_t id, void *from)
{
	struct watch *watch = node_watch_find(node, watcher, id);
	struct node_action *action;
	/* a notice may be told already, so it does not count as found; but it need not be told again */
	bool found = watch && watch->child;

	if (watch)
		node_watch_free(node, watch);
	if (!from)
		return;
	action = node_late(node, NODE_REPLY);
	action->from = from;
	mp_put_bool(&action->body, found);
}

void node_down(struct node *node, void *from, uint64_t now_ns)
{
	if (from) {
		struct client *client;
		struct waiter *waiter;

		if (!node_waiter_charge(node, from, &client))
			return;
		waiter = node_alloc(sizeof(*waiter));
		*waiter = (struct waiter){.client = client, .from = from};
		node_waiter_add(node, waiter, &node->downers);
	}
	if (node->stopped) {
		node_downers_answer(node);
		return;
	}
	if (!node->stopping) {
		node->stopping = true;
		node->meta_dirty = true;
		for (struct child *child = node_first(node); child; child = node_after(node, child))
			node_touch(node, child);
		supervision_shutdown(node->engine, now_ns, false);
		for (struct child *child = node_first(node); child; child = node_after(node, child))
			if (child_is_denied(child))
				node_child_give_up(node, child, now_ns);
	}
	node_drain(node, now_ns);
}
