/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/port.h — an output port: what is published comes to all who have subscribed
 *
 * A port belongs to a group; an actor of it publishes, and never knows to whom. Subscribers are actors of any
 * group, in any language: they call the port's ref or name (docs/protocol.md §10). Each subscription has a
 * queue of its own, so one that is slow holds up nobody else. What becomes of a full one is declared; what is
 * lost is counted, and told to the subscriber in its place among what it gets.
 *
 * Order: a subscriber gets what is published in order, from the answer to its subscription on, and after
 * `unsubscribe` was answered nothing more that is not on its way. A subscription ends with its subscriber,
 * and with the port.
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

/* What happens when a subscription has queue_max items that were not taken. */
enum actor_port_policy {
	ACTOR_PORT_DEFAULT,     /* of a subscription: the port's; of a port: DROP_OLDEST */
	ACTOR_PORT_DROP_OLDEST, /* and the subscriber is told how many */
	ACTOR_PORT_DROP_NEWEST,
	ACTOR_PORT_END,   /* it is over; the subscriber is told so */
	ACTOR_PORT_BLOCK, /* who publishes waits */
};

struct actor_port_options {
	const char *name;           /* registered, so that others find it; NULL: none */
	uint32_t queue_max;         /* items; 0: 1,024; a subscription may ask for fewer */
	uint32_t queue_max_bytes;   /* 0: 1 MiB */
	uint32_t subscriptions_max; /* 0: 4,096 */
	enum actor_port_policy policy;
	bool no_block; /* refuses subscriptions that ask for BLOCK */
};

/* 0, -EINVAL, -ENOMEM, or what actor_register() gives. */
ACTOR_EXPORT int actor_port_new_sized(
	actor *self, actor_port **ret, const struct actor_port_options *options, size_t options_bytes);
static inline int actor_port_new(actor *self, actor_port **ret, const struct actor_port_options *options)
{
	return actor_port_new_sized(self, ret, options, sizeof(*options));
}
/* What subscribers call. */
ACTOR_EXPORT actor_ref actor_port_ref(const actor_port *port);
/*
 * actor_port_publish() - to all whose filters let it through
 * The format makes an array of arguments, with which their method is cast. Waits only for subscriptions with
 * BLOCK, as long as @self is an actor in a handler, and for at most 5 s. Return: for how many subscriptions
 * it was taken; -EBUSY: one of BLOCK stayed full, and nobody gets it; -EINVAL, -EMSGSIZE, -EPROTO, -ENOMEM,
 * -ECANCELED; -ESRCH: the port has ended.
 */
ACTOR_EXPORT int actor_port_publish(actor *self, actor_port *port, const char *format, ...);
/*
 * Ends the port. What was published before is still brought to the subscribers that take it, for 1 s. NULL is
 * fine; returns NULL. The actor that made the port may also just end: the port ends with it.
 */
ACTOR_EXPORT actor_port *actor_port_free(actor *self, actor_port *port);

struct actor_port_subscription {
	const char *method;     /* cast to the subscriber for each item */
	const char *lag_method; /* cast [id, lost, all lost, ended:bool]; NULL: "lagged" */
	actor_ref who;          /* nobody: the calling actor */
	uint32_t queue_max;     /* 0: the port's */
	enum actor_port_policy policy;
	/*
	 * What it wants, as one msgpack value (docs/protocol.md §10): a map of `where` (conditions that must
	 * all hold) and `pick` (the parts that become its arguments). NULL: all
	 */
	const void *filter;
	size_t filter_bytes;
	/*
	 * For ports of the own group: called when something is published, in the publisher's turn. Appends
	 * one array of arguments to @out and returns 0; a positive value: not this one. NULL: none
	 */
	int (*convert)(const void *args, size_t args_bytes, actor_msg *out, void *arg);
	void *arg;
};

/* 0, -EINVAL; -EREMOTEIO (the port refuses: `bad_args`, `overloaded`); else as actor_call(). */
ACTOR_EXPORT int actor_port_subscribe_sized(actor *self, actor_dest port,
	const struct actor_port_subscription *subscription, size_t subscription_bytes, uint64_t *ret_id);
static inline int actor_port_subscribe(
	actor *self, actor_dest port, const struct actor_port_subscription *subscription, uint64_t *ret_id)
{
	return actor_port_subscribe_sized(self, port, subscription, sizeof(*subscription), ret_id);
}
/* 0; -ESRCH: there is none of that id, of this actor. Else as actor_call(). */
ACTOR_EXPORT int actor_port_unsubscribe(actor *self, actor_dest port, uint64_t id);

#ifdef __cplusplus
}
#endif

#endif
