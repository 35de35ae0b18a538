/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/pg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/pg-gone.h"
#include "libactor/actor/pg-tell.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"
#include "libactor/util/slots.h"

struct copy_member {
	struct roll_member in_roll;
	struct hash_node by_ref; /* group->pg_members */
	struct pg_copy *copy;
	struct pg_process *process;
	struct list by_process;
};

void pg_copies_init(actor_group *group)
{
	hash_init(&group->pg_copies);
	hash_init(&group->pg_processes);
	hash_init(&group->pg_members);
	hash_init(&group->pg_watched);
	pg_gone_init(group);
}

int pg_check_names(const char **scope, const char *name)
{
	if (!*scope)
		*scope = ACTOR_PG_SCOPE;
	return name && wire_name_is_valid(*scope, strlen(*scope)) && wire_name_is_valid(name, strlen(name))
		       ? 0
		       : -EINVAL;
}

struct actor_pg *actor_pg_of(struct actor *self)
{
	if (!self->pg) {
		self->pg = calloc(1, sizeof(*self->pg));
		if (self->pg) {
			list_init(&self->pg->seats);
			list_init(&self->pg->monitors);
		}
	}
	return self->pg;
}

/* ---- copies ---- */

struct pg_copy *pg_copy_find(actor_group *group, struct wire_str scope, struct wire_str name)
{
	char key[PG_KEY_MAX_BYTES];
	size_t key_bytes = pg_key(scope, name, key);
	struct hash_node *node =
		hash_first(&group->pg_copies, hash_of_bytes(&group->pg_copies, key, key_bytes));

	for (; node; node = hash_next(node)) {
		struct pg_copy *copy = container_of(node, struct pg_copy, node);

		if (copy->scope.len == scope.len && copy->name.len == name.len &&
			memcmp(copy->text, key, key_bytes) == 0)
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
		hash_insert(&group->pg_copies, &copy->node, pg_hash(&group->pg_copies, scope, name)) < 0) {
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

/* A membership has ended: tells our monitors and removes it. */
static void copy_end(struct pg_copy *copy, struct roll_member *member)
{
	pg_tell(copy->group, copy->scope, copy->name, member, false);
	copy_leave(copy, &member);
}

static void copy_empty(struct pg_copy *copy)
{
	struct roll_member *member;
	uint32_t at = 0;

	while ((member = roll_next(&copy->roll, &at)))
		copy_leave(copy, &member);
}

/* Frees *at unless it has members, is known or is covered by a monitor. */
static void copy_settle(struct pg_copy **at)
{
	struct pg_copy *copy = *at;

	if (copy->known || copy->roll.n_members || pg_is_covered(copy->group, copy->scope, copy->name))
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

void pg_copies_deinit(actor_group *group)
{
	hash_each(&group->pg_copies, copy_free, NULL);
	hash_deinit(&group->pg_copies);
	hash_deinit(&group->pg_processes);
	hash_deinit(&group->pg_members);
	hash_deinit(&group->pg_watched);
	pg_gone_deinit(group);
	slots_deinit(&group->pg_monitor_ids);
}

static void settle(struct hash_node *node, void *arg)
{
	struct pg_copy *copy = container_of(node, struct pg_copy, node);

	if (!copy->known && !pg_is_covered(copy->group, copy->scope, copy->name)) {
		copy_empty(copy);
		copy_settle(&copy);
	}
}

void pgs_settle(actor_group *group)
{
	hash_each(&group->pg_copies, settle, NULL);
}

/* ---- what the broker tells ---- */

/*
 * @entries are all present members. Monitors are told that members missing in @entries left, and that new
 * ones joined. So after a restart of the broker they get only the real changes.
 */
static void copy_replace(struct pg_copy *copy, struct mp_reader *entries, uint32_t n)
{
	struct roll_member *member;
	struct roll_entry entry;
	struct roll said;
	uint32_t at = 0;

	roll_init(&said, sizeof(struct roll_member));
	for (struct mp_reader look = *entries; n && roll_read(&look, &entry) == 0; n--) {
		if (!pg_is_gone(copy->group, entry.ref))
			(void)roll_join(&said, &entry, NULL);
	}
	while ((member = roll_next(&copy->roll, &at))) {
		if (!roll_find(&said, member->ref.group, member->id))
			copy_end(copy, member);
	}
	at = 0;
	while ((member = roll_next(&said, &at))) {
		struct roll_member *there = roll_find(&copy->roll, member->ref.group, member->id);

		entry = (struct roll_entry){member->ref, member->id, member->meta, member->meta_bytes};
		if (there)
			/* each member joins again below, so the order is that of @entries */
			copy_leave(copy, &there);
		else
			pg_tell(copy->group, copy->scope, copy->name, member, true);
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
			if (!pg_is_gone(group, entry.ref) && copy_join(copy, &entry, &member) == 0)
				pg_tell(copy->group, copy->scope, copy->name, member, true);
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

			last = member->by_process.next ==
			       &process->members; /* @process is freed with its last member */
			copy_end(copy, &member->in_roll);
		}
		copy_settle(&copy);
		node = hash_first(&group->pg_processes, hash_of_u64(&group->pg_processes, group_id));
	}
}

/* ---- asking ---- */

void pg_put_which(struct buf *b, struct wire_str scope, struct wire_str name)
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

int pg_watch_wait(actor_group *group, struct actor *self, struct wire_str scope, struct wire_str name,
	int64_t timeout_ms)
{
	struct buf args = BUF_INIT;
	int r;

	group->pg_asked = true;
	pg_put_which(&args, scope, name);
	r = broker_ask_wait(group, self, "pg_watch", &args, timeout_ms, NULL);
	buf_deinit(&args);
	return r;
}

int pg_know(actor_group *group, struct actor *self, const char *scope, const char *name, int64_t timeout_ms,
	struct pg_copy **ret)
{
	struct wire_str of_scope, of_name;
	struct pg_copy *copy;
	int r;

	if (!name)
		return -EINVAL;
	of_scope = wire_cstr(scope ? scope : ACTOR_PG_SCOPE);
	of_name = wire_cstr(name);
	copy = pg_copy_find(group, of_scope, of_name);
	if (!copy || !copy->known) {
		r = pg_check_names(&scope, name);
		if (r < 0)
			return r;
		r = pg_watch_wait(group, self, of_scope, of_name, timeout_ms);
		if (r < 0)
			return r;
		/*
		 * The roll was told before the answer. If it was empty, the copy was freed then, so this
		 * makes it again.
		 */
		copy = copy_make(group, of_scope, of_name);
		if (!copy)
			return -ENOMEM;
		copy->known = true;
	}
	*ret = copy;
	return 0;
}

/*
 * The broker was asked for the scope (scope.s NULL: all). A process group in it that was not told has no
 * members now.
 */
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

	if ((unsaid->scope.s && !wire_str_equal(unsaid->scope, copy->scope)) ||
		copy->told_at == unsaid->told_at)
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
	pg_put_which(&args, copy->scope, copy->name);
	(void)broker_ask(copy->group, "pg_watch", &args, ACTOR_FOREVER, NULL, NULL);
	buf_deinit(&args);
}

static void watched_refresh(struct hash_node *node, void *arg)
{
	const struct pg_watched *watched = container_of(node, struct pg_watched, node);
	struct buf args = BUF_INIT;

	if (watched->name.s)
		return; /* copy_refresh() asks for this process group */
	pg_put_which(&args, watched->scope, watched->name);
	(void)broker_ask(arg, "pg_watch", &args, ACTOR_FOREVER, scope_refreshed, NULL);
	buf_deinit(&args);
}

void pgs_refresh(actor_group *group)
{
	hash_each(&group->pg_copies, copy_refresh, NULL);
	hash_each(&group->pg_watched, watched_refresh, group);
}
