/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/port/ports.h"

#include <pthread.h>
#include <stdlib.h>

struct waiter {
	struct list link;
	bool for_all; /* waits until all were fed; false: until there is room */
	actor_from *from;
};

/* Groups may run in several threads, so a lock guards the table, as with kept addresses. */
static struct {
	pthread_mutex_t lock;
	struct slots slots; /* of struct port */
} ports = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct port *port_find(uint64_t id)
{
	struct port *port;

	pthread_mutex_lock(&ports.lock);
	port = slots_get(&ports.slots, id);
	pthread_mutex_unlock(&ports.lock);
	return port;
}

struct port *port_find_ref(const actor_group *group, actor_ref ref)
{
	struct port *port;
	uint32_t at = 0;

	pthread_mutex_lock(&ports.lock);
	do
		port = slots_walk(&ports.slots, &at);
	while (port && (port->group != group || !actor_ref_equal(port->ref, ref)));
	pthread_mutex_unlock(&ports.lock);
	return port;
}

int port_enter(struct port *port)
{
	int r;

	pthread_mutex_lock(&ports.lock);
	r = slots_take(&ports.slots, port, &port->id);
	pthread_mutex_unlock(&ports.lock);
	return r;
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

	pthread_mutex_lock(&ports.lock);
	slots_give(&ports.slots, port->id);
	if (!ports.slots.n_items)
		slots_deinit(&ports.slots);
	pthread_mutex_unlock(&ports.lock);
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
