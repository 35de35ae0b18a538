/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends: what the keeper's slots say, what the end of a process means for its child, and what is freed with a
 * client that is gone.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/util/utf8.h"
#include "spawner/node/private.h"

#define LEFT_TEXT                                                                                            \
	"ended with 0 and left processes behind, which were ended too: if it goes into the background, run it in the foreground"
/* the pause between tries to run a program that cannot be run, if it has no backoff */
#define EXEC_FAILURE_NS 100000000ull

/* Does all that must be done after an end, except telling the engine. */
void node_record_end(struct node *node, struct child *child, const struct actor_cause *cause,
	const struct keeper_rusage *rusage, uint64_t at_ns)
{
	uint64_t group = child->group;

	child->last_exit = (struct last_exit){
		.set = true,
		.group = group,
		.pid = child->pid,
		.cause = *cause,
		.at_us = (int64_t)(at_ns / 1000),
	};
	if (rusage)
		child->last_exit.rusage = *rusage;
	child->n_ends++;
	child->n_exec_failures += cause->kind == ACTOR_EXIT_EXEC;
	node_recent_add(node, group, cause, child->pid, child->name);
	node_child_ended(node, child, cause);
	node_late(node, NODE_CLEAN)->group = group;
	node_set_group(node, child, 0);
	node_touch(node, child);
}

static void start_failed(
	struct node *node, struct child *child, const struct actor_cause *cause, uint64_t now_ns)
{
	if (!child->last_exit.set || strcmp(child->last_exit.cause.text, cause->text))
		node_log(node, "%s could not be started: %s", child->name, cause->text);
	node_record_end(node, child, cause, NULL, now_ns);
	if (!child->spec.backoff_max_ms && child->spec.restart != ACTOR_TEMPORARY &&
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
		return "cannot set its resource limits";
	case KEEPER_STEP_NICE:
		return "cannot set its nice value";
	case KEEPER_STEP_OOM:
		return "cannot set its oom_score_adj";
	case KEEPER_STEP_USER:
		return "cannot change the user";
	case KEEPER_STEP_CGROUP:
		return "cannot enter the cgroup";
	default:
		return "cannot be set up";
	}
}

/* The names of the limits that were to be set. */
static const char *limits_text(const struct child_limits *limits, char text[120])
{
	size_t n = 0;

	text[0] = 0;
	for (size_t i = 0; i < CHILD_LIMITS_N; i++)
		if (limits->of[i].set && n < 120)
			n += (size_t)snprintf(text + n, 120 - n, "%s%s", n ? ", " : "", child_limit_name(i));
	return text;
}

/* The cause of a failed start. @text: what launch_explain() says about the program, or NULL. */
static struct actor_cause failed_cause(const struct child *child, int step, int error, const char *text)
{
	const char *program = child->spec.argv[0];
	struct actor_cause cause = cause_from_exec_errno(error, program);
	char limits[120];

	if (step == KEEPER_STEP_CWD)
		snprintf(cause.text, sizeof(cause.text), "%s %.100s: %s", step_text(step),
			child->spec.cwd ? child->spec.cwd : "/", strerror(error));
	else if (step == KEEPER_STEP_RLIMIT)
		snprintf(cause.text, sizeof(cause.text), "%.80s: %s (%s): %s", program, step_text(step),
			limits_text(&child->spec.limits, limits), strerror(error));
	else if (step == KEEPER_STEP_STDIO && child->spec.input)
		snprintf(cause.text, sizeof(cause.text), "cannot open its stdin, %.100s: %s",
			child->spec.input, strerror(error));
	else if (step != KEEPER_STEP_EXEC && step != KEEPER_STEP_NONE)
		snprintf(cause.text, sizeof(cause.text), "%.100s: %s: %s", program, step_text(step),
			strerror(error));
	else if (text && text[0])
		utf8_copy_plain(cause.text, sizeof(cause.text), text, strlen(text));
	return cause;
}

static void exited(struct node *node, struct child *child, const struct keeper_slot *slot, const char *text,
	uint64_t now_ns)
{
	bool stopping = child->sup->state == SUPERVISION_STOPPING;
	struct actor_cause cause = cause_of_exit(slot->code, slot->status);
	enum supervision_exit exit = child_exit_of(child, &cause, stopping);
	bool left;

	if (text && text[0])
		snprintf(cause.text, sizeof(cause.text), "%s", text);
	if (stopping && (exit == SUPERVISION_EXIT_SHUTDOWN || exit == SUPERVISION_EXIT_NORMAL))
		snprintf(cause.reason, sizeof(cause.reason), "shutdown");
	left = exit == SUPERVISION_EXIT_NORMAL && !stopping && !child->daemon &&
	       slot->flags & KEEPER_SLOT_TREE_ENDED;
	if (left) {
		/*
		 * Programs that are made to run without a supervisor go into the background. This is the most
		 * frequent mistake, so the log explains it, once per child.
		 */
		if (!child->last_exit.left)
			node_log(node, "%s (pid %d) %s", child->name, slot->pid, LEFT_TEXT);
		snprintf(cause.text, sizeof(cause.text), "%s", LEFT_TEXT);
	}
	child->denied_pid = slot->denied_pid;
	child->denied_uid = (int32_t)slot->denied_uid;
	if (slot->denied_pid && node->stopping)
		child_denied_text(child, node->left_text);
	if (slot->denied_pid)
		node_log(node,
			"%s (pid %d) has left %d behind, which runs as another user (uid %d) and cannot be ended",
			child->name, slot->pid, slot->denied_pid, (int)slot->denied_uid);
	else if (slot->flags & KEEPER_SLOT_TREE_LEFT)
		node_log(node, "%s (pid %d) left a process behind that the kernel does not let go of",
			child->name, slot->pid);
	node_record_end(node, child, &cause, &slot->rusage, slot->exited_ns);
	child->last_exit.left = left;
	supervision_child_exited(child->sup, now_ns, exit);
	node_drain(node, now_ns);
	/* a group that has ended cannot be answered any more */
	node_client_gone(node, slot->group_id, now_ns);
}

static struct child *adopt(struct node *node, const struct keeper_slot *slot, uint64_t now_ns)
{
	bool daemon = slot->spawn_flags & KEEPER_SPAWN_DAEMON;
	struct child_spec spec = CHILD_SPEC_DEFAULT;
	char name[KEEPER_NAME_SIZE + 24];
	struct child *child;

	snprintf(name, sizeof(name), "%s", slot->name[0] ? slot->name : "adopted");
	for (unsigned i = 2; !daemon && node_child_by_name(node, name); i++)
		snprintf(name, sizeof(name), "%s.%u", slot->name, i);
	spec.restart = ACTOR_TEMPORARY;
	spec.argv = node_argv_of(daemon && node->config.broker ? node->config.broker : name);
	if (daemon) {
		spec.restart = ACTOR_PERMANENT;
		spec.backoff_min_ms = DAEMON_BACKOFF_MIN_MS;
		spec.backoff_max_ms = DAEMON_BACKOFF_MAX_MS;
	}
	child = node_child_new(node, node->next_number, strdup(name), &spec, daemon);
	child->adopted = !daemon;
	if (!child->name || node_child_engage(node, child) < 0)
		abort();
	supervision_child_restore(
		child->sup, SUPERVISION_STARTING, true, slot->forked_ns, 0, 0, (struct backoff){0});
	node_set_group(node, child, slot->group_id);
	node_touch(node, child);
	if (!daemon)
		node_log(node, "adopted %s (pid %d): it runs, but how it is to be restarted is not known",
			name, slot->pid);
	return child;
}

static bool slot_is_final(const struct keeper_slot *slot)
{
	return slot->stage == KEEPER_FAILED || slot->stage == KEEPER_EXITED;
}

/* The node goes down without it, or it would never be down. */
void node_child_give_up(struct node *node, struct child *child, uint64_t now_ns)
{
	struct actor_cause cause = cause_make(ERROR_PERMISSION);

	child_denied_text(child, cause.text);
	memcpy(node->left_text, cause.text, sizeof(node->left_text));
	node_record_end(node, child, &cause, NULL, now_ns);
	supervision_child_exited(child->sup, now_ns, SUPERVISION_EXIT_KILLED);
}

/* The keeper was to kill it, and the kernel does not let it. */
static void denied(struct node *node, struct child *child, const struct keeper_slot *slot, uint64_t now_ns)
{
	char text[CHILD_DENIED_TEXT];

	if (child->sup->state != SUPERVISION_STOPPING)
		return;
	child->denied_pid = slot->denied_pid;
	child->denied_uid = (int32_t)slot->denied_uid;
	node_touch(node, child);
	node_log(node, "%s: %s", child->name, child_denied_text(child, text));
	if (node->stopping)
		node_child_give_up(node, child, now_ns);
	node_drain(node, now_ns);
}

void node_slot(struct node *node, const struct keeper_slot *slot, const char *text, uint64_t now_ns)
{
	struct child *child = node_child_by_group(node, slot->group_id);

	/*
	 * The keeper frees the slot when it gets this acknowledgement. It is a late action, so it is sent
	 * when the end is in the state, and before the actions of a restart, which may need the slot.
	 */
	if (slot_is_final(slot)) {
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
		node_await_steady(node, child);
		if (child->ready_early)
			supervision_child_ready(child->sup, now_ns);
	}
	/* callers that wait for `up` are answered, even if the child has ended by now */
	node_drain(node, now_ns);
	if (slot->stage == KEEPER_FAILED) {
		struct actor_cause cause = failed_cause(child, slot->step, slot->error, text);

		start_failed(node, child, &cause, now_ns);
	} else if (slot->stage == KEEPER_EXITED) {
		exited(node, child, slot, text, now_ns);
	} else if (slot->denied_pid) {
		denied(node, child, slot, now_ns);
	}
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
		snprintf(
			text, sizeof(text), "all %d processes that a node may have are in use", KEEPER_SLOTS);
	else
		snprintf(text, sizeof(text), "the keeper refused to start it: %s", strerror(error));
	node_launch_failed(node, group, error, text, now_ns);
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

void node_child_synced(struct node *node, struct child *child, uint64_t now_ns)
{
	if (!child->group || child->told)
		return;
	if (!child->exec_ns) {
		/*
		 * The start is in the state, but the keeper may not have been told. A second SPAWN for the
		 * same group does no harm.
		 */
		node_late(node, NODE_SPAWN)->group = child->group;
	} else {
		struct actor_cause cause = cause_make(ERROR_NOCONNECTION);

		snprintf(cause.text, sizeof(cause.text), "its end was not recorded");
		node_log(node, "%s (pid %d) ended, but how is not known", child->name, child->pid);
		node_record_end(node, child, &cause, NULL, now_ns);
		supervision_child_exited(child->sup, now_ns, SUPERVISION_EXIT_ABNORMAL);
	}
}

void node_client_gone(struct node *node, uint64_t group, uint64_t now_ns)
{
	struct client *client = node_client_find(node, group);

	if (!client)
		client = node_client_new(node, group);
	if (list_is_linked(&client->gone_link))
		return;
	/* This comes first, so that from here on nothing is sent to the client and nothing else frees it. */
	list_append(&node->gone, &client->gone_link);
	node->n_gone++;
	list_remove(&client->again_link);
	while (!list_is_empty(&client->watches))
		node_watch_free(node, container_of(client->watches.next, struct watch, client_link));
	while (!list_is_empty(&client->untold))
		node_watch_free(node, container_of(client->untold.next, struct watch, client_link));
	while (!list_is_empty(&client->told))
		node_watch_free(node, container_of(client->told.next, struct watch, client_link));
	node_waiters_of_gone(node, client);
	while (!list_is_empty(&client->owned)) {
		struct child *child = container_of(client->owned.next, struct child, owner_link);

		list_remove(&child->owner_link);
		node_owner_gone(node, child->number, now_ns);
	}
	if (node->n_gone > NODE_GONE_MAX)
		node_client_free(node, container_of(node->gone.next, struct client, gone_link));
}

static void ending_start(struct hash_node *n, void *arg)
{
	node_ending_settle(arg, container_of(n, struct ending, by_group));
}

static void client_start(struct hash_node *n, void *arg)
{
	struct client *client = container_of(n, struct client, by_group);

	if (!list_is_empty(&client->untold))
		node_client_tell(arg, client);
}

/*
 * Collects the clients that an earlier supervisor admitted. Their only link was to that supervisor, so they
 * are gone.
 */
static void client_collect(struct hash_node *n, void *arg)
{
	struct client *client = container_of(n, struct client, by_group);

	if (group_is_of_supervisor(client->group) && !list_is_linked(&client->gone_link))
		list_append(arg, &client->again_link);
}

struct absent {
	const struct node *node;
	struct list groups;
};

static void client_collect_absent(struct hash_node *n, void *arg)
{
	struct client *client = container_of(n, struct client, by_group);
	struct absent *absent = arg;

	if (!group_is_client(client->group) && !list_is_linked(&client->gone_link) &&
		!node_child_by_group(absent->node, client->group))
		list_append(&absent->groups, &client->again_link);
}

void node_clients_synced(struct node *node, uint64_t now_ns)
{
	struct absent absent = {.node = node};
	struct list *link;

	list_init(&absent.groups);
	hash_each(&node->clients, client_collect_absent, &absent);
	while ((link = list_pop(&absent.groups)))
		node_client_gone(node, container_of(link, struct client, again_link)->group, now_ns);
}

void node_clients_start(struct node *node, uint64_t now_ns)
{
	struct list gone;
	struct list *link;

	node_broker_told(node, node->broker_told);
	list_for_each(it, &node->owed) {
		const struct ending *ending = container_of(it, struct ending, owed_link);

		node_recent_add(node, ending->group, &ending->cause, 0, NULL);
	}
	hash_each(&node->endings, ending_start, node);
	list_init(&gone);
	hash_each(&node->clients, client_collect, &gone);
	while ((link = list_pop(&gone)))
		node_client_gone(node, container_of(link, struct client, again_link)->group, now_ns);
	hash_each(&node->clients, client_start, node);
}
