#include "spawner/node/private.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "libactor/protocol/cause.h"
#include "libactor/util/utf8.h"

#define GROUPS_LOW     256u /* reserve more when fewer are left */
#define LEFT_TEXT \
	"ended with 0 and left processes behind, which were ended too: if it goes into the background, run it in the foreground"
#define EXEC_FAILURE_NS 100000000ull /* a program that cannot be run costs no CPU, even without a backoff */

/* --- small steps --- */

void *node_alloc(size_t size_bytes)
{
	void *p = calloc(1, size_bytes);

	if (!p)
		abort();
	return p;
}

static struct node_action *action_new(struct list *queue, enum node_action_kind kind)
{
	struct node_action *action = node_alloc(sizeof(*action));

	action->kind = kind;
	list_append(queue, &action->link);
	return action;
}

struct node_action *node_early(struct node *node, enum node_action_kind kind)
{
	return action_new(&node->early, kind);
}

struct node_action *node_late(struct node *node, enum node_action_kind kind)
{
	return action_new(&node->late, kind);
}

static struct node_action *action_take(struct list *queue)
{
	struct list *link = list_pop(queue);

	return link ? container_of(link, struct node_action, link) : NULL;
}

struct node_action *node_next_early(struct node *node)
{
	return action_take(&node->early);
}

struct node_action *node_next_late(struct node *node)
{
	return action_take(&node->late);
}

struct node_action *node_action_free(struct node_action *action)
{
	if (action) {
		buf_deinit(&action->body);
		free(action);
	}
	return NULL;
}

void node_log(struct node *node, const char *format, ...)
{
	struct node_action *action = node_early(node, NODE_LOG);
	va_list ap;

	va_start(ap, format);
	vsnprintf(action->text, sizeof(action->text), format, ap);
	va_end(ap);
}

/* --- tables --- */

struct child *node_child_by_name(const struct node *node, const char *name)
{
	struct hash_node *n = hash_first(&node->by_name, hash_of_bytes(&node->by_name, name, strlen(name)));

	for (; n; n = hash_next(n)) {
		struct child *child = container_of(n, struct child, by_name);

		if (!strcmp(child->name, name))
			return child;
	}
	return NULL;
}

struct child *node_child_by_group(const struct node *node, uint64_t group)
{
	struct hash_node *n = hash_first(&node->by_group, hash_of_u64(&node->by_group, group));

	for (; n; n = hash_next(n)) {
		struct child *child = container_of(n, struct child, by_group);

		if (child->group == group)
			return child;
	}
	return NULL;
}

struct child *node_child_by_number(const struct node *node, uint64_t number)
{
	struct hash_node *n = hash_first(&node->by_number, hash_of_u64(&node->by_number, number));

	for (; n; n = hash_next(n)) {
		struct child *child = container_of(n, struct child, by_number);

		if (child->number == number)
			return child;
	}
	return NULL;
}

struct child *node_broker(const struct node *node)
{
	return node->broker;
}

struct child *node_first(const struct node *node)
{
	return list_is_empty(&node->children) ? NULL : container_of(node->children.next, struct child, link);
}

struct child *node_after(const struct node *node, const struct child *child)
{
	return child->link.next == &node->children ? NULL : container_of(child->link.next, struct child, link);
}

bool node_is_full(const struct node *node, size_t n_more, char *text, size_t size)
{
	size_t n = node->by_group.n_items - (node->broker && node->broker->group ? 1 : 0);

	if (!node->config.max_processes || n + n_more <= node->config.max_processes)
		return false;
	snprintf(text, size,
		"%zu processes run, and the node's limit of open files (%llu, ulimit -Hn) has room for no more: raise it "
		"before the node is started",
		node->config.max_processes, (unsigned long long)node->config.max_files);
	return true;
}

size_t node_count(const struct node *node)
{
	return node->n_children;
}

bool node_is_stopping(const struct node *node)
{
	return node->stopping;
}

void node_touch(struct node *node, struct child *child)
{
	if (!list_is_linked(&child->dirty_link))
		list_append(&node->dirty, &child->dirty_link);
	if (!list_is_linked(&child->touched_link))
		list_append(&node->touched, &child->touched_link);
}

void node_set_group(struct node *node, struct child *child, uint64_t group)
{
	if (child->group)
		hash_remove(&node->by_group, &child->by_group);
	child->group = group;
	child->pid = 0;
	child->forked_ns = child->exec_ns = 0;
	child->told = child->ready_early = child->said_hello = false;
	if (group && hash_insert(&node->by_group, &child->by_group, hash_of_u64(&node->by_group, group)) < 0)
		abort();
}

struct child *node_child_new(struct node *node, uint64_t number, char *name, struct spec *take_spec, bool daemon)
{
	struct child *child = node_alloc(sizeof(*child));

	child->number = number;
	child->name = name;
	child->spec = *take_spec;
	*take_spec = (struct spec){0};
	child->daemon = daemon;
	child->spec_dirty = true;
	list_init(&child->watches);
	list_init(&child->waiters);
	if (hash_insert(&node->by_number, &child->by_number, hash_of_u64(&node->by_number, number)) < 0)
		abort();
	if (heap_reserve(&node->failures, node->n_children + 2) < 0)
		abort();
	if (daemon) {
		node->broker = child;
	} else {
		if (hash_insert(&node->by_name, &child->by_name,
			    hash_of_bytes(&node->by_name, name, strlen(name))) < 0)
			abort();
		list_append(&node->children, &child->link);
		node->n_children++;
	}
	if (number >= node->next_number) {
		node->next_number = number + 1;
		node->meta_dirty = true;
	}
	node_request_new(node, child);
	return child;
}

int node_child_engage(struct node *node, struct child *child)
{
	const struct spec *s = &child->spec;
	struct supervision_child_spec spec = {
		.key = child->number,
		.data = child,
		.restart = s->restart,
		.await_ready = s->ready_actor || child->daemon,
		.ready_timeout_ms = s->ready_actor ? s->ready_timeout_ms : 0,
		.shutdown_ms = (int32_t)s->stop_timeout_ms,
	};

	if (child->daemon)
		spec.backoff = (struct backoff_spec){
			.min_ms = 100,
			.max_ms = 800, /* and 20 % of jitter: below a second */
			.factor = 2,
			.jitter_pct = 20,
			.reset_after_ms = 1000, /* one that had served is no crash loop */
			.killed_max_ms = 100,
		};
	else if (s->backoff_max_ms)
		spec.backoff = (struct backoff_spec){
			.min_ms = s->backoff_min_ms,
			.max_ms = s->backoff_max_ms,
			.factor = 2,
			.jitter_pct = 20,
			.reset_after_ms = 60000,
		};
	return supervision_child_add(child->daemon ? node->daemons : node->engine, &spec, &child->sup);
}

static void child_free(struct node *node, struct child *child)
{
	list_remove(&child->link);
	list_remove(&child->dirty_link);
	list_remove(&child->touched_link);
	list_remove(&child->idless_link);
	if (list_is_linked(&child->ended_link)) {
		list_remove(&child->ended_link);
		node->n_ended--;
	}
	heap_remove(&node->failures, &child->failure);
	node_request_end(node, child, false);
	node_owner_set(node, child, ACTOR_NOBODY);
	while (!list_is_empty(&child->watches))
		node_watch_free(node, container_of(child->watches.next, struct watch, child_link));
	if (child->group)
		hash_remove(&node->by_group, &child->by_group);
	hash_remove(&node->by_number, &child->by_number);
	if (child->daemon) {
		node->broker = NULL;
	} else {
		hash_remove(&node->by_name, &child->by_name);
		node->n_children--;
	}
	spec_deinit(&child->spec);
	free(child->name);
	free(child);
}

void node_child_unload(struct node *node, struct child *child)
{
	node_request_end(node, child, true);
	child_free(node, child);
}

void node_child_forget(struct node *node, struct child *child)
{
	struct removed *removed = node_alloc(sizeof(*removed));

	node_waiters_end(node, child, child->sup->state_ns);
	if (!actor_ref_is_nobody(child->owner))
		node_late(node, NODE_OWNER_UNWATCH)->number = child->number;
	removed->number = child->number;
	list_append(&node->removed, &removed->link);
	node_request_end(node, child, true);
	supervision_child_remove(child->sup);
	child_free(node, child);
}

/* --- what the engines want --- */

static void request_groups(struct node *node)
{
	if (node->n_groups >= GROUPS_LOW || node->reserving)
		return;
	node->reserving = true;
	node_late(node, NODE_RESERVE)->number = KEEPER_RESERVE_MAX;
}

/* A new incarnation: its id is its cookie too. The intent is written before the keeper hears of it. */
static void start_instance(struct node *node, struct child *child)
{
	child->ended = child->stopped = false;
	if (list_is_linked(&child->ended_link)) {
		list_remove(&child->ended_link);
		node->n_ended--;
	}
	request_groups(node);
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

static void child_gone(struct node *node, struct child *child, const struct supervision_action *action,
	uint64_t now_ns)
{
	if (!child_is_down(child))
		return; /* a command was faster */
	child->stopped = action->cause != SUPERVISION_CAUSE_ENDED && action->cause != SUPERVISION_CAUSE_START_FAILED;
	node_settle(node, child, now_ns);
	if (child->removing) {
		node_child_forget(node, child);
		return;
	}
	if (child->daemon || node->stopping)
		return;
	if (child->stopped && child->spec.restart != SUPERVISION_TEMPORARY)
		return;
	child->ended = true;
	if (!list_is_linked(&child->ended_link)) {
		list_append(&node->ended, &child->ended_link);
		node->n_ended++;
	}
	trim_ended(node);
}

static void child_act(struct node *node, struct child *child, const struct supervision_action *action,
	uint64_t now_ns)
{
	struct node_action *term;

	node_touch(node, child);
	switch (action->kind) {
	case SUPERVISION_ACTION_START:
		start_instance(node, child);
		break;
	case SUPERVISION_ACTION_STOP:
	case SUPERVISION_ACTION_KILL:
		if (!child->group) {
			/* no process: it waits for an id, or its failed start is not told yet */
			list_remove(&child->idless_link);
			heap_remove(&node->failures, &child->failure);
			supervision_child_exited(child->sup, now_ns, SUPERVISION_EXIT_SHUTDOWN);
			break;
		}
		if (action->kind == SUPERVISION_ACTION_KILL) {
			if (action->cause == SUPERVISION_CAUSE_OVERSTAYED)
				node_log(node, "%s (pid %d) did not end within %u ms of TERM: killing its whole tree",
					child->name, child->pid, child->spec.stop_timeout_ms);
			node_late(node, NODE_KILL_TREE)->group = child->group;
			break;
		}
		if (action->cause == SUPERVISION_CAUSE_NOT_READY)
			node_log(node, "%s (pid %d) was not ready after %u ms: stopping it", child->name, child->pid,
				child->spec.ready_timeout_ms);
		term = node_late(node, NODE_TERM);
		term->group = child->group;
		term->number = child->spec.stop_timeout_ms;
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

/* True when that gave the engines something to do. */
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

/* --- ends --- */

void node_recent_add(struct node *node, uint64_t group, const struct actor_cause *cause)
{
	node->recent[node->next_recent] = (struct recent_exit){group, *cause};
	node->next_recent = (node->next_recent + 1) % NODE_RECENT_MAX;
	if (node->n_recent < NODE_RECENT_MAX)
		node->n_recent++;
}

/* Everything that an end means but what the engine does about it. */
static void record_end(struct node *node, struct child *child, const struct actor_cause *cause,
	const struct keeper_rusage *rusage, uint64_t at_ns)
{
	uint64_t group = child->group;

	child->last_exit = (struct last_exit){
		.set = true,
		.group = group,
		.cause = *cause,
		.at_us = (int64_t)(at_ns / 1000),
	};
	if (rusage)
		child->last_exit.rusage = *rusage;
	child->n_ends++;
	child->n_exec_failures += cause->kind == ACTOR_EXIT_EXEC;
	node_recent_add(node, group, cause);
	node_child_ended(node, child, cause);
	node_late(node, NODE_CLEAN)->group = group;
	node_set_group(node, child, 0);
	node_touch(node, child);
}

static void start_failed(struct node *node, struct child *child, const struct actor_cause *cause, uint64_t now_ns)
{
	if (!child->last_exit.set || strcmp(child->last_exit.cause.text, cause->text) != 0)
		node_log(node, "%s could not be started: %s", child->name, cause->text);
	record_end(node, child, cause, NULL, now_ns);
	if (!child->spec.backoff_max_ms && child->spec.restart != SUPERVISION_TEMPORARY &&
		child->sup->state == SUPERVISION_STARTING) {
		if (heap_insert(&node->failures, &child->failure, now_ns + EXEC_FAILURE_NS) < 0)
			abort();
	} else {
		if (supervision_child_start_failed(child->sup, now_ns, false) < 0)
			supervision_child_exited(child->sup, now_ns, SUPERVISION_EXIT_ABNORMAL);
	}
	node_drain(node, now_ns);
}

static const char *step_text(int step)
{
	switch (step) {
	case KEEPER_STEP_FORK:
		return "cannot fork";
	case KEEPER_STEP_SPEC:
		return "the description could not be read";
	case KEEPER_STEP_CWD:
		return "cannot change the working directory to";
	case KEEPER_STEP_RLIMIT:
		return "cannot set the resource limits";
	case KEEPER_STEP_USER:
		return "cannot change the user";
	case KEEPER_STEP_CGROUP:
		return "cannot enter the cgroup";
	default:
		return "cannot be set up";
	}
}

/* @text: what the shell found out about it, or NULL. */
static struct actor_cause failed_cause(const struct child *child, int step, int error, const char *text)
{
	const char *program = child->spec.argv[0];
	struct actor_cause cause = cause_from_exec_errno(error, program);

	if (step == KEEPER_STEP_CWD)
		snprintf(cause.text, sizeof(cause.text), "%s %.100s: %s", step_text(step),
			child->spec.cwd ? child->spec.cwd : "/", strerror(error));
	else if (step != KEEPER_STEP_EXEC && step != KEEPER_STEP_NONE)
		snprintf(cause.text, sizeof(cause.text), "%.100s: %s: %s", program, step_text(step), strerror(error));
	else if (text && text[0])
		utf8_copy_plain(cause.text, sizeof(cause.text), text, strlen(text));
	return cause;
}

static void exited(struct node *node, struct child *child, const struct keeper_slot *slot, const char *text,
	uint64_t now_ns)
{
	enum supervision_exit exit = SUPERVISION_EXIT_ABNORMAL;
	bool stopping = child->sup->state == SUPERVISION_STOPPING;
	struct actor_cause cause;
	bool left;

	cause = cause_from_wait_status(slot->code == CLD_EXITED ? (slot->status & 0xff) << 8
			: (slot->status & 0x7f) | (slot->code == CLD_DUMPED ? 0x80 : 0));
	if (text && text[0])
		snprintf(cause.text, sizeof(cause.text), "%s", text);
	if (slot->code == CLD_EXITED && slot->status == 0)
		exit = SUPERVISION_EXIT_NORMAL;
	else if (slot->code == CLD_EXITED && slot->status == 125 && !child->daemon)
		exit = SUPERVISION_EXIT_FATAL;
	else if (slot->code != CLD_EXITED && slot->status == SIGKILL)
		exit = SUPERVISION_EXIT_KILLED;
	if (stopping && slot->code != CLD_EXITED && slot->status == SIGTERM)
		exit = SUPERVISION_EXIT_SHUTDOWN;
	if (stopping && (exit == SUPERVISION_EXIT_SHUTDOWN || exit == SUPERVISION_EXIT_NORMAL))
		snprintf(cause.reason, sizeof(cause.reason), "shutdown");
	left = exit == SUPERVISION_EXIT_NORMAL && !stopping && !child->daemon && slot->flags & KEEPER_SLOT_TREE_ENDED;
	if (left) {
		/* the most common mistake of all with programs that were made to run without a supervisor */
		if (!child->last_exit.left)
			node_log(node, "%s (pid %d) %s", child->name, slot->pid, LEFT_TEXT);
		snprintf(cause.text, sizeof(cause.text), "%s", LEFT_TEXT);
	}
	if (slot->flags & KEEPER_SLOT_TREE_LEFT)
		node_log(node, "%s (pid %d) left a process behind that the kernel does not let go of", child->name,
			slot->pid);
	record_end(node, child, &cause, &slot->rusage, slot->exited_ns);
	child->last_exit.left = left;
	supervision_child_exited(child->sup, now_ns, exit);
	node_drain(node, now_ns);
	node_client_gone(node, slot->group_id, now_ns); /* the dead wait for nothing */
}

/* --- events --- */

static struct child *adopt(struct node *node, const struct keeper_slot *slot, uint64_t now_ns)
{
	bool daemon = slot->spawn_flags & KEEPER_SPAWN_DAEMON;
	struct spec spec = {.stop_timeout_ms = 10000, .restart = SUPERVISION_TEMPORARY};
	char name[KEEPER_NAME_SIZE + 24];
	struct child *child;

	snprintf(name, sizeof(name), "%s", slot->name[0] ? slot->name : "adopted");
	for (unsigned int i = 2; !daemon && node_child_by_name(node, name); i++)
		snprintf(name, sizeof(name), "%s.%u", slot->name, i);
	spec.argv = node_alloc(2 * sizeof(char *));
	spec.argv[0] = strdup(daemon && node->config.broker ? node->config.broker : name);
	if (!spec.argv[0])
		abort();
	if (daemon) {
		spec.restart = SUPERVISION_PERMANENT;
		spec.backoff_min_ms = 100;
		spec.backoff_max_ms = 800; /* not 0; what counts is node_child_engage()'s */
	}
	child = node_child_new(node, node->next_number, strdup(name), &spec, daemon);
	child->adopted = !daemon;
	if (!child->name || node_child_engage(node, child) < 0)
		abort();
	supervision_child_restore(child->sup, SUPERVISION_STARTING, true, slot->forked_ns, 0, 0, (struct backoff){0});
	node_set_group(node, child, slot->group_id);
	node_touch(node, child);
	if (!daemon)
		node_log(node, "adopted %s (pid %d): it runs, but how it is to be restarted is not known", name, slot->pid);
	return child;
}

static bool slot_is_final(const struct keeper_slot *slot)
{
	return slot->stage == KEEPER_FAILED || slot->stage == KEEPER_EXITED;
}

void node_slot(struct node *node, const struct keeper_slot *slot, const char *text, uint64_t now_ns)
{
	struct child *child = node_child_by_group(node, slot->group_id);

	if (slot_is_final(slot)) { /* done once the end is written; first, for a restart may need the slot */
		struct node_action *ack = node_late(node, NODE_ACK);

		ack->group = slot->group_id;
		ack->number = slot->seq;
	}
	if (!child && !slot_is_final(slot) && !node->stopping &&
		!((slot->spawn_flags & KEEPER_SPAWN_DAEMON) && node->broker))
		child = adopt(node, slot, now_ns);
	if (!child)
		return;
	child->told = true;
	if (slot->pid && child->pid != slot->pid) {
		child->pid = slot->pid;
		child->forked_ns = slot->forked_ns;
		node_touch(node, child);
	}
	if (slot->exec_ns && !child->exec_ns) {
		child->exec_ns = slot->exec_ns;
		node_touch(node, child);
		supervision_child_started(child->sup, now_ns);
		if (child->ready_early)
			supervision_child_ready(child->sup, now_ns);
	}
	node_drain(node, now_ns); /* who waits for `up` hears of it, even if it is over by now */
	if (slot->stage == KEEPER_FAILED) {
		struct actor_cause cause = failed_cause(child, slot->step, slot->error, text);

		start_failed(node, child, &cause, now_ns);
	} else if (slot->stage == KEEPER_EXITED) {
		exited(node, child, slot, text, now_ns);
	}
}

void node_reserved(struct node *node, uint64_t first_group, uint32_t n, uint64_t now_ns)
{
	struct list *link;

	node->reserving = false;
	if (first_group != node->next_group + node->n_groups || !node->n_groups) {
		node->next_group = first_group;
		node->n_groups = n;
	} else {
		node->n_groups += n;
	}
	while (node->n_groups && (link = list_pop(&node->idless))) {
		struct child *child = container_of(link, struct child, idless_link);

		start_instance(node, child);
		node_touch(node, child);
	}
	node_drain(node, now_ns);
}

void node_launch_failed(struct node *node, uint64_t group, int error, const char *text, uint64_t now_ns)
{
	struct child *child = node_child_by_group(node, group);
	struct actor_cause cause;

	if (!child)
		return;
	cause = cause_from_exec_errno(error, child->spec.argv[0]);
	if (text && text[0])
		snprintf(cause.text, sizeof(cause.text), "%s", text);
	start_failed(node, child, &cause, now_ns);
}

void node_refused(struct node *node, uint64_t group, int error, uint64_t now_ns)
{
	char text[128];

	if (error < 0)
		error = -error;
	if (error == ENOSPC)
		snprintf(text, sizeof(text), "all %d processes that a node may have are in use", KEEPER_SLOTS);
	else
		snprintf(text, sizeof(text), "the keeper refused to start it: %s", strerror(error));
	node_launch_failed(node, group, error, text, now_ns);
}

void node_group_ready(struct node *node, uint64_t group, uint64_t now_ns)
{
	struct child *child = node_child_by_group(node, group);

	if (!child)
		return;
	if (!child->exec_ns) {
		/* by way of the broker it can be quicker than the keeper's word; nobody is told of a process without a pid */
		child->ready_early = true;
		return;
	}
	if (supervision_child_ready(child->sup, now_ns) < 0)
		return;
	node_touch(node, child);
	node_drain(node, now_ns);
}

void node_stop_child(struct node *node, struct child *child, uint64_t now_ns)
{
	node_touch(node, child);
	supervision_child_stop(child->sup, now_ns);
	node_drain(node, now_ns);
}

void node_owner_gone(struct node *node, uint64_t number, uint64_t now_ns)
{
	struct child *child = node_child_by_number(node, number);

	if (!child || child->removing)
		return;
	child->removing = true;
	node_touch(node, child);
	if (child_is_down(child))
		node_child_forget(node, child);
	else
		node_stop_child(node, child, now_ns);
}

void node_timer(struct node *node, uint64_t now_ns)
{
	struct heap_node *n;

	while ((n = heap_take(&node->failures, now_ns))) {
		struct child *child = container_of(n, struct child, failure);

		node_touch(node, child);
		supervision_child_start_failed(child->sup, now_ns, false);
		node_drain(node, now_ns);
	}
	supervision_timer(node->engine, now_ns);
	supervision_timer(node->daemons, now_ns);
	node_drain(node, now_ns);
	node_waiters_expire(node, now_ns);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t node_next_deadline(const struct node *node)
{
	uint64_t deadline = supervision_next_deadline(node->engine);

	deadline = min_u64(deadline, supervision_next_deadline(node->daemons));
	deadline = min_u64(deadline, heap_first_key(&node->failures));
	return min_u64(deadline, heap_first_key(&node->timeouts));
}

/* --- the beginning --- */

static void child_restore(struct node *node, struct child *child, uint64_t now_ns)
{
	const struct child_saved *saved = &child->saved;
	enum supervision_state state = saved->state;
	uint64_t deadline_ns = saved->deadline_ns;
	bool instance = child->group != 0;

	if (node_child_engage(node, child) < 0)
		abort();
	if (state == SUPERVISION_STOPPING)
		state = child->exec_ns ? SUPERVISION_UP : SUPERVISION_STARTING;
	if (state == SUPERVISION_WAITING || (!instance && state != SUPERVISION_DOWN && state != SUPERVISION_BACKOFF)) {
		state = SUPERVISION_BACKOFF;
		deadline_ns = now_ns;
	}
	if (!instance && !saved->wanted)
		state = SUPERVISION_DOWN;
	supervision_child_restore(child->sup, state, instance || saved->wanted, saved->since_ns, deadline_ns,
		saved->n_restarts, (struct backoff){saved->backoff_step});
	if (saved->state == SUPERVISION_STOPPING && instance) {
		if (saved->wanted && !child->removing)
			supervision_child_restart(child->sup, now_ns);
		else
			supervision_child_stop(child->sup, now_ns);
	} else if (instance && !saved->wanted) {
		supervision_child_stop(child->sup, now_ns);
	}
	if (child->ended) {
		list_append(&node->ended, &child->ended_link);
		node->n_ended++;
	}
	if (!actor_ref_is_nobody(child->owner) && !child->removing) {
		struct node_action *action = node_late(node, NODE_OWNER_WATCH);

		action->number = child->number;
		action->watcher = child->owner;
	}
	if (child->last_exit.set)
		node_recent_add(node, child->last_exit.group, &child->last_exit.cause);
	node_touch(node, child);
}

void node_start(struct node *node, uint64_t now_ns)
{
	struct child *child, *next;

	supervision_start(node->engine, now_ns);
	supervision_start(node->daemons, now_ns);
	if (node->broker)
		child_restore(node, node->broker, now_ns);
	for (child = node_first(node); child; child = node_after(node, child))
		child_restore(node, child, now_ns);
	for (child = node_first(node); child; child = next) {
		next = node_after(node, child);
		if (child->removing && child_is_down(child))
			node_child_forget(node, child);
	}
	node_clients_start(node, now_ns);
	node_drain(node, now_ns);
}

static void child_synced(struct node *node, struct child *child, uint64_t now_ns)
{
	if (!child->group || child->told)
		return;
	if (!child->exec_ns) {
		/* the intent is written, but whether the keeper heard of it is not known: the same again does no harm */
		node_late(node, NODE_SPAWN)->group = child->group;
	} else {
		struct actor_cause cause = cause_make("noconnection");

		snprintf(cause.text, sizeof(cause.text), "its end was not recorded");
		node_log(node, "%s (pid %d) ended, but how is not known", child->name, child->pid);
		record_end(node, child, &cause, NULL, now_ns);
		supervision_child_exited(child->sup, now_ns, SUPERVISION_EXIT_ABNORMAL);
	}
}

static void broker_start(struct node *node, uint64_t now_ns)
{
	struct spec spec = {
		.restart = SUPERVISION_PERMANENT,
		.backoff_min_ms = 100,
		.backoff_max_ms = 800, /* not 0; what counts is node_child_engage()'s */
		.stop_timeout_ms = 2000,
	};

	if (!node->broker) {
		spec.argv = node_alloc(2 * sizeof(char *));
		spec.argv[0] = strdup(node->config.broker);
		node_child_new(node, node->next_number, strdup("broker"), &spec, true);
		if (!node->broker->name || !node->broker->spec.argv[0] || node_child_engage(node, node->broker) < 0)
			abort();
	} else if (strcmp(node->broker->spec.argv[0], node->config.broker) != 0) {
		free(node->broker->spec.argv[0]); /* the program was replaced: the next start runs the new one */
		node->broker->spec.argv[0] = strdup(node->config.broker);
		if (!node->broker->spec.argv[0])
			abort();
		node->broker->spec_dirty = true;
	}
	node_touch(node, node->broker);
	supervision_child_start(node->broker->sup, now_ns);
}

void node_synced(struct node *node, uint64_t now_ns)
{
	struct child *child, *next;

	node->synced = true;
	if (node->broker)
		child_synced(node, node->broker, now_ns);
	for (child = node_first(node); child; child = next) {
		next = node_after(node, child);
		child_synced(node, child, now_ns);
	}
	if (node->config.broker && !node->stopping)
		broker_start(node, now_ns);
	request_groups(node);
	node_clients_synced(node, now_ns);
	if (node->stopping) {
		node->stopping = false;
		node_down(node, NULL, now_ns);
	}
	node_drain(node, now_ns);
}

/* --- looking --- */

static size_t recent_index(const struct node *node, size_t age)
{
	return (node->next_recent + NODE_RECENT_MAX - 1 - age) % NODE_RECENT_MAX;
}

/* Does its process speak the protocol, so that a new broker should wait for it? */
static bool child_speaks(const struct child *child)
{
	return child->group && (child->said_hello || child->spec.ready_actor);
}

void node_group_hello(struct node *node, uint64_t group)
{
	struct child *child = node_child_by_group(node, group);

	if (child)
		child->said_hello = true;
}

/* One whose end only the broker knows. */
static bool is_broker_client(const struct hash_node *n)
{
	const struct client *client = container_of(n, struct client, by_group);

	return client->group >> 62 == 2 && !list_is_linked(&client->gone_link);
}

static void broker_client_count(struct hash_node *n, void *arg)
{
	*(uint32_t *)arg += is_broker_client(n);
}

static void broker_client_put(struct hash_node *n, void *arg)
{
	if (is_broker_client(n))
		mp_put_uint(arg, container_of(n, struct client, by_group)->group);
}

void node_put_groups(const struct node *node, struct buf *b)
{
	uint32_t n_live = 0, n_speaking = 0, n_clients = 0;

	for (struct child *child = node_first(node); child; child = node_after(node, child)) {
		n_live += child->group != 0;
		n_speaking += child_speaks(child);
	}
	mp_put_array(b, 4);
	mp_put_array(b, n_live);
	for (struct child *child = node_first(node); child; child = node_after(node, child))
		if (child->group)
			mp_put_uint(b, child->group);
	mp_put_array(b, (uint32_t)node->n_recent);
	for (size_t age = 0; age < node->n_recent; age++) {
		const struct recent_exit *e = &node->recent[recent_index(node, age)];

		mp_put_array(b, 2);
		mp_put_uint(b, e->group);
		cause_put(b, &e->cause);
	}
	mp_put_array(b, n_speaking);
	for (struct child *child = node_first(node); child; child = node_after(node, child))
		if (child_speaks(child))
			mp_put_uint(b, child->group);
	hash_each((struct hash *)&node->clients, broker_client_count, &n_clients);
	mp_put_array(b, n_clients);
	hash_each((struct hash *)&node->clients, broker_client_put, b);
}

void node_set_log_path(struct node *node, void (*log_path)(const char *name, char *ret, size_t size, void *arg), void *arg)
{
	node->log_path = log_path;
	node->log_path_arg = arg;
}

void node_put_child(const struct node *node, struct buf *b, const struct child *child, uint64_t now_ns, size_t argv_max_bytes)
{
	char path[4096] = "";

	if (node->log_path)
		node->log_path(child->name, path, sizeof(path), node->log_path_arg);
	child_put_map(b, child, node->config.node_id, path[0] ? path : NULL, now_ns, argv_max_bytes);
}

/* --- life --- */

int node_new(struct node **ret, const struct node_config *config)
{
	struct supervision_config engine = {
		.strategy = SUPERVISION_ONE_FOR_ONE,
		.intensity = SUPERVISION_UNLIMITED,
		.parallel_stop = true, /* they do not know each other: the slowest one decides how long it takes */
		.retry_first_start = true,
		.keep_ended = true,
		.seed = config->seed,
	};
	struct node *node = calloc(1, sizeof(*node));
	int err;

	if (!node)
		return -ENOMEM;
	node->config = *config;
	node->next_number = 1;
	list_init(&node->children);
	list_init(&node->dirty);
	list_init(&node->touched);
	list_init(&node->ended);
	list_init(&node->idless);
	list_init(&node->removed);
	list_init(&node->early);
	list_init(&node->late);
	list_init(&node->downers);
	hash_init(&node->by_name);
	hash_init(&node->by_group);
	hash_init(&node->by_number);
	hash_init(&node->by_id);
	hash_init(&node->clients);
	hash_init(&node->endings);
	hash_init(&node->requests);
	list_init(&node->gone);
	list_init(&node->again);
	list_init(&node->owed);
	list_init(&node->spent);
	list_init(&node->changed_watches);
	list_init(&node->changed_endings);
	list_init(&node->unwatched);
	heap_init(&node->timeouts);
	heap_init(&node->failures);
	err = supervision_new(&node->engine, &engine);
	if (!err)
		err = supervision_new(&node->daemons, &engine);
	if (err) {
		node_free(node);
		return err;
	}
	*ret = node;
	return 0;
}

static void waiters_drop(struct node *node, struct list *waiters)
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

void node_forget(struct node *node)
{
	struct child *child;
	struct list *link;

	while ((child = node_first(node)) || (child = node->broker)) {
		waiters_drop(node, &child->waiters);
		child_free(node, child);
	}
	while ((link = list_pop(&node->removed)))
		free(container_of(link, struct removed, link));
	waiters_drop(node, &node->downers);
	node_clients_forget(node);
	node_requests_forget(node);
	node->stopping = false;
}

struct node *node_free(struct node *node)
{
	struct node_action *action;

	if (!node)
		return NULL;
	while ((action = node_next_early(node)) || (action = node_next_late(node)))
		node_action_free(action);
	node_forget(node);
	supervision_free(node->engine);
	supervision_free(node->daemons);
	hash_deinit(&node->by_name);
	hash_deinit(&node->by_group);
	hash_deinit(&node->by_number);
	hash_deinit(&node->by_id);
	hash_deinit(&node->clients);
	hash_deinit(&node->endings);
	hash_deinit(&node->requests);
	heap_deinit(&node->timeouts);
	heap_deinit(&node->failures);
	free(node);
	return NULL;
}
