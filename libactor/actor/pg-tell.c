/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/pg-tell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/pg.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"

/* ---- what is monitored ---- */

/* No name is empty, so a process group has the hash of "all" only by chance. */
static uint64_t watched_hash(const actor_group *group, struct wire_str scope, struct wire_str name)
{
	return pg_hash(&group->pg_watched, scope.s ? scope : wire_cstr(""), name.s ? name : wire_cstr(""));
}

static bool is_same(struct wire_str a, struct wire_str b)
{
	return !a.s || !b.s ? !a.s && !b.s : wire_str_equal(a, b);
}

struct pg_watched *pg_watched_find(const actor_group *group, struct wire_str scope, struct wire_str name)
{
	struct hash_node *node = hash_first(&group->pg_watched, watched_hash(group, scope, name));

	for (; node; node = hash_next(node)) {
		struct pg_watched *watched = container_of(node, struct pg_watched, node);

		if (is_same(watched->scope, scope) && is_same(watched->name, name))
			return watched;
	}
	return NULL;
}

static struct pg_watched *watched_make(actor_group *group, struct wire_str scope, struct wire_str name)
{
	struct pg_watched *watched = pg_watched_find(group, scope, name);

	if (watched)
		return watched;
	watched = calloc(1, sizeof(*watched) + scope.len + name.len);
	if (!watched ||
		hash_insert(&group->pg_watched, &watched->node, watched_hash(group, scope, name)) < 0) {
		free(watched);
		return NULL;
	}
	list_init(&watched->monitors);
	if (scope.s) {
		memcpy(watched->text, scope.s, scope.len);
		watched->scope = wire_str(watched->text, scope.len);
	}
	if (name.s) {
		memcpy(watched->text + scope.len, name.s, name.len);
		watched->name = wire_str(watched->text + scope.len, name.len);
	}
	return watched;
}

int pg_watched_add(
	actor_group *group, struct pg_monitor *monitor, struct wire_str scope, struct wire_str name)
{
	monitor->watched = watched_make(group, scope, name);
	if (!monitor->watched)
		return -ENOMEM;
	list_append(&monitor->watched->monitors, &monitor->by_watched);
	return 0;
}

void pg_watched_remove(actor_group *group, struct pg_monitor *monitor)
{
	struct pg_watched *watched = monitor->watched;

	list_remove(&monitor->by_watched);
	monitor->watched = NULL;
	if (!list_is_empty(&watched->monitors))
		return;
	hash_remove(&group->pg_watched, &watched->node);
	free(watched);
}

/*
 * Finds the entries that cover the process group: its own, its scope's, the one for all. NULL: not monitored.
 */
static void watched_find_all(
	const actor_group *group, struct wire_str scope, struct wire_str name, struct pg_watched *ret[3])
{
	struct wire_str all = wire_str(NULL, 0);

	ret[0] = ret[1] = ret[2] = NULL;
	if (!group->pg_watched.n_items)
		return;
	ret[0] = pg_watched_find(group, scope, name);
	ret[1] = pg_watched_find(group, scope, all);
	ret[2] = pg_watched_find(group, all, all);
}

bool pg_is_covered(const actor_group *group, struct wire_str scope, struct wire_str name)
{
	struct pg_watched *watched[3];

	watched_find_all(group, scope, name, watched);
	return watched[0] || watched[1] || watched[2];
}

/* ---- telling ---- */

/* Writes the event [joined, scope, name, [ref, id, metadata]], which actor_pg_handle() reads. */
static void put_event(struct buf *b, struct wire_str scope, struct wire_str name,
	const struct roll_member *member, bool joined)
{
	mp_put_array(b, 4);
	mp_put_bool(b, joined);
	mp_put_str(b, scope.s, scope.len);
	mp_put_str(b, name.s, name.len);
	roll_put(b, member);
}

void pg_monitor_tell(const struct pg_monitor *monitor, struct wire_str scope, struct wire_str name,
	const struct roll_member *member, bool joined)
{
	struct buf event = BUF_INIT;
	actor_msg *msg;

	if (monitor->watcher->status == ACTOR_ENDING)
		return;
	put_event(&event, scope, name, member, joined);
	if (buf_error(&event) == 0 &&
		msg_new_received(&msg, member->ref, wire_cstr("on_pg"), event.data, event.size_bytes) == 0) {
		msg->kind = MSG_PG;
		msg->id = monitor->id;
		mailbox_push(monitor->watcher, msg);
	} else {
		actor_starve(monitor->watcher, "of a change of a process group");
	}
	buf_deinit(&event);
}

void pg_tell(actor_group *group, struct wire_str scope, struct wire_str name,
	const struct roll_member *member, bool joined)
{
	struct pg_watched *watched[3];

	watched_find_all(group, scope, name, watched);
	for (int i = 0; i < 3; i++) {
		if (!watched[i])
			continue;
		list_for_each(it, &watched[i]->monitors) {
			const struct pg_monitor *monitor = container_of(it, struct pg_monitor, by_watched);

			if (monitor->asked)
				pg_monitor_tell(monitor, scope, name, member, joined);
		}
	}
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
	if (mp_read_array(&r, &n) < 0 || mp_skip(&r) < 0 || mp_read_uint(&r, &event.id) < 0)
		return 0;
	event.metadata = r.at;
	event.metadata_bytes = (size_t)(r.end - r.at);
	return self->behavior->on_pg(self, msg->id, &event);
}
