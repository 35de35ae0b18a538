/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries out what the engines want, until they want nothing more. Then the callers that waited for it are
 * answered.
 */
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "spawner/node/private.h"

#define GROUPS_LOW 256u /* more group ids are reserved when fewer are left */

void node_request_groups(struct node *node)
{
	if (node->n_groups >= GROUPS_LOW || node->reserving)
		return;
	node->reserving = true;
	node_late(node, NODE_RESERVE)->number = KEEPER_RESERVE_MAX;
}

/*
 * Starts a new incarnation. Its group id is also its cookie. The intent is written before the keeper is told.
 */
void node_start_instance(struct node *node, struct child *child)
{
	child->ended = child->stopped = child->given_up = false;
	child->denied_pid = 0;
	if (list_is_linked(&child->ended_link)) {
		list_remove(&child->ended_link);
		node->n_ended--;
	}
	node_request_groups(node);
	if (!node->n_groups) {
		list_append(&node->idless, &child->idless_link);
		return;
	}
	node_set_group(node, child, node->next_group++);
	node->n_groups--;
	node_late(node, NODE_SPAWN)->group = child->group;
}

static void trim_ended(struct node *node)
{
	while (node->n_ended > NODE_ENDED_MAX)
		node_child_forget(node, container_of(node->ended.next, struct child, ended_link));
}

static void child_gone(
	struct node *node, struct child *child, const struct supervision_action *action, uint64_t now_ns)
{
	if (!child_is_down(child))
		return; /* a command has started it again already */
	child->given_up = action->cause == SUPERVISION_CAUSE_INTENSITY;
	child->stopped = !child->given_up && action->cause != SUPERVISION_CAUSE_ENDED &&
			 action->cause != SUPERVISION_CAUSE_START_FAILED;
	if (child->given_up)
		node_log(node, "%s failed once more after %llu restarts in %llu ms: it is given up",
			child->name, (unsigned long long)child->spec.intensity,
			(unsigned long long)child->spec.period_ms);
	node_settle(node, child, now_ns);
	if (child->removing) {
		node_child_forget(node, child);
		return;
	}
	if (child->daemon || node->stopping)
		return;
	/* Somebody has to see to it: so it is not forgotten when later ones have ended. */
	if (child->given_up || (child->stopped && child->spec.restart != ACTOR_TEMPORARY))
		return;
	child->ended = true;
	if (!list_is_linked(&child->ended_link)) {
		list_append(&node->ended, &child->ended_link);
		node->n_ended++;
	}
	trim_ended(node);
}

static void child_act(
	struct node *node, struct child *child, const struct supervision_action *action, uint64_t now_ns)
{
	struct node_action *term;
	char scratch[16];

	node_touch(node, child);
	switch (action->kind) {
	case SUPERVISION_ACTION_START:
		node_start_instance(node, child);
		break;
	case SUPERVISION_ACTION_STOP:
	case SUPERVISION_ACTION_KILL:
		if (!child->group) {
			/*
			 * there is no process: the child waits for an id, or the engine was not told of its
			 * failed start yet
			 */
			list_remove(&child->idless_link);
			heap_remove(&node->failures, &child->failure);
			supervision_child_exited(child->sup, now_ns, SUPERVISION_EXIT_SHUTDOWN);
			break;
		}
		if (action->kind == SUPERVISION_ACTION_KILL) {
			if (action->cause == SUPERVISION_CAUSE_OVERSTAYED)
				node_log(node,
					"%s (pid %d) did not end within %llu ms of %s: killing its whole tree",
					child->name, child->pid,
					(unsigned long long)child->spec.stop_timeout_ms,
					cause_signal_name(child_stop_signal(child), scratch));
			node_late(node, NODE_KILL_TREE)->group = child->group;
			break;
		}
		if (action->cause == SUPERVISION_CAUSE_NOT_READY)
			node_log(node, "%s (pid %d) was not ready after %llu ms: stopping it", child->name,
				child->pid, (unsigned long long)child->spec.ready_timeout_ms);
		term = node_late(node, NODE_TERM);
		term->group = child->group;
		term->number = child->spec.stop_timeout_ms;
		term->signo = child_stop_signal(child);
		break;
	case SUPERVISION_ACTION_GONE:
		child_gone(node, child, action, now_ns);
		break;
	case SUPERVISION_ACTION_READY:
	case SUPERVISION_ACTION_ESCALATE:
	case SUPERVISION_ACTION_DONE:
	case _SUPERVISION_ACTION_N:
		break;
	}
}

/* Settles the children that have changed. True: this gave the engines something to do. */
static bool settle_touched(struct node *node, uint64_t now_ns)
{
	struct list *link;
	bool again = false;

	while ((link = list_pop(&node->touched))) {
		struct child *child = container_of(link, struct child, touched_link);

		node_settle(node, child, now_ns);
		if (!child->removing || child->sup->state == SUPERVISION_STOPPING)
			continue;
		if (child_is_down(child)) {
			node_child_forget(node, child);
		} else {
			supervision_child_stop(child->sup, now_ns);
			again = true;
		}
	}
	return again;
}

static bool drain_engine(struct node *node, struct supervision *engine, uint64_t now_ns)
{
	struct supervision_action action;
	bool done = false;

	while (supervision_next_action(engine, &action)) {
		if (action.kind == SUPERVISION_ACTION_DONE)
			done = true;
		else if (action.child)
			child_act(node, action.child->spec.data, &action, now_ns);
	}
	return done;
}

void node_drain(struct node *node, uint64_t now_ns)
{
	do {
		if (drain_engine(node, node->engine, now_ns))
			supervision_shutdown(node->daemons, now_ns, false);
		if (drain_engine(node, node->daemons, now_ns) && !node->stopped) {
			node->stopped = true;
			node_downers_answer(node);
			node_late(node, NODE_STOPPED);
		}
	} while (settle_touched(node, now_ns));
}

void node_stop_child(struct node *node, struct child *child, uint64_t now_ns)
{
	node_touch(node, child);
	supervision_child_stop(child->sup, now_ns);
	node_drain(node, now_ns);
}
