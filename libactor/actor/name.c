/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: registering those of our own actors, and looking up others. The broker decides which name leads to
 * which actor; what it said is kept in peer/name-cache.c.
 */
#include "libactor/actor/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/name-cache.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

#define RELEASE_WAIT_MS 1000
#define WAIT_MAX_MS     (24 * 3600 * 1000) /* as the broker has it */

/* What the broker answered to a `whereis` is kept at once: a change may come right behind it. */
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
 * A new broker answers when all who live have come, which may take longer than we wait. It does not tell us
 * of changes of that name until then, so the name is forgotten, and asked for when it is wanted.
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

/* @args: of `whereis`. -ESRCH: nobody has the name. */
static int name_ask(
	actor_group *group, struct actor *self, struct buf *args, int64_t timeout_ms, actor_ref *ret)
{
	actor_msg *reply = NULL;
	int r;

	r = broker_ask_wait_with(group, self, "whereis", args, timeout_ms, name_answered, &reply);
	if (r == 0 && actor_msg_unpack(reply, "r", ret) < 0)
		r = -ESRCH;
	actor_msg_free(reply);
	return r;
}

int name_resolve(actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, actor_ref *ret)
{
	struct buf args = BUF_INIT;
	int r;

	if (name_known(group, name, ret))
		return 0;
	r = body_pack(&args, BODY_ARGS, "s", name);
	if (r == 0)
		r = name_ask(group, self, &args, timeout_ms, ret);
	buf_deinit(&args);
	return r;
}

int name_resolve_wait(
	actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, actor_ref *ret)
{
	struct buf args = BUF_INIT;
	int r;

	if (name_known(group, name, ret))
		return 0;
	if (timeout_ms < 0 || timeout_ms > WAIT_MAX_MS)
		timeout_ms = WAIT_MAX_MS;
	r = body_pack(&args, BODY_ARGS, "sI", name, (uint64_t)timeout_ms);
	if (r == 0)
		r = name_ask(group, self, &args, timeout_ms, ret);
	buf_deinit(&args);
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

/* ---- our own ---- */

static struct own_name *own_name_find(const struct actor *self, const char *name)
{
	list_for_each(it, &self->names) {
		struct own_name *own = container_of(it, struct own_name, link);

		if (!strcmp(own->name, name))
			return own;
	}
	return NULL;
}

int name_register(actor_group *group, struct actor *self, const char *name)
{
	size_t length = name ? strlen(name) : 0;
	struct buf args = BUF_INIT;
	struct own_name *own;
	actor_ref ref = self->ref;
	int r;

	if (!wire_name_is_valid(name ? name : "", length))
		return -EINVAL;
	if (own_name_find(self, name))
		return 0;
	own = calloc(1, sizeof(*own) + length + 1);
	if (!own)
		return -ENOMEM;
	own->length = (uint32_t)length;
	memcpy(own->name, name, length + 1);
	r = body_pack(&args, BODY_ARGS, "sr", name, ref);
	if (r == 0)
		r = broker_ask_wait(group, group->loop.in_loop ? self : NULL, "register", &args,
			CALL_TIMEOUT_DEFAULT_MS, NULL);
	buf_deinit(&args);
	args = (struct buf)BUF_INIT;
	self = actor_find(group, ref.serial); /* outside a handler it may have ended meanwhile */
	if (r == 0 && !self)
		r = -ESRCH;
	if (r < 0) {
		/* unless the broker refused it, it may have registered the name, or may do so later */
		if (r != -EEXIST && r != -EINVAL && r != -EPERM) {
			if (body_pack(&args, BODY_ARGS, "sr", name, ref) == 0)
				(void)broker_ask(
					group, "unregister", &args, CALL_TIMEOUT_DEFAULT_MS, NULL, NULL);
			buf_deinit(&args);
		}
		free(own);
		return r;
	}
	list_append(&self->names, &own->link);
	return 0;
}

int actor_register(actor *self, const char *name)
{
	if (!actor_is_current(self))
		return -EINVAL;
	return name_register(self->group, self, name);
}

static int name_unregister(struct actor *self, const char *name, int64_t timeout_ms)
{
	struct buf args = BUF_INIT;
	int r;

	r = body_pack(&args, BODY_ARGS, "sr", name, self->ref);
	if (r == 0)
		r = broker_ask_wait(self->group, self, "unregister", &args, timeout_ms, NULL);
	buf_deinit(&args);
	return r;
}

int actor_unregister(actor *self, const char *name)
{
	struct own_name *own;

	if (!actor_is_current(self) || !name)
		return -EINVAL;
	own = own_name_find(self, name);
	if (!own)
		return -ESRCH;
	list_remove(&own->link);
	free(own);
	return name_unregister(self, name, CALL_TIMEOUT_DEFAULT_MS);
}

void names_lost(actor_group *group, struct wire_str name)
{
	struct actor *self;
	uint32_t at = 0;

	while ((self = slots_walk(&group->actors, &at)))
		list_for_each_safe(it, &self->names) {
			struct own_name *own = container_of(it, struct own_name, link);

			if (own->length == name.len && !memcmp(own->name, name.s, name.len)) {
				list_remove(&own->link);
				free(own);
			}
		}
}

void names_release(struct actor *self)
{
	struct list *node;

	if (!list_is_empty(&self->names))
		names_forget_ref(self->group, self->ref); /* the cache has it if we looked it up */
	while ((node = list_pop(&self->names))) {
		struct own_name *own = container_of(node, struct own_name, link);

		/*
		 * While the broker is away nothing is asked of it. The name is not announced to the next one.
		 */
		if (self->group->uplink.state == UPLINK_UP && !self->group->closing)
			(void)name_unregister(self, own->name, RELEASE_WAIT_MS);
		free(own);
	}
}
