/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports of this process. A port has subscriptions and waiting publishers. Only one thread uses a port.
 * The port's actors and the publishers know it by its id and look it up after each wait.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/port.h"
#include "libactor/port/items.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

/* A converter that an actor of this group is subscribing; it lies on that actor's stack. */
struct hook {
	struct list link; /* port.hooks */
	int (*convert)(const void *args, size_t args_bytes, actor_msg *out, void *arg);
	void *arg;
};

struct subscription {
	uint64_t id;
	struct list link; /* port.subscriptions */
	actor_ref who, by;
	uint64_t monitor;
	actor_ref feeder;
	bool is_fed; /* the feeder has something to do, and knows so */
	struct items items;
	char method[256], lag_method[256];
	void *filter;
	size_t filter_bytes;
	bool picks;
	int (*convert)(const void *args, size_t args_bytes, actor_msg *out, void *arg);
	void *arg;
};

struct port {
	uint64_t id;
	const actor_group *group;
	actor_ref ref;
	struct actor_port_options options;
	struct slots ids; /* of struct subscription */
	struct list subscriptions;
	uint32_t n_blocking; /* number of subscriptions with BLOCK */
	struct list waiters;
	struct list hooks;
	uint64_t owner_monitor;
};

/* Returns NULL when the port is over. */
struct port *port_find(uint64_t id);
/* @group is needed because without a node two groups may have the same refs. */
struct port *port_find_ref(const actor_group *group, actor_ref ref);
int port_enter(struct port *port); /* from now on port_find() finds it by port->id */

bool port_has_room(struct port *port);
/* Answers the publishers that may go on. */
void port_wake(struct port *port);
/* Answers @from when there is room, or, with @for_all, when all waiting items were fed. */
int port_wait(struct port *port, actor_from *from, bool for_all);

void subscription_free(struct port *port, struct subscription *subscription);
/* @self is not the feeder of the subscription. Items that have not left are not sent after this. */
void subscription_end(struct port *port, actor *self, struct subscription *subscription);
void port_free(struct port *port, actor *self);
