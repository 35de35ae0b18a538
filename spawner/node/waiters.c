/* SPDX-License-Identifier: Apache-2.0 */
/* Callers that are answered when a child has reached a certain state. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "spawner/node/private.h"

void node_waiters_drop(struct node *node, struct list *waiters)
{
	struct list *link;

	while ((link = list_pop(waiters))) {
		struct waiter *waiter = container_of(link, struct waiter, link);

		heap_remove(&node->timeouts, &waiter->timeout);
		list_remove(&waiter->client_link);
		node->n_waiters--;
		free(waiter);
	}
}

__attribute__((format(printf, 4, 5))) void node_answer_refuse(
	struct node *node, void *from, const char *error, const char *format, ...)
{
	struct node_action *action;
	va_list ap;

	if (!from)
		return;
	action = node_late(node, NODE_REPLY);
	action->from = from;
	action->error = error;
	va_start(ap, format);
	vsnprintf(action->text, sizeof(action->text), format, ap);
	va_end(ap);
}

void node_answer_nil(struct node *node, void *from)
{
	struct node_action *action;

	if (!from)
		return;
	action = node_late(node, NODE_REPLY);
	action->from = from;
	mp_put_nil(&action->body);
}

void node_answer_child(struct node *node, void *from, const struct child *child, uint64_t now_ns)
{
	struct node_action *action;

	if (!from)
		return;
	action = node_late(node, NODE_REPLY);
	action->from = from;
	node_put_child(node, &action->body, child, now_ns, SIZE_MAX);
}

void node_waiter_free(struct node *node, struct waiter *waiter)
{
	struct client *client = waiter->client;

	list_remove(&waiter->link);
	list_remove(&waiter->client_link);
	heap_remove(&node->timeouts, &waiter->timeout);
	node->n_waiters--;
	free(waiter);
	if (client) {
		client->n_waiters--;
		node_client_settle(node, client);
	}
}

void node_waiters_of_gone(struct node *node, struct client *client)
{
	while (!list_is_empty(&client->waiters)) {
		struct waiter *waiter = container_of(client->waiters.next, struct waiter, client_link);

		/* nobody receives this answer, but it frees the caller's address */
		node_answer_refuse(node, waiter->from, "stopped", "the caller's group has ended");
		node_waiter_free(node, waiter);
	}
}

/* Finds the client that is charged for a wait: *ret (NULL: none). False: the wait was refused. */
bool node_waiter_charge(struct node *node, void *from, struct client **ret)
{
	uint64_t group = node->config.caller_group ? node->config.caller_group(from) : 0;
	struct client *client = group ? node_client_get(node, group) : NULL;

	*ret = client;
	if (group && !client) {
		node_answer_refuse(node, from, "stopped", "the caller's group has ended");
		return false;
	}
	if (client && client->n_waiters >= NODE_CLIENT_WAITERS_MAX) {
		node_answer_refuse(node, from, ERROR_OVERLOADED, "%zu calls of this group wait already",
			client->n_waiters);
		return false;
	}
	if (node->n_waiters >= NODE_WAITERS_MAX || heap_reserve(&node->timeouts, node->n_waiters + 1) < 0) {
		node_answer_refuse(node, from, ERROR_OVERLOADED, "%zu callers wait already", node->n_waiters);
		if (client)
			node_client_settle(node, client);
		return false;
	}
	return true;
}

void node_waiter_add(struct node *node, struct waiter *waiter, struct list *where)
{
	list_append(where, &waiter->link);
	if (waiter->client) {
		list_append(&waiter->client->waiters, &waiter->client_link);
		waiter->client->n_waiters++;
	}
	node->n_waiters++;
}

bool node_waiter_new(struct node *node, struct child *child, void *from, enum node_wait wait,
	uint64_t timeout_ms, uint64_t n_starts_min, uint64_t now_ns)
{
	struct client *client;
	struct waiter *waiter;

	if (!from)
		return true;
	if (!node_waiter_charge(node, from, &client))
		return false;
	waiter = node_alloc(sizeof(*waiter));
	*waiter = (struct waiter){
		.client = client,
		.child = child,
		.from = from,
		.wait = wait,
		.timeout_ms = timeout_ms,
		.n_starts_min = n_starts_min,
		.n_ends = child->n_ends,
		.n_exec_failures = child->n_exec_failures,
	};
	node_waiter_add(node, waiter, &child->waiters);
	if (timeout_ms)
		heap_insert(&node->timeouts, &waiter->timeout, now_ns + timeout_ms * 1000000);
	return true;
}

/*
 * Answers a waiter whose child's program could not be run. An owner that is told so owns nothing, so a child
 * that never ran is then removed. A child without an owner is started again later, since somebody may repair
 * the program.
 */
static void refuse_exec(struct node *node, struct waiter *waiter)
{
	struct child *child = waiter->child;

	node_answer_refuse(node, waiter->from, "exec", "%s", child->last_exit.cause.text);
	if (!actor_ref_is_nobody(child->owner) && child->n_ends == child->n_exec_failures)
		child->removing = true;
}

/*
 * Answers a waiter whose child ended before it was up or ready. If the caller waited longer, it would learn
 * less, and later.
 */
static void refuse_ended(struct node *node, struct waiter *waiter)
{
	struct child *child = waiter->child;
	bool owned = !actor_ref_is_nobody(child->owner) && waiter->first;
	char text[CHILD_ENDED_TEXT];

	node_answer_refuse(node, waiter->from, "ended", "%s ended before it was %s: %s%s", child->name,
		waiter->wait == NODE_WAIT_UP ? "up" : "ready", child_ended_text(child, text),
		child_is_down(child) || owned ? "" : "; it is started again");
	child->removing |= owned;
}

/* The end that is waited for does not come by us. Whoever waited for it has to know why, and whom to ask. */
static void refuse_denied(struct node *node, struct waiter *waiter)
{
	const struct child *child = waiter->child;
	char text[CHILD_DENIED_TEXT];

	node_answer_refuse(node, waiter->from, "not_stopped", "%s", child_denied_text(child, text));
}

/* Answers @waiter if its wait is over. True: it was answered. */
static bool waiter_check(struct node *node, struct waiter *waiter, uint64_t now_ns)
{
	const struct child *child = waiter->child;
	bool started = child->sup->n_starts >= waiter->n_starts_min;
	bool down = child_is_down(child);
	bool exec_failed = child->n_exec_failures != waiter->n_exec_failures;

	if (child_is_denied(child) && waiter->wait != NODE_WAIT_NONE && waiter->wait != NODE_WAIT_EXIT &&
		waiter->wait != NODE_WAIT_DOWN) {
		refuse_denied(node, waiter);
		return true;
	}
	switch (waiter->wait) {
	case NODE_WAIT_NONE:
		node_answer_child(node, waiter->from, child, now_ns);
		return true;
	case NODE_WAIT_UP:
	case NODE_WAIT_READY:
		if (started && (waiter->wait == NODE_WAIT_UP ? child_is_up(child) : child_is_ready(child))) {
			node_answer_child(node, waiter->from, child, now_ns);
			return true;
		}
		if (exec_failed) {
			refuse_exec(node, waiter);
			return true;
		}
		if (started && (down || (waiter->first && child->n_ends != waiter->n_ends))) {
			refuse_ended(node, waiter);
			return true;
		}
		return false;
	case NODE_WAIT_EXIT:
		if (exec_failed)
			refuse_exec(node, waiter);
		else if (down || child->n_ends != waiter->n_ends)
			node_answer_child(node, waiter->from, child, now_ns);
		else
			return false;
		return true;
	case NODE_WAIT_DOWN:
	case NODE_WAIT_STOPPED:
		if (!down)
			return false;
		if (child->denied_pid && waiter->wait == NODE_WAIT_STOPPED) {
			refuse_denied(node, waiter);
			return true;
		}
		node_answer_child(node, waiter->from, child, now_ns);
		return true;
	case NODE_WAIT_GONE:
		return false;
	}
	return false;
}

void node_settle(struct node *node, struct child *child, uint64_t now_ns)
{
	list_for_each_safe(link, &child->waiters) {
		struct waiter *waiter = container_of(link, struct waiter, link);

		if (waiter_check(node, waiter, now_ns))
			node_waiter_free(node, waiter);
	}
}

void node_waiters_end(struct node *node, struct child *child, uint64_t now_ns)
{
	node_settle(node, child, now_ns);
	list_for_each_safe(link, &child->waiters) {
		struct waiter *waiter = container_of(link, struct waiter, link);

		if (waiter->wait == NODE_WAIT_GONE && child->denied_pid)
			refuse_denied(node, waiter);
		else if (waiter->wait == NODE_WAIT_GONE)
			node_answer_nil(node, waiter->from);
		else
			node_answer_refuse(
				node, waiter->from, "ended", "%s was stopped and removed", child->name);
		node_waiter_free(node, waiter);
	}
}

void node_waiters_expire(struct node *node, uint64_t now_ns)
{
	static const char *const goals[] = {
		[NODE_WAIT_NONE] = "",
		[NODE_WAIT_UP] = "up",
		[NODE_WAIT_READY] = "ready",
		[NODE_WAIT_EXIT] = "at its end",
		[NODE_WAIT_DOWN] = "down",
		[NODE_WAIT_STOPPED] = "down",
		[NODE_WAIT_GONE] = "gone",
	};
	struct heap_node *n;

	while ((n = heap_take(&node->timeouts, now_ns))) {
		struct waiter *waiter = container_of(n, struct waiter, timeout);

		node_answer_refuse(node, waiter->from, "timeout", "%s is not %s after %llu ms, but %s",
			waiter->child->name, goals[waiter->wait], (unsigned long long)waiter->timeout_ms,
			child_state_name(waiter->child));
		node_waiter_free(node, waiter);
	}
}

void node_downers_answer(struct node *node)
{
	while (!list_is_empty(&node->downers)) {
		struct waiter *waiter = container_of(node->downers.next, struct waiter, link);

		if (node->left_text[0])
			node_answer_refuse(node, waiter->from, "not_stopped", "%s", node->left_text);
		else
			node_answer_nil(node, waiter->from);
		node_waiter_free(node, waiter);
	}
}

void node_wait_for(struct node *node, struct child *child, void *from, enum node_wait wait,
	uint64_t timeout_ms, uint64_t n_starts_min, uint64_t now_ns)
{
	struct waiter *waiter;

	if (!from || !node_waiter_new(node, child, from, wait, timeout_ms, n_starts_min, now_ns))
		return;
	/* only the new waiter must be checked, since for the others nothing has changed */
	waiter = container_of(child->waiters.prev, struct waiter, link);
	if (waiter_check(node, waiter, now_ns))
		node_waiter_free(node, waiter);
}
