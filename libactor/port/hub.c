/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/port/hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/port/feeder.h"
#include "libactor/port/filter.h"
#include "libactor/port/ports.h"
#include "libactor/port/wish.h"

struct hub {
	uint64_t port;
};

static struct port *hub_port(actor *self)
{
	return port_find(((struct hub *)actor_state(self))->port);
}

static void subscription_hook(
	struct port *port, struct subscription *subscription, const struct wish *wish, actor_ref by)
{
	if (!wish->hook || by.group != port->ref.group)
		return; /* an address is valid only within this process */
	list_for_each(it, &port->hooks) {
		struct hook *hook = container_of(it, struct hook, link);

		if ((uint64_t)(uintptr_t)hook == wish->hook) {
			subscription->convert = hook->convert;
			subscription->arg = hook->arg;
			return;
		}
	}
}

static int subscription_new(
	struct port *port, actor *self, const struct wish *wish, actor_ref by, struct subscription **ret)
{
	struct subscription *subscription = calloc(1, sizeof(*subscription));
	struct feeder arg = {.port = port->id};
	int r;

	if (!subscription)
		return -ENOMEM;
	subscription->who = wish->who;
	subscription->by = by;
	snprintf(subscription->method, sizeof(subscription->method), "%.*s", (int)wish->method_bytes,
		wish->method);
	snprintf(subscription->lag_method, sizeof(subscription->lag_method), "%.*s", (int)wish->lag_bytes,
		wish->lag_method);
	if (wish->filter_bytes) {
		subscription->filter = malloc(wish->filter_bytes);
		if (subscription->filter) {
			memcpy(subscription->filter, wish->filter, wish->filter_bytes);
			subscription->filter_bytes = wish->filter_bytes;
			subscription->picks = filter_picks(wish->filter, wish->filter_bytes);
		}
	}
	subscription_hook(port, subscription, wish, by);
	r = wish->filter_bytes && !subscription->filter
		    ? -ENOMEM
		    : slots_take(&port->ids, subscription, &subscription->id);
	if (r < 0) {
		free(subscription->filter);
		free(subscription);
		return r;
	}
	list_append(&port->subscriptions, &subscription->link);
	subscription->is_fed = true; /* the feeder does not exist yet, so a publisher must not wake it */
	arg.subscription = subscription->id;
	r = items_init(
		&subscription->items, (uint32_t)wish->queue_max, port->options.queue_max_bytes, wish->policy);
	port->n_blocking += wish->policy == ACTOR_PORT_BLOCK;
	if (r == 0)
		r = actor_spawn(self, &feeder_behavior, &arg, &subscription->feeder);
	if (r == 0)
		r = actor_monitor(self, wish->who, &subscription->monitor);
	if (r == 0) /* for items that were published meanwhile */
		r = actor_cast(self, actor_to(subscription->feeder), "go", "");
	if (r < 0) {
		subscription_end(port, self, subscription);
		return r;
	}
	*ret = subscription;
	return 0;
}

static int hub_subscribe(actor *self, const actor_msg *msg, actor_from *from)
{
	struct port *port = hub_port(self);
	struct subscription *subscription;
	const char *complaint;
	struct wish wish;
	int r;

	complaint = wish_read(msg, &port->options, &wish);
	if (complaint)
		return actor_reply_error(from, "bad_args", "%s", complaint);
	if (port->ids.n_items >= port->options.subscriptions_max)
		return actor_reply_error(from, "overloaded", "it has %u subscriptions already",
			port->options.subscriptions_max);
	r = subscription_new(port, self, &wish, actor_msg_sender(msg), &subscription);
	if (r < 0)
		return actor_reply_error(from, "overloaded", "%s", actor_strerror(r));
	return actor_reply(from, "U", subscription->id);
}

static int hub_unsubscribe(actor *self, const actor_msg *msg, actor_from *from)
{
	struct port *port = hub_port(self);
	struct subscription *subscription = NULL;
	actor_ref sender = actor_msg_sender(msg);
	uint64_t id;

	if (actor_msg_unpack(msg, "U", &id) < 0)
		return actor_reply_error(from, "bad_args", "unsubscribe wants the id of a subscription");
	subscription = slots_get(&port->ids, id);
	if (!subscription ||
		(!actor_ref_equal(subscription->by, sender) && !actor_ref_equal(subscription->who, sender)))
		return actor_reply(from, "b", false);
	actor_demonitor(self, subscription->monitor);
	subscription_end(port, self, subscription);
	return actor_reply(from, "b", true);
}

static int hub_stats(actor *self, const actor_msg *msg, actor_from *from)
{
	struct port *port = hub_port(self);
	uint64_t queued = 0, bytes = 0, lost = 0;

	list_for_each(it, &port->subscriptions) {
		const struct items *items = &container_of(it, struct subscription, link)->items;

		queued += items->n;
		bytes += items->bytes;
		lost += items->lost_all;
	}
	return actor_reply(from, "{s:U,s:U,s:U,s:U}", "subscriptions", (uint64_t)port->ids.n_items, "queued",
		queued, "queued_bytes", bytes, "lost", lost);
}

/* Answers when a publisher may go on. */
static int hub_room(actor *self, const actor_msg *msg, actor_from *from)
{
	return port_wait(hub_port(self), from, false);
}

/* Answers when all that was published is on its way. */
static int hub_flush(actor *self, const actor_msg *msg, actor_from *from)
{
	return port_wait(hub_port(self), from, true);
}

static int hub_on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct port *port = hub_port(self);

	if (monitor == port->owner_monitor)
		return actor_stop(self, actor_self(self), "shutdown");
	list_for_each_safe(it, &port->subscriptions) {
		struct subscription *subscription = container_of(it, struct subscription, link);

		if (subscription->monitor == monitor)
			subscription_end(port, self, subscription);
	}
	return 0;
}

static void hub_terminate(actor *self, const struct actor_cause *cause)
{
	struct port *port = hub_port(self);

	if (port)
		port_free(port, self);
}

static int hub_init(actor *self, const void *given)
{
	struct hub_arg *arg = (struct hub_arg *)(uintptr_t)given;
	struct port *port = calloc(1, sizeof(*port));
	int r;

	if (!port)
		return -ENOMEM;
	port->group = actor_group_of(self);
	port->ref = actor_self(self);
	port->options = *arg->options;
	port->options.name = NULL;
	list_init(&port->subscriptions);
	list_init(&port->waiters);
	list_init(&port->hooks);
	r = port_enter(port);
	if (r < 0) {
		free(port);
		return r;
	}
	((struct hub *)actor_state(self))->port = arg->id = port->id;
	r = actor_monitor(self, arg->owner, &port->owner_monitor);
	if (r == 0 && arg->options->name)
		r = actor_register(self, arg->options->name);
	if (r < 0)
		port_free(port, self);
	return r;
}

static const struct actor_method hub_methods[] = {
	{.name = "subscribe",
		.on_call = hub_subscribe,
		.args = "method:str options:map?",
		.doc = "casts method for each item that is published, answers the subscription's id"},
	{.name = "unsubscribe",
		.on_call = hub_unsubscribe,
		.args = "id:int",
		.doc = "answers whether there was one"},
	{.name = "stats", .on_call = hub_stats, .doc = "answers a map of numbers"},
	{.name = "room", .on_call = hub_room},
	{.name = "flush", .on_call = hub_flush},
	{0},
};

const struct actor_behavior hub_behavior = {
	.name = "port",
	.state_size = sizeof(struct hub),
	.methods = hub_methods,
	.init = hub_init,
	.terminate = hub_terminate,
	.on_down = hub_on_down,
};
