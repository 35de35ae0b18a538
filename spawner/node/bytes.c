/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns the node into bytes and bytes into a node. A chunk is a sequence of msgpack arrays, called rows, each
 * of the form [what, …]. A later row replaces an earlier row about the same thing, so each change is written
 * as a whole new row. A child has two rows: its spec, which is written once, and its present state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "spawner/node/private.h"

enum row {
	ROW_NODE = 1,
	ROW_SPEC,
	ROW_CHILD,
	ROW_REMOVED,
	ROW_WATCH,
	ROW_UNWATCH,
	ROW_ENDED,
	ROW_NOTICE,
	ROW_BROKER_TOLD,
	ROW_SPENT,
	ROW_LOST
};

bool node_state_is_dirty(const struct node *node)
{
	return node->meta_dirty || !list_is_empty(&node->dirty) || !list_is_empty(&node->removed) ||
	       !list_is_empty(&node->changed_watches) || !list_is_empty(&node->unwatched) ||
	       !list_is_empty(&node->changed_endings) || node->broker_told_dirty;
}

static void put_node(const struct node *node, struct buf *b)
{
	mp_put_array(b, 3);
	mp_put_uint(b, ROW_NODE);
	mp_put_uint(b, node->next_number);
	mp_put_bool(b, node->stopping);
	if (!node->state_lost_ns)
		return;
	mp_put_array(b, 2);
	mp_put_uint(b, ROW_LOST);
	mp_put_uint(b, node->state_lost_ns);
}

static void put_spec(const struct child *child, struct buf *b)
{
	struct child_spec spec = child->spec;

	spec.owned = spec.monitor = false; /* these two belong to the spawn call and not to the child */
	mp_put_array(b, 7);
	mp_put_uint(b, ROW_SPEC);
	mp_put_uint(b, child->number);
	mp_put_cstr(b, child->name);
	mp_put_bool(b, child->daemon);
	mp_put_bool(b, child->adopted);
	mp_put_ref(b, child->owner);
	child_spec_put(b, &spec);
}

static void put_last_exit(const struct last_exit *e, struct buf *b)
{
	const uint64_t rusage[9] = {e->rusage.utime_us, e->rusage.stime_us, e->rusage.maxrss_kib,
		e->rusage.minflt, e->rusage.majflt, e->rusage.inblock, e->rusage.oublock, e->rusage.nvcsw,
		e->rusage.nivcsw};

	if (!e->set) {
		mp_put_nil(b);
		return;
	}
	mp_put_array(b, 14);
	mp_put_uint(b, e->group);
	mp_put_int(b, e->at_us);
	cause_put(b, &e->cause);
	for (size_t i = 0; i < 9; i++)
		mp_put_uint(b, rusage[i]);
	mp_put_bool(b, e->left);
	mp_put_int(b, e->pid);
}

/* The restarts that may count for the child's limit, the oldest first. */
static void put_recent(const struct intensity_window *restarts, struct buf *b)
{
	mp_put_array(b, restarts->n);
	for (uint32_t i = 0; i < restarts->n; i++)
		mp_put_uint(b, intensity_window_time(restarts, restarts->n, i));
}

static void put_child(const struct child *child, struct buf *b)
{
	uint64_t deadline_ns = supervision_child_deadline(child->sup);

	mp_put_array(b, 23);
	mp_put_uint(b, ROW_CHILD);
	mp_put_uint(b, child->number);
	mp_put_uint(b, child->group);
	mp_put_int(b, child->pid);
	mp_put_uint(b, child->forked_ns);
	mp_put_uint(b, child->exec_ns);
	mp_put_uint(b, child->sup->state);
	mp_put_bool(b, child->sup->wanted);
	mp_put_uint(b, child->sup->state_ns);
	mp_put_uint(b, deadline_ns == SUPERVISION_NEVER ? 0 : deadline_ns);
	mp_put_uint(b, child->sup->n_restarts);
	mp_put_uint(b, child->sup->backoff.step);
	mp_put_bool(b, child->removing);
	mp_put_bool(b, child->ended);
	mp_put_uint(b, child->n_ends);
	mp_put_uint(b, child->n_exec_failures);
	put_last_exit(&child->last_exit, b);
	/* in older states the watches of the child are here; now each is a row of its own */
	mp_put_array(b, 0);
	mp_put_bool(b, child->stopped);
	mp_put_int(b, child->denied_pid);
	mp_put_int(b, child->denied_uid);
	mp_put_bool(b, child->given_up);
	put_recent(&child->sup->restarts, b);
}

static void put_watch(const struct watch *watch, struct buf *b)
{
	if (watch->ending) {
		mp_put_array(b, 5);
		mp_put_uint(b, ROW_NOTICE);
		mp_put_uint(b, watch->number);
		mp_put_ref(b, watch->watcher);
		mp_put_uint(b, watch->id);
		mp_put_uint(b, watch->ending->group);
		return;
	}
	mp_put_array(b, 4);
	mp_put_uint(b, ROW_WATCH);
	mp_put_uint(b, watch->child->number);
	mp_put_ref(b, watch->watcher);
	mp_put_uint(b, watch->id);
}

static void put_ending(const struct ending *ending, struct buf *b)
{
	mp_put_array(b, 4);
	mp_put_uint(b, ROW_ENDED);
	mp_put_uint(b, ending->group);
	cause_put(b, &ending->cause);
	mp_put_uint(b, ending->owed);
}

static void put_broker_told(const struct node *node, struct buf *b)
{
	mp_put_array(b, 2);
	mp_put_uint(b, ROW_BROKER_TOLD);
	mp_put_uint(b, node->broker_told);
}

static void written(struct node *node)
{
	struct list *link;

	while ((link = list_pop(&node->unwatched)))
		free(container_of(link, struct unwatched, link));
	while ((link = list_pop(&node->changed_watches)))
		container_of(link, struct watch, changed_link)->written = true;
	while (list_pop(&node->changed_endings))
		;
	node->broker_told_dirty = false;

	while ((link = list_pop(&node->removed)))
		free(container_of(link, struct removed, link));
	while ((link = list_pop(&node->dirty)))
		container_of(link, struct child, dirty_link)->spec_dirty = false;
	node->meta_dirty = false;
}

void node_state_put_changes(struct node *node, struct buf *b)
{
	if (node->meta_dirty)
		put_node(node, b);
	list_for_each(link, &node->removed) {
		mp_put_array(b, 2);
		mp_put_uint(b, ROW_REMOVED);
		mp_put_uint(b, container_of(link, struct removed, link)->number);
	}
	list_for_each(link, &node->dirty) {
		struct child *child = container_of(link, struct child, dirty_link);

		if (child->spec_dirty)
			put_spec(child, b);
		put_child(child, b);
	}
	/* rows of removed watches go before those of new ones, and endings before their notices */
	list_for_each(link, &node->unwatched) {
		const struct unwatched *unwatched = container_of(link, struct unwatched, link);

		mp_put_array(b, 3);
		mp_put_uint(b, ROW_UNWATCH);
		mp_put_ref(b, unwatched->watcher);
		mp_put_uint(b, unwatched->id);
	}
	list_for_each(link, &node->changed_endings)
		put_ending(container_of(link, struct ending, changed_link), b);
	list_for_each(link, &node->changed_watches)
		put_watch(container_of(link, struct watch, changed_link), b);
	if (node->broker_told_dirty)
		put_broker_told(node, b);
	written(node);
}

static void put_ending_unowed(struct hash_node *n, void *arg)
{
	const struct ending *ending = container_of(n, struct ending, by_group);

	if (!list_is_linked(&ending->owed_link))
		put_ending(ending, arg);
}

static void put_client(struct hash_node *n, void *arg)
{
	const struct client *client = container_of(n, struct client, by_group);

	list_for_each(link, &client->watches)
		put_watch(container_of(link, struct watch, client_link), arg);
	list_for_each(link, &client->told)
		put_watch(container_of(link, struct watch, client_link), arg);
	list_for_each(link, &client->untold)
		put_watch(container_of(link, struct watch, client_link), arg);
}

void node_state_put_all(struct node *node, struct buf *b)
{
	put_node(node, b);
	if (node->broker) {
		put_spec(node->broker, b);
		put_child(node->broker, b);
	}
	for (struct child *child = node_first(node); child; child = node_after(node, child)) {
		put_spec(child, b);
		put_child(child, b);
	}
	/*
	 * The oldest cookie first. node_state_put_changes() writes no such rows, since loading a ROW_REMOVED
	 * also makes the cookie of the child a spent one.
	 */
	list_for_each(link, &node->spent) {
		mp_put_array(b, 2);
		mp_put_uint(b, ROW_SPENT);
		mp_put_uint(b, container_of(link, struct request, spent_link)->cookie);
	}
	list_for_each(link, &node->owed) /* the order of the list is kept */
		put_ending(container_of(link, struct ending, owed_link), b);
	hash_each(&node->endings, put_ending_unowed, b);
	hash_each(&node->clients, put_client, b);
	put_broker_told(node, b);
	written(node);
}

void node_state_lost(struct node *node, uint64_t now_ns)
{
	node->state_lost_ns = now_ns;
	node->meta_dirty = true;
}

uint64_t node_state_lost_ns(const struct node *node)
{
	return node->state_lost_ns;
}

void node_state_not_written(struct node *node)
{
	node->meta_dirty = true;
}

/* ---- and back ---- */

#define TRY(expression)                                                                                      \
	do {                                                                                                 \
		if ((expression) < 0)                                                                        \
			return -EPROTO;                                                                      \
	} while (0)

static int load_spec(struct node *node, struct mp_reader *r)
{
	char text[CHILD_SPEC_TEXT_BYTES];
	struct child_spec spec;
	struct child *child;
	uint64_t number;
	bool daemon, adopted;
	actor_ref owner;
	const char *name;
	size_t name_len;

	TRY(mp_read_uint(r, &number));
	TRY(mp_read_str(r, &name, &name_len));
	TRY(mp_read_bool(r, &daemon));
	TRY(mp_read_bool(r, &adopted));
	TRY(mp_read_ref(r, &owner));
	TRY(child_spec_parse(r, &spec, text));
	child = node_child_by_number(node, number);
	if (child) {
		child_spec_deinit(&child->spec);
		child->spec = spec;
		return 0;
	}
	if ((daemon && node->broker) || !name_len || memchr(name, 0, name_len)) {
		child_spec_deinit(&spec);
		return -EPROTO;
	}
	child = node_child_new(node, number, strndup(name, name_len), &spec, daemon);
	child->adopted = adopted;
	node_owner_set(node, child, owner);
	return 0;
}

static int load_last_exit(struct mp_reader *r, struct last_exit *ret)
{
	struct last_exit e = {.set = true};
	uint64_t *const rusage[9] = {&e.rusage.utime_us, &e.rusage.stime_us, &e.rusage.maxrss_kib,
		&e.rusage.minflt, &e.rusage.majflt, &e.rusage.inblock, &e.rusage.oublock, &e.rusage.nvcsw,
		&e.rusage.nivcsw};
	const uint8_t *cause;
	size_t cause_len;
	int64_t pid = 0;
	uint32_t n;

	if (mp_peek(r) == MP_NIL) {
		*ret = (struct last_exit){0};
		return mp_read_nil(r);
	}
	TRY(mp_read_array(r, &n));
	TRY(mp_read_uint(r, &e.group));
	TRY(mp_read_int(r, &e.at_us));
	TRY(mp_read_raw(r, &cause, &cause_len));
	TRY(cause_parse(cause, cause_len, &e.cause));
	for (size_t i = 0; i < 9; i++)
		TRY(mp_read_uint(r, rusage[i]));
	if (n > 12) /* rows of older states have 12 or 13 fields */
		TRY(mp_read_bool(r, &e.left));
	if (n > 13)
		TRY(mp_read_int(r, &pid));
	if (n < 12 || n > 14 || pid < 0 || pid > INT32_MAX)
		return -EPROTO;
	e.pid = (int32_t)pid;
	*ret = e;
	return 0;
}

static void load_watch(struct node *node, struct child *child, actor_ref watcher, uint64_t id)
{
	struct watch *watch;

	node_watch_add(node, child, watcher, id);
	watch = node_watch_find(node, watcher, id);
	if (!watch)
		return;
	list_remove(&watch->changed_link);
	watch->written = true;
}

/* Reads the watches in the row of a child, where older states have them. */
static int load_watches(struct node *node, struct child *child, struct mp_reader *r)
{
	uint32_t n;

	TRY(mp_read_array(r, &n));
	for (uint32_t i = 0; i < n / 2; i++) {
		actor_ref watcher;
		uint64_t id;

		TRY(mp_read_ref(r, &watcher));
		TRY(mp_read_uint(r, &id));
		load_watch(node, child, watcher, id);
	}
	return n % 2 ? -EPROTO : 0;
}

static int load_recent(struct mp_reader *r, struct child_saved *saved)
{
	uint32_t n;

	TRY(mp_read_array(r, &n));
	if (n > CHILD_INTENSITY_MAX + 1)
		return -EPROTO;
	free(saved->recent_ns);
	saved->recent_ns = n ? node_alloc(n * sizeof(*saved->recent_ns)) : NULL;
	saved->n_recent = n;
	for (uint32_t i = 0; i < n; i++)
		TRY(mp_read_uint(r, &saved->recent_ns[i]));
	return 0;
}

/* @n_fields: rows of older states have 18. */
static int load_child(struct node *node, struct mp_reader *r, uint32_t n_fields)
{
	struct child_saved *saved;
	struct child *child;
	uint64_t number, group, state, forked_ns, exec_ns, backoff_step;
	int64_t pid, denied_pid = 0, denied_uid = 0;

	TRY(mp_read_uint(r, &number));
	child = node_child_by_number(node, number);
	if (!child)
		return -EPROTO;
	saved = &child->saved;
	TRY(mp_read_uint(r, &group));
	TRY(mp_read_int(r, &pid));
	TRY(mp_read_uint(r, &forked_ns));
	TRY(mp_read_uint(r, &exec_ns));
	TRY(mp_read_uint(r, &state));
	TRY(mp_read_bool(r, &saved->wanted));
	TRY(mp_read_uint(r, &saved->since_ns));
	TRY(mp_read_uint(r, &saved->deadline_ns));
	TRY(mp_read_uint(r, &saved->n_restarts));
	TRY(mp_read_uint(r, &backoff_step));
	TRY(mp_read_bool(r, &child->removing));
	TRY(mp_read_bool(r, &child->ended));
	TRY(mp_read_uint(r, &child->n_ends));
	TRY(mp_read_uint(r, &child->n_exec_failures));
	TRY(load_last_exit(r, &child->last_exit));
	TRY(load_watches(node, child, r));
	if (n_fields > 18)
		TRY(mp_read_bool(r, &child->stopped));
	if (n_fields > 19) {
		TRY(mp_read_int(r, &denied_pid));
		TRY(mp_read_int(r, &denied_uid));
	}
	if (n_fields > 21) {
		TRY(mp_read_bool(r, &child->given_up));
		TRY(load_recent(r, saved));
	}
	if (denied_pid < 0 || denied_pid > INT32_MAX || denied_uid < INT32_MIN || denied_uid > INT32_MAX)
		return -EPROTO;
	child->denied_pid = (int32_t)denied_pid;
	child->denied_uid = (int32_t)denied_uid;
	if (state >= _SUPERVISION_STATE_N || pid < 0 || pid > INT32_MAX)
		return -EPROTO;
	saved->state = (enum supervision_state)state;
	saved->backoff_step = backoff_step > UINT32_MAX ? UINT32_MAX : (uint32_t)backoff_step;
	if (child->group != group)
		node_set_group(node, child, group);
	child->pid = (int32_t)pid;
	child->forked_ns = forked_ns;
	child->exec_ns = exec_ns;
	return 0;
}

/* Reads a row that names a watch: ROW_WATCH, ROW_UNWATCH or ROW_NOTICE. */
static int load_watch_row(struct node *node, enum row what, struct mp_reader *r)
{
	uint64_t number = 0, id, group;
	struct child *child;
	struct watch *watch;
	actor_ref watcher;

	if (what != ROW_UNWATCH)
		TRY(mp_read_uint(r, &number));
	TRY(mp_read_ref(r, &watcher));
	TRY(mp_read_uint(r, &id));
	watch = node_watch_find(node, watcher, id);
	if (what == ROW_UNWATCH) {
		if (watch)
			node_watch_free(node, watch);
		return 0;
	}
	if (what == ROW_NOTICE) {
		TRY(mp_read_uint(r, &group));
		return node_notice_load(node, number, watcher, id, group);
	}
	child = node_child_by_number(node, number);
	if (!child)
		return -EPROTO;
	load_watch(node, child, watcher, id);
	return 0;
}

static int load_ending(struct node *node, struct mp_reader *r)
{
	struct actor_cause cause;
	uint64_t group, owed;
	const uint8_t *raw;
	size_t raw_bytes;

	TRY(mp_read_uint(r, &group));
	TRY(mp_read_raw(r, &raw, &raw_bytes));
	TRY(cause_parse(raw, raw_bytes, &cause));
	TRY(mp_read_uint(r, &owed));
	node_ending_load(node, group, &cause, owed);
	return 0;
}

static int load_row(struct node *node, struct mp_reader *r)
{
	uint64_t what, number;
	uint32_t n;
	struct child *child;

	TRY(mp_read_array(r, &n));
	TRY(mp_read_uint(r, &what));
	switch (what) {
	case ROW_NODE:
		if (n != 3)
			return -EPROTO;
		TRY(mp_read_uint(r, &number));
		TRY(mp_read_bool(r, &node->stopping));
		if (number > node->next_number)
			node->next_number = number;
		return 0;
	case ROW_SPEC:
		return n == 7 ? load_spec(node, r) : -EPROTO;
	case ROW_CHILD:
		return n == 18 || n == 19 || n == 21 || n == 23 ? load_child(node, r, n) : -EPROTO;
	case ROW_REMOVED:
		if (n != 2)
			return -EPROTO;
		TRY(mp_read_uint(r, &number));
		child = node_child_by_number(node, number);
		if (child)
			node_child_unload(node, child);
		return 0;
	case ROW_WATCH:
		return n == 4 ? load_watch_row(node, ROW_WATCH, r) : -EPROTO;
	case ROW_UNWATCH:
		return n == 3 ? load_watch_row(node, ROW_UNWATCH, r) : -EPROTO;
	case ROW_NOTICE:
		return n == 5 ? load_watch_row(node, ROW_NOTICE, r) : -EPROTO;
	case ROW_ENDED:
		return n == 4 ? load_ending(node, r) : -EPROTO;
	case ROW_BROKER_TOLD:
		if (n != 2)
			return -EPROTO;
		TRY(mp_read_uint(r, &number));
		if (number > node->broker_told)
			node->broker_told = number;
		if (number > node->next_notice)
			node->next_notice = number;
		return 0;
	case ROW_LOST:
		if (n != 2)
			return -EPROTO;
		TRY(mp_read_uint(r, &node->state_lost_ns));
		return 0;
	case ROW_SPENT:
		if (n != 2)
			return -EPROTO;
		TRY(mp_read_uint(r, &number));
		node_request_load_spent(node, number);
		return 0;
	default:
		return -EPROTO;
	}
}

int node_state_load(struct node *node, const void *data, size_t size_bytes)
{
	struct mp_reader r = mp_reader(data, size_bytes);

	while (r.at != r.end)
		TRY(load_row(node, &r));
	return 0;
}
