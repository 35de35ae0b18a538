/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port: its own actor (the hub), which is asked for subscriptions, and for each of those one that casts to
 * the subscriber and may have to wait for it (the feeder). Publishing is a function of the publisher's turn.
 * All of it is one thread's; they know the port by its id and look it up anew after each wait.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/port.h"
#include "libactor/message/msg.h"
#include "libactor/port/filter.h"
#include "libactor/port/items.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"
#include "libactor/util/sized.h"
#include "libactor/util/slots.h"

#define DEFAULT_QUEUE_MAX         1024u
#define DEFAULT_QUEUE_MAX_BYTES   (1u << 20)
#define DEFAULT_SUBSCRIPTIONS_MAX 4096u
#define QUEUE_MAX_MAX             (1u << 24)
#define BLOCK_MAX_MS              5000
#define CLOSE_MAX_MS              1000
#define AGAIN_MS                  50

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

struct waiter {
	struct list link;
	bool for_all; /* until all have been fed; else until there is room */
	actor_from *from;
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

/* Groups may run in several threads, so a lock guards the table, as that of kept addresses. */
static struct {
	pthread_mutex_t lock;
	struct slots slots; /* of struct port */
} ports = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct port *port_find(uint64_t id)
{
	struct port *port;

	pthread_mutex_lock(&ports.lock);
	port = slots_get(&ports.slots, id);
	pthread_mutex_unlock(&ports.lock);
	return port;
}

/* Without a node the refs of two groups may be the same. */
static struct port *port_find_ref(const actor_group *group, actor_ref ref)
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

/* What a program holds is a number in the type of a pointer, so it may outlive the port. */
static uint64_t handle_id(const actor_port *handle)
{
	return (uint64_t)(uintptr_t)handle;
}

/* ---- who waits ---- */

static bool port_has_room(struct port *port)
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

static void waiters_wake(struct port *port)
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

static int wait_in(struct port *port, actor_from *from, bool for_all)
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
	waiters_wake(port);
	return 0;
}

/* ---- subscriptions ---- */

static void subscription_free(struct port *port, struct subscription *subscription)
{
	list_remove(&subscription->link);
	slots_give(&port->ids, subscription->id);
	port->n_blocking -= subscription->items.policy == ACTOR_PORT_BLOCK;
	items_deinit(&subscription->items);
	free(subscription->filter);
	free(subscription);
	waiters_wake(port);
}

/* @self is not its feeder. Nothing that has not left is sent after this. */
static void subscription_end(struct port *port, actor *self, struct subscription *subscription)
{
	(void)actor_kill(self, subscription->feeder);
	subscription_free(port, subscription);
}

static void port_free(struct port *port, actor *self)
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

/* ---- the feeder ---- */

struct feeder {
	uint64_t port, subscription;
	uint64_t hub_monitor;
};

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

/* Casts until the message is taken. 0; negative: this actor, or the subscription, is over. */
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
		 * The subscriber's mailbox stays full (-EBUSY), the node is away, or there is no memory. The
		 * queue is bounded, so this can wait.
		 */
		r = r == -EBUSY ? 0 : actor_sleep(self, AGAIN_MS);
		if (r < 0)
			return r;
	}
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
	actor_msg_free(msg);
	return r;
}

/* There was no memory for an item that is out of the queue already. */
static int feeder_lost(struct feeder *feeder)
{
	struct port *port;
	struct subscription *subscription = feeder_subscription(feeder, &port);

	if (!subscription)
		return -ESRCH;
	items_lose(&subscription->items);
	return 0;
}

static int feeder_go(actor *self, const actor_msg *ignored)
{
	struct feeder *feeder = actor_state(self);
	struct subscription *subscription;
	struct port *port;
	actor_msg *msg;
	struct item *item;
	char method[256];
	actor_ref who;
	uint64_t lost;
	int r = 0;

	while (r == 0 && (subscription = feeder_subscription(feeder, &port))) {
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
			waiters_wake(port);
			return 0;
		}
		waiters_wake(port);
		who = subscription->who;
		snprintf(method, sizeof(method), "%s", subscription->method);
		msg = NULL;
		r = actor_msg_new(&msg);
		if (r == 0)
			r = actor_msg_write(msg, (const char *)item->args, item->bytes);
		item_put(item);
		if (r == 0)
			r = feeder_cast(self, who, method, &msg);
		else
			r = feeder_lost(feeder);
		actor_msg_free(msg);
	}
	return 0;
}

static int feeder_on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct feeder *feeder = actor_state(self);
	struct port *port = port_find(feeder->port);

	if (port) /* the hub was killed, or it would have cleared away itself */
		port_free(port, self);
	return actor_stop(self, actor_self(self), "shutdown");
}

static const struct actor_method feeder_methods[] = {{.name = "go", .on_cast = feeder_go}, {0}};
static const struct actor_behavior feeder_behavior = {
	.name = "port feeder",
	.state_size = sizeof(struct feeder),
	.methods = feeder_methods,
	.init = feeder_init,
	.on_down = feeder_on_down,
};

/* ---- the hub ---- */

struct hub {
	uint64_t port;
};

static struct port *hub_port(actor *self)
{
	return port_find(((struct hub *)actor_state(self))->port);
}

struct wish {
	actor_ref who;
	const char *method, *lag_method;
	size_t method_bytes, lag_bytes;
	uint64_t queue_max;
	enum actor_port_policy policy;
	const uint8_t *filter;
	size_t filter_bytes;
	uint64_t hook;
};

static int policy_read(struct mp_reader *r, enum actor_port_policy *ret)
{
	static const char *const words[] = {
		[ACTOR_PORT_DROP_OLDEST] = "drop_oldest",
		[ACTOR_PORT_DROP_NEWEST] = "drop_newest",
		[ACTOR_PORT_END] = "end",
		[ACTOR_PORT_BLOCK] = "block",
	};
	const char *s;
	size_t length;

	if (mp_read_str(r, &s, &length) < 0)
		return -EPROTO;
	for (int i = ACTOR_PORT_DROP_OLDEST; i <= ACTOR_PORT_BLOCK; i++) {
		if (mp_str_is(s, length, words[i])) {
			*ret = (enum actor_port_policy)i;
			return 0;
		}
	}
	return -EPROTO;
}

static int wish_read_option(struct mp_reader *r, const char *key, size_t length, struct wish *ret)
{
	if (mp_str_is(key, length, "who"))
		return mp_read_ref(r, &ret->who);
	if (mp_str_is(key, length, "lag_method"))
		return mp_read_str(r, &ret->lag_method, &ret->lag_bytes);
	if (mp_str_is(key, length, "queue_max"))
		return mp_read_uint(r, &ret->queue_max);
	if (mp_str_is(key, length, "policy"))
		return policy_read(r, &ret->policy);
	if (mp_str_is(key, length, "filter"))
		return mp_read_raw(r, &ret->filter, &ret->filter_bytes);
	if (mp_str_is(key, length, "hook"))
		return mp_read_uint(r, &ret->hook);
	return mp_skip(r);
}

/* NULL, or what is wrong with it. */
static const char *wish_read(const actor_msg *msg, const struct actor_port_options *options, struct wish *ret)
{
	struct mp_reader r = mp_reader(msg->body, msg->body_bytes);
	const char *key;
	size_t length;
	uint32_t n;

	*ret = (struct wish){.who = msg->sender,
		.lag_method = "lagged",
		.lag_bytes = 6,
		.queue_max = options->queue_max,
		.policy = options->policy};
	if (mp_read_array(&r, &n) < 0 || n < 1 || n > 2 ||
		mp_read_str(&r, &ret->method, &ret->method_bytes) < 0)
		return "subscribe wants [method], and may have a map of options";
	if (n == 2) {
		if (mp_read_map(&r, &n) < 0)
			return "the options of a subscription are a map";
		while (n--)
			if (mp_read_str(&r, &key, &length) < 0 || wish_read_option(&r, key, length, ret) < 0)
				return "an option of the subscription has a wrong value";
	}
	if (!wire_name_is_valid(ret->method, ret->method_bytes) ||
		!wire_name_is_valid(ret->lag_method, ret->lag_bytes))
		return "a method's name is none";
	if (!ret->queue_max || ret->queue_max > options->queue_max)
		return "queue_max is from 1 to that of the port";
	if (ret->policy == ACTOR_PORT_BLOCK && options->no_block)
		return "this port waits for nobody";
	if (ret->filter_bytes > ACTOR_PORT_FILTER_MAX_BYTES)
		return "a filter has at most 4,096 bytes";
	/*
	 * An actor may subscribe itself, and others of its group. Nobody else is sent anything that it did
	 * not ask for.
	 */
	if (ret->who.group != msg->sender.group || ret->who.node != msg->sender.node)
		return "who is subscribed is of the caller's group";
	return ret->filter ? filter_check(ret->filter, ret->filter_bytes) : NULL;
}

static void subscription_hook(
	struct port *port, struct subscription *subscription, const struct wish *wish, actor_ref by)
{
	if (!wish->hook || by.group != port->ref.group)
		return; /* an address means something in this process only */
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
	subscription->is_fed = true; /* nobody kicks it before its feeder is there */
	arg.subscription = subscription->id;
	r = items_init(
		&subscription->items, (uint32_t)wish->queue_max, port->options.queue_max_bytes, wish->policy);
	port->n_blocking += wish->policy == ACTOR_PORT_BLOCK;
	if (r == 0)
		r = actor_spawn(self, &feeder_behavior, &arg, &subscription->feeder);
	if (r == 0)
		r = actor_monitor(self, wish->who, &subscription->monitor);
	if (r == 0) /* for what was published meanwhile */
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

/* Answered when a publisher may go on. */
static int hub_room(actor *self, const actor_msg *msg, actor_from *from)
{
	return wait_in(hub_port(self), from, false);
}

/* Answered when all that was published is on its way. */
static int hub_flush(actor *self, const actor_msg *msg, actor_from *from)
{
	return wait_in(hub_port(self), from, true);
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

struct hub_arg {
	const struct actor_port_options *options;
	actor_ref owner;
	uint64_t id; /* out */
};

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
	pthread_mutex_lock(&ports.lock);
	r = slots_take(&ports.slots, port, &port->id);
	pthread_mutex_unlock(&ports.lock);
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

static const struct actor_behavior hub_behavior = {
	.name = "port",
	.state_size = sizeof(struct hub),
	.methods = hub_methods,
	.init = hub_init,
	.terminate = hub_terminate,
	.on_down = hub_on_down,
};

/* ---- public ---- */

#define OPTIONS_FIRST_BYTES      sizeof(struct actor_port_options)      /* as of 0.1 */
#define SUBSCRIPTION_FIRST_BYTES sizeof(struct actor_port_subscription) /* as of 0.1 */

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

/* What @subscription gets of these arguments. 0, 1 (nothing), -ENOMEM. */
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

static bool port_give(actor *self, struct subscription *subscription, struct item *whole)
{
	struct item *item = NULL;
	int r = subscription_item(subscription, whole, &item);
	enum items_verdict verdict;

	if (r == 1)
		return false;
	if (r < 0) { /* no memory: lost, and the subscriber hears of it */
		items_lose(&subscription->items);
		verdict = ITEMS_LOST;
	} else {
		verdict = items_push(&subscription->items, item);
		item_put(item);
	}
	/* the feeder's mailbox has this one message at most, so this does not wait */
	if (!subscription->is_fed)
		subscription->is_fed = actor_cast(self, actor_to(subscription->feeder), "go", "") == 0;
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
	while ((port = port_find(handle_id(handle))) && !port_has_room(port) && r == 0)
		r = actor_call(self, actor_to(port->ref), "room", BLOCK_MAX_MS, NULL, "");
	if (r < 0 || !port) {
		item_put(item);
		return !port ? -ESRCH : r == -ETIMEDOUT ? -EBUSY : r;
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
		port = port_find(handle_id(handle)); /* the hub was killed before anybody had subscribed */
		if (port)
			port_free(port, self);
		return NULL;
	}
	(void)actor_stop(self, ref, "normal");
	return NULL;
}

static void put_wish(struct buf *out, const struct actor_port_subscription *s, const struct hook *hook)
{
	static const char *const words[] = {NULL, "drop_oldest", "drop_newest", "end", "block"};

	mp_put_array(out, 2);
	mp_put_cstr(out, s->method);
	mp_put_map(out, (uint32_t)(!!s->lag_method + !actor_ref_is_nobody(s->who) + !!s->queue_max +
				   !!s->policy + !!s->filter + !!hook));
	if (s->lag_method) {
		mp_put_cstr(out, "lag_method");
		mp_put_cstr(out, s->lag_method);
	}
	if (!actor_ref_is_nobody(s->who)) {
		mp_put_cstr(out, "who");
		mp_put_ref(out, s->who);
	}
	if (s->queue_max) {
		mp_put_cstr(out, "queue_max");
		mp_put_uint(out, s->queue_max);
	}
	if (s->policy) {
		mp_put_cstr(out, "policy");
		mp_put_cstr(out, words[s->policy]);
	}
	if (s->filter) {
		mp_put_cstr(out, "filter");
		mp_put_raw(out, s->filter, s->filter_bytes);
	}
	if (hook) {
		mp_put_cstr(out, "hook");
		mp_put_uint(out, (uint64_t)(uintptr_t)hook);
	}
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
	put_wish(&out, &s, s.convert ? &hook : NULL);
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
