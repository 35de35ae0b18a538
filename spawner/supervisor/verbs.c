/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods of `$spawner` that change something (docs/protocol.md §5). Callers that wait are kept by the
 * node. The actor itself never waits.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "libactor/protocol/names.h"
#include "libactor/util/log.h"
#include "spawner/shared/proc.h"
#include "spawner/supervisor/args.h"
#include "spawner/supervisor/launch.h"

int on_spawn(actor *self, const actor_msg *msg, actor_from *from)
{
	static const char *const words[] = {"none", "up", "ready", "exit"};
	static const enum node_wait waits[] = {NODE_WAIT_NONE, NODE_WAIT_UP, NODE_WAIT_READY, NODE_WAIT_EXIT};
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	enum node_wait wait = NODE_WAIT_NONE;
	char text[CHILD_SPEC_TEXT_BYTES] = "wanted: spec:map wait:none|up|ready|exit timeout_ms:int";
	uint64_t timeout_ms = 0;
	struct child_spec spec;
	int err = args.n ? child_spec_parse(&args.r, &spec, text) : -EINVAL;

	if (err == -ENOMEM) {
		actor_reply_error(from, ERROR_OVERLOADED, "out of memory");
		return 0;
	}
	if (err) {
		actor_reply_error(from, ERROR_BAD_ARGS, "%s", text);
		return 0;
	}
	args.n--;
	if (args_wait(&args, words, waits, 4, &wait) < 0 || args_timeout(&args, &timeout_ms) < 0 || args.n) {
		child_spec_deinit(&spec);
		return bad_args(from, "spec:map wait:none|up|ready|exit timeout_ms:int");
	}
	err = launch_check(&spec, text);
	if (err) {
		child_spec_deinit(&spec);
		actor_reply_error(from, err == -EPERM ? ERROR_PERMISSION : ERROR_BAD_ARGS, "%s", text);
		return 0;
	}
	from = keep(supervisor, from);
	if (from)
		node_spawn(supervisor->node, &spec, actor_from_ref(from), from, wait, timeout_ms,
			supervisor_now_ns());
	child_spec_deinit(&spec);
	return 0;
}

static int named(actor *self, const actor_msg *msg, actor_from *from,
	void (*verb)(struct node *node, const char *name, bool flag, void *from, uint64_t now_ns),
	bool fallback, const char *wanted)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	char name[256];
	bool flag;

	if (args_name(&args, name) < 0 || args_bool(&args, fallback, &flag) < 0 || args.n)
		return bad_args(from, wanted);
	from = keep(supervisor, from);
	if (from)
		verb(supervisor->node, name, flag, from, supervisor_now_ns());
	return 0;
}

int on_stop(actor *self, const actor_msg *msg, actor_from *from)
{
	return named(self, msg, from, node_stop, true, "name:str wait:bool");
}

int on_start(actor *self, const actor_msg *msg, actor_from *from)
{
	return named(self, msg, from, node_child_start, true, "name:str wait:bool");
}

int on_restart(actor *self, const actor_msg *msg, actor_from *from)
{
	return named(self, msg, from, node_restart, true, "name:str wait:bool");
}

int on_rm(actor *self, const actor_msg *msg, actor_from *from)
{
	return named(self, msg, from, node_remove, false, "name:str force:bool");
}

int on_set(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	char name[256], text[CHILD_SPEC_TEXT_BYTES] = "";
	struct child_spec spec;
	struct child *child;
	bool life;
	int err;

	if (args_name(&args, name) < 0 || args.n != 1)
		return bad_args(from, "name:str changes:map");
	child = node_child_by_name(supervisor->node, name);
	if (!child) {
		actor_reply_error(from, ERROR_NO_NAME, "no process is called %s", name);
		return 0;
	}
	err = child_spec_change(&child->spec, &args.r, &spec, &life, text);
	if (!err) {
		err = launch_check(&spec, text);
		if (err)
			child_spec_deinit(&spec);
	}
	if (err) {
		actor_reply_error(from,
			err == -EPERM    ? ERROR_PERMISSION
			: err == -ENOMEM ? ERROR_OVERLOADED
					 : ERROR_BAD_ARGS,
			"%s", err == -ENOMEM ? "out of memory" : text);
		return 0;
	}
	from = keep(supervisor, from);
	if (from)
		node_set(supervisor->node, name, &spec, life, from, supervisor_now_ns());
	child_spec_deinit(&spec);
	return 0;
}

/* The keeper is the same user as we are. The number is held until its end is acknowledged. */
static bool may_not_signal(const struct child *child)
{
	return child && child->group && child->pid > 0 && kill(child->pid, 0) < 0 && errno == EPERM;
}

int on_kill(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	const struct child *child;
	uint64_t signo;
	char name[256];

	if (args_name(&args, name) < 0 || args_uint(&args, &signo) < 0 || signo > 1024 || args.n)
		return bad_args(from, "name:str signal:int");
	child = node_child_by_name(supervisor->node, name);
	if (may_not_signal(child)) {
		uid_t uid = (uid_t)-1;

		process_uid_read(child->pid, &uid);
		actor_reply_error(from, ERROR_PERMISSION,
			"%d runs as another user (uid %d); not signalled: only that user or root can",
			child->pid, (int)uid);
		return 0;
	}
	from = keep(supervisor, from);
	if (from)
		node_kill(supervisor->node, name, (int)signo, from, supervisor_now_ns());
	return 0;
}

int on_wait(actor *self, const actor_msg *msg, actor_from *from)
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

/* A watch is charged to the group of its watcher, so only that group may ask for it. */
static bool is_of_caller(actor_ref watcher, const actor_from *from)
{
	actor_ref caller = actor_from_ref(from);

	return watcher.group == caller.group && watcher.node == caller.node;
}

static int not_yours(actor_from *from)
{
	actor_reply_error(from, ERROR_PERMISSION, "the watcher is of another group than the caller");
	return 0;
}

int on_monitor(actor *self, const actor_msg *msg, actor_from *from)
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

int on_demonitor(actor *self, const actor_msg *msg, actor_from *from)
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

/* The runtime of a group ends its monitors by a cast, since it needs no answer. */
int on_demonitor_cast(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	actor_ref watcher;
	uint64_t id;

	if (args_ref(&args, &watcher) < 0 || args_uint(&args, &id) < 0 ||
		watcher.group != actor_msg_sender(msg).group)
		return 0;
	node_demonitor(supervisor->node, watcher, id, NULL);
	supervisor_need_turn(supervisor);
	return 0;
}

int on_down_verb(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);

	if (args_of(msg).n)
		return bad_args(from, "no arguments");
	from = keep(supervisor, from);
	if (from) {
		log_info("asked to end the node");
		supervisor_tell_down(supervisor);
		node_down(supervisor->node, from, supervisor_now_ns());
	}
	return 0;
}
