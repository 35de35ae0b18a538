/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of `$spawner` that only look. They are answered at once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libactor/protocol/names.h"
#include "spawner/supervisor/args.h"

#define LIST_ARGV_BYTES 1024u

static int answer(actor_from *from, struct buf *body)
{
	if (buf_error(body) < 0 || actor_reply(from, "m", (const void *)body->data, body->size_bytes) < 0)
		actor_reply_error(from, ERROR_OVERLOADED, "the answer is too big");
	buf_deinit(body);
	return 0;
}

int on_ls(actor *self, const actor_msg *msg, actor_from *from)
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

int on_explain(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	struct buf body = BUF_INIT;
	struct child *child;
	char name[256];

	if (args_name(&args, name) < 0 || args.n)
		return bad_args(from, "name:str");
	child = node_child_by_name(supervisor->node, name);
	if (!child) {
		actor_reply_error(from, ERROR_NO_NAME, "no process is called %s", name);
		return 0;
	}
	node_put_explanation(supervisor->node, &body, child, supervisor_now_ns());
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
	static const char *const states[] = {
		"starting", "up", "ready", "stopping", "backoff", "failed", "down"};
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

int on_status(actor *self, const actor_msg *msg, actor_from *from)
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

int on_logs(actor *self, const actor_msg *msg, actor_from *from)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	struct buf body = BUF_INIT;
	char name[256], path[4096];

	if (args_name(&args, name) < 0)
		return bad_args(from, "name:str");
	if (strcmp(name, NAME_BROKER) && !node_child_by_name(supervisor->node, name)) {
		actor_reply_error(from, ERROR_NO_NAME, "no process is called %s", name);
		return 0;
	}
	supervisor_log_path(name, path, sizeof(path), supervisor);
	mp_put_map(&body, 1);
	mp_put_cstr(&body, "path");
	mp_put_cstr(&body, path);
	return answer(from, &body);
}
