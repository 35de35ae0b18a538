/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mailbox counts, and whom it makes wait. A story has a `sink`, which stays in a handler, so that
 * nothing is handled while the story puts messages into the sink's mailbox and takes them out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "actor/overload.h"
#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/peer/pressure.h"
#include "libactor/util/list.h"
#include "tests/fact.h"
#include "tests/unit/story.h"

#define PEER 7u

static struct actor_overload limits;
static bool has_limits, released, is_ending;
static int n_handled, sent;

static void stay(actor *self)
{
	while (!released)
		(void)actor_sleep(self, 1);
}

static int sink_hold(actor *self, const actor_msg *msg)
{
	if (has_limits)
		assert_int_equal(actor_overload(self, &limits), 0);
	stay(self);
	return 0;
}

static int sink_put(actor *self, const actor_msg *msg)
{
	n_handled++;
	return 0;
}

static const struct actor_method sink_methods[] = {
	{.name = "hold", .on_cast = sink_hold}, {.name = "put", .on_cast = sink_put}, {0}};
static const struct actor_behavior sink = {
	.name = "sink", .methods = sink_methods, .mailbox_max_messages = 4, .mailbox_max_bytes = 100000};

static int sender_send(actor *self, const actor_msg *msg)
{
	actor_ref to;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	sent = actor_cast(self, actor_to(to), "put", "");
	return 0;
}

static void ender_terminate(actor *self, const struct actor_cause *cause)
{
	is_ending = true;
	stay(self);
}

static const struct actor_method sender_methods[] = {{.name = "send", .on_cast = sender_send}, {0}};
static const struct actor_behavior sender = {
	.name = "sender", .methods = sender_methods, .terminate = ender_terminate};

static struct actor *held_sink(actor *self)
{
	actor_ref who;

	released = false;
	n_handled = 0;
	assert_int_equal(actor_spawn(self, &sink, NULL, &who), 0);
	assert_int_equal(actor_cast(self, actor_to(who), "hold", ""), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	return actor_find(actor_group_of(self), who.serial);
}

static actor_msg *message(enum msg_kind kind, uint64_t id, actor_ref from, size_t body_bytes)
{
	static const uint8_t body[] = {0x90};
	actor_msg *msg;

	assert_int_equal(msg_new_received(&msg, from, wire_cstr("put"), body, sizeof(body)), 0);
	msg->kind = kind;
	msg->id = id;
	if (body_bytes)
		msg->body_bytes = body_bytes; /* the mailbox only counts */
	return msg;
}

static void fill(struct actor *to, size_t n, size_t body_bytes)
{
	while (n--)
		mailbox_push(to, message(MSG_CAST, 0, ACTOR_NOBODY, body_bytes));
}

static void take(struct actor *to)
{
	actor_msg_free(mailbox_pop(to));
}

/* ---- counting ---- */

static void story_counts(actor *self)
{
	struct actor *to = held_sink(self);
	struct mailbox *mailbox = &to->mailbox;

	fill(to, 6, SIZE_MAX);
	assert_true(mailbox->n_bytes == UINT32_MAX);
	assert_true(mailbox_is_full(mailbox));
	for (int i = 0; i < 6; i++) {
		uint32_t before = mailbox->n_bytes;

		take(to);
		assert_true(mailbox->n_bytes <= before);
	}
	assert_int_equal(mailbox->n_messages, 0);
	assert_int_equal(mailbox->n_bytes, 0);
	released = true;
}

static void test_messages_of_any_size_keep_the_mailbox_full_until_they_are_taken(void **state)
{
	story_of(&story_driver, story_counts);
}

static void story_bytes(actor *self)
{
	struct actor *to = held_sink(self);

	fill(to, 1, 100000);
	assert_true(mailbox_is_full(&to->mailbox));
	take(to);
	assert_false(mailbox_is_full(&to->mailbox));
	released = true;
}

static void test_one_message_can_fill_a_mailbox_by_its_bytes(void **state)
{
	story_of(&story_driver, story_bytes);
}

static void story_exits(actor *self)
{
	struct actor *to = held_sink(self);
	actor_ref who = {1, 2, 3}, other = {1, 2, 4};
	actor_msg *link = message(MSG_EXIT, 5, who, 0), *plain = message(MSG_EXIT, 0, who, 0),
		  *of_other = message(MSG_EXIT, 6, other, 0), *down = message(MSG_DOWN, 5, who, 0);

	mailbox_push(to, link);
	mailbox_push(to, plain);
	mailbox_push(to, of_other);
	mailbox_push(to, down);
	mailbox_drop_exits(to, who);
	assert_ptr_equal(mailbox_take(to), plain);
	assert_ptr_equal(mailbox_take(to), of_other);
	assert_ptr_equal(mailbox_take(to), down);
	assert_null(mailbox_take(to));
	actor_msg_free(plain);
	actor_msg_free(of_other);
	actor_msg_free(down);
	released = true;
}

static void test_an_unlink_drops_the_exits_of_that_link_and_nothing_else(void **state)
{
	story_of(&story_driver, story_exits);
}

/* ---- whom it makes wait ---- */

static void story_blocked(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct actor *to = held_sink(self), *target = NULL;
	actor_ref who;

	fill(to, 4, 0);
	sent = 1;
	assert_int_equal(actor_spawn(self, &sender, NULL, &who), 0);
	assert_int_equal(actor_cast(self, actor_to(who), "send", "r", actor_self(to)), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_false(list_is_empty(&to->mailbox.blocked));

	/* nobody to park: outside of all handlers, or for an actor that does not run now */
	assert_int_equal(mailbox_wait_room(group, actor_self(to).serial, NULL, 0, &target), -EAGAIN);
	assert_int_equal(
		mailbox_wait_room(group, actor_self(to).serial, actor_find(group, who.serial), 0, &target),
		-EAGAIN);
	assert_int_equal(mailbox_wait_room(group, UINT64_MAX, NULL, 0, &target), -ESRCH);
	assert_null(target);

	mailbox_limits_changed(to);
	fill(to, 1, 0); /* as a DOWN, which comes into a full mailbox too */
	take(to);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_false(list_is_empty(&to->mailbox.blocked));
	assert_int_equal(sent, 1);

	take(to);
	assert_true(list_is_empty(&to->mailbox.blocked));
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(sent, 0);
	assert_int_equal(to->mailbox.n_messages, 4);
	released = true;
	assert_int_equal(actor_sleep(self, 5), 0);
	assert_int_equal(n_handled, 4);
}

static void test_a_sender_waits_until_a_place_is_free_and_not_only_one_message_taken(void **state)
{
	story_of(&story_driver, story_blocked);
}

static void story_ending(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct actor *target = NULL, *ending;
	actor_ref who;

	released = is_ending = false;
	assert_int_equal(actor_spawn(self, &sender, NULL, &who), 0);
	assert_int_equal(actor_stop(self, who, NULL), 0);
	for (int i = 0; i < 2000 && !is_ending; i++)
		assert_int_equal(actor_sleep(self, 1), 0);
	ending = actor_find(group, who.serial);
	assert_true(ending && ending->status == ACTOR_ENDING);
	assert_int_equal(mailbox_wait_room(group, who.serial, (struct actor *)self, 0, &target), -ESRCH);
	assert_null(target);
	/* room that was meant for it is nobody's */
	group->room_of = who.serial;
	mailbox_pass_on(group);
	assert_int_equal(group->room_of, 0);
	group->room_of = UINT64_MAX;
	mailbox_pass_on(group);
	assert_int_equal(group->room_of, 0);
	released = true;
}

static void test_an_actor_that_ends_takes_nothing_and_has_no_room_to_pass_on(void **state)
{
	story_of(&story_driver, story_ending);
}

static void story_paused(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct peer *peer = peer_new(group, PEER, PEER_LINKED);
	struct actor *to = held_sink(self);
	struct list *paused = &to->mailbox.paused;

	assert_non_null(peer);
	/* by the number of messages */
	fill(to, 4, 0);
	(void)pause_tell(paused, actor_self(to), peer, 0, false);
	take(to);
	assert_false(list_is_empty(paused));
	take(to);
	assert_true(list_is_empty(paused));
	take(to);
	take(to);
	/* by their bytes */
	fill(to, 2, 60000);
	(void)pause_tell(paused, actor_self(to), peer, 0, false);
	take(to);
	assert_int_equal(to->mailbox.n_messages, 1);
	assert_false(list_is_empty(paused));
	take(to);
	assert_true(list_is_empty(paused));
	released = true;
}

static void test_a_paused_peer_goes_on_when_half_of_messages_and_bytes_are_handled(void **state)
{
	story_of(&story_driver, story_paused);
}

static void story_limits(actor *self)
{
	struct actor *to;

	has_limits = true;
	limits = (struct actor_overload){.overflow = ACTOR_REFUSE, .max_messages = 2};
	to = held_sink(self);
	fill(to, 2, 0);
	assert_true(mailbox_is_full(&to->mailbox));
	assert_false(mailbox_holds_back(&to->mailbox));
	released = true;
	assert_int_equal(actor_sleep(self, 5), 0);

	limits = (struct actor_overload){.overflow = ACTOR_BLOCK, .max_messages = 2};
	to = held_sink(self);
	fill(to, 2, 0);
	assert_true(mailbox_holds_back(&to->mailbox));
	released = true;
	has_limits = false;
}

static void test_a_full_mailbox_with_limits_makes_senders_wait_only_if_they_say_so(void **state)
{
	story_of(&story_driver, story_limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_of_any_size_keep_the_mailbox_full_until_they_are_taken),
		cmocka_unit_test(test_one_message_can_fill_a_mailbox_by_its_bytes),
		cmocka_unit_test(test_an_unlink_drops_the_exits_of_that_link_and_nothing_else),
		cmocka_unit_test(test_a_sender_waits_until_a_place_is_free_and_not_only_one_message_taken),
		cmocka_unit_test(test_an_actor_that_ends_takes_nothing_and_has_no_room_to_pass_on),
		cmocka_unit_test(test_a_paused_peer_goes_on_when_half_of_messages_and_bytes_are_handled),
		cmocka_unit_test(test_a_full_mailbox_with_limits_makes_senders_wait_only_if_they_say_so),
	};

	return run_facts(tests);
}
