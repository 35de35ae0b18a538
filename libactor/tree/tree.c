/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/tree/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/ending.h"
#include "libactor/base/base.h"
#include "libactor/protocol/cause.h"
#include "libactor/util/clock.h"
#include "libactor/util/utf8.h"

#define STATUS_NEVER_AGAIN                                                                                   \
	125 /* a process that exits so asks not to be restarted; the node's supervisor has the same rule */

static uint64_t now(void)
{
	return (uint64_t)clock_now_ns();
}

/* ---- children ---- */

static uint64_t name_hash(const struct supervisor *supervisor, const char *name)
{
	return hash_of_bytes(&supervisor->children, name, strlen(name));
}

struct child *tree_child_find(const struct supervisor *supervisor, const char *name)
{
	struct hash_node *node;

	if (!supervisor->children.n_items)
		return NULL;
	for (node = hash_first(&supervisor->children, name_hash(supervisor, name)); node;
		node = hash_next(node)) {
		struct child *child = container_of(node, struct child, by_name);

		if (!strcmp(child->name, name))
			return child;
	}
	return NULL;
}

int tree_child_new(struct supervisor *supervisor, struct child_spec_copy *take_spec, struct child **ret)
{
	uint64_t number = ++supervisor->last_number;
	char made[32];
	const char *name = take_spec->name;
	struct child *child;

	if (!name) {
		snprintf(made, sizeof(made), "#%llu", (unsigned long long)number);
		name = made;
	}
	child = calloc(1, sizeof(*child) + strlen(name) + 1);
	if (!child)
		return -ENOMEM;
	strcpy(child->name, name);
	child->number = number;
	child->supervisor = supervisor;
	child->spec = take_spec;
	child->arg.spec = take_spec->tree;
	list_init(&child->waiters);
	*ret = child;
	return 0;
}

int tree_child_add(struct supervisor *supervisor, struct child *child)
{
	struct supervision_child_spec spec = child->spec->engine;
	int r;

	if (tree_child_find(supervisor, child->name))
		return -EEXIST;
	r = hash_insert(&supervisor->children, &child->by_name, name_hash(supervisor, child->name));
	if (r < 0)
		return r;
	spec.data = child;
	r = supervision_child_add(supervisor->engine, &spec, &child->engine);
	if (r < 0)
		hash_remove(&supervisor->children, &child->by_name);
	return r;
}

void tree_child_free(struct child *child)
{
	waiters_answer_stop(child);
	waiters_answer_start(child, -ECONNRESET);
	list_remove(&child->staged);
	if (child->engine)
		hash_remove(&child->supervisor->children, &child->by_name);
	child_spec_copy_drop(child->spec);
	free(child->cause);
	free(child);
}

/* If there is no memory, the child has no cause later. The engine gets the cause all the same. */
static void child_keep_cause(struct child *child, const struct actor_cause *cause)
{
	if (!child->cause)
		child->cause = malloc(sizeof(*child->cause));
	if (child->cause)
		*child->cause = *cause;
}

static enum supervision_exit exit_of_cause(const struct actor_cause *cause)
{
	if (!strcmp(cause->reason, "normal"))
		return SUPERVISION_EXIT_NORMAL;
	if (!strcmp(cause->reason, "shutdown"))
		return SUPERVISION_EXIT_SHUTDOWN;
	if (!strcmp(cause->reason, "killed") || (cause->kind == ACTOR_EXIT_SIGNAL && cause->code == 9))
		return SUPERVISION_EXIT_KILLED;
	if (cause->kind == ACTOR_EXIT_STATUS && cause->code == STATUS_NEVER_AGAIN)
		return SUPERVISION_EXIT_FATAL;
	return SUPERVISION_EXIT_ABNORMAL;
}

/* ---- what children tell, in their own turns ---- */

static void child_started(struct spawn_wait *wait)
{
	struct child *child = container_of(wait, struct child, wait);
	struct supervisor *supervisor = child->supervisor;
	bool again = child->engine->n_restarts != child->n_restarts_told;

	child->started = true;
	(void)supervision_child_ready(child->engine, now());
	if (child->engine->state == SUPERVISION_READY) {
		child->n_restarts_told = child->engine->n_restarts;
		event_tell(supervisor, again ? ACTOR_CHILD_RESTARTED : ACTOR_CHILD_STARTED, child, child->who,
			NULL, NULL);
		waiters_answer_start(child, 0);
	}
	tree_pump(supervisor);
}

static void child_ended(struct spawn_wait *wait, struct actor *instance, const struct actor_cause *cause)
{
	struct child *child = container_of(wait, struct child, wait);
	struct supervisor *supervisor = child->supervisor;
	struct actor_cause late = cause_make("timeout");
	actor_ref who = child->who;
	void *state = NULL;

	if (child->late && !child->started) {
		snprintf(late.text, sizeof(late.text), "it has not started after %u ms",
			child->spec->engine.ready_timeout_ms);
		wait->result = -ETIMEDOUT;
		cause = &late;
	}
	if (child->spec->keep_state && child->spec->kind == CHILD_ACTOR) {
		state = instance->state;
		instance->state = NULL;
	}
	child_keep_cause(child, cause);
	child->instance = NULL;
	child->who = ACTOR_NOBODY;
	child->pid = 0;
	event_tell(supervisor, ACTOR_CHILD_ENDED, child, who, cause, state);
	if (child->started || wait->result != ACTOR_IGNORE ||
		supervision_child_ignored(child->engine, now()) < 0)
		(void)supervision_child_exited(child->engine, now(), exit_of_cause(cause));
	tree_pump(supervisor);
}

static const struct spawn_hooks child_hooks = {.started = child_started, .ended = child_ended};

/* ---- what the engine wants ---- */

static void child_start(struct child *child)
{
	static const struct actor_cause no_memory = {.reason = "crash: ENOMEM", .text = "out of memory"};
	const struct actor_behavior *behavior = child->spec->behavior;
	const void *arg = child->spec->arg;
	int r;

	if (child->spec->kind == CHILD_SUPERVISOR) {
		behavior = child->supervisor->self->behavior;
		arg = &child->arg;
	} else if (child->spec->kind == CHILD_PROCESS) {
		behavior = &tree_owner_behavior;
		arg = child;
	}
	child->wait = (struct spawn_wait){.hooks = &child_hooks};
	child->started = child->late = false;
	r = actor_new(child->supervisor->self->group, behavior, arg, false, &child->instance);
	if (r < 0) {
		child->instance = NULL;
		child->wait.result = r;
		child_keep_cause(child, &no_memory);
		(void)supervision_child_start_failed(child->engine, now(), false);
		return;
	}
	child->instance->spawn_wait = &child->wait;
	if (child->spec->kind != CHILD_PROCESS)
		child->who = child->instance->ref;
	(void)supervision_child_started(child->engine, now());
}

static void child_stop(struct child *child, enum supervision_cause cause)
{
	if (!child->instance)
		return;
	child->late = cause == SUPERVISION_CAUSE_NOT_READY;
	if (child->late && child->instance->status == ACTOR_STARTING)
		/* A stop would not end a wait in init. A kill does, and terminate need not run yet. */
		actor_request_kill(child->instance);
	else
		actor_request_stop(child->instance, "shutdown");
}

static void child_kill(struct child *child, enum supervision_cause cause)
{
	if (!child->instance)
		return;
	child->late |= cause == SUPERVISION_CAUSE_NOT_READY;
	if (cause == SUPERVISION_CAUSE_OVERSTAYED)
		group_log(child->supervisor->self->group,
			"child '%s' of a supervisor did not end within %d ms: killed", child->name,
			child->spec->engine.shutdown_ms);
	actor_request_kill(child->instance);
}

/* Keeps why the supervisor ends because of @child. The text begins with the child's name. */
static void keep_failure(struct supervisor *supervisor, const struct child *child, const char *what)
{
	struct actor_cause *failure = &supervisor->failure;
	const struct actor_cause *cause = child->cause;
	char text[sizeof(failure->text) * 2];

	*failure = cause ? *cause : cause_make("unknown");
	snprintf(text, sizeof(text), "%schild '%.100s': %s%s%s", what, child->name,
		*what ? failure->reason : "", *what && failure->text[0] ? ": " : "",
		*what || failure->text[0] ? failure->text : failure->reason);
	utf8_copy_plain(failure->text, sizeof(failure->text), text, strlen(text));
	supervisor->failure_result = child->wait.result < 0 ? child->wait.result : -ECONNRESET;
}

static void child_gone(struct child *child, const struct supervision_action *action)
{
	struct supervisor *supervisor = child->supervisor;
	bool ignored = action->cause == SUPERVISION_CAUSE_IGNORED;
	bool removed = action->removed;
	int result = child->wait.result < 0 ? child->wait.result : -ECONNRESET;

	event_tell(supervisor, ACTOR_CHILD_DOWN, child, ACTOR_NOBODY, child->cause, NULL);
	/* if one of the first children cannot start, the supervisor's own start has failed */
	if (action->cause == SUPERVISION_CAUSE_START_FAILED && !supervisor->started &&
		child->number <= supervisor->spec->n_children)
		keep_failure(supervisor, child, "");
	waiters_answer_start(child, ignored ? 0 : result);
	waiters_answer_stop(child);
	/* Nobody could start a child again that was given no name, so it is removed. */
	if (ignored && !removed && !child->spec->name)
		removed = supervision_child_remove(child->engine) == 0;
	if (removed)
		tree_child_free(child);
}

static void gave_up(struct supervisor *supervisor, const struct child *child)
{
	actor_group *group = supervisor->self->group;

	keep_failure(supervisor, child, "gave up: ");
	group_log(group, "a supervisor (%s) %s",
		supervisor->spec->name ? supervisor->spec->name : "without a name", supervisor->failure.text);
	event_tell(supervisor, ACTOR_SUPERVISOR_GAVE_UP, child, ACTOR_NOBODY, child->cause, NULL);
	/* No supervisor is above this one, so the program has failed. */
	if (!actor_is_supervised(supervisor->self) && !group->first_failure.reason[0])
		group->first_failure = supervisor->failure;
	snprintf(supervisor->failure.reason, sizeof(supervisor->failure.reason), "shutdown");
}

static void tree_done(struct supervisor *supervisor, enum supervision_cause cause)
{
	struct actor *self = supervisor->self;

	supervisor->over = true;
	event_tell(supervisor, ACTOR_SUPERVISOR_ENDS, NULL, ACTOR_NOBODY, NULL, NULL);
	if (supervisor->ending) {
		if (supervisor->parked)
			actor_wake(self, 0);
		return;
	}
	if (cause == SUPERVISION_CAUSE_AUTO) {
		supervisor->failure = cause_make("shutdown");
		snprintf(supervisor->failure.text, sizeof(supervisor->failure.text), "auto_shutdown");
	}
	if (cause == SUPERVISION_CAUSE_START_FAILED) {
		if (self->spawn_wait && !self->spawn_wait->hooks && supervisor->ret_failure)
			*supervisor->ret_failure = supervisor->failure;
		actor_start_ends(self, supervisor->failure_result);
	}
	if (self->killed || self->status == ACTOR_ENDING)
		return;
	ending_keep_cause(self, &supervisor->failure);
	self->ended_self = true;
	actor_make_runnable(self);
}

static void tree_ready(struct supervisor *supervisor)
{
	supervisor->started = true;
	event_tell(supervisor, ACTOR_SUPERVISOR_STARTED, NULL, ACTOR_NOBODY, NULL, NULL);
	actor_start_ends(supervisor->self, 0);
}

void tree_pump(struct supervisor *supervisor)
{
	struct supervision_action action;
	struct child *child;
	uint64_t deadline_ns;

	while (supervision_next_action(supervisor->engine, &action)) {
		child = action.child ? action.child->spec.data : NULL;
		switch (action.kind) {
		case SUPERVISION_ACTION_START:
			child_start(child);
			break;
		case SUPERVISION_ACTION_STOP:
			child_stop(child, action.cause);
			break;
		case SUPERVISION_ACTION_KILL:
			child_kill(child, action.cause);
			break;
		case SUPERVISION_ACTION_GONE:
			child_gone(child, &action);
			break;
		case SUPERVISION_ACTION_READY:
			tree_ready(supervisor);
			break;
		case SUPERVISION_ACTION_ESCALATE:
			gave_up(supervisor, child);
			break;
		case SUPERVISION_ACTION_DONE:
			tree_done(supervisor, action.cause);
			break;
		default:
			break;
		}
	}
	deadline_ns = supervision_next_deadline(supervisor->engine);
	timer_arm(&supervisor->self->group->loop, &supervisor->timer,
		deadline_ns > (uint64_t)NEVER_NS ? NEVER_NS : (int64_t)deadline_ns);
}

static void tree_timer(struct loop *loop, struct timer *timer)
{
	struct supervisor *supervisor = container_of(timer, struct supervisor, timer);

	supervision_timer(supervisor->engine, now());
	tree_pump(supervisor);
}

/* ---- the supervisor's life ---- */

static int tree_add_first(struct supervisor *supervisor)
{
	const struct tree_spec *spec = supervisor->spec;
	struct child *child;
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->n_children; i++) {
		spec->children[i]->n_users++;
		r = tree_child_new(supervisor, spec->children[i], &child);
		if (r < 0) {
			spec->children[i]->n_users--;
			return r;
		}
		r = tree_child_add(supervisor, child);
		if (r == -EEXIST && supervisor->ret_failure) {
			*supervisor->ret_failure = cause_make("exists");
			snprintf(supervisor->ret_failure->text, sizeof(supervisor->ret_failure->text),
				"two children have the name '%.100s'", child->name);
		}
		if (r < 0)
			tree_child_free(child);
	}
	return r;
}

int tree_begin(struct supervisor *supervisor, actor *self, const struct supervisor_arg *arg)
{
	int r;

	supervisor->self = self;
	supervisor->spec = arg->spec;
	arg->spec->n_users++;
	supervisor->parent = arg->parent;
	supervisor->ret_failure = arg->ret_failure;
	list_init(&supervisor->staged);
	list_init(&supervisor->events);
	hash_init(&supervisor->children);
	(void)timer_init(&self->group->loop, &supervisor->timer, tree_timer);
	r = supervision_new(&supervisor->engine, &arg->spec->config);
	if (r == 0)
		r = tree_add_first(supervisor);
	if (r < 0) {
		tree_free(supervisor);
		return r;
	}
	self->starts_later = self->ends_in_order = true;
	(void)supervision_start(supervisor->engine, now());
	tree_pump(supervisor);
	return supervisor->over ? supervisor->failure_result : 0;
}

/* Kills all children, and does not wait for them, since there is no memory to wait. */
static void tree_abandon(struct supervisor *supervisor)
{
	struct supervision_child *it;

	for (it = supervision_first_child(supervisor->engine); it; it = supervision_child_next(it)) {
		struct child *child = it->spec.data;

		if (!child->instance)
			continue;
		child->instance->spawn_wait = NULL;
		actor_request_kill(child->instance);
	}
}

void tree_end(struct supervisor *supervisor, bool force)
{
	struct actor *self = supervisor->self;
	int r = 0;

	if (!supervisor->engine)
		return;
	supervisor->ending = true;
	if (!supervisor->over) {
		(void)supervision_shutdown(supervisor->engine, now(), force);
		tree_pump(supervisor);
	}
	events_handle(supervisor);
	while (!supervisor->over && r != -ENOMEM) {
		supervisor->parked = true;
		r = actor_park(self, NEVER_NS);
		supervisor->parked = false;
		if (r == -ECANCELED) { /* the supervisor was killed, so it kills its children */
			self->task.cancelled = false;
			(void)supervision_shutdown(supervisor->engine, now(), true);
			tree_pump(supervisor);
		}
		events_handle(supervisor);
	}
	if (!supervisor->over)
		tree_abandon(supervisor);
}

void tree_free(struct supervisor *supervisor)
{
	struct hash_node *node;
	struct list *it;

	if (!supervisor->spec)
		return;
	timer_deinit(&supervisor->self->group->loop, &supervisor->timer);
	while ((node = hash_any(&supervisor->children)))
		tree_child_free(container_of(node, struct child, by_name));
	while ((it = list_pop(&supervisor->staged)))
		tree_child_free(container_of(it, struct child, staged));
	hash_deinit(&supervisor->children);
	supervisor->engine = supervision_free(supervisor->engine);
	events_drop(supervisor);
	tree_spec_drop(supervisor->spec);
	supervisor->spec = NULL;
}
