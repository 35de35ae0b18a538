/* SPDX-License-Identifier: Apache-2.0 */
/* Monitors of one process group, of a scope, or of all. */
#include "libactor/actor/pg-monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/pg-tell.h"
#include "libactor/actor/pg.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"
#include "libactor/util/slots.h"

struct pg_monitor *pg_monitor_new(struct actor *self, struct wire_str scope, struct wire_str name)
{
	actor_group *group = self->group;
	struct pg_monitor *monitor = calloc(1, sizeof(*monitor));

	if (!monitor || !actor_pg_of(self) || slots_take(&group->pg_monitor_ids, monitor, &monitor->id) < 0) {
		free(monitor);
		return NULL;
	}
	if (pg_watched_add(group, monitor, scope, name) < 0) {
		slots_give(&group->pg_monitor_ids, monitor->id);
		free(monitor);
		return NULL;
	}
	monitor->watcher = self;
	list_append(&self->pg->monitors, &monitor->by_watcher);
	return monitor;
}

static void monitor_end(struct pg_monitor **at)
{
	struct pg_monitor *monitor = *at;
	actor_group *group = monitor->watcher->group;
	struct pg_watched *watched = monitor->watched;
	bool last_of_scope = !watched->name.s && watched->monitors.next == watched->monitors.prev;

	if (last_of_scope && group->uplink.state == UPLINK_UP && !group->closing) {
		struct buf args = BUF_INIT;

		pg_put_which(&args, watched->scope, watched->name);
		(void)broker_ask(group, "pg_unwatch", &args, CALL_TIMEOUT_DEFAULT_MS, NULL, NULL);
		buf_deinit(&args);
	}
	slots_give(&group->pg_monitor_ids, monitor->id);
	list_remove(&monitor->by_watcher);
	pg_watched_remove(group, monitor);
	free(monitor);
	*at = NULL;
	if (last_of_scope)
		pgs_settle(group);
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

/* Calls @fn for each copy that @monitor covers. */
struct covered_walk {
	const struct pg_watched *watched;
	void (*fn)(const struct pg_copy *copy, void *arg);
	void *arg;
};

static void walk_copy(struct hash_node *node, void *arg)
{
	const struct pg_copy *copy = container_of(node, struct pg_copy, node);
	const struct covered_walk *walk = arg;

	if (!walk->watched->scope.s || wire_str_equal(walk->watched->scope, copy->scope))
		walk->fn(copy, walk->arg);
}

static void each_covered(
	const struct pg_monitor *monitor, void (*fn)(const struct pg_copy *copy, void *arg), void *arg)
{
	struct covered_walk walk = {monitor->watched, fn, arg};
	actor_group *group = monitor->watcher->group;

	if (!walk.watched->name.s) {
		hash_each(&group->pg_copies, walk_copy, &walk);
	} else {
		const struct pg_copy *copy = pg_copy_find(group, walk.watched->scope, walk.watched->name);

		if (copy)
			fn(copy, arg);
	}
}

struct snapshot {
	struct buf pgs;
	uint32_t n;
};

static void put_copy(const struct pg_copy *copy, void *arg)
{
	struct snapshot *snapshot = arg;
	const struct roll_member *member;
	uint32_t at = 0;

	if (!copy->roll.n_members)
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
	struct snapshot snapshot = {0};
	struct buf body = BUF_INIT;
	int r;

	each_covered(monitor, put_copy, &snapshot);
	mp_put_array(&body, snapshot.n);
	mp_put_raw(&body, snapshot.pgs.data, snapshot.pgs.size_bytes);
	r = buf_error(&snapshot.pgs) < 0 || buf_error(&body) < 0
		    ? -ENOMEM
		    : msg_new_received(ret, ACTOR_NOBODY, wire_cstr(""), body.data, body.size_bytes);
	buf_deinit(&snapshot.pgs);
	buf_deinit(&body);
	return r;
}

/* Tells the monitor of each present member, as a join. */
static void tell_copy(const struct pg_copy *copy, void *arg)
{
	const struct pg_monitor *monitor = arg;
	const struct roll_member *member;
	uint32_t at = 0;

	while ((member = roll_next(&copy->roll, &at)))
		pg_monitor_tell(monitor, copy->scope, copy->name, member, true);
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
	/*
	 * Made before the broker is asked. Otherwise the watch would end if the last other monitor ended
	 * meanwhile.
	 */
	monitor = pg_monitor_new(self, of_scope, of_name);
	if (!monitor)
		return -ENOMEM;
	r = of_name.s ? pg_know(self->group, self, scope, name, CALL_TIMEOUT_DEFAULT_MS, &copy)
		      : pg_watch_wait(self->group, self, of_scope, of_name, CALL_TIMEOUT_DEFAULT_MS);
	if (r < 0) {
		monitor_end(&monitor);
		return r;
	}
	monitor->asked = true;
	r = ret_snapshot ? snapshot_make(monitor, ret_snapshot) : 0;
	if (r < 0) {
		monitor_end(&monitor);
		return r;
	}
	if (!ret_snapshot)
		each_covered(monitor, tell_copy, monitor);
	*ret_monitor = monitor->id;
	return 0;
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
