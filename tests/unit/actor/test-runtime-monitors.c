/* SPDX-License-Identifier: Apache-2.0 */
/* What monitors promise: one DOWN, with the cause. */
#include "tests/unit/actor/runtime-world.h"

/* ---- monitors ---- */
static void story_monitor(actor *self)
{
	actor_ref watcher = worker(self), target = worker(self);
	actor_msg *reply;
	uint64_t id;

	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
	assert_int_equal(actor_msg_unpack(reply, "U", &id), 0);
	actor_msg_free(reply);
	assert_int_equal(actor_cast(self, actor_to(target), "fail", ""), 0);
	assert_int_equal(actor_call(self, actor_to(watcher), "slow", 1000, &reply, ""), 0);
	actor_msg_free(reply);
	assert_int_equal(call_i(self, watcher, "add", &(int64_t){0}), 0);
	assert_int_equal(last_down_monitor, id);
	assert_string_equal(last_cause.reason, "crash: EIO");
	assert_non_null(strstr(story_log, "terminate:crash: EIO"));

	/* A monitor of a dead actor gets one DOWN, with `noproc`. */
	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
	assert_int_equal(actor_msg_unpack(reply, "U", &id), 0);
	actor_msg_free(reply);
	assert_int_equal(call_i(self, watcher, "add", &(int64_t){0}), 0);
	assert_int_equal(last_down_monitor, id);
	assert_string_equal(last_cause.reason, "noproc");
}

static void test_monitor_fires_once_with_the_cause_and_noproc_when_dead(void **state)
{
	story(story_monitor);
}

static void story_down_order(actor *self)
{
	actor_ref target = worker(self);
	uint64_t id;

	assert_int_equal(actor_monitor(self, target, &id), 0);
	assert_int_equal(actor_cast(self, actor_to(target), "say", "rs", actor_self(self), "last"), 0);
	assert_int_equal(actor_cast(self, actor_to(target), "stop_self", ""), 0);
	assert_int_equal(actor_call(self, actor_to(target), "add", 1000, NULL, "i", 1), -ECONNRESET);
	/*
	 * The last message and the DOWN wait in this mailbox, in order. actor_demonitor() takes the DOWN out.
	 */
	assert_false(actor_demonitor(self, id));
	/* A DOWN that was left there would come before `note`, and the group does not end before `end`. */
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "note", "s", "after"), 0);
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "end", ""), 0);
}

static void story_first_reason(actor *self)
{
	actor_ref watcher = worker(self), target = worker(self);
	actor_msg *reply;

	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
	actor_msg_free(reply);
	assert_int_equal(actor_stop(self, target, "the first"), 0);
	assert_int_equal(actor_stop(self, target, "the second"), 0);
	assert_int_equal(actor_call(self, actor_to(watcher), "slow", 1000, NULL, ""), 0);
	assert_string_equal(last_cause.reason, "the first");
	assert_non_null(strstr(story_log, "terminate:the first "));
	/* An actor that is killed has been killed, whatever reason to stop it was given before. */
	target = worker(self);
	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
	actor_msg_free(reply);
	assert_int_equal(actor_stop(self, target, "a stop"), 0);
	assert_int_equal(actor_kill(self, target), 0);
	assert_int_equal(actor_call(self, actor_to(watcher), "slow", 1000, NULL, ""), 0);
	assert_string_equal(last_cause.reason, "killed");
}

static void test_first_reason_to_stop_is_the_reason_unless_killed(void **state)
{
	story(story_first_reason);
}

static void story_dying_watcher(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref watcher = worker(self), target = worker(self);
	actor_msg *reply;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
		actor_msg_free(reply);
	}
	assert_int_equal(group->monitors.n_items, 3);
	assert_int_equal(actor_stop(self, watcher, NULL), 0);
	assert_int_equal(actor_call(self, actor_to(watcher), "add", 1000, NULL, "i", 1), -ECONNRESET);
	assert_int_equal(group->monitors.n_items, 0);
	assert_true(list_is_empty(&actor_find(group, target.serial)->watchers));
	assert_int_equal(actor_stop(self, target, NULL), 0);
	assert_int_equal(actor_call(self, actor_to(target), "add", 1000, NULL, "i", 1), -ECONNRESET);
	assert_null(strstr(story_log, "down:"));
}

static void test_monitors_go_with_the_actor_that_made_them(void **state)
{
	story(story_dying_watcher);
}

static int order_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	note("DOWN:%s ", cause->reason);
	actor_group_stop(actor_group_of(self));
	return 0;
}

static int order_init(actor *self, const void *arg)
{
	actor_ref target = worker(self);

	assert_int_equal(actor_monitor(self, target, NULL), 0);
	assert_int_equal(actor_cast(self, actor_to(target), "say", "rs", actor_self(self), "one"), 0);
	assert_int_equal(actor_cast(self, actor_to(target), "say", "rs", actor_self(self), "two"), 0);
	return actor_cast(self, actor_to(target), "stop_self", "");
}

static const struct actor_behavior order_behavior = {
	.name = "order",
	.state_size = sizeof(struct driver),
	.methods = driver_methods,
	.init = order_init,
	.on_down = order_down,
};

static void test_down_arrives_after_last_message(void **state)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	story_log[0] = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &order_behavior, NULL, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
	assert_string_equal(story_log, "terminate:shutdown one two DOWN:shutdown ");
}

static void test_demonitor_takes_back_a_queued_down(void **state)
{
	story_stays = true;
	story(story_down_order);
	story_stays = false;
	assert_string_equal(story_log, "terminate:shutdown last after ");
}

static void story_foreign_monitor(actor *self)
{
	actor_ref watcher = worker(self), target = worker(self);
	actor_msg *reply;
	uint64_t id;

	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
	assert_int_equal(actor_msg_unpack(reply, "U", &id), 0);
	actor_msg_free(reply);
	assert_false(actor_demonitor(self, id));
	assert_int_equal(actor_stop(self, target, "over"), 0);
	assert_int_equal(actor_call(self, actor_to(target), "add", 1000, NULL, "i", 1), -ECONNRESET);
	assert_int_equal(call_i(self, watcher, "add", &(int64_t){0}), 0);
	assert_int_equal(last_down_monitor, id);
	assert_string_equal(last_cause.reason, "over");
}

static void test_demonitor_of_a_monitor_of_another_does_nothing(void **state)
{
	story(story_foreign_monitor);
}

static void story_own_process(actor *self)
{
	actor_ref own = actor_self(self);
	uint64_t id, other;

	own.serial = 0;
	assert_int_equal(actor_monitor(self, own, &id), 0);
	assert_int_equal(actor_monitor(self, own, &other), 0);
	assert_true(actor_demonitor(self, id));
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "note", "s", "nothing came"), 0);
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "end", ""), 0);
}

static void test_monitor_of_the_own_process_never_goes_off(void **state)
{
	story_stays = true;
	story(story_own_process);
	story_stays = false;
	assert_string_equal(story_log, "nothing came ");
}

static void story_several(actor *self)
{
	actor_ref watcher = worker(self), target = worker(self);
	int64_t total;

	for (int i = 0; i < 3; i++)
		assert_int_equal(
			actor_call(self, actor_to(watcher), "watch", ACTOR_FOREVER, NULL, "r", target), 0);
	assert_int_equal(actor_stop(self, target, "over"), 0);
	while (actor_find(actor_group_of(self), target.serial))
		actor_sleep(self, 1);
	assert_int_equal(call_i(self, watcher, "add", &total), 0);
	assert_int_equal(call_i(self, watcher, "add", &total), 0);
	assert_string_equal(story_log, "terminate:over down:over down:over down:over ");
}

static void test_each_of_several_monitors_goes_off_once(void **state)
{
	story(story_several);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_monitor_fires_once_with_the_cause_and_noproc_when_dead),
		cmocka_unit_test(test_each_of_several_monitors_goes_off_once),
		cmocka_unit_test(test_down_arrives_after_last_message),
		cmocka_unit_test(test_demonitor_takes_back_a_queued_down),
		cmocka_unit_test(test_demonitor_of_a_monitor_of_another_does_nothing),
		cmocka_unit_test(test_monitor_of_the_own_process_never_goes_off),
		cmocka_unit_test(test_first_reason_to_stop_is_the_reason_unless_killed),
		cmocka_unit_test(test_monitors_go_with_the_actor_that_made_them),
	};

	return run_facts(tests);
}
