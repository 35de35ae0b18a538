/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/port/feeder.h"

#include <errno.h>
#include <stdio.h>

#include "libactor/port/items.h"
#include "libactor/port/ports.h"

#define AGAIN_MS 50

static struct subscription *feeder_subscription(struct feeder *feeder, struct port **ret_port)
{
	*ret_port = port_find(feeder->port);
	return *ret_port ? slots_get(&(*ret_port)->ids, feeder->subscription) : NULL;
}

static int feeder_init(actor *self, const void *arg)
{
	struct feeder *feeder = actor_state(self);
	struct port *port;

	*feeder = *(const struct feeder *)arg;
	port = port_find(feeder->port);
	return port ? actor_monitor(self, port->ref, &feeder->hub_monitor) : -ESRCH;
}

/*
 * Casts until the message is taken. Returns 0, or a negative value when this actor or the subscription is
 * over.
 */
static int feeder_cast(actor *self, actor_ref who, const char *method, actor_msg **msg)
{
	struct feeder *feeder = actor_state(self);
	struct port *port;
	int r;

	for (;;) {
		r = actor_cast_msg(self, actor_to(who), method, msg);
		if (r == 0 || r == -ECANCELED)
			return r;
		if (!feeder_subscription(feeder, &port) || actor_stopping(self))
			return -ESRCH;
		/*
		 * The subscriber's mailbox stays full (-EBUSY), the node is away, or there is no memory. This
		 * may wait, because the queue is bounded.
		 */
		r = r == -EBUSY ? 0 : actor_sleep(self, AGAIN_MS);
		if (r < 0)
			return r;
	}
}

/* @n items have left the queue and could not be sent, for want of memory. They are reported as lost later. */
static void feeder_lost(struct feeder *feeder, uint64_t n, bool was_counted)
{
	struct port *port;
	struct subscription *subscription = feeder_subscription(feeder, &port);

	if (!subscription)
		return;
	items_put_lost(&subscription->items, n);
	subscription->items.lost_all += was_counted ? 0 : n;
}

static int feeder_tell_lost(actor *self, struct subscription *subscription, uint64_t lost, bool is_over)
{
	char method[256];
	actor_ref who = subscription->who;
	actor_msg *msg = NULL;
	int r;

	snprintf(method, sizeof(method), "%s", subscription->lag_method);
	r = actor_msg_new(&msg);
	if (r == 0)
		r = actor_msg_pack(
			msg, "[UUUb]", subscription->id, lost, subscription->items.lost_all, is_over);
	if (r == 0)
		r = feeder_cast(self, who, method, &msg);
	else
		r = actor_sleep(self, AGAIN_MS) < 0 ? r : -EAGAIN;
	if (r == -ENOMEM || r == -EAGAIN)
		feeder_lost(actor_state(self), lost, true);
	actor_msg_free(msg);
	return r == -EAGAIN ? 0 : r;
}

/* Casts an item that has left the queue. If there is no memory for that, the item is lost. */
static int feeder_pass(actor *self, const struct subscription *subscription, struct item *item)
{
	char method[256];
	actor_ref who = subscription->who;
	actor_msg *msg = NULL;
	int r;

	snprintf(method, sizeof(method), "%s", subscription->method);
	r = actor_msg_new(&msg);
	if (r == 0)
		r = actor_msg_write(msg, (const char *)item->args, item->bytes);
	item_put(item);
	if (r == 0)
		r = feeder_cast(self, who, method, &msg);
	actor_msg_free(msg);
	if (r != -ENOMEM)
		return r;
	feeder_lost(actor_state(self), 1, false);
	return 0;
}

static int feeder_go(actor *self, const actor_msg *ignored)
{
	struct feeder *feeder = actor_state(self);
	struct subscription *subscription;
	struct port *port;
	struct item *item;
	uint64_t lost;
	int r = 0;

	while ((subscription = feeder_subscription(feeder, &port))) {
		if (r == -ENOMEM)
			subscription->is_fed = false; /* it could not wait: the next publishing wakes it */
		if (r < 0)
			return 0;
		lost = items_take_lost(&subscription->items);
		if (lost) {
			r = feeder_tell_lost(
				self, subscription, lost, subscription->items.over && !subscription->items.n);
			continue;
		}
		item = items_pop(&subscription->items);
		if (!item) {
			subscription->is_fed = false;
			if (subscription->items.over) {
				subscription_free(port, subscription);
				return actor_stop(self, actor_self(self), "normal");
			}
			port_wake(port);
			return 0;
		}
		port_wake(port);
		r = feeder_pass(self, subscription, item);
	}
	return 0;
}

static int feeder_on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct feeder *feeder = actor_state(self);
	struct port *port = port_find(feeder->port);

	if (port) /* the hub was killed; otherwise it would have cleaned up itself */
		port_free(port, self);
	return actor_stop(self, actor_self(self), "shutdown");
}

static const struct actor_method feeder_methods[] = {{.name = "go", .on_cast = feeder_go}, {0}};
const struct actor_behavior feeder_behavior = {
	.name = "port feeder",
	.state_size = sizeof(struct feeder),
	.methods = feeder_methods,
	.init = feeder_init,
	.on_down = feeder_on_down,
};
