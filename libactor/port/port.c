/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port has its own actor, the hub, which takes subscriptions. Each subscription has a feeder: an actor that
 * casts to the subscriber and may have to wait for it. Publishing is a function that runs in the publisher's
 * turn.
 */
#include "actor/port.h"

#include <errno.h>
#include <stdarg.h>

#include "libactor/message/msg.h"
#include "libactor/port/filter.h"
#include "libactor/port/hub.h"
#include "libactor/port/items.h"
#include "libactor/port/ports.h"
#include "libactor/port/wish.h"
#include "libactor/util/sized.h"

#define DEFAULT_QUEUE_MAX         1024u
#define DEFAULT_QUEUE_MAX_BYTES   (1u << 20)
#define DEFAULT_SUBSCRIPTIONS_MAX 4096u
#define QUEUE_MAX_MAX             (1u << 24)
#define BLOCK_MAX_MS              5000
#define CLOSE_MAX_MS              1000
#define OPTIONS_FIRST_BYTES       sizeof(struct actor_port_options)      /* the size in version 0.1 */
#define SUBSCRIPTION_FIRST_BYTES  sizeof(struct actor_port_subscription) /* the size in version 0.1 */

/*
 * A program's handle is a number in the type of a pointer, so the program may hold it longer than the port
 * lives.
 */
static uint64_t handle_id(const actor_port *handle)
{
	return (uint64_t)(uintptr_t)handle;
}

int actor_port_new_sized(
	actor *self, actor_port **ret, const struct actor_port_options *given, size_t given_bytes)
{
	struct actor_port_options options;
	struct hub_arg arg = {.options = &options, .owner = actor_self(self)};
	int r = sized_read(&options, sizeof(options), given, given_bytes, OPTIONS_FIRST_BYTES);

	if (r < 0)
		return r;
	if (options.queue_max > QUEUE_MAX_MAX || (unsigned)options.policy > ACTOR_PORT_BLOCK)
		return -EINVAL;
	options.queue_max = options.queue_max ? options.queue_max : DEFAULT_QUEUE_MAX;
	options.queue_max_bytes = options.queue_max_bytes ? options.queue_max_bytes : DEFAULT_QUEUE_MAX_BYTES;
	options.subscriptions_max =
		options.subscriptions_max ? options.subscriptions_max : DEFAULT_SUBSCRIPTIONS_MAX;
	options.policy = options.policy ? options.policy : ACTOR_PORT_DROP_OLDEST;
	r = actor_spawn(self, &hub_behavior, &arg, NULL);
	if (r == 0)
		*ret = (actor_port *)(uintptr_t)arg.id;
	return r;
}

actor_ref actor_port_ref(const actor_port *handle)
{
	struct port *port = port_find(handle_id(handle));

	return port ? port->ref : ACTOR_NOBODY;
}

/* Makes the item that @subscription gets for these arguments. Returns 0; 1 when it gets none; -ENOMEM. */
static int subscription_item(const struct subscription *subscription, struct item *whole, struct item **ret)
{
	const uint8_t *body = whole->args;
	size_t body_bytes = whole->bytes;
	actor_msg *converted = NULL;
	struct buf out = BUF_INIT;
	int r = 0;

	if (!filter_matches(subscription->filter, subscription->filter_bytes, body, body_bytes))
		return 1;
	if (subscription->convert) {
		r = actor_msg_new(&converted);
		if (r == 0)
			r = subscription->convert(body, body_bytes, converted, subscription->arg);
		if (r == 0)
			r = msg_take_body(converted, BODY_ARGS, &body, &body_bytes);
		r = r == -ENOMEM ? r : r != 0 ? 1 : 0;
	}
	if (r == 0 && subscription->picks) {
		filter_pick(&out, subscription->filter, subscription->filter_bytes, body, body_bytes);
		r = buf_error(&out);
		body = out.data;
		body_bytes = out.size_bytes;
	}
	if (r == 0) {
		if (body == whole->args) {
			whole->refs++;
			*ret = whole;
		} else {
			*ret = item_new(body, body_bytes);
			r = *ret ? 0 : -ENOMEM;
		}
	}
	buf_deinit(&out);
	actor_msg_free(converted);
	return r;
}

/* Does not wait: the feeder's mailbox has at most this one message. False: there is no memory. */
static bool port_feed(actor *self, struct subscription *subscription)
{
	if (!subscription->is_fed)
		subscription->is_fed = actor_cast(self, actor_to(subscription->feeder), "go", "") == 0;
	return subscription->is_fed;
}

/* Calls again the feeders that had no memory, and have something to do. */
static int port_feed_all(actor *self, struct port *port)
{
	list_for_each(it, &port->subscriptions) {
		struct subscription *subscription = container_of(it, struct subscription, link);

		if (subscription->items.n && !port_feed(self, subscription))
			return -ENOMEM;
	}
	return 0;
}

static bool port_give(actor *self, struct subscription *subscription, struct item *whole)
{
	struct item *item = NULL;
	int r = subscription_item(subscription, whole, &item);
	enum items_verdict verdict;

	if (r == 1)
		return false;
	/* Out of memory: the item is lost, and the subscriber is told. */
	if (!port_feed(self, subscription) || r < 0) {
		items_lose(&subscription->items);
		verdict = ITEMS_LOST;
	} else {
		verdict = items_push(&subscription->items, item);
	}
	item_put(item);
	return verdict == ITEMS_TAKEN;
}

int actor_port_publish(actor *self, actor_port *handle, const char *format, ...)
{
	struct buf out = BUF_INIT;
	struct item *item;
	struct port *port;
	va_list args;
	int r, n = 0;

	va_start(args, format);
	r = body_vpack(&out, BODY_ARGS, format ? format : "", args);
	va_end(args);
	item = r == 0 ? item_new(out.data, out.size_bytes) : NULL;
	buf_deinit(&out);
	if (!item)
		return r < 0 ? r : -ENOMEM;
	while ((port = port_find(handle_id(handle))) && !port_has_room(port) && r == 0) {
		r = port_feed_all(self, port);
		if (r == 0)
			r = actor_call(self, actor_to(port->ref), "room", BLOCK_MAX_MS, NULL, "");
	}
	if (r < 0 || !port) {
		item_put(item);
		if (!port)
			return -ESRCH;
		return r == -ETIMEDOUT ? -EBUSY : r == -EREMOTEIO ? -ENOMEM : r; /* the hub lacks memory */
	}
	list_for_each(it, &port->subscriptions)
		n += port_give(self, container_of(it, struct subscription, link), item);
	item_put(item);
	return n;
}

actor_port *actor_port_free(actor *self, actor_port *handle)
{
	struct port *port = port_find(handle_id(handle));
	actor_ref ref = port ? port->ref : ACTOR_NOBODY;

	if (!port)
		return NULL;
	if (actor_call(self, actor_to(ref), "flush", CLOSE_MAX_MS, NULL, "") == -ESRCH) {
		port = port_find(handle_id(handle)); /* the hub was killed, and no feeder has cleaned up */
		if (port)
			port_free(port, self);
		return NULL;
	}
	(void)actor_stop(self, ref, "normal");
	return NULL;
}

int actor_port_subscribe_sized(actor *self, actor_dest to, const struct actor_port_subscription *given,
	size_t given_bytes, uint64_t *ret_id)
{
	struct actor_port_subscription s;
	actor_msg *msg = NULL, *reply = NULL;
	struct hook hook = {.link = {NULL, NULL}};
	struct buf out = BUF_INIT;
	struct port *port = NULL;
	actor_ref ref;
	int r;

	r = given ? sized_read(&s, sizeof(s), given, given_bytes, SUBSCRIPTION_FIRST_BYTES) : -EINVAL;
	if (r == 0 && (!s.method || (unsigned)s.policy > ACTOR_PORT_BLOCK))
		r = -EINVAL;
	if (r < 0)
		return r;
	if (s.convert) {
		r = to.name ? actor_whereis(self, to.name, &ref) : 0;
		if (!to.name)
			ref = to.to.ref;
		port = r == 0 ? port_find_ref(actor_group_of(self), ref) : NULL;
		if (!port)
			return r < 0 ? r : -EINVAL;
		hook = (struct hook){.convert = s.convert, .arg = s.arg};
		list_append(&port->hooks, &hook.link);
		to = actor_to(ref);
	}
	wish_put(&out, &s, s.convert ? &hook : NULL);
	r = buf_error(&out);
	if (r == 0)
		r = actor_msg_new(&msg);
	if (r == 0)
		r = actor_msg_write(msg, (const char *)out.data, out.size_bytes);
	buf_deinit(&out);
	if (r == 0)
		r = actor_call_msg(self, to, "subscribe", ACTOR_TIMEOUT_DEFAULT, &msg, &reply);
	list_remove(&hook.link);
	if (r == 0 && ret_id)
		r = actor_msg_unpack(reply, "U", ret_id);
	actor_msg_free(msg);
	actor_msg_free(reply);
	return r;
}

int actor_port_unsubscribe(actor *self, actor_dest to, uint64_t id)
{
	actor_msg *reply;
	bool was_there;
	int r = actor_call(self, to, "unsubscribe", ACTOR_TIMEOUT_DEFAULT, &reply, "U", id);

	if (r == 0)
		r = actor_msg_unpack(reply, "b", &was_there);
	actor_msg_free(reply);
	return r < 0 ? r : was_there ? 0 : -ESRCH;
}
