/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocking client: a group whose only actor is a letter box. The program's straight-line code pumps its
 * loop.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/name.h"
#include "libactor/actor/post.h"
#include "libactor/actor/inflow.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/group.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/send.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"
#include "libactor/watch.h"

struct actor_client {
	actor_group *group;
	actor_ref self;
	struct list received; /* actor_msg.link, in the order of arrival */
};

struct client_state {
	struct actor_client *client;
};

static int client_init(actor *self, const void *arg)
{
	struct client_state *state = actor_state(self);

	state->client = (struct actor_client *)arg;
	return 0;
}

/* Keeps a copy, because the runtime frees the message when the handler returns. */
static int client_other(actor *self, const actor_msg *msg, actor_from *from)
{
	struct client_state *state = actor_state(self);
	actor_msg *copy;

	if (from)
		return actor_reply_error(from, ERROR_NO_METHOD, "a client answers no calls");
	if (msg_new_received(&copy, msg->sender, wire_cstr(msg->method), msg->body, msg->body_bytes) < 0)
		return 0;
	copy->kind = MSG_CAST;
	list_append(&state->client->received, &copy->link);
	return 0;
}

static int client_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct client_state *state = actor_state(self);
	actor_msg *copy;

	if (msg_new_received(&copy, who, wire_cstr("on_down"), NULL, 0) < 0)
		return 0;
	copy->kind = MSG_DOWN;
	copy->id = monitor;
	copy->cause = malloc(sizeof(*copy->cause));
	if (!copy->cause) {
		actor_msg_free(copy);
		return 0;
	}
	*copy->cause = *cause;
	list_append(&state->client->received, &copy->link);
	return 0;
}

static const struct actor_behavior client_behavior = {
	.name = "client",
	.state_size = sizeof(struct client_state),
	.init = client_init,
	.on_other = client_other,
	.on_down = client_down,
};

int actor_client_new_sized(
	actor_client **ret, const struct actor_group_options *options, size_t options_bytes)
{
	struct actor_group_options client_options;
	actor_client *client;
	int r;

	r = group_read_options(&client_options, options, options_bytes);
	if (r < 0)
		return r;
	client_options.ignore_token = true; /* a tool that a supervised program runs is not that program */
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	list_init(&client->received);
	r = actor_group_new(&client->group, &client_options);
	if (r == 0)
		r = group_spawn(client->group, &client_behavior, client, true, &client->self);
	if (r < 0) {
		actor_client_free(client);
		return r;
	}
	*ret = client;
	return 0;
}

actor_client *actor_client_free(actor_client *client)
{
	struct list *node;

	if (!client)
		return NULL;
	actor_group_free(client->group);
	while ((node = list_pop(&client->received)))
		actor_msg_free(container_of(node, actor_msg, link));
	free(client);
	return NULL;
}

actor_ref actor_client_self(actor_client *client)
{
	return client->self;
}

/* NULL: there was no memory for what it had to be told (actor_starve), and it has ended. */
static struct actor *client_actor(actor_client *client)
{
	return actor_find(client->group, client->self.serial);
}

int actor_client_flush(actor_client *client, int64_t timeout_ms)
{
	return actor_group_flush(client->group, timeout_ms);
}

static void client_poll(actor_client *client)
{
	loop_poll(&client->group->loop);
}

/*
 * A client has no handler that could be parked. The senders get NULL as `self`, so they return -EAGAIN
 * instead of parking. Then the client runs the loop for a millisecond and tries again.
 */
static void client_pump(actor_client *client)
{
	(void)loop_pump_until(&client->group->loop, clock_now_ns() + MS_NS);
}

/*
 * Waits until a message may be sent to @to. At the deadline returns -ETIMEDOUT for a call, -EBUSY for a cast.
 * @called: the method of a call; NULL: a cast.
 */
static int client_ready(
	actor_client *client, const struct wire_dest *to, int64_t deadline_ns, const char *called)
{
	int r;

	while ((r = send_ready_to_call(client->group, NULL, to, called, deadline_ns)) == -EAGAIN) {
		if (clock_now_ns() >= deadline_ns)
			return called ? -ETIMEDOUT : -EBUSY;
		client_pump(client);
	}
	return r;
}

int actor_client_call(actor_client *client, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **ret_msg, const char *format, ...)
{
	struct send send = {client->group, NULL, &to, deadline_of_timeout_ms(timeout_ms)};
	va_list args;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	do {
		r = send_find(&send);
		if (r == 0)
			r = client_ready(client, &send.dest, send.deadline_ns, method);
		if (r == 0) {
			va_start(args, format);
			r = send_vcall(client->group, NULL, &send.dest, method, send.deadline_ns, ret_msg,
				format, args);
			va_end(args);
		}
	} while (send_again(&send, &r));
	return r;
}

int actor_client_call_msg(actor_client *client, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **take_args, actor_msg **ret_msg)
{
	struct send send = {client->group, NULL, &to, deadline_of_timeout_ms(timeout_ms)};
	bool sent = false;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	do {
		r = send_find(&send);
		if (r == 0)
			r = client_ready(client, &send.dest, send.deadline_ns, method);
		if (r == 0)
			r = send_call_msg(client->group, NULL, &send.dest, method, send.deadline_ns,
				take_args ? *take_args : NULL, &sent, ret_msg);
	} while (send_again(&send, &r));
	if (sent && take_args)
		*take_args = actor_msg_free(*take_args);
	return r;
}

static int client_all_ready(actor_client *client, const actor_dest *to, int64_t deadline_ns)
{
	int r;

	while ((r = send_all_ready(client->group, NULL, to, deadline_ns)) == -EAGAIN) {
		if (clock_now_ns() >= deadline_ns)
			return -EBUSY;
		client_pump(client);
	}
	return r;
}

int actor_client_cast(actor_client *client, actor_dest to, const char *method, const char *format, ...)
{
	int64_t deadline_ns = deadline_after_ms(clock_now_ns(), SEND_BLOCK_MAX_MS);
	struct send send = {client->group, NULL, &to, deadline_ns, .is_cast = true};
	struct actor *self = client_actor(client);
	va_list args;
	int r;

	if (send_is_to_all(&to)) {
		r = client_all_ready(client, &to, deadline_ns);
		if (r == 0) {
			va_start(args, format);
			r = send_all_vcast(client->group, self, &to, method, format, args);
			va_end(args);
		}
		client_poll(client);
		return r;
	}
	do {
		r = send_find(&send);
		if (r == 0)
			r = client_ready(client, &send.dest, deadline_ns, NULL);
		if (r == 0) {
			va_start(args, format);
			r = send_vcast(client->group, self, &send.dest, method, format, args);
			va_end(args);
		}
	} while (send_again(&send, &r));
	client_poll(client);
	return r;
}

int actor_client_cast_msg(actor_client *client, actor_dest to, const char *method, actor_msg **take_args)
{
	int64_t deadline_ns = deadline_after_ms(clock_now_ns(), SEND_BLOCK_MAX_MS);
	struct send send = {client->group, NULL, &to, deadline_ns, .is_cast = true};
	struct actor *self = client_actor(client);
	int r;

	if (send_is_to_all(&to)) {
		r = client_all_ready(client, &to, deadline_ns);
		if (r == 0)
			r = send_all_cast_msg(client->group, self, &to, method, take_args);
		client_poll(client);
		return r;
	}
	do {
		r = send_find(&send);
		if (r == 0)
			r = client_ready(client, &send.dest, deadline_ns, NULL);
		if (r == 0)
			r = send_cast_msg(client->group, self, &send.dest, method, take_args);
	} while (send_again(&send, &r));
	client_poll(client);
	return r;
}

int actor_client_whereis(actor_client *client, const char *name, actor_ref *ret)
{
	if (!name || !wire_name_is_valid(name, strlen(name)))
		return -EINVAL;
	return name_resolve(client->group, NULL, name, CALL_TIMEOUT_DEFAULT_MS, ret);
}

int actor_client_whereis_wait(actor_client *client, const char *name, int64_t timeout_ms, actor_ref *ret)
{
	if (!name || !wire_name_is_valid(name, strlen(name)))
		return -EINVAL;
	return name_resolve_wait(client->group, NULL, name,
		timeout_ms == ACTOR_TIMEOUT_DEFAULT ? CALL_TIMEOUT_DEFAULT_MS : timeout_ms, ret);
}

int actor_client_monitor(actor_client *client, actor_ref who, uint64_t *ret_monitor)
{
	struct actor *self = client_actor(client);
	int r = self ? actor_monitor(self, who, ret_monitor) : -ENOMEM;

	client_poll(client);
	return r;
}

static bool client_has_received(void *arg)
{
	return !list_is_empty(&((actor_client *)arg)->received);
}

int actor_client_receive(actor_client *client, int64_t timeout_ms, actor_msg **ret_msg, uint64_t *ret_monitor,
	actor_ref *ret_who, struct actor_cause *ret_cause)
{
	actor_msg *msg;
	int r;

	if (list_is_empty(&client->received)) {
		r = loop_pump(&client->group->loop, client_has_received, client,
			deadline_of_timeout_ms(timeout_ms));
		if (r < 0)
			return r;
	}
	msg = container_of(list_pop(&client->received), actor_msg, link);
	if (msg->kind == MSG_DOWN) {
		if (ret_monitor)
			*ret_monitor = msg->id;
		if (ret_who)
			*ret_who = msg->sender;
		if (ret_cause)
			*ret_cause = *msg->cause;
		msg = actor_msg_free(msg);
	}
	if (ret_msg)
		*ret_msg = msg;
	else
		actor_msg_free(msg);
	return 0;
}

/* ---- the ends of others ---- */

bool actor_client_demonitor(actor_client *client, uint64_t monitor)
{
	struct actor *self = client_actor(client);
	bool was_open = self && actor_demonitor(self, monitor);

	client_poll(client);
	return was_open;
}

enum client_end { CLIENT_END_NOT, CLIENT_END_STOP, CLIENT_END_KILL, CLIENT_END_DRAIN, CLIENT_END_EXIT };

static int client_end_begin(actor_client *client, actor_ref who, enum client_end how, const char *reason)
{
	struct actor *self = client_actor(client);

	if (who.node == client->self.node && who.group == client->self.group)
		return -EDEADLK;
	if (!self)
		return -ENOMEM;
	switch (how) {
	case CLIENT_END_STOP:
		return actor_stop(self, who, reason);
	case CLIENT_END_KILL:
		return actor_kill(self, who);
	case CLIENT_END_DRAIN:
		return actor_drain(self, who);
	case CLIENT_END_EXIT:
		return actor_exit(self, who, reason);
	case CLIENT_END_NOT:
		break;
	}
	return 0;
}

static int client_end(actor_client *client, actor_ref who, enum client_end how, const char *reason)
{
	int r = client_end_begin(client, who, how, reason);

	client_poll(client);
	return r;
}

int actor_client_stop(actor_client *client, actor_ref who, const char *reason)
{
	return client_end(client, who, CLIENT_END_STOP, reason);
}

int actor_client_kill(actor_client *client, actor_ref who)
{
	return client_end(client, who, CLIENT_END_KILL, NULL);
}

int actor_client_drain(actor_client *client, actor_ref who)
{
	return client_end(client, who, CLIENT_END_DRAIN, NULL);
}

int actor_client_exit(actor_client *client, actor_ref who, const char *reason)
{
	return client_end(client, who, CLIENT_END_EXIT, reason);
}

static bool client_wait_is_done(void *wait)
{
	return ((struct monitor_wait *)wait)->done;
}

/* The monitor begins first, so that the true cause is heard. */
static int client_end_and_wait(actor_client *client, actor_ref who, enum client_end how, const char *reason,
	int64_t timeout_ms, struct actor_cause *ret_cause)
{
	struct actor *self = client_actor(client);
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms);
	struct monitor_wait wait = {0};
	struct monitor *monitor;
	uint64_t id = 0;
	int r;

	if (who.node == client->self.node && who.group == client->self.group)
		return -EDEADLK;
	r = self ? monitor_begin(self, who, &wait, &id) : -ENOMEM;
	if (r == 0 && !wait.done)
		r = client_end_begin(client, who, how, reason);
	if (r == 0 && !wait.done)
		r = loop_pump(&client->group->loop, client_wait_is_done, &wait, deadline_ns);
	monitor = wait.done || !id ? NULL : slots_get(&client->group->monitors, id);
	if (monitor)
		monitor_remove(client->group, monitor);
	client_poll(client);
	if (!wait.done)
		return r;
	if (ret_cause)
		*ret_cause = wait.cause;
	return 0;
}

int actor_client_wait(actor_client *client, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause)
{
	return client_end_and_wait(client, who, CLIENT_END_NOT, NULL, timeout_ms, ret_cause);
}

int actor_client_stop_and_wait(actor_client *client, actor_ref who, const char *reason, int64_t timeout_ms,
	struct actor_cause *ret_cause)
{
	return client_end_and_wait(client, who, CLIENT_END_STOP, reason, timeout_ms, ret_cause);
}

int actor_client_kill_and_wait(
	actor_client *client, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause)
{
	return client_end_and_wait(client, who, CLIENT_END_KILL, NULL, timeout_ms, ret_cause);
}

int actor_client_drain_and_wait(
	actor_client *client, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause)
{
	return client_end_and_wait(client, who, CLIENT_END_DRAIN, NULL, timeout_ms, ret_cause);
}

/* ---- streams ---- */

static int client_stream_ready(void *arg, const struct send *send, const char *method)
{
	return client_ready(arg, &send->dest, send->deadline_ns, method);
}

static int client_stream_open(actor_client *client, const actor_dest *to, const char *method,
	int64_t timeout_ms, struct actor_stream_window window, const struct send_args *args,
	uint64_t *ret_stream)
{
	struct send send = {client->group, NULL, to, deadline_of_timeout_ms(timeout_ms)};
	struct actor *self = client_actor(client);
	int r = !self ? -ENOMEM
		      : stream_open(
				self, &send, method, window, args, client_stream_ready, client, ret_stream);

	client_poll(client);
	return r;
}

int actor_client_stream_open(actor_client *client, actor_dest to, const char *method, int64_t timeout_ms,
	struct actor_stream_window window, uint64_t *ret_stream, const char *format, ...)
{
	struct send_args args = {.format = format};
	va_list list;
	int r;

	va_start(list, format);
	args.list = &list;
	r = client_stream_open(client, &to, method, timeout_ms, window, &args, ret_stream);
	va_end(list);
	return r;
}

int actor_client_stream_open_msg(actor_client *client, actor_dest to, const char *method, int64_t timeout_ms,
	struct actor_stream_window window, actor_msg **take_args, uint64_t *ret_stream)
{
	struct send_args args = {.msg = take_args ? *take_args : NULL};
	int r = client_stream_open(client, &to, method, timeout_ms, window, &args, ret_stream);

	if (r == 0 && take_args)
		*take_args = actor_msg_free(*take_args);
	return r;
}

/* The streams of an actor end with it. */
int actor_client_stream_next(actor_client *client, uint64_t stream, int64_t timeout_ms, actor_msg **ret_msg)
{
	struct actor *self = client_actor(client);
	int r = !ret_msg ? -EINVAL : !self ? -ESRCH : inflow_next(self, stream, timeout_ms, ret_msg);

	if (!self && ret_msg)
		*ret_msg = NULL;
	if (r != -EINVAL && r != -ESRCH)
		client_poll(client); /* sends the credit that was given */
	return r;
}

bool actor_client_stream_cancel(actor_client *client, uint64_t stream)
{
	struct actor *self = client_actor(client);
	bool was_open = self && actor_stream_cancel(self, stream);

	client_poll(client);
	return was_open;
}
