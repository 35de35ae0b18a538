/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports of this process, and what each has: its subscriptions, and who waits. All of a port is one
 * thread's; its actors and whoever publishes know it by its id and look it up anew after each wait.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/port.h"
#include "libactor/port/items.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

/* A converter that is being subscribed by an actor of this group; on its stack. */
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
	bool is_fed; /* the feeder has something to do, and knows it */
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
	uint32_t n_blocking; /* subscriptions of BLOCK */
	struct list waiters;
	struct list hooks;
	uint64_t owner_monitor;
};

/* NULL: it is over. */
struct port *port_find(uint64_t id);
/* Without a node the refs of two groups may be the same. */
struct port *port_find_ref(const actor_group *group, actor_ref ref);
int port_enter(struct port *port); /* from now on it is found by port->id */

bool port_has_room(struct port *port);
/* Those whose turn has come are answered. */
void port_wake(struct port *port);
/* @from is answered when there is room, or, @for_all, when all that waits has been fed. */
int port_wait(struct port *port, actor_from *from, bool for_all);

void subscription_free(struct port *port, struct subscription *subscription);
/* @self is not its feeder. Nothing that has not left is sent after this. */
void subscription_end(struct port *port, actor *self, struct subscription *subscription);
void port_free(struct port *port, actor *self);
