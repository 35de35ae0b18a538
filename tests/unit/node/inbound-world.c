/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/inbound-world.h"

#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/actor/monitor.h"
#include "libactor/message/msg.h"
#include "libactor/node/gone.h"
#include "libactor/node/inbound.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"

int asker_result;
int64_t asker_number;
uint64_t monitor_of_self;
unsigned n_downs;
char down_reason[64];

static int asker_ask(actor *self, const actor_msg *msg)
{
	actor_msg *reply = NULL;
	actor_ref to;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	asker_number = 0;
	asker_result = actor_call(self, actor_to(to), "keep", ACTOR_FOREVER, &reply, "");
	if (asker_result == 0)
		assert_int_equal(actor_msg_unpack(reply, "I", &asker_number), 0);
	actor_msg_free(reply);
	return 0;
}

static int asker_keep(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_from_keep(from) ? 0 : -ENOMEM;
}

static int driver_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	return 0;
}

static int watcher_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	n_downs++;
	strcpy(down_reason, cause->reason);
	return 0;
}

static int watcher_watch(actor *self, const actor_msg *msg)
{
	struct monitor *monitor;
	actor_ref who;

	assert_int_equal(actor_msg_unpack(msg, "r", &who), 0);
	/* Makes the monitor of a process, as it is when the spawner has answered. */
	assert_int_equal(monitor_new(self, who, &monitor), 0);
	monitor_of_self = monitor->id;
	return 0;
}

static const struct actor_method asker_methods[] = {
	{.name = "ask", .on_cast = asker_ask}, {.name = "keep", .on_call = asker_keep}, {0}};
const struct actor_behavior asker = {.name = "asker", .methods = asker_methods};
static int watcher_monitor(actor *self, const actor_msg *msg)
{
	actor_ref who;

	assert_int_equal(actor_msg_unpack(msg, "r", &who), 0);
	assert_int_equal(actor_monitor(self, who, NULL), 0);
	return 0;
}

static const struct actor_method watcher_methods[] = {
	{.name = "watch", .on_cast = watcher_watch},
	{.name = "monitor", .on_cast = watcher_monitor},
	{0},
};
const struct actor_behavior watcher = {
	.name = "watcher", .methods = watcher_methods, .on_down = watcher_down};
static const struct actor_method driver_methods[] = {DRIVER_METHODS, {0}};
static const struct actor_behavior driver = {
	.name = "driver", .methods = driver_methods, .init = driver_init, .on_down = driver_down};

void story(story_fn fn)
{
	n_downs = 0;
	story_of(&driver, fn);
}

struct peer *peer_of(actor_group *group, uint64_t id, const char *name)
{
	struct peer *peer = peer_find(group, id);

	if (!peer || peer->state != PEER_LINKED) {
		if (peer)
			peer_forget(peer);
		peer = peer_new(group, id, PEER_LINKED);
		assert_non_null(peer);
		strcpy(peer->name, name);
		if (id == BROKER) {
			peer->kind = PEER_UPLINK;
			group->uplink.peer = peer;
		}
	}
	return peer;
}

struct buf frame;

/* Gives what is in `frame` to the group, as said by @peer. True: that has cost @peer its link. */
bool says(struct peer *peer)
{
	actor_group *group = peer->group;
	uint64_t n_cut = group->stats.links_cut;

	assert_int_equal(buf_error(&frame), 0);
	inbound_frames(peer, frame.data, frame.size_bytes);
	buf_deinit(&frame);
	frame = (struct buf)BUF_INIT;
	return group->stats.links_cut != n_cut;
}

actor_ref ref_of(uint64_t group, uint64_t serial)
{
	return (actor_ref){1, group, serial};
}

void put_reply(actor_ref to, actor_ref from, uint64_t id, int number)
{
	struct buf body = BUF_INIT;

	mp_put_int(&body, number);
	wire_put_reply(&frame, to, from, id, body.data, body.size_bytes);
	buf_deinit(&body);
}

void put_down(actor_ref to, actor_ref from, uint64_t id, const char *reason)
{
	struct actor_cause cause = cause_make(reason);
	struct buf body = BUF_INIT;

	cause_put(&body, &cause);
	wire_put_down(&frame, to, from, id, body.data, body.size_bytes);
	buf_deinit(&body);
}

void put_cast(actor_ref to, actor_ref from, const char *method, const char *format, ...)
{
	struct wire_dest dest = {.ref = to};
	struct buf body = BUF_INIT;
	va_list args;

	va_start(args, format);
	assert_int_equal(body_vpack(&body, BODY_ARGS, format, args), 0);
	va_end(args);
	wire_put_cast(&frame, &dest, from, wire_cstr(method), body.data, body.size_bytes);
	buf_deinit(&body);
}

/* Starts an asker that waits for @callee's answer. Returns the id of its call. */
uint64_t ask(actor *self, actor_ref callee, actor_ref *ret_asker)
{
	actor_group *group = actor_group_of(self);
	struct actor *waiting;

	asker_result = 1;
	assert_int_equal(actor_spawn(self, &asker, NULL, ret_asker), 0);
	assert_int_equal(actor_cast(self, actor_to(*ret_asker), "ask", "r", callee), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	waiting = actor_find(group, ret_asker->serial);
	assert_non_null(waiting->waiting_call);
	return waiting->waiting_call->id;
}

uint64_t watch(actor *self, actor_ref who, actor_ref *ret_watcher)
{
	assert_int_equal(actor_spawn(self, &watcher, NULL, ret_watcher), 0);
	assert_int_equal(actor_cast(self, actor_to(*ret_watcher), "watch", "r", who), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	return monitor_of_self;
}

void broker_tells_the_end(actor_group *group)
{
	put_cast(ref_of(1, 0), ref_of(BROKER, 0), "group_down", "U{s:s,s:s,s:i}", (uint64_t)ASKED, "reason",
		"signal", "kind", "signal", "code", 11);
	assert_false(says(peer_of(group, BROKER, "$broker")));
}

void expect_downs(actor *self, unsigned n)
{
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(n_downs, n);
}
