/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lamp-test: how to test an actor. A lamp burns for an hour, and then tells who has switched it on. The test
 * needs no node, and the hour takes no time.
 */
#include <actor/actor.h>
#include <actor/test.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS 3600000

/* ---- the actor; in a program it would be in a file of its own ---- */

struct lamp {
	bool is_on;
	uint64_t timer;
	actor_ref who;
};

static int lamp_on(actor *self, const actor_msg *msg)
{
	struct lamp *lamp = actor_state(self);

	if (lamp->is_on)
		return 0;
	lamp->is_on = true;
	lamp->who = actor_msg_sender(msg);
	return actor_send_after(self, HOUR_MS, "burnt", &lamp->timer, "");
}

static int lamp_off(actor *self, const actor_msg *msg, actor_from *from)
{
	struct lamp *lamp = actor_state(self);

	if (!lamp->is_on)
		return actor_reply_error(from, "lamp.is_off", "nobody has switched it on");
	lamp->is_on = false;
	actor_timer_cancel(self, lamp->timer);
	return actor_reply(from, "");
}

static int lamp_burnt(actor *self, const actor_msg *msg)
{
	struct lamp *lamp = actor_state(self);

	actor_cast(self, actor_to(lamp->who), "burnt_out", "i", HOUR_MS / 60000);
	return actor_stop(self, actor_self(self), "burnt");
}

static const struct actor_method lamp_methods[] = {
	{.name = "on", .on_cast = lamp_on},
	{.name = "off", .on_call = lamp_off},
	{.name = "burnt", .on_cast = lamp_burnt},
	{0},
};
static const struct actor_behavior lamp_behavior = {
	.name = "lamp", .state_size = sizeof(struct lamp), .methods = lamp_methods};

/* ---- its tests ---- */

/* Any framework will do; this is the smallest one. */
#define CHECK(what)                                                                                          \
	((what) ? (void)0                                                                                    \
		: (fprintf(stderr, "%s:%d: not so: %s; %s\n", __FILE__, __LINE__, #what,                     \
			   actor_test_why(test)),                                                            \
			  exit(1)))

static void it_burns_for_an_hour_and_tells(actor_test *test)
{
	actor_ref lamp;
	int minutes = 0;

	CHECK(actor_test_spawn(test, &lamp_behavior, NULL, "lamp", &lamp) == 0);
	CHECK(actor_test_monitor(test, lamp, NULL) == 0);
	CHECK(actor_test_cast(test, actor_named("lamp"), "on", "") == 0);
	CHECK(actor_test_advance(test, HOUR_MS - 1) == 0);
	CHECK(actor_test_expect_nothing(test) == 0);
	CHECK(actor_test_advance(test, 1) == 0);
	CHECK(actor_test_expect(test, "burnt_out", "i", &minutes) == 0 && minutes == 60);
	CHECK(actor_test_expect_down(test, lamp, "burnt") == 0);
}

static void off_saves_it(actor_test *test)
{
	actor_msg *reply;
	actor_ref lamp;

	CHECK(actor_test_spawn(test, &lamp_behavior, NULL, NULL, &lamp) == 0);
	CHECK(actor_test_call(test, actor_to(lamp), "off", &reply, "") == -EREMOTEIO);
	CHECK(!strcmp(actor_msg_error(reply), "lamp.is_off"));
	actor_msg_free(reply);
	CHECK(actor_test_cast(test, actor_to(lamp), "on", "") == 0);
	CHECK(actor_test_call(test, actor_to(lamp), "off", NULL, "") == 0);
	CHECK(actor_test_advance(test, 24 * HOUR_MS) == 0);
	CHECK(actor_test_expect_nothing(test) == 0);
}

int main(void)
{
	void (*const tests[])(actor_test * test) = {it_burns_for_an_hour_and_tells, off_saves_it};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		actor_test *test;

		if (actor_test_new(&test) < 0)
			return 1;
		tests[i](test);
		actor_test_free(test);
	}
	puts("the lamp works");
	return 0;
}
