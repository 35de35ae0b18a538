/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may say what. An answer, a DOWN, a pause and a word of the broker count only from the peer that may say
 * them. Any other peer that says one loses its link, and nothing else happens.
 */
#include "tests/unit/node/inbound-world.h"

#include <errno.h>

#include "libactor/actor/broker.h"
#include "libactor/actor/inflow.h"
#include "libactor/actor/name.h"
#include "libactor/peer/name-cache.h"
#include "libactor/peer/pressure.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/slots.h"
#include "tests/fact.h"

static void story_answers(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *asked = peer_of(group, ASKED, "asked"), *broker = peer_of(group, BROKER, "$broker");
	actor_ref callee = ref_of(ASKED, 1), me;
	uint64_t id = ask(self, callee, &me);

	/*
	 * THIRD guesses the id of the call. Only the right guess costs it its link, and even that one answers
	 * nothing.
	 */
	for (uint64_t guess = 0; guess < 2000; guess++) {
		put_reply(me, ref_of(THIRD, 1), guess, 666);
		assert_int_equal(says(peer_of(group, THIRD, "third")), guess == id);
	}
	wire_put_error(&frame, me, ref_of(THIRD, 1), id, wire_cstr("noproc"), wire_cstr(""));
	assert_true(says(peer_of(group, THIRD, "third")));
	/* THIRD answers in nobody's name, and in the name of the callee. */
	put_reply(me, ACTOR_NOBODY, id, 666);
	assert_true(says(peer_of(group, THIRD, "third")));
	put_reply(me, callee, id, 666);
	assert_true(says(peer_of(group, THIRD, "third")));
	/*
	 * The broker forwarded THIRD's answer. It is ignored, but the broker keeps its link, because that
	 * serves all.
	 */
	put_reply(me, ref_of(THIRD, 1), id, 666);
	assert_false(says(broker));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(asker_result, 1);

	put_reply(me, callee, id, 5);
	assert_false(says(asked));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(asker_result, 0);
	assert_int_equal(asker_number, 5);
	/* An answer that comes late or twice is no lie. */
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
	put_down(me, target, id, "truth"); /* a DOWN that comes twice is no lie */
	assert_false(says(asked));
	expect_downs(self, 1);
}

static void test_down_counts_only_from_the_group_that_is_watched(void **state)
{
	story(story_down);
}

static void story_process_down(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref target = ref_of(ASKED, 0), me;
	uint64_t id = watch(self, target, &me);

	put_down(me, target, id, "lie");
	assert_true(says(peer_of(group, THIRD, "third")));
	/* NEWCOMER is a client that calls itself the spawner. */
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
	/* The broker speaks for those to whom it routes. */
	wire_put_pause(&frame, &foreign);
	assert_false(says(peer_of(group, BROKER, "$broker")));
}

static void test_group_pauses_its_own_actors_and_no_others(void **state)
{
	story(story_pauses);
}

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
	/*
	 * THIRD may send this cast by the broker, as anybody may send a cast to anybody. It is no word of the
	 * broker.
	 */
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
	/* A method that is no word of the broker's makes it a cast to a group, and those go nowhere. */
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
	uint64_t n_dropped;

	for (int i = 0; i < 2; i++) {
		struct peer *peer = i ? peer_of(group, BROKER, "$broker") : peer_of(group, THIRD, "third");

		wire_put_bye(&frame, wire_cstr("normal"));
		assert_false(says(peer));
		n_dropped = group->stats.casts_dropped;
		put_cast(me, far, "x", "");
		assert_int_equal(says(peer), i == 0);
		assert_int_equal(group->stats.casts_dropped, n_dropped + (i == 0));
	}
}

static void test_nothing_but_what_the_broker_forwards_comes_after_a_bye(void **state)
{
	story(story_bye);
}

/* A stream of `me` to ASKED, with a credit of two items. */
static uint64_t stream_to(actor *self, actor_ref callee, uint64_t *ret_stream)
{
	struct inflow *stream;

	assert_int_equal(actor_stream_open(self, actor_to(callee), "list", ACTOR_FOREVER,
				 (struct actor_stream_window){.items = 2}, ret_stream, ""),
		0);
	stream = slots_get(&actor_group_of(self)->streams, *ret_stream);
	return stream->call.id;
}

static void story_items(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *asked = peer_of(group, ASKED, "asked");
	actor_ref callee = ref_of(ASKED, 1), me = actor_self(self);
	uint64_t stream, id = stream_to(self, callee, &stream), call;
	actor_msg *msg;

	/* A group that was not asked sends an item, in its own name and in the callee's. */
	wire_put_item(&frame, me, ref_of(THIRD, 1), id, NULL, 0);
	assert_true(says(peer_of(group, THIRD, "third")));
	wire_put_item(&frame, me, callee, id, NULL, 0);
	assert_true(says(peer_of(group, THIRD, "third")));
	/* The broker brings such an item: it is dropped. */
	wire_put_item(&frame, me, ref_of(THIRD, 1), id, NULL, 0);
	assert_false(says(peer_of(group, BROKER, "$broker")));
	assert_int_equal(actor_stream_next(self, stream, 0, &msg), -EAGAIN);
	/* An item for a call that is no stream. */
	(void)peer_of(group, THIRD, "third");
	call = ask(self, ref_of(THIRD, 1), &callee);
	wire_put_item(&frame, callee, ref_of(THIRD, 1), call, NULL, 0);
	assert_true(says(peer_of(group, THIRD, "third")));
	assert_int_equal(actor_kill(self, callee), 0);
	/* An item for a call that is not open is late, and no lie. What it says is answered by its `to`. */
	for (int i = 0; i < 3; i++) {
		struct peer *third = peer_of(group, THIRD, "third");
		const struct buf *out = peer_out(third);
		size_t before = out->size_bytes;
		actor_ref to[] = {me, ref_of(ASKED, 1), ACTOR_NOBODY};

		wire_put_item(&frame, to[i], ref_of(THIRD, 1), 77777, NULL, 0);
		assert_false(says(third));
		assert_int_equal(out->size_bytes > before, i == 0);
	}
	/* Two items are within the credit, and the third is not. */
	for (int i = 0; i < 3; i++) {
		wire_put_item(&frame, me, ref_of(ASKED, 1), id, NULL, 0);
		assert_int_equal(says(asked), i == 2);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(actor_stream_next(self, stream, 0, &msg), 1);
		actor_msg_free(msg);
	}
	assert_true(actor_stream_cancel(self, stream));
}

static void test_items_count_only_from_who_was_asked_and_within_the_credit(void **state)
{
	story(story_items);
}

static void story_lost_items(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *asked = peer_of(group, ASKED, "asked");
	actor_ref me = actor_self(self);
	actor_msg *msg;

	for (uint64_t n_sent = 1; n_sent <= 2; n_sent++) {
		uint64_t stream, id = stream_to(self, ref_of(ASKED, 1), &stream);

		wire_put_item(&frame, me, ref_of(ASKED, 1), id, NULL, 0);
		wire_put_stream_reply(&frame, me, ref_of(ASKED, 1), id, NULL, 0, n_sent, NULL);
		assert_false(says(asked));
		assert_int_equal(actor_stream_next(self, stream, 0, &msg), 1);
		actor_msg_free(msg);
		assert_int_equal(actor_stream_next(self, stream, 0, &msg), n_sent == 1 ? 0 : -EPROTO);
		actor_msg_free(msg);
	}
}

static void test_stream_of_which_items_were_lost_on_the_way_has_failed(void **state)
{
	story(story_lost_items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer_counts_only_from_the_group_that_was_asked),
		cmocka_unit_test(test_answer_counts_only_from_the_actor_that_was_asked),
		cmocka_unit_test(test_call_within_the_group_is_answered_by_no_peer),
		cmocka_unit_test(test_answer_that_the_broker_brings_counts),
		cmocka_unit_test(test_asked_group_answers_for_an_actor_that_is_gone),
		cmocka_unit_test(test_down_counts_only_from_the_group_that_is_watched),
		cmocka_unit_test(test_end_of_a_process_is_the_spawners_to_tell),
		cmocka_unit_test(test_group_pauses_its_own_actors_and_no_others),
		cmocka_unit_test(test_words_of_the_broker_count_only_from_the_broker),
		cmocka_unit_test(test_group_speaks_for_itself_and_the_broker_for_all),
		cmocka_unit_test(test_items_count_only_from_who_was_asked_and_within_the_credit),
		cmocka_unit_test(test_stream_of_which_items_were_lost_on_the_way_has_failed),
		cmocka_unit_test(test_nothing_but_what_the_broker_forwards_comes_after_a_bye),
	};

	return run_facts(tests);
}
