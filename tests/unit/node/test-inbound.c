/* SPDX-License-Identifier: Apache-2.0 */
/* What frames do that their sender may send: to callers, watchers, names and paused senders. */
#include "tests/unit/node/inbound-world.h"

#include <errno.h>
#include <string.h>

#include "libactor/actor/broker.h"
#include "libactor/actor/call.h"
#include "libactor/actor/monitor.h"
#include "libactor/actor/actor-internal.h"
#include "libactor/actor/name.h"
#include "libactor/message/msg.h"
#include "libactor/node/announce.h"
#include "libactor/node/inbound.h"
#include "libactor/node/link.h"
#include "libactor/node/process-monitors.h"
#include "libactor/peer/name-cache.h"
#include "libactor/peer/pressure.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/slots.h"
#include "tests/fact.h"

#define HELD_MAX_BYTES (32u << 20) /* how much may come for one paused actor, as docs/protocol.md says */

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

static void lingerer_terminate(actor *self, const struct actor_cause *cause)
{
	(void)actor_sleep(self, 20);
}

static const struct actor_behavior lingerer = {.name = "lingerer", .terminate = lingerer_terminate};

/* An actor gives back its names and memberships before it is over, so nobody may hear of its end earlier. */
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
	assert_int_equal(actor_sleep(self, 1), 0); /* @target is in its terminate */
	to = (struct wire_dest){.ref = target};
	buf_reset(&group->discard, 0);
	wire_put_monitor(&frame, &to, ref_of(ASKED, 1), 5);
	assert_false(says(asked));
	/* Nothing was written for the peer, which has no pipe. */
	assert_int_equal(group->discard.size_bytes, 0);
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
		/* Only half of its death is known: the end of its link or the broker's word is missing. */
		expect_downs(self, 0);
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

static void story_last_messages(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *ended = peer_of(group, ASKED, "asked");
	actor_ref target = ref_of(ASKED, 0), me;
	uint64_t id = watch(self, target, &me);

	put_down(me, target, id, "signal");
	assert_false(says(peer_of(group, SPAWNER, "$spawner")));
	expect_downs(self, 0); /* the last messages of the dead may still be on its link */
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

/* The broker's word that we should expect the dead was on its way when the supervisor told of the end. */
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
	ended = peer_of(group, ASKED, "asked"); /* the dead was expected, and has come in */
	broker_pongs(group);
	expect_downs(self, 0);
	peer_link_down(ended, -ECONNRESET);
	expect_downs(self, 1);
	assert_string_equal(down_reason, "signal");
	/*
	 * A process that was never a peer has left no messages, but the broker must have said so with its
	 * pong.
	 */
	id = watch(self, target, &me);
	put_down(me, target, id, "exit");
	assert_false(says(peer_of(group, SPAWNER, "$spawner")));
	expect_downs(self, 1);
	broker_pongs(group);
	expect_downs(self, 2);
	assert_string_equal(down_reason, "exit");
	/* When the broker is gone, nothing it said is on its way any more. */
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
	/* The broker will also say that the name is free, on another link and maybe later than this DOWN. */
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

/* A new broker answers when all groups that live have come, which may take longer than the request waits. */
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
	request->done(request, -ENOTCONN, NULL); /* without a broker the copy that is there is used */
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

/* A broker dies before it has answered. What it was told is out of date for the next broker. */
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

/* ---- monitors of processes, and a new broker ---- */

/* The call of @group that is open; NULL: there is none. */
static struct call *open_call(const actor_group *group)
{
	uint32_t at = 0;

	return slots_walk(&group->calls, &at);
}

static struct peer *begin_new_broker(actor_group *group)
{
	struct peer *broker = peer_of(group, BROKER, "$broker");

	group->mode = ACTOR_JOIN_DIRECT;
	group->uplink.state = UPLINK_UP;
	group->uplink.announced = true;
	process_monitors_say_again(group);
	return broker;
}

static void no_broker(actor_group *group)
{
	group->mode = ACTOR_JOIN_NONE;
	group->uplink.state = UPLINK_NONE;
}

/*
 * Does the last frame that the group sent hold @method? There is no link, so the frame is in the buffer of
 * discarded frames.
 */
static bool said_last(const actor_group *group, const char *method)
{
	return memmem(group->discard.data, group->discard.size_bytes, method, strlen(method));
}

static void story_said_again(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref me, other, own = ref_of(group->id, 0);
	uint64_t id = watch(self, ref_of(ASKED, 0), &me), second = watch(self, ref_of(THIRD, 0), &other);
	struct peer *broker = begin_new_broker(group);

	for (int i = 0; i < 2; i++) { /* the supervisor is away as well, and its name leads to nobody */
		wire_put_error(&frame, own, ACTOR_NOBODY, open_call(group)->id, wire_cstr(ERROR_NOPROC),
			wire_cstr(""));
		assert_false(says(broker));
		assert_null(open_call(group));
		while (!open_call(group))
			assert_int_equal(actor_sleep(self, 1), 0);
	}
	/* now the supervisor answers, and then tells how the first process has ended */
	put_reply(own, ref_of(SPAWNER, 1), open_call(group)->id, 0);
	put_down(me, ref_of(ASKED, 0), id, "signal");
	assert_false(says(broker));
	assert_false(said_last(group, "demonitor"));
	/* the watcher of the second process ends while its monitor is repeated */
	assert_non_null(open_call(group));
	assert_int_equal(actor_kill(self, other), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_null(slots_get(&group->monitors, second));
	put_reply(own, ref_of(SPAWNER, 1), open_call(group)->id, 0);
	assert_false(says(broker));
	assert_true(said_last(group, "demonitor"));
	assert_null(open_call(group));
	no_broker(group);
}

static void test_monitor_of_a_process_is_said_again_until_the_supervisor_answers(void **state)
{
	story(story_said_again);
}

static void story_said_directly(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref me;

	(void)watch(self, ref_of(ASKED, 0), &me);
	(void)peer_of(group, SPAWNER, "$spawner");
	(void)begin_new_broker(group);
	/*
	 * Nothing is repeated, since the supervisor's DOWN goes over a direct link and so does not die with
	 * the broker.
	 */
	assert_null(open_call(group));
	no_broker(group);
}

static void test_monitor_of_a_process_is_not_said_again_where_the_supervisor_has_a_link(void **state)
{
	story(story_said_directly);
}

/*
 * The broker's answer comes before the finder runs. @free_again: the broker's word that the name is free
 * again comes in the same message.
 */
static void find_a_name(actor *self, bool free_again)
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
	if (free_again)
		put_cast(own, ref_of(BROKER, 0), "name", "sn", "n");
	assert_false(says(broker));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(asker_result, 0); /* the finder gets what was true when it asked */
	assert_int_equal(name_cached(group, "n", &ref), !free_again);
	if (!free_again)
		assert_true(actor_ref_equal(ref, ref_of(ASKED, 1)));
	group->mode = ACTOR_JOIN_NONE;
	group->uplink.state = UPLINK_NONE;
}

static void story_found_and_kept(actor *self)
{
	find_a_name(self, false);
}

static void test_name_that_the_broker_told_is_kept_and_not_asked_for_again(void **state)
{
	story(story_found_and_kept);
}

static void story_found_and_lost(actor *self)
{
	find_a_name(self, true);
}

static void test_name_that_is_free_again_when_its_finder_runs_is_not_kept(void **state)
{
	story(story_found_and_lost);
}

static int seeker_seek(actor *self, const actor_msg *msg)
{
	actor_ref ref;

	asker_result = actor_whereis_wait(self, "n", ACTOR_FOREVER, &ref);
	assert_true(asker_result < 0 || actor_ref_equal(ref, ref_of(THIRD, 1)));
	return 0;
}

static const struct actor_method seeker_methods[] = {{.name = "find", .on_cast = seeker_seek}, {0}};
static const struct actor_behavior seeker = {.name = "seeker", .methods = seeker_methods};

/* The broker answers the first `whereis` that waits. */
static void broker_finds(actor_group *group, actor_ref owner)
{
	struct broker_request *request;
	struct buf body = BUF_INIT;

	assert_false(list_is_empty(&group->uplink.requests));
	request = container_of(group->uplink.requests.next, struct broker_request, link);
	assert_string_equal(request->method, "whereis");
	mp_put_ref(&body, owner);
	wire_put_reply(&frame, ref_of(group->id, 0), ref_of(BROKER, 1), request->call.id, body.data,
		body.size_bytes);
	buf_deinit(&body);
	assert_false(says(peer_of(group, BROKER, "$broker")));
}

/* The supervisor tells of an end. The broker stands still, has not heard of it, and answers what was true. */
static void story_broker_that_has_not_heard(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref me, found, target = ref_of(ASKED, 0), watching;
	uint64_t id = watch(self, target, &watching);

	(void)peer_of(group, BROKER, "$broker");
	group->mode = ACTOR_JOIN_DIRECT;
	group->uplink.state = UPLINK_UP;
	group->uplink.announced = true;
	group->uplink.service = ref_of(BROKER, 1);
	assert_int_equal(actor_spawn(self, &finder, NULL, &me), 0);
	assert_int_equal(actor_cast(self, actor_to(me), "find", ""), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	put_down(watching, target, id, "signal");
	assert_false(says(peer_of(group, SPAWNER, "$spawner")));
	broker_pongs(group);
	expect_downs(self, 1);
	broker_finds(group, ref_of(ASKED, 1));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(asker_result, -ESRCH);
	assert_false(name_cached(group, "n", &found));
	/* What the broker says of its own accord is as old. */
	put_cast(ref_of(group->id, 0), ref_of(BROKER, 0), "name", "sr", "n", ref_of(ASKED, 1));
	assert_false(says(peer_of(group, BROKER, "$broker")));
	assert_false(name_cached(group, "n", &found));
	/* Who waits for an owner of the name goes on waiting, and asks again. */
	asker_result = 1;
	assert_int_equal(actor_spawn(self, &seeker, NULL, &me), 0);
	assert_int_equal(actor_cast(self, actor_to(me), "find", ""), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	broker_finds(group, ref_of(ASKED, 1));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(asker_result, 1);
	while (list_is_empty(&group->uplink.requests))
		assert_int_equal(actor_sleep(self, 1), 0);
	broker_finds(group, ref_of(THIRD, 1));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(asker_result, 0);
	group->mode = ACTOR_JOIN_NONE;
	group->uplink.state = UPLINK_NONE;
}

static void test_who_heard_of_a_death_is_not_led_to_the_dead_by_a_broker_that_has_not(void **state)
{
	story(story_broker_that_has_not_heard);
}

/* Says whether a message to @to waits that would go by the broker. */
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
	assert_true(waits(group, all)); /* only the broker knows in which process the members are */
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
	/* The mailbox is full. */
	assert_int_equal(actor_cast(self, actor_to(to), "ask", "r", ref_of(ASKED, 1)), 0);
	do {
		put_cast(to, ref_of(THIRD, 1), "ask", "s", text);
		n_bytes += sizeof(text);
		cut = says(sender);
		/* The sender is told once, however much it sends. Others wait behind little of that. */
		assert_int_equal(group->pauses.n_items, 1);
		assert_in_range(
			actor_find(group, to.serial)->mailbox.n_bytes, 1, (1 << 20) + 3 * sizeof(text));
	} while (!cut && n_bytes < 2 * HELD_MAX_BYTES);
	/* A sender that does not listen costs memory up to the limit, and then its link. */
	assert_true(cut);
	assert_true(n_bytes > HELD_MAX_BYTES - sizeof(text));
	assert_int_equal(actor_kill(self, to), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(group->pauses.n_items, 0);
	assert_int_equal(sender->n_overruns, 0);
}

static bool starved;

int __wrap_msg_new_of_frame(actor_msg **ret, const struct wire_frame *frame_of);
int __real_msg_new_of_frame(actor_msg **ret, const struct wire_frame *frame_of);

int __wrap_msg_new_of_frame(actor_msg **ret, const struct wire_frame *frame_of)
{
	return starved ? -ENOMEM : __real_msg_new_of_frame(ret, frame_of);
}

static void story_starved(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *sender = peer_of(group, THIRD, "third");
	actor_ref to;

	assert_int_equal(actor_spawn(self, &asker, NULL, &to), 0);
	starved = true;
	put_cast(to, ref_of(THIRD, 1), "ask", "r", ref_of(ASKED, 1));
	assert_false(says(sender));
	starved = false;
	assert_int_equal(group->stats.casts_dropped, 1);
}

static void test_a_cast_without_memory_is_counted_as_dropped_and_cuts_nobody(void **state)
{
	story(story_starved);
}

static void test_sender_is_paused_once_and_cut_when_it_does_not_listen(void **state)
{
	story(story_deaf_sender);
}

/* Such bytes can only be there by a fault of this library. That costs one link, and not the whole loop. */
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

/* ---- traces ---- */

static actor_from *traced_from;

/* Sends a cast and a call because of `go`. The call `go` is answered later, by `answer`. */
static int spread_go(actor *self, const actor_msg *msg, actor_from *from)
{
	traced_from = actor_from_keep(from);
	assert_int_equal(actor_cast(self, actor_to(ref_of(THIRD, 1)), "note", "i", 7), 0);
	assert_int_equal(
		actor_request(self, actor_to(ref_of(THIRD, 1)), "ask", ACTOR_FOREVER, NULL, "i", 7), 0);
	return 0;
}

static int spread_answer(actor *self, const actor_msg *msg)
{
	return actor_reply(traced_from, "i", 5);
}

static int spread_seek(actor *self, const actor_msg *msg)
{
	return actor_request(self, actor_named_wait("n"), "ask", ACTOR_FOREVER, NULL, "");
}

static bool busy_is_over;

static int spread_be_busy(actor *self, const actor_msg *msg, actor_from *from)
{
	while (!busy_is_over)
		assert_int_equal(actor_sleep(self, 1), 0);
	return actor_reply(from, "");
}

static const struct actor_method spread_methods[] = {{.name = "go", .on_call = spread_go},
	{.name = "answer", .on_cast = spread_answer}, {.name = "seek", .on_cast = spread_seek},
	{.name = "be_busy", .on_call = spread_be_busy}, {0}};
static const struct actor_behavior spread = {.name = "spread", .methods = spread_methods};

static const struct wire_trace go_trace = {.id = 70, .span = 71, .parent = 72};

static bool says_who_waits; /* the frame that was taken */

/* Takes the first frame that waits for @peer. */
static struct wire_trace take_trace(struct peer *peer, enum wire_type type)
{
	struct buf rest = BUF_INIT;
	struct wire_frame got;
	size_t used;

	assert_int_equal(wire_parse(peer->pending.data, peer->pending.size_bytes, &got, &used), 1);
	assert_int_equal(got.type, type);
	says_who_waits = got.waits;
	buf_append(&rest, peer->pending.data + used, peer->pending.size_bytes - used);
	buf_deinit(&peer->pending);
	peer->pending = rest;
	return got.trace;
}

static void call_traced(struct peer *asked, actor_ref to, uint64_t id, const struct wire_trace *trace)
{
	struct wire_dest dest = {.ref = to};

	wire_put_traced_call(&frame, &dest, ref_of(ASKED, 1), wire_cstr("go"), NULL, 0, id, 0, NULL, trace);
	assert_false(says(asked));
}

/* The request of one message comes to nobody while its owner handles another one, which is a call. */
static void story_request_again(actor *self)
{
	const struct wire_trace other_trace = {.id = 80, .span = 81, .parent = 82};
	actor_group *group = actor_group_of(self);
	struct peer *broker = peer_of(group, BROKER, "$broker"),
		    *asked = peer_new(group, ASKED, PEER_INTRODUCING),
		    *third = peer_new(group, THIRD, PEER_INTRODUCING);
	struct broker_request *request;
	struct wire_trace first, again;
	struct buf body = BUF_INIT;
	struct wire_dest dest;
	actor_ref to;

	group->mode = ACTOR_JOIN_DIRECT;
	group->uplink.state = UPLINK_UP;
	group->uplink.announced = true;
	group->uplink.service = ref_of(BROKER, 1);
	busy_is_over = false;
	assert_int_equal(actor_spawn(self, &spread, NULL, &to), 0);
	dest = (struct wire_dest){.ref = to};
	name_changed(group, wire_cstr("n"), ref_of(ASKED, 1));
	wire_put_traced_cast(&frame, &dest, ref_of(ASKED, 1), wire_cstr("seek"), NULL, 0, &go_trace);
	assert_false(says(asked));
	assert_int_equal(actor_sleep(self, 1), 0);
	first = take_trace(asked, WIRE_CALL);
	wire_put_error(
		&frame, to, ACTOR_NOBODY, open_call(group)->id, wire_cstr(ERROR_NOPROC), wire_cstr(""));
	wire_put_traced_call(
		&frame, &dest, ref_of(ASKED, 1), wire_cstr("be_busy"), NULL, 0, 9, 0, NULL, &other_trace);
	assert_false(says(asked));
	assert_int_equal(actor_sleep(self, 1), 0);
	request = container_of(group->uplink.requests.prev, struct broker_request, link);
	assert_string_equal(request->method, "whereis");
	mp_put_ref(&body, ref_of(THIRD, 1));
	wire_put_reply(&frame, ref_of(group->id, 0), group->uplink.service, request->call.id, body.data,
		body.size_bytes);
	buf_deinit(&body);
	assert_false(says(broker));
	assert_int_equal(actor_sleep(self, 1), 0);
	again = take_trace(third, WIRE_CALL);
	assert_false(says_who_waits);
	assert_int_equal(again.id, go_trace.id);
	assert_int_equal(again.parent, go_trace.span);
	assert_int_not_equal(again.span, first.span);
	busy_is_over = true;
	no_broker(group);
}

static void test_a_request_made_again_is_caused_by_what_caused_it(void **state)
{
	story(story_request_again);
}

static void story_trace(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *asked = peer_new(group, ASKED, PEER_INTRODUCING),
		    *third = peer_new(group, THIRD, PEER_INTRODUCING);
	struct wire_trace cast, call, answer;
	actor_ref to;

	assert_non_null(asked);
	assert_non_null(third);
	assert_int_equal(actor_spawn(self, &spread, NULL, &to), 0);
	for (int traced = 1; traced >= 0; traced--) {
		call_traced(asked, to, 55, traced ? &go_trace : NULL);
		assert_int_equal(actor_cast(self, actor_to(to), "answer", ""), 0);
		assert_int_equal(actor_sleep(self, 1), 0);
		cast = take_trace(third, WIRE_CAST);
		call = take_trace(third, WIRE_CALL);
		answer = take_trace(asked, WIRE_REPLY);
		if (!traced) {
			assert_int_equal(cast.id | call.id | answer.id, 0);
			continue;
		}
		assert_int_equal(cast.id, go_trace.id);
		assert_int_equal(cast.parent, go_trace.span);
		assert_int_equal(call.id, go_trace.id);
		assert_int_equal(call.parent, go_trace.span);
		assert_true(cast.span && call.span && cast.span != call.span);
		/*
		 * The answer has the trace of its call, although it was sent while a message without one was
		 * handled.
		 */
		assert_memory_equal(&answer, &go_trace, sizeof(answer));
	}
}

static void test_a_trace_goes_on_to_others_and_an_answer_has_that_of_its_call(void **state)
{
	story(story_trace);
}

static void story_trace_refused(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *asked = peer_new(group, ASKED, PEER_INTRODUCING);
	struct wire_trace answer;
	actor_ref to;

	assert_non_null(asked);
	assert_int_equal(actor_spawn(self, &spread, NULL, &to), 0);
	/* One call waits in the mailbox when its actor ends; the next one comes when the actor is gone. */
	call_traced(asked, to, 55, &go_trace);
	assert_int_equal(actor_stop(self, to, NULL), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	answer = take_trace(asked, WIRE_ERROR);
	assert_memory_equal(&answer, &go_trace, sizeof(answer));
	call_traced(asked, to, 56, &go_trace);
	answer = take_trace(asked, WIRE_ERROR);
	assert_memory_equal(&answer, &go_trace, sizeof(answer));
}

static void test_a_refusal_has_the_trace_of_its_call(void **state)
{
	story(story_trace_refused);
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
		cmocka_unit_test(test_call_says_who_waits_for_its_answer_and_not_who_was_answered),
		cmocka_unit_test(test_monitor_of_an_actor_that_is_ending_waits_for_its_end),
		cmocka_unit_test(test_end_of_a_group_has_the_cause_that_the_broker_told),
		cmocka_unit_test(test_end_of_a_process_waits_for_the_end_of_its_link),
		cmocka_unit_test(test_end_of_a_process_waits_for_whom_the_broker_told_us_to_expect),
		cmocka_unit_test(test_name_of_an_actor_leads_nowhere_once_its_down_is_here),
		cmocka_unit_test(test_name_that_the_broker_told_is_kept_and_not_asked_for_again),
		cmocka_unit_test(test_name_that_is_free_again_when_its_finder_runs_is_not_kept),
		cmocka_unit_test(test_who_heard_of_a_death_is_not_led_to_the_dead_by_a_broker_that_has_not),
		cmocka_unit_test(test_monitor_of_a_process_is_said_again_until_the_supervisor_answers),
		cmocka_unit_test(test_monitor_of_a_process_is_not_said_again_where_the_supervisor_has_a_link),
		cmocka_unit_test(test_what_one_broker_was_told_is_not_said_again_to_the_next),
		cmocka_unit_test(test_name_of_which_a_new_broker_says_nothing_is_asked_for_anew),
		cmocka_unit_test(test_pause_is_for_the_names_that_it_says_and_serial_0_for_casts_to_all),
		cmocka_unit_test(test_sender_is_paused_once_and_cut_when_it_does_not_listen),
		cmocka_unit_test(test_a_cast_without_memory_is_counted_as_dropped_and_cuts_nobody),
		cmocka_unit_test(test_a_trace_goes_on_to_others_and_an_answer_has_that_of_its_call),
		cmocka_unit_test(test_a_refusal_has_the_trace_of_its_call),
		cmocka_unit_test(test_a_request_made_again_is_caused_by_what_caused_it),
		cmocka_unit_test(test_no_way_to_a_group_is_enotconn),
		cmocka_unit_test(test_malformed_bytes_put_aside_cost_the_link_and_are_not_taken_up_for_ever),
	};

	return run_facts(tests);
}
