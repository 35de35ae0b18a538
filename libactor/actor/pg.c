/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/pg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"
#include "libactor/util/slots.h"

#define LIST_MAX 16384 /* as the broker has it */

struct copy_member {
	struct roll_member in_roll;
	struct hash_node by_ref; /* group->pg_members */
	struct pg_copy *copy;
	struct pg_process *process;
	struct list by_process;
};

/* One of our actors wants to hear of changes. */
struct pg_monitor {
	uint64_t id;
	struct actor *watcher;
	struct list by_watcher;      /* actor_pg.monitors */
	struct list by_group;        /* group->pg_monitors */
	struct wire_str scope, name; /* in text; scope.s NULL: all, name.s NULL: all of the scope */
	char text[];
};

void pgs_init(actor_group *group)
{
	hash_init(&group->pg_copies);
	hash_init(&group->pg_processes);
	hash_init(&group->pg_members);
	list_init(&group->pg_monitors);
}

int pg_check_names(const char **scope, const char *name)
{
	if (!*scope)
		*scope = ACTOR_PG_SCOPE;
	return name && wire_name_is_valid(*scope, strlen(*scope)) && wire_name_is_valid(name, strlen(name))
		       ? 0
		       : -EINVAL;
}

static bool str_equal(struct wire_str a, struct wire_str b)
{
	return a.len == b.len && !memcmp(a.s, b.s, a.len);
}

/* ---- whom it is told to ---- */

struct actor_pg *actor_pg_of(struct actor *self)
{
	if (!self->pg) {
		self->pg = malloc(sizeof(*self->pg));
		if (self->pg) {
			list_init(&self->pg->seats);
			list_init(&self->pg->monitors);
		}
	}
	return self->pg;
}

static bool monitor_covers(const struct pg_monitor *monitor, const struct pg_copy *copy)
{
	return (!monitor->scope.s || str_equal(monitor->scope, copy->scope)) &&
	       (!monitor->name.s || str_equal(monitor->name, copy->name));
}

static bool copy_is_covered(const struct pg_copy *copy)
{
	list_for_each(it, &copy->group->pg_monitors)
		if (monitor_covers(container_of(it, struct pg_monitor, by_group), copy))
			return true;
	return false;
}

/* As actor_main's on_pg gets it: [joined, scope, name, ref, id, metadata]. */
static void put_event(
	struct buf *b, const struct pg_copy *copy, const struct roll_member *member, bool joined)
{
	mp_put_array(b, 6);
	mp_put_bool(b, joined);
	mp_put_str(b, copy->scope.s, copy->scope.len);
	mp_put_str(b, copy->name.s, copy->name.len);
	mp_put_ref(b, member->ref);
	mp_put_uint(b, member->id);
	if (member->meta_bytes)
		mp_put_raw(b, member->meta, member->meta_bytes);
	else
		mp_put_nil(b);
}

static void monitor_tell(
	const struct pg_monitor *monitor, const struct roll_member *member, const struct buf *event)
{
	actor_msg *msg;

	if (buf_error(event) < 0 ||
		msg_new_received(&msg, member->ref, wire_cstr("on_pg"), event->data, event->size_bytes) < 0)
		return;
	msg->kind = MSG_PG;
	msg->id = monitor->id;
	mailbox_push(monitor->watcher, msg);
}

static void tell(struct pg_copy *copy, const struct roll_member *member, bool joined)
{
	struct buf event = BUF_INIT;

	list_for_each(it, &copy->group->pg_monitors) {
		const struct pg_monitor *monitor = container_of(it, struct pg_monitor, by_group);

		if (!monitor_covers(monitor, copy) || monitor->watcher->status == ACTOR_ENDING)
			continue;
		if (!event.size_bytes)
			put_event(&event, copy, member, joined);
		monitor_tell(monitor, member, &event);
	}
	buf_deinit(&event);
}

/* ---- copies ---- */

static uint64_t copy_hash(const struct hash *table, struct wire_str scope, struct wire_str name)
{
	return hash_of_bytes(table, scope.s, scope.len) * 31 + hash_of_bytes(table, name.s, name.len);
}

struct pg_copy *pg_copy_find(actor_group *group, struct wire_str scope, struct wire_str name)
{
	struct hash_node *node = hash_first(&group->pg_copies, copy_hash(&group->pg_copies, scope, name));

	for (; node; node = hash_next(node)) {
		struct pg_copy *copy = container_of(node, struct pg_copy, node);

		if (str_equal(copy->scope, scope) && str_equal(copy->name, name))
			return copy;
	}
	return NULL;
}

static struct pg_copy *copy_make(actor_group *group, struct wire_str scope, struct wire_str name)
{
	struct pg_copy *copy = pg_copy_find(group, scope, name);

	if (copy)
		return copy;
	copy = calloc(1, sizeof(*copy) + scope.len + 1 + name.len + 1);
	if (!copy ||
		hash_insert(&group->pg_copies, &copy->node, copy_hash(&group->pg_copies, scope, name)) < 0) {
		free(copy);
		return NULL;
	}
	copy->group = group;
	memcpy(copy->text, scope.s, scope.len);
	memcpy(copy->text + scope.len + 1, name.s, name.len);
	copy->scope = wire_str(copy->text, scope.len);
	copy->name = wire_str(copy->text + scope.len + 1, name.len);
	roll_init(&copy->roll, sizeof(struct copy_member));
	hash_init(&copy->processes);
	return copy;
}

static struct pg_process *process_find(const struct pg_copy *copy, uint64_t id)
{
	struct hash_node *node = hash_first(&copy->processes, hash_of_u64(&copy->processes, id));

	for (; node; node = hash_next(node)) {
		struct pg_process *process = container_of(node, struct pg_process, node);

		if (process->id == id)
			return process;
	}
	return NULL;
}

static struct pg_process *process_make(struct pg_copy *copy, uint64_t id)
{
	struct hash *index = &copy->group->pg_processes;
	struct pg_process *process = process_find(copy, id);

	if (process)
		return process;
	process = calloc(1, sizeof(*process));
	if (!process ||
		hash_insert(&copy->processes, &process->node, hash_of_u64(&copy->processes, id)) < 0) {
		free(process);
		return NULL;
	}
	if (hash_insert(index, &process->index, hash_of_u64(index, id)) < 0) {
		hash_remove(&copy->processes, &process->node);
		free(process);
		return NULL;
	}
	process->copy = copy;
	process->id = id;
	list_init(&process->members);
	return process;
}

const struct roll_member *pg_process_next(const struct pg_process *process, struct list **at)
{
	*at = *at ? (*at)->next : process->members.next;
	return *at == &process->members ? NULL : &container_of(*at, struct copy_member, by_process)->in_roll;
}

/* Frees *at unless it has members. */
static void process_settle(struct pg_process **at)
{
	struct pg_process *process = *at;

	if (!list_is_empty(&process->members))
		return;
	hash_remove(&process->copy->processes, &process->node);
	hash_remove(&process->copy->group->pg_processes, &process->index);
	free(process);
	*at = NULL;
}

static uint64_t ref_hash(const actor_group *group, actor_ref ref)
{
	uint64_t key[2] = {ref.group, ref.serial};

	return hash_of_bytes(&group->pg_members, key, sizeof(key));
}

static int copy_join(struct pg_copy *copy, const struct roll_entry *entry, struct roll_member **ret)
{
	struct pg_process *process = process_make(copy, entry->ref.group);
	struct roll_member *in_roll = NULL;
	struct copy_member *member;
	int r = process ? roll_join(&copy->roll, entry, &in_roll) : -ENOMEM;

	if (r == 0) {
		member = container_of(in_roll, struct copy_member, in_roll);
		r = hash_insert(&copy->group->pg_members, &member->by_ref, ref_hash(copy->group, entry->ref));
		if (r == 0) {
			member->copy = copy;
			member->process = process;
			list_append(&process->members, &member->by_process);
		} else {
			roll_leave(&copy->roll, &in_roll);
		}
	}
	if (process)
		process_settle(&process);
	if (ret)
		*ret = in_roll;
	return r;
}

static void copy_leave(struct pg_copy *copy, struct roll_member **in_roll)
{
	struct copy_member *member = container_of(*in_roll, struct copy_member, in_roll);
	struct pg_process *process = member->process;

	hash_remove(&copy->group->pg_members, &member->by_ref);
	list_remove(&member->by_process);
	roll_leave(&copy->roll, in_roll);
	process_settle(&process);
}

/* A membership has ended, and our actors hear it. */
static void copy_end(struct pg_copy *copy, struct roll_member *member)
{
	tell(copy, member, false);
	copy_leave(copy, &member);
}

static void copy_empty(struct pg_copy *copy)
{
	struct roll_member *member;
	uint32_t at = 0;

	while ((member = roll_next(&copy->roll, &at)))
		copy_leave(copy, &member);
}

/* Frees *at if nobody looks at it. */
static void copy_settle(struct pg_copy **at)
{
	struct pg_copy *copy = *at;

	if (copy->known || copy->roll.n_members || copy_is_covered(copy))
		return;
	hash_remove(&copy->group->pg_copies, &copy->node);
	roll_deinit(&copy->roll);
	hash_deinit(&copy->processes);
	free(copy);
	*at = NULL;
}

static void copy_free(struct hash_node *node, void *arg)
{
	struct pg_copy *copy = container_of(node, struct pg_copy, node);

	copy_empty(copy);
	hash_remove(&copy->group->pg_copies, &copy->node);
	roll_deinit(&copy->roll);
	hash_deinit(&copy->processes);
	free(copy);
}

void pgs_deinit(actor_group *group)
{
	hash_each(&group->pg_copies, copy_free, NULL);
	hash_deinit(&group->pg_copies);
	hash_deinit(&group->pg_processes);
	hash_deinit(&group->pg_members);
	slots_deinit(&group->pg_monitor_ids);
}

/* ---- what the broker tells ---- */

/*
 * These are all. What we had and is not among them has left, what is new has joined; so whoever watches over
 * a restart of the broker hears what really changed, and nothing else.
 */
static void copy_replace(struct pg_copy *copy, struct mp_reader *entries, uint32_t n)
{
	struct roll_member *member;
	struct roll_entry entry;
	struct roll said;
	uint32_t at = 0;

	roll_init(&said, sizeof(struct roll_member));
	for (struct mp_reader look = *entries; n && roll_read(&look, &entry) == 0; n--)
		(void)roll_join(&said, &entry, NULL);
	while ((member = roll_next(&copy->roll, &at))) {
		if (!roll_find(&said, member->ref.group, member->id))
			copy_end(copy, member);
	}
	at = 0;
	while ((member = roll_next(&said, &at))) {
		struct roll_member *there = roll_find(&copy->roll, member->ref.group, member->id);

		entry = (struct roll_entry){member->ref, member->id, member->meta, member->meta_bytes};
		if (there)
			copy_leave(copy, &there); /* to its place in their order */
		else
			tell(copy, member, true);
		(void)copy_join(copy, &entry, NULL);
	}
	roll_deinit(&said);
}

void pgs_told(actor_group *group, struct mp_reader *args, uint32_t n)
{
	struct wire_str kind, scope, name;
	struct roll_member *member;
	struct roll_entry entry;
	struct pg_copy *copy;
	uint32_t n_entries;

	if (n < 4 || mp_read_str(args, &kind.s, &kind.len) < 0 ||
		mp_read_str(args, &scope.s, &scope.len) < 0 || mp_read_str(args, &name.s, &name.len) < 0 ||
		mp_read_array(args, &n_entries) < 0 || !wire_name_is_valid(scope.s, scope.len) ||
		!wire_name_is_valid(name.s, name.len))
		return;
	copy = copy_make(group, scope, name);
	if (!copy)
		return;
	if (mp_str_is(kind.s, kind.len, "is")) {
		copy->told_at = group->uplink.n_connects;
		copy_replace(copy, args, n_entries);
	} else if (mp_str_is(kind.s, kind.len, "join")) {
		while (n_entries-- && roll_read(args, &entry) == 0) {
			if (copy_join(copy, &entry, &member) == 0)
				tell(copy, member, true);
		}
	} else if (mp_str_is(kind.s, kind.len, "leave")) {
		while (n_entries-- && roll_read(args, &entry) == 0) {
			member = roll_find(&copy->roll, entry.ref.group, entry.id);
			if (member)
				copy_end(copy, member);
		}
	}
	copy_settle(&copy);
}

/* ---- ends ---- */

void pgs_forget_ref(actor_group *group, actor_ref ref)
{
	struct hash_node *node = hash_first(&group->pg_members, ref_hash(group, ref)), *next;

	for (; node; node = next) {
		struct copy_member *member = container_of(node, struct copy_member, by_ref);
		struct pg_copy *copy = member->copy;

		next = hash_next(node);
		if (!actor_ref_equal(member->in_roll.ref, ref))
			continue;
		copy_end(copy, &member->in_roll);
		copy_settle(&copy);
	}
}

void pgs_forget_group(actor_group *group, uint64_t group_id)
{
	struct hash_node *node =
		hash_first(&group->pg_processes, hash_of_u64(&group->pg_processes, group_id));

	while (node) {
		struct pg_process *process = container_of(node, struct pg_process, index);
		struct pg_copy *copy = process->copy;
		bool last = false;

		if (process->id != group_id) {
			node = hash_next(node);
			continue;
		}
		while (!last) {
			struct copy_member *member =
				container_of(process->members.next, struct copy_member, by_process);

			last = member->by_process.next == &process->members; /* then the process goes */
			copy_end(copy, &member->in_roll);
		}
		copy_settle(&copy);
		node = hash_first(&group->pg_processes, hash_of_u64(&group->pg_processes, group_id));
	}
}

/* ---- asking ---- */

static void put_which(struct buf *b, struct wire_str scope, struct wire_str name)
{
	mp_put_array(b, 2);
	if (scope.s)
		mp_put_str(b, scope.s, scope.len);
	else
		mp_put_nil(b);
	if (name.s)
		mp_put_str(b, name.s, name.len);
	else
		mp_put_nil(b);
}

static int watch_wait(actor_group *group, struct actor *self, struct wire_str scope, struct wire_str name,
	int64_t timeout_ms)
{
	struct buf args = BUF_INIT;
	int r;

	put_which(&args, scope, name);
	r = broker_ask_wait(group, self, "pg_watch", &args, timeout_ms, NULL);
	buf_deinit(&args);
	return r;
}

int pg_know(actor_group *group, struct actor *self, const char *scope, const char *name, int64_t timeout_ms,
	struct pg_copy **ret)
{
	struct wire_str of_scope = wire_cstr(scope), of_name = wire_cstr(name);
	struct pg_copy *copy = pg_copy_find(group, of_scope, of_name);
	int r;

	if (!copy || !copy->known) {
		r = watch_wait(group, self, of_scope, of_name, timeout_ms);
		if (r < 0)
			return r;
		/* what it is came before the answer; an empty one that nobody looked at was not kept */
		copy = copy_make(group, of_scope, of_name);
		if (!copy)
			return -ENOMEM;
		copy->known = true;
	}
	*ret = copy;
	return 0;
}

/* A process group of what was asked for was not told: it has no members any more. */
struct unsaid {
	struct wire_str scope;
	uint64_t told_at;
};

static void end_unsaid(struct hash_node *node, void *arg)
{
	struct pg_copy *copy = container_of(node, struct pg_copy, node);
	const struct unsaid *unsaid = arg;
	struct roll_member *member;
	uint32_t at = 0;

	if ((unsaid->scope.s && !str_equal(unsaid->scope, copy->scope)) || copy->told_at == unsaid->told_at)
		return;
	while ((member = roll_next(&copy->roll, &at)))
		copy_end(copy, member);
	copy_settle(&copy);
}

static void scope_refreshed(struct broker_request *request, int error, actor_msg *reply)
{
	struct mp_reader args = mp_reader(request->args.data, request->args.size_bytes);
	struct unsaid unsaid = {.told_at = request->group->uplink.n_connects};
	uint32_t n;

	if (error || mp_read_array(&args, &n) < 0)
		return;
	(void)mp_read_str(&args, &unsaid.scope.s, &unsaid.scope.len);
	hash_each(&request->group->pg_copies, end_unsaid, &unsaid);
}

static void copy_refresh(struct hash_node *node, void *arg)
{
	struct pg_copy *copy = container_of(node, struct pg_copy, node);
	struct buf args = BUF_INIT;

	if (!copy->known)
		return;
	put_which(&args, copy->scope, copy->name);
	(void)broker_ask(copy->group, "pg_watch", &args, ACTOR_FOREVER, NULL, NULL);
	buf_deinit(&args);
}

void pgs_refresh(actor_group *group)
{
	hash_each(&group->pg_copies, copy_refresh, NULL);
	list_for_each(it, &group->pg_monitors) {
		const struct pg_monitor *monitor = container_of(it, struct pg_monitor, by_group);
		struct buf args = BUF_INIT;

		if (monitor->name.s)
			continue; /* its copy is known */
		put_which(&args, monitor->scope, monitor->name);
		(void)broker_ask(group, "pg_watch", &args, ACTOR_FOREVER, scope_refreshed, NULL);
		buf_deinit(&args);
	}
}

/* Whoever's link is to the supervisor is not told of changes; it asks each time. */
static int members_ask(actor_group *group, struct actor *self, const char *scope, const char *name,
	int64_t timeout_ms, struct roll *ret)
{
	struct buf args = BUF_INIT;
	actor_msg *reply = NULL;
	struct roll_entry entry;
	struct mp_reader read;
	uint32_t n = 0;
	int r;

	put_which(&args, wire_cstr(scope), wire_cstr(name));
	r = broker_ask_wait(group, self, "pg_members", &args, timeout_ms, &reply);
	buf_deinit(&args);
	if (r == 0) {
		read = mp_reader(reply->body, reply->body_bytes);
		r = mp_read_array(&read, &n);
	}
	while (r == 0 && n--) {
		r = roll_read(&read, &entry);
		if (r == 0)
			r = roll_join(ret, &entry, NULL);
		if (r == -EEXIST)
			r = 0;
	}
	actor_msg_free(reply);
	return r;
}

static size_t refs_of(const struct roll *roll, actor_ref *refs, size_t max)
{
	const struct roll_member *member;
	uint32_t at = 0;
	size_t n = 0;

	while (n < max && (member = roll_next(roll, &at)))
		refs[n++] = member->ref;
	return n;
}

/* *ret_n: of all there are; @max of them are in @refs. With @ret_all instead: all of them, to be freed. */
static int members_get(actor_group *group, struct actor *self, const char *scope, const char *name,
	int64_t timeout_ms, actor_ref *refs, size_t max, actor_ref **ret_all, size_t *ret_n)
{
	struct pg_copy *copy;
	struct roll asked;
	const struct roll *roll = &asked;
	int r = pg_check_names(&scope, name);

	if (r < 0)
		return r;
	roll_init(&asked, sizeof(struct roll_member));
	if (group->mode == ACTOR_JOIN_DIRECT || group->mode == ACTOR_JOIN_BROKER) {
		r = pg_know(group, self, scope, name, timeout_ms, &copy);
		if (r == 0)
			roll = &copy->roll;
	} else {
		r = members_ask(group, self, scope, name, timeout_ms, &asked);
	}
	if (r == 0 && ret_all) {
		max = roll->n_members;
		refs = *ret_all = calloc(max ? max : 1, sizeof(*refs));
		if (!refs)
			r = -ENOMEM;
	}
	if (r == 0) {
		*ret_n = roll->n_members;
		(void)refs_of(roll, refs, max);
	}
	roll_deinit(&asked);
	return r;
}

int actor_pg_members(actor *self, const char *scope, const char *name, actor_ref *refs, size_t max)
{
	size_t n;
	int r = members_get(self->group, self, scope, name, CALL_TIMEOUT_DEFAULT_MS, refs, max, NULL, &n);

	return r < 0 ? r : (int)n;
}

struct place {
	actor_ref ref;
	size_t index;
};

static int place_by_ref(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->ref.group != y->ref.group)
		return x->ref.group < y->ref.group ? -1 : 1;
	if (x->ref.serial != y->ref.serial)
		return x->ref.serial < y->ref.serial ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int place_by_index(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

int pg_actors(actor_group *group, struct actor *self, const char *scope, const char *name, int64_t timeout_ms,
	actor_ref **ret, size_t *ret_n)
{
	struct place *places;
	size_t n, n_actors = 0;
	int r = members_get(group, self, scope, name, timeout_ms, NULL, 0, ret, &n);

	if (r < 0)
		return r;
	places = calloc(n ? n : 1, sizeof(*places));
	if (!places) {
		free(*ret);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		places[i] = (struct place){(*ret)[i], i};
	qsort(places, n, sizeof(*places), place_by_ref);
	for (size_t i = 0; i < n; i++) {
		if (!n_actors || !actor_ref_equal(places[n_actors - 1].ref, places[i].ref))
			places[n_actors++] = places[i];
	}
	qsort(places, n_actors, sizeof(*places), place_by_index);
	for (size_t i = 0; i < n_actors; i++)
		(*ret)[i] = places[i].ref;
	free(places);
	*ret_n = n_actors;
	return 0;
}

static int list_ask(actor *self, const char *method, const char *scope, actor_msg **ret)
{
	struct buf args = BUF_INIT;
	int r;

	*ret = NULL;
	r = scope ? body_pack(&args, BODY_ARGS, "si", scope, LIST_MAX)
		  : body_pack(&args, BODY_ARGS, "i", LIST_MAX);
	if (r == 0)
		r = broker_ask_wait(self->group, self, method, &args, CALL_TIMEOUT_DEFAULT_MS, ret);
	buf_deinit(&args);
	return r;
}

int actor_pg_groups(actor *self, const char *scope, actor_msg **ret)
{
	if (!ret || pg_check_names(&scope, "x") < 0)
		return -EINVAL;
	return list_ask(self, "pg_groups", scope, ret);
}

int actor_pg_scopes(actor *self, actor_msg **ret)
{
	return ret ? list_ask(self, "pg_scopes", NULL, ret) : -EINVAL;
}

/* ---- monitors ---- */

static struct pg_monitor *monitor_new(struct actor *self, struct wire_str scope, struct wire_str name)
{
	struct pg_monitor *monitor = calloc(1, sizeof(*monitor) + scope.len + name.len);

	if (!monitor || !actor_pg_of(self) ||
		slots_take(&self->group->pg_monitor_ids, monitor, &monitor->id) < 0) {
		free(monitor);
		return NULL;
	}
	monitor->watcher = self;
	if (scope.s) {
		memcpy(monitor->text, scope.s, scope.len);
		monitor->scope = wire_str(monitor->text, scope.len);
	}
	if (name.s) {
		memcpy(monitor->text + scope.len, name.s, name.len);
		monitor->name = wire_str(monitor->text + scope.len, name.len);
	}
	list_append(&self->pg->monitors, &monitor->by_watcher);
	list_append(&self->group->pg_monitors, &monitor->by_group);
	return monitor;
}

static void settle(struct hash_node *node, void *arg)
{
	struct pg_copy *copy = container_of(node, struct pg_copy, node);

	if (!copy->known && !copy_is_covered(copy)) {
		copy_empty(copy);
		copy_settle(&copy);
	}
}

static bool is_watched_too(const struct pg_monitor *monitor)
{
	list_for_each(it, &monitor->watcher->group->pg_monitors) {
		const struct pg_monitor *other = container_of(it, struct pg_monitor, by_group);

		if (other != monitor && !other->name.s && !other->scope.s == !monitor->scope.s &&
			(!other->scope.s || str_equal(other->scope, monitor->scope)))
			return true;
	}
	return false;
}

static void monitor_end(struct pg_monitor **at)
{
	struct pg_monitor *monitor = *at;
	actor_group *group = monitor->watcher->group;
	bool last_of_scope = !monitor->name.s && !is_watched_too(monitor);

	if (last_of_scope && group->uplink.state == UPLINK_UP && !group->closing) {
		struct buf args = BUF_INIT;

		put_which(&args, monitor->scope, monitor->name);
		(void)broker_ask(group, "pg_unwatch", &args, CALL_TIMEOUT_DEFAULT_MS, NULL, NULL);
		buf_deinit(&args);
	}
	slots_give(&group->pg_monitor_ids, monitor->id);
	list_remove(&monitor->by_watcher);
	list_remove(&monitor->by_group);
	free(monitor);
	*at = NULL;
	if (last_of_scope)
		hash_each(&group->pg_copies, settle, NULL);
}

void actor_pg_end(struct actor *self)
{
	while (self->pg && !list_is_empty(&self->pg->monitors)) {
		struct pg_monitor *monitor =
			container_of(self->pg->monitors.next, struct pg_monitor, by_watcher);

		monitor_end(&monitor);
	}
	free(self->pg);
	self->pg = NULL;
}

struct snapshot {
	const struct pg_monitor *monitor;
	struct buf pgs;
	uint32_t n;
};

static void put_copy(struct hash_node *node, void *arg)
{
	const struct pg_copy *copy = container_of(node, struct pg_copy, node);
	struct snapshot *snapshot = arg;
	const struct roll_member *member;
	uint32_t at = 0;

	if (!monitor_covers(snapshot->monitor, copy) || !copy->roll.n_members)
		return;
	snapshot->n++;
	mp_put_array(&snapshot->pgs, 3);
	mp_put_str(&snapshot->pgs, copy->scope.s, copy->scope.len);
	mp_put_str(&snapshot->pgs, copy->name.s, copy->name.len);
	mp_put_array(&snapshot->pgs, copy->roll.n_members);
	while ((member = roll_next(&copy->roll, &at)))
		roll_put(&snapshot->pgs, member);
}

static int snapshot_make(const struct pg_monitor *monitor, actor_msg **ret)
{
	struct snapshot snapshot = {.monitor = monitor};
	struct buf body = BUF_INIT;
	int r;

	hash_each(&monitor->watcher->group->pg_copies, put_copy, &snapshot);
	mp_put_array(&body, snapshot.n);
	mp_put_raw(&body, snapshot.pgs.data, snapshot.pgs.size_bytes);
	r = buf_error(&snapshot.pgs) < 0 || buf_error(&body) < 0
		    ? -ENOMEM
		    : msg_new_received(ret, ACTOR_NOBODY, wire_cstr(""), body.data, body.size_bytes);
	buf_deinit(&snapshot.pgs);
	buf_deinit(&body);
	return r;
}

/* What is there already, as events. */
static void tell_copy(struct hash_node *node, void *arg)
{
	const struct pg_copy *copy = container_of(node, struct pg_copy, node);
	const struct pg_monitor *monitor = arg;
	const struct roll_member *member;
	struct buf event = BUF_INIT;
	uint32_t at = 0;

	if (!monitor_covers(monitor, copy))
		return;
	while ((member = roll_next(&copy->roll, &at))) {
		buf_reset(&event, 1 << 16);
		put_event(&event, copy, member, true);
		monitor_tell(monitor, member, &event);
	}
	buf_deinit(&event);
}

int actor_pg_monitor(
	actor *self, const char *scope, const char *name, uint64_t *ret_monitor, actor_msg **ret_snapshot)
{
	struct wire_str of_scope, of_name;
	struct pg_monitor *monitor;
	struct pg_copy *copy;
	const char *any = "x";
	int r;

	if (ret_snapshot)
		*ret_snapshot = NULL;
	if (!actor_is_current(self) || !ret_monitor)
		return -EINVAL;
	/* "" stands for all */
	r = pg_check_names(scope && !*scope ? &any : &scope, name && !*name ? any : name);
	if (r < 0 || (!*scope && *name))
		return -EINVAL;
	of_scope = *scope ? wire_cstr(scope) : wire_str(NULL, 0);
	of_name = *name ? wire_cstr(name) : wire_str(NULL, 0);
	r = of_name.s ? pg_know(self->group, self, scope, name, CALL_TIMEOUT_DEFAULT_MS, &copy)
		      : watch_wait(self->group, self, of_scope, of_name, CALL_TIMEOUT_DEFAULT_MS);
	if (r < 0)
		return r;
	monitor = monitor_new(self, of_scope, of_name);
	if (!monitor)
		return -ENOMEM;
	r = ret_snapshot ? snapshot_make(monitor, ret_snapshot) : 0;
	if (r < 0) {
		monitor_end(&monitor);
		return r;
	}
	if (!ret_snapshot)
		hash_each(&self->group->pg_copies, tell_copy, monitor);
	*ret_monitor = monitor->id;
	return 0;
}

int actor_pg_handle(struct actor *self, const actor_msg *msg)
{
	struct mp_reader r = mp_reader(msg->body, msg->body_bytes);
	struct actor_pg_event event = {.who = msg->sender};
	char scope[WIRE_NAME_MAX_BYTES + 1], name[WIRE_NAME_MAX_BYTES + 1];
	struct wire_str s;
	uint32_t n;

	if (!self->behavior->on_pg || mp_read_array(&r, &n) < 0 || mp_read_bool(&r, &event.joined) < 0 ||
		mp_read_str(&r, &s.s, &s.len) < 0)
		return 0;
	memcpy(scope, s.s, s.len);
	scope[s.len] = 0;
	if (mp_read_str(&r, &s.s, &s.len) < 0)
		return 0;
	memcpy(name, s.s, s.len);
	name[s.len] = 0;
	event.scope = scope;
	event.group = name;
	if (mp_skip(&r) < 0 || mp_read_uint(&r, &event.id) < 0)
		return 0;
	event.metadata = r.at;
	event.metadata_bytes = (size_t)(r.end - r.at);
	return self->behavior->on_pg(self, msg->id, &event);
}

bool actor_pg_demonitor(actor *self, uint64_t id)
{
	struct pg_monitor *monitor = slots_get(&self->group->pg_monitor_ids, id);
	bool was = monitor && monitor->watcher == self;

	if (was)
		monitor_end(&monitor);
	mailbox_drop(self, MSG_PG, id);
	return was;
}
