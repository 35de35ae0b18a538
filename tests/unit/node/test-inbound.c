/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may say what. Frames as they come from a link are handed to a group of one actor and some peers that
 * have no link: an answer, a DOWN, a pause, a word of the broker counts from whom it is for to say; anybody
 * else loses his link by it, and nothing else happens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/call.h"
#include "libactor/actor/monitor.h"
#include "libactor/actor/name.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/node/announce.h"
#include "libactor/node/gone.h"
#include "libactor/node/inbound.h"
#include "libactor/node/link.h"
#include "libactor/peer/name-cache.h"
#include "libactor/peer/peer.h"
#include "libactor/peer/pressure.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/hello.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "tests/fact.h"
#include "tests/unit/story.h"

#define ASKED          7u          /* the group that was asked, or is watched */
#define HELD_MAX_BYTES (32u << 20) /* of frames for an actor that is paused, by docs/protocol.md */
#define THIRD          9u          /* one that has nothing to do with it */
#define BROKER         2u
#define SPAWNER        3u
#define NEWCOMER       (UINT64_C(1) << 63 | 0x21) /* any client */

static int asker_result;
static int64_t asker_number;
static uint64_t monitor_of_self;
static unsigned n_downs;
static char down_reason[64];

/* ---- actors ---- */

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
	/* of a process, as after the spawner has answered */
	assert_int_equal(monitor_new(self, who, &monitor), 0);
	monitor_of_self = monitor->id;
	return 0;
}

static const struct actor_method asker_methods[] = {
	{.name = "ask", .on_cast = asker_ask}, {.name = "keep", .on_call = asker_keep}, {0}};
static const struct actor_behavior asker = {.name = "asker", .methods = asker_methods};
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
static const struct actor_behavior watcher = {
	.name = "watcher", .methods = watcher_methods, .on_down = watcher_down};
static const struct actor_method driver_methods[] = {DRIVER_METHODS, {0}};
static const struct actor_behavior driver = {
	.name = "driver", .methods = driver_methods, .init = driver_init, .on_down = driver_down};

static void story(story_fn fn)
{
	n_downs = 0;
	story_of(&driver, fn);
}

/* ---- peers and what they say ---- */

static struct peer *peer_of(actor_group *group, uint64_t id, const char *name)
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

static struct buf frame;

/* True: it cost the sender its link. */
static bool says(struct peer *peer)
{
	actor_group *group = peer->group;
	uint64_t n_cut = group->stats.links_cut;

	assert_int_equal(buf_error(&frame), 0);
	inbound_frames(peer, frame.data, frame.size_bytes);
	buf_deinit(&frame);
	frame = (struct buf)BUF_INIT;
	return group->stats.links_cut != n_cut;
}

static actor_ref ref_of(uint64_t group, uint64_t serial)
{
	return (actor_ref){1, group, serial};
}

static void put_reply(actor_ref to, actor_ref from, uint64_t id, int number)
{
	struct buf body = BUF_INIT;

	mp_put_int(&body, number);
	wire_put_reply(&frame, to, from, id, body.data, body.size_bytes);
	buf_deinit(&body);
}

static void put_down(actor_ref to, actor_ref from, uint64_t id, const char *reason)
{
	struct actor_cause cause = cause_make(reason);
	struct buf body = BUF_INIT;

	cause_put(&body, &cause);
	wire_put_down(&frame, to, from, id, body.data, body.size_bytes);
	buf_deinit(&body);
}

static void put_cast(actor_ref to, actor_ref from, const char *method, const char *format, ...)
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

/* An asker that waits for @callee's answer; the id of its call. */
static uint64_t ask(actor *self, actor_ref callee, actor_ref *ret_asker)
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

/* ---- answers ---- */

static void story_answers(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *asked = peer_of(group, ASKED, "asked"), *broker = peer_of(group, BROKER, "$broker");
	actor_ref callee = ref_of(ASKED, 1), me;
	uint64_t id = ask(self, callee, &me);

	/* guesses: only the one that hits costs something, and it hits nothing */
	for (uint64_t guess = 0; guess < 2000; guess++) {
		put_reply(me, ref_of(THIRD, 1), guess, 666);
		assert_int_equal(says(peer_of(group, THIRD, "third")), guess == id);
	}
	wire_put_error(&frame, me, ref_of(THIRD, 1), id, wire_cstr("noproc"), wire_cstr(""));
	assert_true(says(peer_of(group, THIRD, "third")));
	/* in nobody's name, and in the name of who was asked */
	put_reply(me, ACTOR_NOBODY, id, 666);
	assert_true(says(peer_of(group, THIRD, "third")));
	put_reply(me, callee, id, 666);
	assert_true(says(peer_of(group, THIRD, "third")));
	/* another's answer that the broker forwarded: the broker's link is everybody's */
	put_reply(me, ref_of(THIRD, 1), id, 666);
	assert_false(says(broker));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(asker_result, 1);

	put_reply(me, callee, id, 5);
	assert_false(says(asked));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(asker_result, 0);
	assert_int_equal(asker_number, 5);
	/* a late or doubled answer is no lie */
	put_reply(me, callee, id, 6);
	assert_false(says(asked));
	assert_false(asked->link_ended);
}

static void test_answer_counts_only_from_the_group_that_was_asked(void **state)
{
	story(story_answers);
}

static void story_other_actor(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *asked = peer_of(group, ASKED, "asked");
	actor_ref callee = ref_of(ASKED, 1), me;
	uint64_t id = ask(self, callee, &me);

	put_reply(me, ref_of(ASKED, 2), id, 666);
	assert_true(says(asked));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_not_equal(asker_number, 666);
}

static void test_answer_counts_only_from_the_actor_that_was_asked(void **state)
{
	story(story_other_actor);
}

static void story_local_call(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref keeper, me;
	uint64_t id;

	assert_int_equal(actor_spawn(self, &asker, NULL, &keeper), 0);
	id = ask(self, keeper, &me);
	put_reply(me, keeper, id, 666);
	assert_true(says(peer_of(group, THIRD, "third")));
	put_reply(me, keeper, id, 666);
	assert_false(says(peer_of(group, BROKER, "$broker")));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_not_equal(asker_number, 666);
}

static void test_call_within_the_group_is_answered_by_no_peer(void **state)
{
	story(story_local_call);
}

static void story_of_the_gone(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref callee = ref_of(ASKED, 1), me;
	uint64_t id;

	(void)peer_of(group, ASKED, "asked");
	for (int i = 0; i < 2; i++) {
		id = ask(self, callee, &me);
		put_reply(me, i ? ref_of(ASKED, 0) : ACTOR_NOBODY, id, 5);
		assert_false(says(peer_of(group, ASKED, "asked")));
		assert_int_equal(actor_sleep(self, 1), 0);
		assert_int_equal(asker_number, 5);
	}
}

static void test_asked_group_answers_for_an_actor_that_is_gone(void **state)
{
	story(story_of_the_gone);
}

static void story_by_broker(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *broker = peer_of(group, BROKER, "$broker");
	actor_ref callee = ref_of(ASKED, 1), me;
	uint64_t id;

	(void)peer_of(group, ASKED, "asked");
	id = ask(self, callee, &me);
	put_reply(me, callee, id, 5);
	assert_false(says(broker));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(asker_number, 5);
}

static void test_answer_that_the_broker_brings_counts(void **state)
{
	story(story_by_broker);
}

/* ---- who waits ---- */

static int relay_go(actor *self, const actor_msg *msg, actor_from *from)
{
	int answers_first;

	assert_int_equal(actor_msg_unpack(msg, "i", &answers_first), 0);
	if (answers_first)
		assert_int_equal(actor_reply(from, ""), 0);
	(void)actor_call(self, actor_to(ref_of(THIRD, 1)), "x", ACTOR_FOREVER, NULL, "");
	return 0;
}

static const struct actor_method relay_methods[] = {{.name = "go", .on_call = relay_go}, {0}};
static const struct actor_behavior relay = {.name = "relay", .methods = relay_methods};

static void story_waits(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *asked = peer_of(group, ASKED, "asked"),
		    *third = peer_new(group, THIRD, PEER_INTRODUCING);

	assert_non_null(third);
	for (int answers_first = 0; answers_first < 2; answers_first++) {
		struct wire_dest to = {0};
		struct buf args = BUF_INIT;
		struct wire_frame call;
		struct wire_waits waits;
		size_t used;

		assert_int_equal(actor_spawn(self, &relay, NULL, &to.ref), 0);
		assert_int_equal(body_pack(&args, BODY_ARGS, "i", answers_first), 0);
		wire_put_call(
			&frame, &to, ref_of(ASKED, 1), wire_cstr("go"), args.data, args.size_bytes, 55, 0);
		buf_deinit(&args);
		assert_false(says(asked));
		assert_int_equal(actor_sleep(self, 1), 0);
		assert_int_equal(wire_parse(third->pending.data, third->pending.size_bytes, &call, &used), 1);
		assert_int_equal(call.type, WIRE_CALL);
		if (answers_first) {
			assert_null(call.waits);
		} else {
			assert_int_equal(wire_waits_read(call.waits, call.waits_bytes, &waits), 0);
			assert_int_equal(waits.n, 1);
			assert_int_equal(waits.calls[0].id, 55);
			assert_true(actor_ref_equal(waits.calls[0].caller, ref_of(ASKED, 1)));
		}
		assert_int_equal(actor_kill(self, to.ref), 0);
		assert_int_equal(actor_sleep(self, 1), 0);
		buf_deinit(&third->pending);
		third->pending = (struct buf)BUF_INIT;
	}
}

static void test_call_says_who_waits_for_its_answer_and_not_who_was_answered(void **state)
{
	story(story_waits);
}

/* ---- ends ---- */

static uint64_t watch(actor *self, actor_ref who, actor_ref *ret_watcher)
{
	assert_int_equal(actor_spawn(self, &watcher, NULL, ret_watcher), 0);
	assert_int_equal(actor_cast(self, actor_to(*ret_watcher), "watch", "r", who), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	return monitor_of_self;
}

static void broker_tells_the_end(actor_group *group)
{
	put_cast(ref_of(1, 0), ref_of(BROKER, 0), "group_down", "U{s:s,s:s,s:i}", (uint64_t)ASKED, "reason",
		"signal", "kind", "signal", "code", 11);
	assert_false(says(peer_of(group, BROKER, "$broker")));
}

static void expect_downs(actor *self, unsigned n)
{
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(n_downs, n);
}

static void story_down(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *asked = peer_of(group, ASKED, "asked");
	actor_ref target = ref_of(ASKED, 1), me;
	uint64_t id = watch(self, target, &me);

	put_down(me, ref_of(THIRD, 1), id, "lie");
	assert_true(says(peer_of(group, THIRD, "third")));
	put_down(me, ACTOR_NOBODY, id, "lie");
	assert_true(says(peer_of(group, THIRD, "third")));
	put_down(me, target, id, "lie");
	assert_true(says(peer_of(group, THIRD, "third")));
	put_down(me, ref_of(THIRD, 1), id, "lie");
	assert_false(says(peer_of(group, BROKER, "$broker")));
	expect_downs(self, 0);
	put_down(me, target, id, "truth");
	assert_false(says(asked));
	expect_downs(self, 1);
	assert_string_equal(down_reason, "truth");
	put_down(me, target, id, "truth"); /* a doubled one is no lie */
	assert_false(says(asked));
	expect_downs(self, 1);
}

static void test_down_counts_only_from_the_group_that_is_watched(void **state)
{
	story(story_down);
}

static void lingerer_terminate(actor *self, const struct actor_cause *cause)
{
	(void)actor_sleep(self, 20);
}

static const struct actor_behavior lingerer = {.name = "lingerer", .terminate = lingerer_terminate};

/* Its names and memberships are given back before it is over, so nobody may hear of its end earlier. */
static void story_ending(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *asked = peer_of(group, ASKED, "asked");
	actor_ref target, me;
	struct wire_dest to;
	struct wire_frame down;
	size_t used;

	assert_int_equal(actor_spawn(self, &lingerer, NULL, &target), 0);
	assert_int_equal(actor_spawn(self, &watcher, NULL, &me), 0);
	assert_int_equal(actor_stop(self, target, "enough"), 0);
	assert_int_equal(actor_sleep(self, 1), 0); /* it is in its terminate */
	to = (struct wire_dest){.ref = target};
	buf_reset(&group->discard, 0);
	wire_put_monitor(&frame, &to, ref_of(ASKED, 1), 5);
	assert_false(says(asked));
	assert_int_equal(group->discard.size_bytes, 0); /* what is written to a peer without a pipe */
	assert_int_equal(actor_cast(self, actor_to(me), "monitor", "r", target), 0);
	expect_downs(self, 0);
	assert_int_equal(actor_sleep(self, 40), 0);
	expect_downs(self, 1);
	assert_string_equal(down_reason, "enough");
	assert_int_equal(wire_parse(group->discard.data, group->discard.size_bytes, &down, &used), 1);
	assert_int_equal(down.type, WIRE_DOWN);
	assert_int_equal(down.id, 5);
}

static void test_monitor_of_an_actor_that_is_ending_waits_for_its_end(void **state)
{
	story(story_ending);
}

static void story_true_cause(actor *self)
{
	actor_group *group = actor_group_of(self);

	for (int link_first = 0; link_first < 2; link_first++) {
		struct peer *asked = peer_of(group, ASKED, "asked");
		actor_ref who, me;

		n_downs = 0;
		assert_int_equal(actor_spawn(self, &watcher, NULL, &me), 0);
		assert_int_equal(actor_cast(self, actor_to(me), "monitor", "r", ref_of(ASKED, 1)), 0);
		(void)ask(self, ref_of(ASKED, 1), &who);
		if (link_first)
			peer_link_down(asked, -ECONNRESET);
		else
			broker_tells_the_end(group);
		expect_downs(self, 0); /* one half of its death: the other is awaited */
		assert_int_equal(asker_result, 1);
		if (link_first)
			broker_tells_the_end(group);
		else
			peer_link_down(asked, -ECONNRESET);
		expect_downs(self, 1);
		assert_string_equal(down_reason, "signal");
		assert_int_equal(asker_result, -ECONNRESET);
	}
}

static void test_end_of_a_group_has_the_cause_that_the_broker_told(void **state)
{
	story(story_true_cause);
}

static void story_process_down(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref target = ref_of(ASKED, 0), me;
	uint64_t id = watch(self, target, &me);

	put_down(me, target, id, "lie");
	assert_true(says(peer_of(group, THIRD, "third")));
	/* a client that calls itself the spawner */
	put_down(me, target, id, "lie");
	assert_true(says(peer_of(group, NEWCOMER, "$spawner")));
	expect_downs(self, 0);
	put_down(me, target, id, "truth");
	assert_false(says(peer_of(group, SPAWNER, "$spawner")));
	expect_downs(self, 1);
	assert_string_equal(down_reason, "truth");
}

static void test_end_of_a_process_is_the_spawners_to_tell(void **state)
{
	story(story_process_down);
}

static void story_last_messages(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *ended = peer_of(group, ASKED, "asked");
	actor_ref target = ref_of(ASKED, 0), me;
	uint64_t id = watch(self, target, &me);

	put_down(me, target, id, "signal");
	assert_false(says(peer_of(group, SPAWNER, "$spawner")));
	expect_downs(self, 0); /* what it sent last may be on its link still */
	peer_link_down(ended, -ECONNRESET);
	expect_downs(self, 1);
	assert_string_equal(down_reason, "signal");
}

static void test_end_of_a_process_waits_for_the_end_of_its_link(void **state)
{
	story(story_last_messages);
}

static void broker_pongs(actor_group *group)
{
	wire_put_pong(&frame, group->last_ping);
	assert_false(says(peer_of(group, BROKER, "$broker")));
}

/* The broker has told us to expect the dead, and that was under way when the supervisor told of its end. */
static void story_first_words_of_the_dead(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *broker = peer_of(group, BROKER, "$broker");
	actor_ref target = ref_of(ASKED, 0), me;
	uint64_t id = watch(self, target, &me);
	struct peer *ended;

	group->mode = ACTOR_JOIN_DIRECT;
	put_down(me, target, id, "signal");
	assert_false(says(peer_of(group, SPAWNER, "$spawner")));
	expect_downs(self, 0);
	ended = peer_of(group, ASKED, "asked"); /* it was expected, and has come in */
	broker_pongs(group);
	expect_downs(self, 0);
	peer_link_down(ended, -ECONNRESET);
	expect_downs(self, 1);
	assert_string_equal(down_reason, "signal");
	/* one that was never met has nothing to say */
	id = watch(self, target, &me);
	put_down(me, target, id, "exit");
	assert_false(says(peer_of(group, SPAWNER, "$spawner")));
	expect_downs(self, 1);
	broker_pongs(group);
	expect_downs(self, 2);
	assert_string_equal(down_reason, "exit");
	/* a broker that is gone tells nobody to be expected */
	id = watch(self, target, &me);
	put_down(me, target, id, "exit");
	assert_false(says(peer_of(group, SPAWNER, "$spawner")));
	expect_downs(self, 2);
	inbound_link_ends(broker);
	expect_downs(self, 3);
	group->mode = ACTOR_JOIN_NONE;
}

static void test_end_of_a_process_waits_for_whom_the_broker_told_us_to_expect(void **state)
{
	story(story_first_words_of_the_dead);
}

static void story_name_of_the_dead(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref dead = ref_of(ASKED, 1), sibling = ref_of(ASKED, 2), me, found;
	struct peer *asked = peer_of(group, ASKED, "asked");
	uint64_t id = watch(self, dead, &me);

	name_changed(group, wire_cstr("store"), dead);
	name_changed(group, wire_cstr("shop"), sibling);
	put_down(me, dead, id, "crash");
	assert_false(says(asked));
	/* the broker's word that the name is free comes by another link, maybe later than this */
	assert_false(name_cached(group, "store", &found));
	assert_true(name_cached(group, "shop", &found));
	assert_true(actor_ref_equal(found, sibling));
}

static void test_name_of_an_actor_leads_nowhere_once_its_down_is_here(void **state)
{
	story(story_name_of_the_dead);
}

static int finder_find(actor *self, const actor_msg *msg)
{
	actor_ref ref;

	asker_result = actor_whereis(self, "n", &ref);
	return 0;
}

static const struct actor_method finder_methods[] = {{.name = "find", .on_cast = finder_find}, {0}};
static const struct actor_behavior finder = {.name = "finder", .methods = finder_methods};

/* A new broker keeps a question until all who live have come, which may take longer than we wait. */
static void story_not_refreshed(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct broker_request *request;
	actor_ref ref;

	group->mode = ACTOR_JOIN_DIRECT;
	group->uplink.state = UPLINK_WAITING;
	name_changed(group, wire_cstr("n"), ref_of(ASKED, 1));
	names_refresh(group);
	request = container_of(group->uplink.requests.next, struct broker_request, link);
	request->done(request, -ENOTCONN, NULL); /* while there is no broker, what is known is used */
	assert_true(name_cached(group, "n", &ref));
	request->done(request, -ETIMEDOUT, NULL);
	assert_false(name_cached(group, "n", &ref));
	group->mode = ACTOR_JOIN_NONE;
	group->uplink.state = UPLINK_NONE;
}

static void test_name_of_which_a_new_broker_says_nothing_is_asked_for_anew(void **state)
{
	story(story_not_refreshed);
}

static unsigned requests_of(const actor_group *group, const char *method)
{
	unsigned n = 0;

	list_for_each(it, &group->uplink.requests)
		n += !strcmp(container_of(it, struct broker_request, link)->method, method);
	return n;
}

/* A broker that dies before it has answered: what it was told is old by the time of the next one. */
static void story_announced_again(actor *self)
{
	actor_group *group = actor_group_of(self);

	(void)peer_of(group, BROKER, "$broker");
	group->mode = ACTOR_JOIN_DIRECT;
	group->uplink.state = UPLINK_UP;
	group->uplink.service = ref_of(BROKER, 1);
	announce_group(group);
	announce_group(group);
	assert_int_equal(requests_of(group, "announce"), 1);
	assert_int_equal(requests_of(group, "announced"), 1);
	group->mode = ACTOR_JOIN_NONE;
	group->uplink.state = UPLINK_NONE;
}

static void test_what_one_broker_was_told_is_not_said_again_to_the_next(void **state)
{
	story(story_announced_again);
}

/* The broker's answer, and its word that the name is free again, in one message: the finder runs later. */
static void story_found_and_lost(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *broker = peer_of(group, BROKER, "$broker");
	actor_ref me, service = ref_of(BROKER, 1), own = ref_of(group->id, 0), ref;
	struct broker_request *request;
	struct buf body = BUF_INIT;

	group->mode = ACTOR_JOIN_DIRECT;
	group->uplink.state = UPLINK_UP;
	group->uplink.announced = true;
	group->uplink.service = service;
	asker_result = 1;
	assert_int_equal(actor_spawn(self, &finder, NULL, &me), 0);
	assert_int_equal(actor_cast(self, actor_to(me), "find", ""), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	request = container_of(group->uplink.requests.next, struct broker_request, link);
	assert_string_equal(request->method, "whereis");
	mp_put_ref(&body, ref_of(ASKED, 1));
	wire_put_reply(&frame, own, service, request->call.id, body.data, body.size_bytes);
	buf_deinit(&body);
	put_cast(own, ref_of(BROKER, 0), "name", "sn", "n");
	assert_false(says(broker));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(asker_result, 0); /* what was true when it asked */
	assert_false(name_cached(group, "n", &ref));
	group->mode = ACTOR_JOIN_NONE;
	group->uplink.state = UPLINK_NONE;
}

static void test_name_that_is_free_again_when_its_finder_runs_is_not_kept(void **state)
{
	story(story_found_and_lost);
}

/* ---- pauses ---- */

static void story_pauses(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref foreign = ref_of(ASKED, 1), own = ref_of(THIRD, 1);

	wire_put_pause(&frame, &foreign);
	assert_true(says(peer_of(group, THIRD, "third")));
	wire_put_resume(&frame, &foreign);
	assert_true(says(peer_of(group, THIRD, "third")));
	wire_put_pause(&frame, &own);
	assert_false(says(peer_of(group, THIRD, "third")));
	assert_int_equal(peer_find(group, THIRD)->n_paused_refs, 1);
	wire_put_resume(&frame, &own);
	assert_false(says(peer_of(group, THIRD, "third")));
	assert_int_equal(peer_find(group, THIRD)->n_paused_refs, 0);
	wire_put_pause(&frame, &foreign); /* the broker speaks for those it routes to */
	assert_false(says(peer_of(group, BROKER, "$broker")));
}

static void test_group_pauses_its_own_actors_and_no_others(void **state)
{
	story(story_pauses);
}

/* Whether what is sent to @to by the broker waits. */
static bool waits(actor_group *group, struct wire_dest to)
{
	struct peer *peer = group->uplink.peer;
	int r = peer_wait_unpaused(&peer, &to, NULL, 0);

	assert_true(r == 0 || r == -EAGAIN);
	return r < 0;
}

static void story_pause_by_name(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *broker = peer_of(group, BROKER, "$broker");
	struct wire_dest one = {.name = wire_cstr("one")}, two = {.name = wire_cstr("two")};
	struct wire_dest by_ref = {.ref = ref_of(ASKED, 1)}, all = {.ref = ACTOR_NOBODY};
	actor_ref process = ref_of(ASKED, 0);

	wire_put_pause_named(&frame, by_ref.ref, one.name);
	assert_false(says(broker));
	assert_true(waits(group, one));
	assert_false(waits(group, two));
	wire_put_pause_named(&frame, by_ref.ref, two.name);
	assert_false(says(broker));
	assert_true(waits(group, one));
	assert_true(waits(group, two));
	assert_true(waits(group, by_ref));
	assert_false(waits(group, all));
	wire_put_pause(&frame, &process);
	assert_false(says(broker));
	assert_true(waits(group, all)); /* whose process it is the broker knows */
	wire_put_resume(&frame, &by_ref.ref);
	wire_put_resume(&frame, &process);
	assert_false(says(broker));
	assert_false(waits(group, one));
	assert_false(waits(group, two));
	assert_false(waits(group, all));
	assert_int_equal(broker->n_paused_groups, 0);
}

static void test_pause_is_for_the_names_that_it_says_and_serial_0_for_casts_to_all(void **state)
{
	story(story_pause_by_name);
}

static void story_deaf_sender(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *sender = peer_of(group, THIRD, "third");
	static struct actor_behavior small;
	static char text[60000];
	size_t n_bytes = 0;
	actor_ref to;
	bool cut;

	memset(text, 'x', sizeof(text) - 1);
	small = asker;
	small.mailbox_max_messages = 1;
	assert_int_equal(actor_spawn(self, &small, NULL, &to), 0);
	assert_int_equal(actor_cast(self, actor_to(to), "ask", "r", ref_of(ASKED, 1)), 0); /* full */
	do {
		put_cast(to, ref_of(THIRD, 1), "ask", "s", text);
		n_bytes += sizeof(text);
		cut = says(sender);
		assert_int_equal(group->pauses.n_items, 1); /* it is told once, however much comes */
	} while (!cut && n_bytes < 2 * HELD_MAX_BYTES);
	/* one that does not listen costs no more memory than the limit: then its link is over */
	assert_true(cut);
	assert_true(n_bytes > HELD_MAX_BYTES - sizeof(text));
	assert_int_equal(actor_kill(self, to), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(group->pauses.n_items, 0);
}

static void test_sender_is_paused_once_and_cut_when_it_does_not_listen(void **state)
{
	story(story_deaf_sender);
}

/* ---- what was put aside ---- */

/* Such bytes can only be there by a fault of our own; that costs one link, not the whole loop. */
static void story_bad_frame_aside(actor *self)
{
	static const uint8_t bad[] = {0x91, 0xc1};
	actor_group *group = actor_group_of(self);
	struct peer *peer = peer_of(group, ASKED, "asked");
	uint64_t n_cut = group->stats.links_cut;

	wire_put_pong(&peer->aside, 1);
	buf_append(&peer->aside, bad, sizeof(bad));
	(void)inbound_take_up(peer);
	assert_int_equal(group->stats.links_cut, n_cut + 1);
	assert_int_equal(peer->aside.size_bytes, 0);
}

static void test_malformed_bytes_put_aside_cost_the_link_and_are_not_taken_up_for_ever(void **state)
{
	story(story_bad_frame_aside);
}

/* ---- the broker's words ---- */

static void story_told(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *broker = peer_of(group, BROKER, "$broker");
	actor_ref me = ref_of(1, 0), liar = ref_of(THIRD, 1), self_of_broker = ref_of(BROKER, 0), found;

	(void)peer_of(group, ASKED, "asked");
	put_cast(me, self_of_broker, "name", "sr", "store", ref_of(ASKED, 1));
	assert_false(says(broker));
	assert_true(name_cached(group, "store", &found));

	put_cast(me, liar, "name", "sr", "store", liar);
	assert_true(says(peer_of(group, THIRD, "third")));
	put_cast(me, ACTOR_NOBODY, "name", "sr", "store", liar);
	assert_true(says(peer_of(group, THIRD, "third")));
	/* sent through the broker in one's own name, as anybody may send a cast to anybody */
	put_cast(me, liar, "name", "sr", "store", liar);
	assert_false(says(broker));
	put_cast(me, ACTOR_NOBODY, "name", "sn", "store");
	assert_false(says(broker));
	assert_true(name_cached(group, "store", &found));
	assert_true(actor_ref_equal(found, ref_of(ASKED, 1)));

	put_cast(me, liar, "group_down", "U{s:s}", (uint64_t)ASKED, "reason", "lie");
	assert_false(says(broker));
	put_cast(me, liar, "group_down", "U{s:s}", (uint64_t)ASKED, "reason", "lie");
	assert_true(says(peer_of(group, THIRD, "third")));
	assert_false(peer_find(group, ASKED)->exit_told);
	put_cast(me, self_of_broker, "group_down", "U{s:s}", (uint64_t)ASKED, "reason", "normal");
	assert_false(says(broker));
	assert_true(peer_find(group, ASKED)->exit_told);
	/* what is none of the broker's words is just a cast to a group, and those go nowhere */
	put_cast(me, liar, "hello", "");
	assert_false(says(peer_of(group, THIRD, "third")));
}

static void test_words_of_the_broker_count_only_from_the_broker(void **state)
{
	story(story_told);
}

static void story_senders(actor *self)
{
	actor_ref me = actor_self(self), far = ref_of(THIRD, 1);
	actor_group *group = actor_group_of(self);
	struct peer *broker = peer_of(group, BROKER, "$broker");

	put_cast(me, far, "x", "");
	assert_false(says(peer_of(group, THIRD, "third")));
	put_cast(me, ref_of(ASKED, 1), "x", "");
	assert_true(says(peer_of(group, THIRD, "third")));
	far.node++;
	put_cast(me, far, "x", "");
	assert_true(says(peer_of(group, THIRD, "third")));
	put_cast(me, ref_of(ASKED, 1), "x", "");
	assert_false(says(broker));
}

static void test_group_speaks_for_itself_and_the_broker_for_all(void **state)
{
	story(story_senders);
}

static void story_bye(actor *self)
{
	actor_ref me = actor_self(self), far = ref_of(THIRD, 1);
	actor_group *group = actor_group_of(self);

	for (int i = 0; i < 2; i++) {
		struct peer *peer = i ? peer_of(group, BROKER, "$broker") : peer_of(group, THIRD, "third");

		wire_put_bye(&frame, wire_cstr("normal"));
		assert_false(says(peer));
		put_cast(me, far, "x", "");
		assert_int_equal(says(peer), i == 0);
	}
}

static void test_nothing_but_what_the_broker_forwards_comes_after_a_bye(void **state)
{
	story(story_bye);
}

/* ---- and to whom there is no way ---- */

static void story_no_way(actor *self)
{
	actor_ref far = ref_of(ASKED, 1);
	uint64_t monitor;

	assert_int_equal(actor_call(self, actor_to(far), "x", 1000, NULL, ""), -ENOTCONN);
	assert_int_equal(actor_cast(self, actor_to(far), "x", ""), -ENOTCONN);
	assert_int_equal(actor_stop(self, far, NULL), -ENOTCONN);
	assert_int_equal(actor_kill(self, far), -ENOTCONN);
	assert_int_equal(actor_monitor(self, far, &monitor), -ENOTCONN);
}

static void test_no_way_to_a_group_is_enotconn(void **state)
{
	story(story_no_way);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_counts_only_from_the_group_that_was_asked),
		cmocka_unit_test(test_answer_counts_only_from_the_actor_that_was_asked),
		cmocka_unit_test(test_call_within_the_group_is_answered_by_no_peer),
		cmocka_unit_test(test_answer_that_the_broker_brings_counts),
		cmocka_unit_test(test_asked_group_answers_for_an_actor_that_is_gone),
		cmocka_unit_test(test_call_says_who_waits_for_its_answer_and_not_who_was_answered),
		cmocka_unit_test(test_down_counts_only_from_the_group_that_is_watched),
		cmocka_unit_test(test_monitor_of_an_actor_that_is_ending_waits_for_its_end),
		cmocka_unit_test(test_end_of_a_group_has_the_cause_that_the_broker_told),
		cmocka_unit_test(test_end_of_a_process_is_the_spawners_to_tell),
		cmocka_unit_test(test_end_of_a_process_waits_for_the_end_of_its_link),
		cmocka_unit_test(test_end_of_a_process_waits_for_whom_the_broker_told_us_to_expect),
		cmocka_unit_test(test_name_of_an_actor_leads_nowhere_once_its_down_is_here),
		cmocka_unit_test(test_name_that_is_free_again_when_its_finder_runs_is_not_kept),
		cmocka_unit_test(test_what_one_broker_was_told_is_not_said_again_to_the_next),
		cmocka_unit_test(test_name_of_which_a_new_broker_says_nothing_is_asked_for_anew),
		cmocka_unit_test(test_group_pauses_its_own_actors_and_no_others),
		cmocka_unit_test(test_pause_is_for_the_names_that_it_says_and_serial_0_for_casts_to_all),
		cmocka_unit_test(test_sender_is_paused_once_and_cut_when_it_does_not_listen),
		cmocka_unit_test(test_no_way_to_a_group_is_enotconn),
		cmocka_unit_test(test_malformed_bytes_put_aside_cost_the_link_and_are_not_taken_up_for_ever),
		cmocka_unit_test(test_words_of_the_broker_count_only_from_the_broker),
		cmocka_unit_test(test_group_speaks_for_itself_and_the_broker_for_all),
		cmocka_unit_test(test_nothing_but_what_the_broker_forwards_comes_after_a_bye),
	};

	return run_facts(tests);
}
