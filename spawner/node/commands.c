/* What callers want, and who waits for what. */
#include "spawner/node/private.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"

/* --- answers --- */

__attribute__((format(printf, 4, 5))) static void refuse(struct node *node, void *from, const char *error,
	const char *format, ...)
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

static void answer_nil(struct node *node, void *from)
{
	struct node_action *action;

	if (!from)
		return;
	action = node_late(node, NODE_REPLY);
	action->from = from;
	mp_put_nil(&action->body);
}

static void answer_child(struct node *node, void *from, const struct child *child, uint64_t now_ns)
{
	struct node_action *action;

	if (!from)
		return;
	action = node_late(node, NODE_REPLY);
	action->from = from;
	node_put_child(node, &action->body, child, now_ns, SIZE_MAX);
}

/* Listed children only. */
static struct child *find(struct node *node, const char *name, void *from)
{
	struct child *child = node_child_by_name(node, name);

	if (!child)
		refuse(node, from, "no_name", "no process is called %s", name);
	return child;
}

/* --- waiting --- */

static void waiter_free(struct node *node, struct waiter *waiter)
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

		refuse(node, waiter->from, "stopped", "the caller's group has ended"); /* nobody hears it, but the address is given back */
		waiter_free(node, waiter);
	}
}

/* Whom a wait is charged to, in *ret (NULL: nobody). False: it was refused. */
static bool waiter_charge(struct node *node, void *from, struct client **ret)
{
	uint64_t group = node->config.caller_group ? node->config.caller_group(from) : 0;
	struct client *client = group ? node_client_get(node, group) : NULL;

	*ret = client;
	if (group && !client) {
		refuse(node, from, "stopped", "the caller's group has ended");
		return false;
	}
	if (client && client->n_waiters >= NODE_CLIENT_WAITERS_MAX) {
		refuse(node, from, "overloaded", "%zu calls of this group wait already", client->n_waiters);
		return false;
	}
	if (node->n_waiters >= NODE_WAITERS_MAX || heap_reserve(&node->timeouts, node->n_waiters + 1) < 0) {
		refuse(node, from, "overloaded", "%zu callers wait already", node->n_waiters);
		if (client)
			node_client_settle(node, client);
		return false;
	}
	return true;
}

static void waiter_add(struct node *node, struct waiter *waiter, struct list *where)
{
	list_append(where, &waiter->link);
	if (waiter->client) {
		list_append(&waiter->client->waiters, &waiter->client_link);
		waiter->client->n_waiters++;
	}
	node->n_waiters++;
}

static bool waiter_new(struct node *node, struct child *child, void *from, enum node_wait wait, uint64_t timeout_ms,
	uint64_t n_starts_min, uint64_t now_ns)
{
	struct client *client;
	struct waiter *waiter;

	if (!from)
		return true;
	if (!waiter_charge(node, from, &client))
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
	waiter_add(node, waiter, &child->waiters);
	if (timeout_ms)
		heap_insert(&node->timeouts, &waiter->timeout, now_ns + timeout_ms * 1000000);
	return true;
}

static const char *ended_text(const struct child *child, char text[300])
{
	char scratch[16];
	const struct actor_cause *cause = &child->last_exit.cause;

	if (!child->last_exit.set)
		snprintf(text, 300, "it was stopped");
	else if (cause->kind == ACTOR_EXIT_SIGNAL)
		snprintf(text, 300, "%s%s%s", cause_signal_name(cause->code, scratch), cause->text[0] ? ": " : "", cause->text);
	else
		snprintf(text, 300, "exit %d%s%s", cause->code, cause->text[0] ? ": " : "", cause->text);
	return text;
}

/* An owner who is told that it could not be run owns nothing, so it is not tried again. Others may put it right meanwhile. */
static void refuse_exec(struct node *node, struct waiter *waiter)
{
	struct child *child = waiter->child;

	refuse(node, waiter->from, "exec", "%s", child->last_exit.cause.text);
	if (!actor_ref_is_nobody(child->owner) && child->n_ends == child->n_exec_failures)
		child->removing = true;
}

/* The same for one that ended before it was what its spawn waits for: to wait longer would tell the caller less, and later. */
static void refuse_ended(struct node *node, struct waiter *waiter)
{
	struct child *child = waiter->child;
	bool owned = !actor_ref_is_nobody(child->owner) && waiter->first;
	char text[300];

	refuse(node, waiter->from, "ended", "%s ended before it was %s: %s%s", child->name,
		waiter->wait == NODE_WAIT_UP ? "up" : "ready", ended_text(child, text),
		child_is_down(child) || owned ? "" : "; it is started again");
	child->removing |= owned;
}

/* Answers if it has come; true when he is answered. */
static bool waiter_check(struct node *node, struct waiter *waiter, uint64_t now_ns)
{
	const struct child *child = waiter->child;
	bool started = child->sup->n_starts >= waiter->n_starts_min;
	bool down = child_is_down(child);
	bool exec_failed = child->n_exec_failures != waiter->n_exec_failures;

	switch (waiter->wait) {
	case NODE_WAIT_NONE:
		answer_child(node, waiter->from, child, now_ns);
		return true;
	case NODE_WAIT_UP:
	case NODE_WAIT_READY:
		if (started && (waiter->wait == NODE_WAIT_UP ? child_is_up(child) : child_is_ready(child))) {
			answer_child(node, waiter->from, child, now_ns);
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
			answer_child(node, waiter->from, child, now_ns);
		else
			return false;
		return true;
	case NODE_WAIT_DOWN:
		if (!down)
			return false;
		answer_child(node, waiter->from, child, now_ns);
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
			waiter_free(node, waiter);
	}
}

void node_waiters_end(struct node *node, struct child *child, uint64_t now_ns)
{
	node_settle(node, child, now_ns);
	list_for_each_safe(link, &child->waiters) {
		struct waiter *waiter = container_of(link, struct waiter, link);

		if (waiter->wait == NODE_WAIT_GONE)
			answer_nil(node, waiter->from);
		else
			refuse(node, waiter->from, "ended", "%s was stopped and removed", child->name);
		waiter_free(node, waiter);
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
		[NODE_WAIT_GONE] = "gone",
	};
	struct heap_node *n;

	while ((n = heap_take(&node->timeouts, now_ns))) {
		struct waiter *waiter = container_of(n, struct waiter, timeout);

		refuse(node, waiter->from, "timeout", "%s is not %s after %llu ms, but %s", waiter->child->name,
			goals[waiter->wait], (unsigned long long)waiter->timeout_ms, child_state_name(waiter->child));
		waiter_free(node, waiter);
	}
}

void node_downers_answer(struct node *node)
{
	while (!list_is_empty(&node->downers)) {
		struct waiter *waiter = container_of(node->downers.next, struct waiter, link);

		answer_nil(node, waiter->from);
		waiter_free(node, waiter);
	}
}

static void wait_for(struct node *node, struct child *child, void *from, enum node_wait wait, uint64_t timeout_ms,
	uint64_t n_starts_min, uint64_t now_ns)
{
	struct waiter *waiter;

	if (!from || !waiter_new(node, child, from, wait, timeout_ms, n_starts_min, now_ns))
		return;
	waiter = container_of(child->waiters.prev, struct waiter, link); /* the others have nothing new to hear */
	if (waiter_check(node, waiter, now_ns))
		waiter_free(node, waiter);
}

/* --- spawn --- */

/* The program's base name, with .2, .3 … when that is taken. Of those that a name may be made of, at least. */
static char *make_name(const struct node *node, const char *program)
{
	const char *slash = strrchr(program, '/');
	char base[SPEC_NAME_MAX_BYTES - 12], name[SPEC_NAME_MAX_BYTES + 1];
	struct child *taken;
	size_t n = 0;

	for (const char *s = slash && slash[1] ? slash + 1 : program; *s && n < sizeof(base) - 1; s++, n++) {
		bool plain = (unsigned char)*s > 0x20 && (unsigned char)*s < 0x7f && !(n == 0 && *s == '$');

		base[n] = plain ? *s : '_';
	}
	base[n] = 0;
	snprintf(name, sizeof(name), "%s", base);
	for (unsigned int i = 2; (taken = node_child_by_name(node, name)) && !taken->ended; i++)
		snprintf(name, sizeof(name), "%s.%u", base, i);
	return strdup(name);
}

static struct request *request_find(const struct node *node, uint64_t cookie)
{
	struct hash_node *n = cookie ? hash_first(&node->requests, hash_of_u64(&node->requests, cookie)) : NULL;

	for (; n; n = hash_next(n)) {
		struct request *request = container_of(n, struct request, by_cookie);

		if (request->cookie == cookie)
			return request;
	}
	return NULL;
}

static struct request *request_new(struct node *node, uint64_t cookie)
{
	struct request *request = node_alloc(sizeof(*request));

	request->cookie = cookie;
	if (hash_insert(&node->requests, &request->by_cookie, hash_of_u64(&node->requests, cookie)) < 0)
		abort();
	return request;
}

static void request_free(struct node *node, struct request *request)
{
	if (list_is_linked(&request->spent_link)) {
		list_remove(&request->spent_link);
		node->n_spent--;
	}
	hash_remove(&node->requests, &request->by_cookie);
	free(request);
}

static void request_spend(struct node *node, struct request *request)
{
	request->child = NULL;
	list_append(&node->spent, &request->spent_link);
	if (++node->n_spent > NODE_SPENT_MAX)
		request_free(node, container_of(node->spent.next, struct request, spent_link));
}

void node_request_new(struct node *node, struct child *child)
{
	if (!child->spec.cookie || request_find(node, child->spec.cookie))
		return;
	child->request = request_new(node, child->spec.cookie);
	child->request->child = child;
}

void node_request_end(struct node *node, struct child *child, bool spent)
{
	struct request *request = child->request;

	child->request = NULL;
	if (request && spent)
		request_spend(node, request);
	else if (request)
		request_free(node, request);
}

void node_request_load_spent(struct node *node, uint64_t cookie)
{
	if (cookie && !request_find(node, cookie))
		request_spend(node, request_new(node, cookie));
}

void node_requests_forget(struct node *node)
{
	while (!list_is_empty(&node->spent))
		request_free(node, container_of(node->spent.next, struct request, spent_link));
}

/* Its answer was lost with a supervisor: it is answered as the first time, and nothing is started. */
static void spawn_asked_again(struct node *node, struct child *child, actor_ref caller, void *from, enum node_wait wait, uint64_t timeout_ms,
	uint64_t now_ns)
{
	if (child->spec.owned && !actor_ref_equal(child->owner, caller)) {
		struct node_action *action = node_late(node, NODE_OWNER_WATCH);

		node_owner_set(node, child, caller);
		action->number = child->number;
		action->watcher = caller;
	}
	if (wait == NODE_WAIT_NONE) {
		answer_child(node, from, child, now_ns);
		return;
	}
	if (!from || !waiter_new(node, child, from, wait, timeout_ms, 1, now_ns))
		return;
	struct waiter *waiter = container_of(child->waiters.prev, struct waiter, link);

	waiter->first = true;
	waiter->n_ends = 0;
	waiter->n_exec_failures = 0;
	node_touch(node, child);
	node_drain(node, now_ns);
}

void node_spawn(struct node *node, struct spec *take_spec, actor_ref caller, void *from, enum node_wait wait,
	uint64_t timeout_ms, uint64_t now_ns)
{
	struct spec spec = *take_spec;
	struct child *child, *taken;
	struct request *request;
	const char *why;
	char *name, text[200];

	*take_spec = (struct spec){0};
	request = request_find(node, spec.cookie);
	if (request && !request->child) {
		refuse(node, from, "ended", "it was started by this very request before, and has ended and been removed since");
		spec_deinit(&spec);
		return;
	}
	if (request) {
		child = request->child;
		if (spec.monitor && child->group)
			node_watch_add(node, child, caller, spec.monitor_id);
		spec_deinit(&spec);
		spawn_asked_again(node, child, caller, from, wait, timeout_ms, now_ns);
		return;
	}
	if (node->stopping) {
		refuse(node, from, "stopping", "the node is going down");
		spec_deinit(&spec);
		return;
	}
	if (node_is_full(node, 1, text, sizeof(text))) {
		refuse(node, from, "overloaded", "%s", text);
		spec_deinit(&spec);
		return;
	}
	why = spec.monitor ? node_watch_refusal(node, caller) : NULL;
	if (why) {
		refuse(node, from, "overloaded", "%s", why);
		spec_deinit(&spec);
		return;
	}
	name = spec.name ? strdup(spec.name) : make_name(node, spec.argv[0]);
	if (!name)
		abort();
	taken = node_child_by_name(node, name);
	if (taken && !(taken->ended && child_is_down(taken))) {
		refuse(node, from, "in_use", "the name %s is taken: its process is %s",
			name, child_state_name(taken));
		free(name);
		spec_deinit(&spec);
		return;
	}
	if (taken)
		node_child_forget(node, taken);
	child = node_child_new(node, node->next_number, name, &spec, false);
	if (node_child_engage(node, child) < 0)
		abort(); /* what it refuses was refused by spec_parse() */
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
		answer_child(node, from, child, now_ns);
		return;
	}
	if (!waiter_new(node, child, from, wait, timeout_ms, 1, now_ns)) {
		node_request_end(node, child, false); /* it was refused, so it may be asked for again */
		node_child_forget(node, child);
		return;
	}
	if (from)
		container_of(child->waiters.prev, struct waiter, link)->first = true;
	supervision_child_start(child->sup, now_ns);
	node_drain(node, now_ns);
}

/* --- the others --- */

void node_stop(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns)
{
	struct child *child = find(node, name, from);

	if (!child)
		return;
	if (wait && !waiter_new(node, child, from, NODE_WAIT_DOWN, 0, 0, now_ns))
		return;
	if (!wait) {
		uint64_t number = child->number;

		node_stop_child(node, child, now_ns);
		child = node_child_by_number(node, number);
		if (child)
			answer_child(node, from, child, now_ns);
		else
			answer_nil(node, from);
		return;
	}
	node_stop_child(node, child, now_ns);
}

static bool can_start(struct node *node, const struct child *child, void *from)
{
	if (node->stopping)
		refuse(node, from, "stopping", "the node is going down");
	else if (child->removing)
		refuse(node, from, "stopping", "%s is being removed", child->name);
	else if (child->adopted)
		refuse(node, from, "adopted",
			"%s was adopted after its description was lost: remove it and spawn it anew", child->name);
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

		if (!waiter_new(node, child, from, NODE_WAIT_UP, 0, child->sup->n_starts + !runs, now_ns))
			return;
	}
	supervision_child_start(child->sup, now_ns);
	node_drain(node, now_ns);
	if (!wait)
		answer_child(node, from, child, now_ns);
	else
		node_settle(node, child, now_ns);
}

void node_restart(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns)
{
	struct child *child = find(node, name, from);

	if (!child || !can_start(node, child, from))
		return;
	node_touch(node, child);
	if (wait && !waiter_new(node, child, from, NODE_WAIT_UP, 0, child->sup->n_starts + 1, now_ns))
		return;
	supervision_child_restart(child->sup, now_ns);
	node_drain(node, now_ns);
	if (!wait)
		answer_child(node, from, child, now_ns);
}

void node_kill(struct node *node, const char *name, int signo, void *from, uint64_t now_ns)
{
	struct child *child = find(node, name, from);
	struct node_action *action;

	if (!child)
		return;
	if (signo < 1 || signo > SIGRTMAX) {
		refuse(node, from, "bad_args", "%d is no signal", signo);
		return;
	}
	if (!child->group) {
		refuse(node, from, "not_running", "%s does not run: it is %s", name, child_state_name(child));
		return;
	}
	action = node_late(node, signo == SIGKILL ? NODE_KILL_TREE : NODE_SIGNAL);
	action->group = child->group;
	action->signo = signo;
	answer_nil(node, from);
}

void node_remove(struct node *node, const char *name, bool force, void *from, uint64_t now_ns)
{
	struct child *child = find(node, name, from);

	if (!child)
		return;
	if (child_is_down(child)) {
		node_child_forget(node, child);
		answer_nil(node, from);
		return;
	}
	if (!force) {
		refuse(node, from, "running", "%s is %s", name, child_state_name(child));
		return;
	}
	if (!waiter_new(node, child, from, NODE_WAIT_GONE, 0, 0, now_ns))
		return;
	child->removing = true;
	node_stop_child(node, child, now_ns);
}

void node_wait(struct node *node, const char *name, enum node_wait wait, uint64_t timeout_ms, void *from,
	uint64_t now_ns)
{
	struct child *child = find(node, name, from);
	bool idle;

	if (!child)
		return;
	/* whoever waits for one that is down waits for the next start */
	idle = child_is_down(child) && (wait == NODE_WAIT_UP || wait == NODE_WAIT_READY);
	wait_for(node, child, from, wait, timeout_ms, child->sup->n_starts + idle, now_ns);
}

void node_monitor(struct node *node, uint64_t group, actor_ref watcher, uint64_t id, void *from)
{
	struct child *child = node_child_by_group(node, group);
	struct actor_cause cause = cause_make("noproc");
	const char *why = node_watch_refusal(node, watcher);

	if (why) {
		refuse(node, from, "overloaded", "%s", why);
		return;
	}
	if (child && !child->daemon) {
		node_watch_add(node, child, watcher, id);
		answer_nil(node, from);
		return;
	}
	for (size_t i = 0; i < node->n_recent; i++)
		if (node->recent[i].group == group)
			cause = node->recent[i].cause;
	answer_nil(node, from); /* first: who waits for the answer may not look at what comes before it */
	node_notice_add(node, group, &cause, watcher, id);
}

void node_demonitor(struct node *node, actor_ref watcher, uint64_t id, void *from)
{
	struct watch *watch = node_watch_find(node, watcher, id);
	struct node_action *action;
	bool found = watch && watch->child; /* of a notice nothing can be taken back, but it need not be told again */

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

		if (!waiter_charge(node, from, &client))
			return;
		waiter = node_alloc(sizeof(*waiter));
		*waiter = (struct waiter){.client = client, .from = from};
		waiter_add(node, waiter, &node->downers);
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
	}
	node_drain(node, now_ns);
}
