/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others tell the runtime itself (serial 0). The broker tells of introductions, names and ends. `down`
 * frames tell of the end of what we monitor.
 */
#include "libactor/node/told.h"

#include <string.h>

#include "libactor/actor/monitor.h"
#include "libactor/actor/pg-gone.h"
#include "libactor/actor/name-watch.h"
#include "libactor/actor/pg.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/node/admission.h"
#include "libactor/node/introduction.h"
#include "libactor/node/knocks.h"
#include "libactor/node/link.h"
#include "libactor/actor/taps.h"
#include "libactor/peer/dead-groups.h"
#include "libactor/peer/name-cache.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

/* ---- ends ---- */

void peer_exit_told(actor_group *group, uint64_t group_id, const struct actor_cause *cause)
{
	struct peer *peer = peer_find(group, group_id);

	names_forget_group(group, group_id);
	pgs_forget_group(group, group_id);
	if (!peer || peer->kind == PEER_UPLINK || peer->exit_told)
		return;
	peer->exit_told = true;
	peer->cause = *cause;
	/* Before its end the group may have dialled our door and written. Those messages are read first. */
	if (peer->state == PEER_INTRODUCING && peer->expected && !knocks_take_all(group)) {
		group_complain(group, peer->id,
			"group %llu (%s) has ended, and what it said may wait at our door, where nobody more can be let in (is the limit of open files reached?)",
			(unsigned long long)peer->id, peer->name);
		timer_arm(&group->loop, &peer->timer, deadline_after_ms(group->loop.now_ns, LAST_WORDS_MS));
		return;
	}
	if ((peer->state == PEER_LINKED || peer->state == PEER_KNOCKING || peer->state == PEER_LINKING) &&
		!peer->link_ended) {
		/* what the group sent last has still to be read */
		timer_arm(&group->loop, &peer->timer, deadline_after_ms(group->loop.now_ns, LAST_WORDS_MS));
		return;
	}
	peer_decide(peer);
}

/*
 * The supervisor tells of the end of a process for which we have no peer. Before its end the process may have
 * been introduced to us, dialled our door and written. Then the broker has also told us to expect it, and we
 * read that before the pong of a ping that we send now. So the DOWN waits for the pong.
 */
static bool down_is_held(actor_group *group, struct monitor *monitor, const struct actor_cause *cause)
{
	struct peer *broker = group->uplink.peer;

	if (monitor->ping || group->mode != ACTOR_JOIN_DIRECT || group->is_service || !broker ||
		broker->state != PEER_LINKED)
		return false;
	monitor->ping = ++group->last_ping;
	*monitor->down->cause = *cause;
	list_remove(&monitor->target_link);
	list_append(&group->downs_held, &monitor->target_link);
	wire_put_ping(peer_out(broker), monitor->ping);
	peer_wrote(broker);
	return true;
}

void downs_pong(actor_group *group, uint64_t ping)
{
	list_for_each_safe(it, &group->downs_held) {
		struct monitor *monitor = container_of(it, struct monitor, target_link);

		if (monitor->ping <= ping)
			monitor_down_received(group, monitor->id, monitor->who, monitor->down->cause);
	}
}

void monitor_down_received(actor_group *group, uint64_t id, actor_ref who, const struct actor_cause *cause)
{
	struct monitor *monitor = slots_get(&group->monitors, id);
	struct peer *peer;

	if (!monitor)
		return;
	/* the end of a process may be told before its start was answered */
	monitor_settle(group, monitor, who);
	if (!actor_ref_equal(monitor->who, who))
		return;
	if (who.serial == 0) {
		if (monitor_is_of_process(who) && strcmp(cause->reason, ERROR_NOCONNECTION))
			dead_groups_add(group, who.group);
		peer = peer_find(group, who.group);
		if (peer && peer->kind != PEER_UPLINK && peer->state != PEER_ROUTED) {
			/*
			 * The last messages of that group may still be on its link. The DOWN waits for the
			 * link's end.
			 */
			monitor->cause_known = true;
			if (cause != monitor->down->cause)
				*monitor->down->cause = *cause;
			list_remove(&monitor->target_link);
			list_append(&peer->monitors, &monitor->target_link);
			peer_exit_told(group, who.group, cause);
			return;
		}
		if (!peer && down_is_held(group, monitor, cause))
			return;
		names_forget_group(group, who.group);
		pgs_forget_group(group, who.group);
	} else {
		names_forget_ref(group, who);
		pgs_forget_ref(group, who);
		if (strcmp(cause->reason, ERROR_NOCONNECTION))
			pg_gone_add(group, who);
	}
	monitor_fire(group, monitor, cause);
}

/* ---- the broker ---- */

static void peer_introduction_failed(actor_group *group, uint64_t intro_id, uint64_t group_id)
{
	struct peer *peer = peer_find(group, group_id);

	if (!peer)
		return;
	if (peer->state == PEER_LINKING && peer->intro_id == intro_id) {
		peer_tell_link_down(peer);
		peer_try_again(peer);
	} else if (peer->expected && peer->intro_id == intro_id) {
		/*
		 * Before the other group gave up, it may have dialled our door and written. Those messages
		 * are read first.
		 */
		(void)knocks_take_all(group);
		peer = peer_find(group, group_id);
		if (!peer || !peer->expected || peer->intro_id != intro_id)
			return;
		peer->expected = false;
		peer_tell_link_down(peer);
		peer_try_again(peer);
	} else if (peer->state == PEER_INTRODUCING && !peer->asked) {
		peer_try_again(peer);
	}
}

static void told_introduce(actor_group *group, struct mp_reader *r, uint32_t n)
{
	uint64_t intro_id, group_id, uid, pid;
	struct wire_str role, path, name;

	if (n < 7 || mp_read_uint(r, &intro_id) < 0 || mp_read_str(r, &role.s, &role.len) < 0 ||
		mp_read_uint(r, &group_id) < 0 || mp_read_str(r, &path.s, &path.len) < 0 ||
		mp_read_uint(r, &uid) < 0 || mp_read_uint(r, &pid) < 0 ||
		mp_read_str(r, &name.s, &name.len) < 0)
		return;
	peer_introduce(
		group, intro_id, role, group_id, path, (struct transport_peer){(uid_t)uid, (pid_t)pid}, name);
}

static void told_expect(actor_group *group, struct mp_reader *r, uint32_t n)
{
	uint64_t intro_id, group_id, uid, pid;
	struct wire_str name;
	struct peer *peer;

	if (n < 5 || mp_read_uint(r, &intro_id) < 0 || mp_read_uint(r, &group_id) < 0 ||
		mp_read_uint(r, &uid) < 0 || mp_read_uint(r, &pid) < 0 ||
		mp_read_str(r, &name.s, &name.len) < 0)
		return;
	peer = peer_expect(group, intro_id, group_id, (struct transport_peer){(uid_t)uid, (pid_t)pid}, name);
	if (peer)
		knocks_expected(peer);
}

static void told_door(actor_group *group, struct mp_reader *r, uint32_t n)
{
	door_asked(group);
}

static void told_introduce_failed(actor_group *group, struct mp_reader *r, uint32_t n)
{
	uint64_t intro_id, group_id;

	if (n < 2 || mp_read_uint(r, &intro_id) < 0 || mp_read_uint(r, &group_id) < 0)
		return;
	peer_introduction_failed(group, intro_id, group_id);
}

static void told_group_down(actor_group *group, struct mp_reader *r, uint32_t n)
{
	struct actor_cause cause;
	uint64_t group_id;
	const uint8_t *raw;
	size_t raw_bytes;

	if (n < 2 || mp_read_uint(r, &group_id) < 0 || mp_read_raw(r, &raw, &raw_bytes) < 0 ||
		cause_parse(raw, raw_bytes, &cause) < 0)
		return;
	peer_exit_told(group, group_id, &cause);
}

static void told_name(actor_group *group, struct mp_reader *r, uint32_t n)
{
	struct wire_str name;
	actor_ref ref;

	if (n < 2 || mp_read_str(r, &name.s, &name.len) < 0)
		return;
	if (mp_read_ref(r, &ref) < 0)
		ref = ACTOR_NOBODY;
	name_changed(group, name, ref);
}

static const struct told {
	const char *method;
	void (*fn)(actor_group *group, struct mp_reader *r, uint32_t n);
} words[] = {
	{"introduce", told_introduce},
	{"expect", told_expect},
	{"door", told_door},
	{"introduce_failed", told_introduce_failed},
	{"group_down", told_group_down},
	{"name", told_name},
	{"pg", pgs_told},
	{"tap", told_tap},
	{"untap", told_untap},
	{"watched", name_watches_told},
};

static const struct told *told_find(struct wire_str method)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (mp_str_is(method.s, method.len, words[i].method))
			return &words[i];
	}
	return NULL;
}

bool told_knows(struct wire_str method)
{
	return told_find(method) != NULL;
}

bool told(actor_group *group, const struct wire_frame *frame)
{
	struct mp_reader r = mp_reader(frame->body, frame->body_bytes);
	const struct told *word = told_find(frame->method);
	uint32_t n;

	if (word && mp_read_array(&r, &n) == 0)
		word->fn(group, &r, n);
	return word != NULL;
}
