/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/pg-tell.h"

#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"

bool pg_monitor_covers(const struct pg_monitor *monitor, struct wire_str scope, struct wire_str name)
{
	return (!monitor->scope.s || wire_str_equal(monitor->scope, scope)) &&
	       (!monitor->name.s || wire_str_equal(monitor->name, name));
}

bool pg_is_covered(const actor_group *group, struct wire_str scope, struct wire_str name)
{
	list_for_each(it, &group->pg_monitors)
		if (pg_monitor_covers(container_of(it, struct pg_monitor, by_group), scope, name))
			return true;
	return false;
}

/* As actor_pg_handle() reads it: [joined, scope, name, [ref, id, metadata]]. */
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
	}
	buf_deinit(&event);
}

void pg_tell(actor_group *group, struct wire_str scope, struct wire_str name,
	const struct roll_member *member, bool joined)
{
	list_for_each(it, &group->pg_monitors) {
		const struct pg_monitor *monitor = container_of(it, struct pg_monitor, by_group);

		if (monitor->asked && pg_monitor_covers(monitor, scope, name))
			pg_monitor_tell(monitor, scope, name, member, joined);
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
