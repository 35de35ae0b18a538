/* SPDX-License-Identifier: Apache-2.0 */
/* A port and its subscribers in one group, by its public functions, without a node. */
#include <actor/actor.h>
#include <actor/port.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fact.h"
#include "tests/unit/story.h"

static actor_from *asleep;

static void story(story_fn fn)
{
	story_of(&story_driver, fn);
}

/* ---- a subscriber: notes what comes; sleeps when told to ---- */

struct subscriber {
	char name;
	struct actor_port_subscription subscription;
	actor_ref port;
	uint64_t id;
};

static int subscriber_item(actor *self, const actor_msg *msg)
{
	struct subscriber *subscriber = actor_state(self);
	int n = 0;

	if (actor_msg_unpack(msg, "i*", &n) == 0)
		note("%c%d ", subscriber->name, n);
	else
		note("%c? ", subscriber->name);
	return 0;
}

static int subscriber_lagged(actor *self, const actor_msg *msg)
{
	struct subscriber *subscriber = actor_state(self);
	uint64_t id, lost, all;
	bool is_over;

	assert_int_equal(actor_msg_unpack(msg, "UUUb", &id, &lost, &all, &is_over), 0);
	assert_int_equal(id, subscriber->id);
	note("%c-%d%s ", subscriber->name, (int)lost, is_over ? "!" : "");
	return 0;
}

/* Parks the subscriber in a call that is answered when the story says so. */
static int subscriber_sleep(actor *self, const actor_msg *msg)
{
	actor_ref bed;

	assert_int_equal(actor_msg_unpack(msg, "r", &bed), 0);
	(void)actor_call(self, actor_to(bed), "sleep", ACTOR_FOREVER, NULL, "");
	return 0;
}

static int subscriber_ping(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "");
}

static int subscriber_off(actor *self, const actor_msg *msg, actor_from *from)
{
	struct subscriber *subscriber = actor_state(self);

	return actor_reply(
		from, "i", actor_port_unsubscribe(self, actor_to(subscriber->port), subscriber->id));
}

static int subscriber_on(actor *self, const actor_msg *msg, actor_from *from)
{
	struct subscriber *subscriber = actor_state(self);

	return actor_reply(from, "i",
		actor_port_subscribe(
			self, actor_to(subscriber->port), &subscriber->subscription, &subscriber->id));
}

static int subscriber_init(actor *self, const void *arg)
{
	memcpy(actor_state(self), arg, sizeof(struct subscriber));
	return 0;
}

static const struct actor_method subscriber_methods[] = {
	{.name = "item", .on_cast = subscriber_item},
	{.name = "lagged", .on_cast = subscriber_lagged},
	{.name = "sleep", .on_cast = subscriber_sleep},
	{.name = "ping", .on_call = subscriber_ping},
	{.name = "on", .on_call = subscriber_on},
	{.name = "off", .on_call = subscriber_off},
	{0},
};

static const struct actor_behavior subscriber_behavior = {
	.name = "subscriber",
	.state_size = sizeof(struct subscriber),
	.methods = subscriber_methods,
	.init = subscriber_init,
	.mailbox_max_messages = 2,
};

static int bed_sleep(actor *self, const actor_msg *msg, actor_from *from)
{
	asleep = actor_from_keep(from);
	return 0;
}

static int bed_is_used(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "b", asleep != NULL);
}

static const struct actor_method bed_methods[] = {
	{.name = "sleep", .on_call = bed_sleep}, {.name = "is_used", .on_call = bed_is_used}, {0}};
static const struct actor_behavior bed_behavior = {.name = "bed", .methods = bed_methods};

static int answer_of(actor *self, actor_ref who, const char *method)
{
	actor_msg *reply;
	int n = 0;

	assert_int_equal(actor_call(self, actor_to(who), method, ACTOR_FOREVER, &reply, ""), 0);
	(void)actor_msg_unpack(reply, "i", &n);
	actor_msg_free(reply);
	return n;
}

static actor_ref subscriber_new(actor *self, actor_port *port, char name, struct actor_port_subscription of)
{
	struct subscriber arg = {.name = name, .subscription = of, .port = actor_port_ref(port)};
	actor_ref who;

	if (!of.method)
		arg.subscription.method = "item";
	assert_int_equal(actor_spawn(self, &subscriber_behavior, &arg, &who), 0);
	return who;
}

static actor_ref subscriber(actor *self, actor_port *port, char name, struct actor_port_subscription of)
{
	actor_ref who = subscriber_new(self, port, name, of);

	assert_int_equal(answer_of(self, who, "on"), 0);
	return who;
}

static uint64_t stat_of(actor *self, actor_port *port, const char *name)
{
	actor_msg *reply;
	uint64_t n = 0;

	assert_int_equal(
		actor_call(self, actor_to(actor_port_ref(port)), "stats", ACTOR_FOREVER, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "{s:U}", name, &n), 0);
	actor_msg_free(reply);
	return n;
}

/* Waits until all that was published has been handled by @who. */
static void settle(actor *self, actor_port *port, actor_ref who)
{
	assert_int_equal(
		actor_call(self, actor_to(actor_port_ref(port)), "flush", ACTOR_FOREVER, NULL, ""), 0);
	(void)answer_of(self, who, "ping");
}

static actor_port *port_of(actor *self, struct actor_port_options options)
{
	actor_port *port;

	assert_int_equal(actor_port_new(self, &port, &options), 0);
	return port;
}

static actor_ref fall_asleep(actor *self, actor_ref who)
{
	actor_msg *reply;
	bool is_used = false;
	actor_ref bed;

	asleep = NULL;
	assert_int_equal(actor_spawn(self, &bed_behavior, NULL, &bed), 0);
	assert_int_equal(actor_cast(self, actor_to(who), "sleep", "r", bed), 0);
	while (!is_used) {
		assert_int_equal(actor_call(self, actor_to(bed), "is_used", ACTOR_FOREVER, &reply, ""), 0);
		assert_int_equal(actor_msg_unpack(reply, "b", &is_used), 0);
		actor_msg_free(reply);
	}
	return bed;
}

static void wake(void)
{
	assert_int_equal(actor_reply(asleep, ""), 0);
	asleep = NULL;
}

/* Lets everybody do what is possible without the story; those who wait for it go on waiting. */
static void turns(actor *self)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(actor_sleep(self, 0), 0);
}

/* ---- facts ---- */

static void all_story(actor *self)
{
	actor_port *port = port_of(self, (struct actor_port_options){0});
	actor_ref a, b;

	assert_int_equal(actor_port_publish(self, port, "i", 0), 0); /* there is no subscriber yet */
	a = subscriber(self, port, 'a', (struct actor_port_subscription){0});
	assert_int_equal(actor_port_publish(self, port, "i", 1), 1);
	b = subscriber(self, port, 'b', (struct actor_port_subscription){0});
	assert_int_equal(actor_port_publish(self, port, "i", 2), 2);
	settle(self, port, a);
	settle(self, port, b);
	actor_port_free(self, port);
}

static void test_what_is_published_comes_to_all_who_have_subscribed(void **state)
{
	story(all_story);
	assert_null(strstr(story_log, "0"));
	assert_non_null(strstr(story_log, "a1 "));
	assert_non_null(strstr(story_log, "a2 "));
	assert_non_null(strstr(story_log, "b2 "));
	assert_null(strstr(story_log, "b1 "));
}

static void unsubscribe_story(actor *self)
{
	actor_port *port = port_of(self, (struct actor_port_options){0});
	actor_ref a = subscriber(self, port, 'a', (struct actor_port_subscription){0});

	assert_int_equal(actor_port_publish(self, port, "i", 1), 1);
	settle(self, port, a);
	assert_int_equal(answer_of(self, a, "off"), 0);
	assert_int_equal(actor_port_publish(self, port, "i", 2), 0);
	assert_int_equal(answer_of(self, a, "off"), -ESRCH);
	/* Two subscriptions of one actor are two, and each item comes once for each. */
	assert_int_equal(answer_of(self, a, "on"), 0);
	assert_int_equal(answer_of(self, a, "on"), 0);
	assert_int_equal(actor_port_publish(self, port, "i", 3), 2);
	settle(self, port, a);
	assert_int_equal(answer_of(self, a, "off"), 0);
	assert_int_equal(actor_port_publish(self, port, "i", 4), 1);
	settle(self, port, a);
}

static void test_who_unsubscribes_gets_nothing_more(void **state)
{
	story(unsubscribe_story);
	assert_string_equal(story_log, "a1 a3 a3 a4 ");
}

static void stranger_story(actor *self)
{
	actor_port *port = port_of(self, (struct actor_port_options){0});
	struct actor_port_subscription of = {.method = "item"};
	actor_ref a = subscriber(self, port, 'a', (struct actor_port_subscription){0});
	uint64_t id;

	of.who = a;
	assert_int_equal(actor_port_subscribe(self, actor_to(actor_port_ref(port)), &of, &id), 0);
	assert_int_equal(
		/* this subscription is the story's own */
		actor_port_unsubscribe(self, actor_to(actor_port_ref(port)), id), 0);
	assert_int_equal(
		/* this subscription is the subscriber's */
		actor_port_unsubscribe(self, actor_to(actor_port_ref(port)), 1), -ESRCH);
	assert_int_equal(actor_port_publish(self, port, "i", 1), 1);
}

static void test_others_cannot_end_a_subscription(void **state)
{
	story(stranger_story);
}

static void death_story(actor *self)
{
	actor_port *port = port_of(self, (struct actor_port_options){0});
	actor_ref a = subscriber(self, port, 'a', (struct actor_port_subscription){0});

	assert_int_equal(actor_kill(self, a), 0);
	while (stat_of(self, port, "subscriptions"))
		turns(self);
	assert_int_equal(actor_port_publish(self, port, "i", 1), 0);
}

static void test_a_subscription_ends_with_its_subscriber(void **state)
{
	story(death_story);
}

static void lag_story(actor *self)
{
	actor_port *port = port_of(self, (struct actor_port_options){.queue_max = 3});
	actor_ref a = subscriber(self, port, 'a', (struct actor_port_subscription){0}), b;

	b = subscriber(self, port, 'b', (struct actor_port_subscription){0});
	fall_asleep(self, a);
	for (int i = 1; i <= 20; i++) {
		assert_true(actor_port_publish(self, port, "i", i) >= 1);
		(void)answer_of(self, b, "ping");
		turns(self);
	}
	assert_true(stat_of(self, port, "lost") > 0);
	wake();
	settle(self, port, a);
	settle(self, port, b);
}

/* Two items are in the mailbox, one is in the feeder's hand, three are in the queue. */
static void test_a_slow_one_loses_the_oldest_and_is_told_while_others_get_all(void **state)
{
	char of_a[256] = "", of_b[256] = "", *word;

	story(lag_story);
	for (word = strtok(story_log, " "); word; word = strtok(NULL, " ")) {
		strcat(word[0] == 'a' ? of_a : of_b, word + 1);
		strcat(word[0] == 'a' ? of_a : of_b, " ");
	}
	assert_string_equal(of_b, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 ");
	assert_string_equal(of_a, "1 2 3 -14 18 19 20 ");
}

static void newest_story(actor *self)
{
	actor_port *port = port_of(self, (struct actor_port_options){.queue_max = 3});
	actor_ref a = subscriber(self, port, 'a',
		(struct actor_port_subscription){.policy = ACTOR_PORT_DROP_NEWEST, .queue_max = 2});

	fall_asleep(self, a);
	for (int i = 1; i <= 10; i++) {
		(void)actor_port_publish(self, port, "i", i);
		turns(self);
	}
	wake();
	settle(self, port, a);
	assert_int_equal(actor_port_publish(self, port, "i", 11), 1);
	settle(self, port, a);
}

static void test_or_the_newest(void **state)
{
	story(newest_story);
	assert_string_equal(story_log, "a1 a2 a3 a4 a5 a-5 a11 ");
}

static void end_story(actor *self)
{
	actor_port *port =
		port_of(self, (struct actor_port_options){.policy = ACTOR_PORT_END, .queue_max = 1});
	actor_ref a = subscriber(self, port, 'a', (struct actor_port_subscription){0});

	fall_asleep(self, a);
	for (int i = 1; i <= 10; i++) {
		(void)actor_port_publish(self, port, "i", i);
		turns(self);
	}
	wake();
	while (stat_of(self, port, "subscriptions"))
		turns(self);
	(void)answer_of(self, a, "ping");
}

static void test_or_its_subscription_ends_and_it_is_told(void **state)
{
	story(end_story);
	assert_string_equal(story_log, "a1 a2 a3 a4 a-1! ");
}

/* The publisher is an actor beside the story, because publishing makes it wait. */
static actor_port *shared_port;

static int publisher_go(actor *self, const actor_msg *msg)
{
	for (int i = 1; i <= 10; i++) {
		int r = actor_port_publish(self, shared_port, "i", i);

		note("p%d ", r == 1 ? i : r);
	}
	return 0;
}

static const struct actor_method publisher_methods[] = {{.name = "go", .on_cast = publisher_go}, {0}};
static const struct actor_behavior publisher_behavior = {.name = "publisher", .methods = publisher_methods};

static void block_story(actor *self)
{
	actor_port *port = port_of(self, (struct actor_port_options){.queue_max = 1});
	actor_ref a, publisher;

	a = subscriber(self, port, 'a', (struct actor_port_subscription){.policy = ACTOR_PORT_BLOCK});
	shared_port = port;
	assert_int_equal(actor_spawn(self, &publisher_behavior, NULL, &publisher), 0);
	fall_asleep(self, a);
	assert_int_equal(actor_cast(self, actor_to(publisher), "go", ""), 0);
	turns(self);
	assert_null(strstr(story_log, "p5")); /* the publisher waits */
	wake();
	while (!strstr(story_log, "a10 "))
		turns(self);
	assert_int_equal(stat_of(self, port, "lost"), 0);
}

static void test_or_the_publisher_waits_and_nothing_is_lost(void **state)
{
	int i = 1;

	story(block_story);
	for (char *at = story_log; (at = strchr(at, 'a')); at++)
		assert_int_equal(atoi(at + 1), i++);
	assert_int_equal(i, 11);
}

static int convert_even(const void *args, size_t args_bytes, actor_msg *out, void *arg)
{
	const uint8_t *bytes = args; /* an array of one number below 128 */

	assert_int_equal(args_bytes, 2);
	++*(int *)arg;
	return bytes[1] % 2 ? 1 : actor_msg_pack(out, "[i]", bytes[1] * 10);
}

static void convert_story(actor *self)
{
	actor_port *port = port_of(self, (struct actor_port_options){0});
	struct actor_port_subscription subscription = {.convert = convert_even};
	int n_asked = 0;
	actor_ref a;

	subscription.arg = &n_asked;
	a = subscriber(self, port, 'a', subscription);
	for (int i = 1; i <= 4; i++)
		assert_int_equal(actor_port_publish(self, port, "i", i), i % 2 ? 0 : 1);
	settle(self, port, a);
	assert_int_equal(n_asked, 4);
}

static void test_a_converter_filters_and_maps(void **state)
{
	story(convert_story);
	assert_string_equal(story_log, "a20 a40 ");
}

static void filter_story(actor *self)
{
	actor_port *port = port_of(self, (struct actor_port_options){0});
	/* {"where": [[0, "=", "x"]], "pick": [1]} */
	static const char filter[] = "\x82\xa5where\x91\x93\x00\xa1=\xa1x\xa4pick\x91\x01";
	actor_ref a = subscriber(self, port, 'a',
		(struct actor_port_subscription){.filter = filter, .filter_bytes = sizeof(filter) - 1});

	assert_int_equal(actor_port_publish(self, port, "si", "x", 1), 1);
	assert_int_equal(actor_port_publish(self, port, "si", "y", 2), 0);
	assert_int_equal(actor_port_publish(self, port, "si", "x", 3), 1);
	settle(self, port, a);
	a = subscriber_new(
		self, port, 'b', (struct actor_port_subscription){.filter = "\x01", .filter_bytes = 1});
	assert_int_equal(answer_of(self, a, "on"), -EREMOTEIO);
}

static void test_a_filter_that_travels_does_so_too(void **state)
{
	story(filter_story);
	assert_string_equal(story_log, "a1 a3 ");
}

static void ends_story(actor *self)
{
	actor_port *port = port_of(self, (struct actor_port_options){0});
	actor_ref ref = actor_port_ref(port),
		  a = subscriber(self, port, 'a', (struct actor_port_subscription){0});

	assert_int_equal(actor_port_publish(self, port, "i", 1), 1);
	actor_port_free(self, port);
	while (!actor_ref_is_nobody(actor_port_ref(port)))
		turns(self);
	(void)answer_of(self, a, "ping");
	assert_int_equal(actor_port_publish(self, port, "i", 2), -ESRCH);
	assert_null(actor_port_free(self, port));
	assert_null(actor_port_free(self, NULL));
	assert_int_equal(answer_of(self, a, "off"), -ESRCH);
	assert_int_equal(actor_call(self, actor_to(ref), "stats", ACTOR_FOREVER, NULL, ""), -ESRCH);
	/* A port ends when it is killed, whether it has a subscriber or not. */
	port = port_of(self, (struct actor_port_options){0});
	subscriber(self, port, 'b', (struct actor_port_subscription){0});
	assert_int_equal(actor_kill(self, actor_port_ref(port)), 0);
	while (!actor_ref_is_nobody(actor_port_ref(port)))
		turns(self);
	port = port_of(self, (struct actor_port_options){0});
	assert_int_equal(actor_kill(self, actor_port_ref(port)), 0);
	turns(self);
	assert_null(actor_port_free(self, port));
}

static void test_a_port_ends_and_its_handle_does_no_harm(void **state)
{
	story(ends_story);
	assert_string_equal(story_log, "a1 ");
}

static void handle_story(actor *self)
{
	actor_port *first = port_of(self, (struct actor_port_options){0}), *next;

	actor_port_free(self, first);
	while (!actor_ref_is_nobody(actor_port_ref(first)))
		turns(self);
	next = port_of(self, (struct actor_port_options){0});
	assert_ptr_not_equal(first, next);
	assert_true(actor_ref_is_nobody(actor_port_ref(first)));
	assert_int_equal(actor_port_publish(self, first, "i", 1), -ESRCH);
	actor_port_free(self, next);
}

static void test_the_handle_of_a_port_that_has_ended_is_never_that_of_a_later_port(void **state)
{
	story(handle_story);
}

static void limits_story(actor *self)
{
	actor_port *port =
		port_of(self, (struct actor_port_options){.subscriptions_max = 1, .no_block = true});
	actor_ref a;

	a = subscriber_new(self, port, 'a', (struct actor_port_subscription){.policy = ACTOR_PORT_BLOCK});
	assert_int_equal(answer_of(self, a, "on"), -EREMOTEIO);
	a = subscriber_new(self, port, 'a', (struct actor_port_subscription){.queue_max = 100000});
	assert_int_equal(answer_of(self, a, "on"), -EREMOTEIO);
	a = subscriber_new(self, port, 'a', (struct actor_port_subscription){.who = actor_port_ref(port)});
	assert_int_equal(answer_of(self, a, "on"), 0);
	assert_int_equal(answer_of(self, a, "on"), -EREMOTEIO);
	assert_int_equal(
		actor_port_new(self, &port, &(struct actor_port_options){.queue_max = UINT32_MAX}), -EINVAL);
}

static void test_a_port_has_limits(void **state)
{
	story(limits_story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_published_comes_to_all_who_have_subscribed),
		cmocka_unit_test(test_who_unsubscribes_gets_nothing_more),
		cmocka_unit_test(test_others_cannot_end_a_subscription),
		cmocka_unit_test(test_a_subscription_ends_with_its_subscriber),
		cmocka_unit_test(test_a_slow_one_loses_the_oldest_and_is_told_while_others_get_all),
		cmocka_unit_test(test_or_the_newest),
		cmocka_unit_test(test_or_its_subscription_ends_and_it_is_told),
		cmocka_unit_test(test_or_the_publisher_waits_and_nothing_is_lost),
		cmocka_unit_test(test_a_converter_filters_and_maps),
		cmocka_unit_test(test_a_filter_that_travels_does_so_too),
		cmocka_unit_test(test_a_port_ends_and_its_handle_does_no_harm),
		cmocka_unit_test(test_the_handle_of_a_port_that_has_ended_is_never_that_of_a_later_port),
		cmocka_unit_test(test_a_port_has_limits),
	};

	return run_facts(tests);
}
