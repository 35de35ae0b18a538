/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking up names. The broker decides which actor a name leads to. peer/name-cache.c keeps its answers;
 * own-names.c has the names of our own actors.
 */
#include "libactor/actor/name.h"

#include <errno.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/dead-groups.h"
#include "libactor/peer/name-cache.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/pattern.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"

#define WAIT_MAX_MS   (24 * 3600 * 1000) /* the broker has the same limit */
#define HEARD_SOON_MS 5 /* this group has heard of a death of which the broker has not heard yet */

/* Keeps the broker's answer to a `whereis` at once, because a change may come right behind it. */
static void name_answered(struct broker_request *request, const actor_msg *reply)
{
	struct mp_reader args = mp_reader(request->args.data, request->args.size_bytes);
	const char *name;
	size_t length;
	actor_ref ref = ACTOR_NOBODY;
	uint32_t n;

	if (request->group->mode != ACTOR_JOIN_DIRECT || mp_read_array(&args, &n) < 0 ||
		mp_read_str(&args, &name, &length) < 0)
		return;
	if (!reply || actor_msg_unpack(reply, "r", &ref) < 0)
		ref = ACTOR_NOBODY;
	name_changed(request->group, wire_str(name, length), ref);
}

/*
 * A new broker answers when all living groups have come, which may take longer than our wait. Until then it
 * does not tell us of changes of that name. So the name is forgotten, and looked up again when it is needed.
 */
static void name_refreshed(struct broker_request *request, int error, actor_msg *reply)
{
	if (!error || error == -ETIMEDOUT)
		name_answered(request, reply);
}

static void name_refresh(const char *name, void *arg)
{
	struct buf args = BUF_INIT;

	if (body_pack(&args, BODY_ARGS, "s", name) == 0)
		(void)broker_ask(arg, "whereis", &args, CALL_TIMEOUT_DEFAULT_MS, name_refreshed, NULL);
	buf_deinit(&args);
}

void names_refresh(actor_group *group)
{
	names_each_cached(group, name_refresh, group);
}

static bool name_known(actor_group *group, const char *name, actor_ref *ret)
{
	if (name_cached(group, name, ret))
		return true;
	if (strcmp(name, NAME_BROKER) || group->mode == ACTOR_JOIN_SPAWNER ||
		actor_ref_is_nobody(group->uplink.service))
		return false;
	*ret = group->uplink.service;
	return true;
}

/*
 * @args: the arguments of `whereis`. Returns -ESRCH when no actor has the name, and -ESTALE when the answer
 * names an actor of which this group knows that it has ended, and the broker does not know it yet.
 */
static int name_ask(
	actor_group *group, struct actor *self, struct buf *args, int64_t timeout_ms, actor_ref *ret)
{
	actor_msg *reply = NULL;
	int r;

	r = broker_ask_wait_with(group, self, "whereis", args, timeout_ms, name_answered, &reply);
	if (r == 0 && actor_msg_unpack(reply, "r", ret) < 0)
		r = -ESRCH;
	else if (r == 0 && group_is_dead(group, ret->group))
		r = -ESTALE;
	actor_msg_free(reply);
	return r;
}

int name_resolve(actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, actor_ref *ret)
{
	struct buf args = BUF_INIT;
	int r;

	if (group->names_alone)
		return own_name_resolve(group, name, ret);
	if (name_known(group, name, ret))
		return 0;
	r = body_pack(&args, BODY_ARGS, "s", name);
	if (r == 0)
		r = name_ask(group, self, &args, timeout_ms, ret);
	buf_deinit(&args);
	return r == -ESTALE ? -ESRCH : r;
}

static int name_ask_wait(
	actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, actor_ref *ret)
{
	struct buf args = BUF_INIT;
	int r;

	r = body_pack(&args, BODY_ARGS, "sI", name, (uint64_t)timeout_ms);
	if (r == 0)
		r = name_ask(group, self, &args, timeout_ms, ret);
	buf_deinit(&args);
	return r;
}

int name_resolve_wait(
	actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, actor_ref *ret)
{
	int64_t deadline_ns, again_ns;
	int r;

	if (name_known(group, name, ret))
		return 0;
	if (timeout_ms < 0 || timeout_ms > WAIT_MAX_MS)
		timeout_ms = WAIT_MAX_MS;
	deadline_ns = deadline_after_ms(clock_now_ns(), timeout_ms);
	while ((r = name_ask_wait(group, self, name, timeout_ms, ret)) == -ESTALE) {
		timeout_ms = deadline_left_ms(deadline_ns);
		if (!timeout_ms)
			return -ETIMEDOUT;
		again_ns = deadline_after_ms(clock_now_ns(), HEARD_SOON_MS);
		r = self ? actor_park(self, again_ns) : loop_pump_until(&group->loop, again_ns);
		if (r < 0 && r != -ETIMEDOUT)
			return r;
	}
	return r == -ESRCH ? -ETIMEDOUT : r;
}

int actor_whereis(actor *self, const char *name, actor_ref *ret)
{
	if (!name || !wire_name_is_valid(name, strlen(name)))
		return -EINVAL;
	return name_resolve(self->group, self, name, CALL_TIMEOUT_DEFAULT_MS, ret);
}

int actor_whereis_wait(actor *self, const char *name, int64_t timeout_ms, actor_ref *ret)
{
	if (!name || !wire_name_is_valid(name, strlen(name)))
		return -EINVAL;
	return name_resolve_wait(self->group, self, name,
		timeout_ms == ACTOR_TIMEOUT_DEFAULT ? CALL_TIMEOUT_DEFAULT_MS : timeout_ms, ret);
}

int actor_names(actor *self, const char *pattern, actor_msg **ret)
{
	struct pattern parsed;
	struct buf head = BUF_INIT;
	int r;

	if (!ret)
		return -EINVAL;
	*ret = NULL;
	if (pattern_parse(wire_cstr(pattern ? pattern : ""), &parsed) < 0)
		return -EINVAL;
	mp_put_str(&head, parsed.text.s, parsed.text.len);
	r = broker_list_wait(self->group, self, "names", &head, 1, CALL_TIMEOUT_DEFAULT_MS, ret);
	buf_deinit(&head);
	return r;
}
