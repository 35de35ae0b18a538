/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/port/ports.h"

#include <stdlib.h>

#include "libactor/util/shared-slots.h"

struct waiter {
	struct list link;
	bool for_all; /* waits until all were fed; false: until there is room */
	actor_from *from;
};

static struct shared_slots ports = SHARED_SLOTS_INIT; /* of struct port */

struct port *port_find(uint64_t id)
{
	return shared_slots_get(&ports, id);
}

struct place {
	const actor_group *group;
	actor_ref ref;
};

static bool port_is_at(const void *item, const void *arg)
{
	const struct place *place = arg;
	const struct port *port = item;

	return port->group == place->group && actor_ref_equal(port->ref, place->ref);
}

struct port *port_find_ref(const actor_group *group, actor_ref ref)
{
	return shared_slots_find(&ports, port_is_at, &(struct place){group, ref});
}

int port_enter(struct port *port)
{
	return shared_slots_take(&ports, port, &port->id);
}

/* ---- waiting publishers ---- */

bool port_has_room(struct port *port)
{
	if (!port->n_blocking)
		return true;
	list_for_each(it, &port->subscriptions) {
		struct subscription *subscription = container_of(it, struct subscription, link);

		if (subscription->items.policy == ACTOR_PORT_BLOCK && items_is_full(&subscription->items))
			return false;
	}
	return true;
}

static bool port_is_empty(struct port *port)
{
	list_for_each(it, &port->subscriptions)
		if (container_of(it, struct subscription, link)->is_fed)
			return false;
	return true;
}

void port_wake(struct port *port)
{
	list_for_each_safe(it, &port->waiters) {
		struct waiter *waiter = container_of(it, struct waiter, link);

		if (waiter->for_all ? !port_is_empty(port) : !port_has_room(port))
			continue;
		list_remove(&waiter->link);
		(void)actor_reply(waiter->from, "");
		free(waiter);
	}
}

int port_wait(struct port *port, actor_from *from, bool for_all)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	if (waiter)
		waiter->from = actor_from_keep(from);
	if (!waiter || !waiter->from) {
		free(waiter);
		return actor_reply_error(from, "overloaded", "out of memory");
	}
	waiter->for_all = for_all;
	list_append(&port->waiters, &waiter->link);
	port_wake(port);
	return 0;
}

/* ---- subscriptions ---- */

void subscription_free(struct port *port, struct subscription *subscription)
{
	list_remove(&subscription->link);
	slots_give(&port->ids, subscription->id);
	port->n_blocking -= subscription->items.policy == ACTOR_PORT_BLOCK;
	items_deinit(&subscription->items);
	free(subscription->filter);
	free(subscription);
	port_wake(port);
}

void subscription_end(struct port *port, actor *self, struct subscription *subscription)
{
	(void)actor_kill(self, subscription->feeder);
	subscription_free(port, subscription);
}

void port_free(struct port *port, actor *self)
{
	struct list *link;

	shared_slots_give(&ports, port->id);
	while (!list_is_empty(&port->subscriptions))
		subscription_end(
			port, self, container_of(port->subscriptions.next, struct subscription, link));
	while ((link = list_pop(&port->waiters))) {
		struct waiter *waiter = container_of(link, struct waiter, link);

		actor_from_free(waiter->from);
		free(waiter);
	}
	while (list_pop(&port->hooks))
		;
	slots_deinit(&port->ids);
	free((char *)port->options.name);
	free(port);
}
