/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/port.h — an output port: every subscriber gets what is published
 *
 * A port belongs to a group. An actor of that group publishes, and does not know the subscribers. Subscribers
 * are actors of any group, in any language: they call the port by its ref or name (docs/protocol.md §10).
 * Each subscription has a queue of its own, so a slow subscriber delays no other one. A policy says what
 * happens to a full queue. Lost items are counted, and the subscriber learns of the loss at its place among
 * the items.
 *
 * Order: from the answer to its subscription on, a subscriber gets what is published, in order. After
 * `unsubscribe` was answered, it gets only what was already on its way. A subscription ends with its
 * subscriber and with the port.
 *
 * Source: ractor's OutputPort. Added: other groups, bounds, the lag event, filters that travel,
 * unsubscribing.
 */
#ifndef ACTOR_PORT_H
#define ACTOR_PORT_H

#include <actor/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACTOR_PORT_FILTER_MAX_BYTES 4096u

typedef struct actor_port actor_port;

/* What happens when queue_max items of a subscription wait. */
enum actor_port_policy {
	ACTOR_PORT_DEFAULT,     /* of a subscription: the port's policy; of a port: DROP_OLDEST */
	ACTOR_PORT_DROP_OLDEST, /* the subscriber learns how many items were lost */
	ACTOR_PORT_DROP_NEWEST,
	ACTOR_PORT_END,   /* the subscription ends, and the subscriber learns so */
	ACTOR_PORT_BLOCK, /* the publisher waits */
};

struct actor_port_options {
	const char *name;           /* registered, so that others find the port; NULL: no name */
	uint32_t queue_max;         /* items; 0: 1,024; a subscription may ask for fewer */
	uint32_t queue_max_bytes;   /* 0: 1 MiB */
	uint32_t subscriptions_max; /* 0: 4,096 */
	enum actor_port_policy policy;
	bool no_block; /* the port refuses subscriptions that ask for BLOCK */
};

/* Returns 0; -EINVAL; -ENOMEM; or an error of actor_register(). */
ACTOR_EXPORT int actor_port_new_sized(
	actor *self, actor_port **ret, const struct actor_port_options *options, size_t options_bytes);
static inline int actor_port_new(actor *self, actor_port **ret, const struct actor_port_options *options)
{
	return actor_port_new_sized(self, ret, options, sizeof(*options));
}
/* The ref that subscribers call. */
ACTOR_EXPORT actor_ref actor_port_ref(const actor_port *port);
/*
 * actor_port_publish() - send an item to all subscribers whose filters let it through
 *
 * The format makes an array of arguments, with which each subscriber's method is cast. Waits only for
 * subscriptions with BLOCK, only when @self is an actor in a handler, and at most 5 s. Returns the number of
 * subscriptions that took the item; -EBUSY when a subscription with BLOCK stayed full, and then no subscriber
 * gets the item; -EINVAL; -EMSGSIZE; -EPROTO; -ENOMEM; -ECANCELED; -ESRCH when the port has ended.
 */
ACTOR_EXPORT int actor_port_publish(actor *self, actor_port *port, const char *format, ...);
/*
 * Ends the port. For 1 s the subscribers that take items still get what was published before. NULL is
 * allowed. Returns NULL. The port also ends when the actor that made it ends.
 */
ACTOR_EXPORT actor_port *actor_port_free(actor *self, actor_port *port);

struct actor_port_subscription {
	const char *method;     /* is cast to the subscriber for each item */
	const char *lag_method; /* is cast with [id, lost, all lost, ended:bool]; NULL: "lagged" */
	actor_ref who;          /* nobody: the calling actor */
	uint32_t queue_max;     /* 0: the port's */
	enum actor_port_policy policy;
	/*
	 * The filter, as one msgpack value (docs/protocol.md §10): a map of `where` (conditions that must all
	 * hold) and `pick` (the parts that become the arguments). NULL: every item, with all its arguments
	 */
	const void *filter;
	size_t filter_bytes;
	/*
	 * Only for ports of the subscriber's own group: the library calls convert for each published item, in
	 * the publisher's turn. It appends one array of arguments to @out and returns 0, or returns a
	 * positive value to leave the item out. NULL: none
	 */
	int (*convert)(const void *args, size_t args_bytes, actor_msg *out, void *arg);
	void *arg;
};

/* Returns 0; -EINVAL; -EREMOTEIO when the port refuses (`bad_args`, `overloaded`); else as actor_call(). */
ACTOR_EXPORT int actor_port_subscribe_sized(actor *self, actor_dest port,
	const struct actor_port_subscription *subscription, size_t subscription_bytes, uint64_t *ret_id);
static inline int actor_port_subscribe(
	actor *self, actor_dest port, const struct actor_port_subscription *subscription, uint64_t *ret_id)
{
	return actor_port_subscribe_sized(self, port, subscription, sizeof(*subscription), ret_id);
}
/* Returns 0; -ESRCH when this actor has no subscription @id; else as actor_call(). */
ACTOR_EXPORT int actor_port_unsubscribe(actor *self, actor_dest port, uint64_t id);

#ifdef __cplusplus
}
#endif

#endif
