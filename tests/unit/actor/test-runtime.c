/* SPDX-License-Identifier: Apache-2.0 */
/* What waiting, timers, mailboxes and descriptors promise; and a group in a loop of the program. */
#include "tests/unit/actor/runtime-world.h"

/* ---- waiting ---- */
static void story_parking(actor *self)
{
	actor_ref slow = worker(self), quick = worker(self);
	int64_t total;
	actor_msg *reply;

	assert_int_equal(actor_cast(self, actor_to(slow), "sleep", ""), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(call_i(self, quick, "add", &total), 0);
	assert_int_equal(total, 500);
	/* A kill ends the wait that the actor is in, and each further one. */
	assert_int_equal(actor_kill(self, slow), 0);
	assert_int_equal(actor_call(self, actor_to(quick), "slow", 1000, &reply, ""), 0);
	actor_msg_free(reply);
	assert_non_null(strstr(story_log, "sleep:-125 again:-125 "));
	assert_null(strstr(story_log, "terminate:killed"));
}

static void test_kill_ends_every_wait_of_a_parked_actor_and_only_of_it(void **state)
{
	story(story_parking);
}

static int spoiler_spoil(actor *self, const actor_msg *msg)
{
	errno = ENOTTY;
	note("spoilt ");
	return 0;
}

static const struct actor_method spoiler_methods[] = {{.name = "spoil", .on_cast = spoiler_spoil}, {0}};

static const struct actor_behavior spoiler = {.name = "spoiler", .methods = spoiler_methods};

static void story_errno(actor *self)
{
	actor_ref ref;
	int after;

	assert_int_equal(actor_spawn(self, &spoiler, NULL, &ref), 0);
	assert_int_equal(actor_cast(self, actor_to(ref), "spoil", ""), 0);
	assert_null(strstr(story_log, "spoilt"));
	errno = E2BIG;
	actor_sleep(self, 1);
	after = errno;
	assert_non_null(strstr(story_log, "spoilt"));
	assert_int_equal(after, E2BIG);
}

static void test_errno_is_each_actors_own_while_it_waits(void **state)
{
	story(story_errno);
}

static void story_many_parked(actor *self)
{
	actor_ref refs[500];
	int64_t total;

	for (int i = 0; i < 500; i++) {
		refs[i] = worker(self);
		assert_int_equal(actor_cast(self, actor_to(refs[i]), "sleep", ""), 0);
	}
	actor_ref quick = worker(self);
	assert_int_equal(call_i(self, quick, "add", &total), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(actor_kill(self, refs[i]), 0);
}

static void test_500_parked_actors_each_keep_their_stack(void **state)
{
	story(story_many_parked);
}

/* ---- timers, mailboxes, descriptors ---- */
static int timed_tick(actor *self, const actor_msg *msg)
{
	const char *text;

	assert_int_equal(actor_msg_unpack(msg, "s", &text), 0);
	note("%s ", text);
	if (!strcmp(text, "c"))
		actor_stop(self, actor_self(self), NULL);
	return 0;
}

static int timed_init(actor *self, const void *arg)
{
	uint64_t timer;

	assert_int_equal(actor_send_after(self, 15, "tick", NULL, "s", "c"), 0);
	assert_int_equal(actor_send_after(self, 5, "tick", NULL, "s", "a"), 0);
	assert_int_equal(actor_send_after(self, 10, "tick", &timer, "s", "never"), 0);
	assert_int_equal(actor_send_after(self, 10, "tick", NULL, "s", "b"), 0);
	assert_true(actor_timer_cancel(self, timer));
	assert_false(actor_timer_cancel(self, timer));
	assert_int_equal(actor_send_after(self, -1, "tick", NULL, "s", "x"), -EINVAL);
	return 0;
}

static const struct actor_method timed_methods[] = {{.name = "tick", .on_cast = timed_tick}, {0}};

static const struct actor_behavior timed_behavior = {
	.name = "timed", .methods = timed_methods, .init = timed_init};

static void test_timers_fire_in_order_of_their_time_unless_cancelled(void **state)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	story_log[0] = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &timed_behavior, NULL, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
	assert_string_equal(story_log, "a b c ");
}

static void story_full(actor *self)
{
	actor_ref to = worker(self);
	int64_t total = 0;

	assert_int_equal(actor_cast(self, actor_to(to), "block", ""), 0);
	for (int i = 0; i < 100; i++) /* the mailbox has room for 8; the sender waits and loses nothing */
		assert_int_equal(actor_cast(self, actor_to(to), "say", "rs", actor_self(self), "."), 0);
	assert_int_equal(call_i(self, to, "add", &total), 0);
	/* An actor never waits for room in its own mailbox. */
	for (int i = 0; i < 5000; i++)
		assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "note", "s", ""), 0);
}

static void test_sender_waits_while_a_mailbox_is_full(void **state)
{
	story(story_full);
}

static actor_ref blocked_at;

static int blocked_result;

static int blocked_fill(actor *self, const actor_msg *msg)
{
	for (int i = 0; i < 9; i++) { /* the mailbox has room for 8 */
		blocked_result = actor_cast(self, actor_to(blocked_at), "add", "i", 1);
		note("%d ", i);
	}
	return 0;
}

static const struct actor_method blocked_methods[] = {{.name = "fill", .on_cast = blocked_fill}, {0}};

static const struct actor_behavior blocked_behavior = {.name = "blocked", .methods = blocked_methods};

static void story_blocked(actor *self)
{
	actor_ref sender;

	blocked_at = worker(self);
	blocked_result = 1;
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "sleep", ""), 0);
	actor_sleep(self, 1); /* the target sleeps in its handler, and its mailbox is empty */
	assert_int_equal(actor_spawn(self, &blocked_behavior, NULL, &sender), 0);
	assert_int_equal(actor_cast(self, actor_to(sender), "fill", ""), 0);
	while (!strstr(story_log, "7 "))
		actor_sleep(self, 1);
	assert_null(strstr(story_log, "8 "));
	/* The sender waits with a time-out, so a target that never makes room does not hold it for ever. */
	assert_true(timer_is_armed(&actor_find(actor_group_of(self), sender.serial)->task.wake_timer));
	assert_int_equal(actor_kill(self, blocked_at), 0);
	/*
	 * A cast to the dead is lost, which is no error. A sender that nobody wakes would return -EBUSY after
	 * five seconds.
	 */
	while (!strstr(story_log, "8 "))
		actor_sleep(self, 1);
	assert_int_equal(blocked_result, 0);
}

static void test_sender_that_waits_for_room_is_woken_by_the_end_of_its_target(void **state)
{
	story(story_blocked);
}

/* ---- room that is not taken ---- */

/* Stays in its handler until two senders wait for room. */
static int slim_hold(actor *self, const actor_msg *msg)
{
	const struct list *blocked = &self->mailbox.blocked;

	while (list_is_empty(blocked) || blocked->next->next == blocked)
		actor_sleep(self, 1);
	return 0;
}

static int slim_nothing(actor *self, const actor_msg *msg)
{
	return 0;
}

static const struct actor_method slim_methods[] = {
	{.name = "hold", .on_cast = slim_hold}, {.name = "nothing", .on_cast = slim_nothing}, {0}};
static const struct actor_behavior slim_behavior = {
	.name = "slim", .methods = slim_methods, .mailbox_max_messages = 1};

/*
 * Cannot send when it gets room, because its message is too big. @msg says whether it then stays in its
 * handler.
 */
static int eager_send_too_much(actor *self, const actor_msg *msg)
{
	char *bytes = calloc(1, ACTOR_BODY_MAX_BYTES);
	bool stays;
	int r;

	assert_non_null(bytes);
	assert_int_equal(actor_msg_unpack(msg, "b", &stays), 0);
	r = actor_cast(self, actor_to(blocked_at), "nothing", "y#", bytes, (size_t)ACTOR_BODY_MAX_BYTES);
	free(bytes);
	note("%s ", r == -EMSGSIZE ? "too much" : "?");
	return stays ? actor_sleep(self, 60000) : 0;
}

static int eager_send(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", actor_cast(self, actor_to(blocked_at), "nothing", ""));
}

static const struct actor_method eager_methods[] = {
	{.name = "send_too_much", .on_cast = eager_send_too_much},
	{.name = "send", .on_call = eager_send},
	{0},
};
static const struct actor_behavior eager_behavior = {.name = "eager", .methods = eager_methods};

static void leave_room(actor *self, bool stays)
{
	actor_ref first, second;
	actor_msg *reply;
	int r = 1;

	assert_int_equal(actor_spawn(self, &slim_behavior, NULL, &blocked_at), 0);
	assert_int_equal(actor_spawn(self, &eager_behavior, NULL, &first), 0);
	assert_int_equal(actor_spawn(self, &eager_behavior, NULL, &second), 0);
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "hold", ""), 0);
	actor_sleep(self, 1); /* the target is in its handler */
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "nothing", ""), 0);
	assert_int_equal(actor_cast(self, actor_to(first), "send_too_much", "b", stays), 0);
	actor_sleep(self, 1);
	/* A second sender that nobody wakes would return -EBUSY after five seconds. */
	assert_int_equal(actor_call(self, actor_to(second), "send", ACTOR_FOREVER, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	actor_msg_free(reply);
	assert_int_equal(r, 0);
	assert_string_equal(story_log, "too much ");
	story_log[0] = 0;
	assert_int_equal(actor_kill(self, first), 0);
}

static void story_leave_room(actor *self)
{
	leave_room(self, false);
	leave_room(self, true);
}

static void test_a_sender_that_sends_nothing_after_all_leaves_the_room_to_the_next(void **state)
{
	story(story_leave_room);
}

/* ---- stopping ---- */

/* Spawns an actor when it has been asked to stop, and another one at its end. */
static int late_spawn(actor *self, const actor_msg *msg)
{
	actor_ref ref;

	while (!actor_stopping(self))
		actor_sleep(self, 1);
	note("spawn:%d ", actor_spawn(self, &worker_behavior, NULL, &ref));
	return 0;
}

static void late_terminate(actor *self, const struct actor_cause *cause)
{
	actor_ref ref;

	note("and again:%d ", actor_spawn(self, &worker_behavior, NULL, &ref));
}

static const struct actor_method late_methods[] = {{.name = "spawn", .on_cast = late_spawn}, {0}};
static const struct actor_behavior late_behavior = {
	.name = "late", .methods = late_methods, .terminate = late_terminate};

static void story_late(actor *self)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, &late_behavior, NULL, &ref), 0);
	assert_int_equal(actor_cast(self, actor_to(ref), "spawn", ""), 0);
	actor_sleep(self, 1);
}

static void test_who_is_started_while_the_group_is_stopped_is_stopped_too(void **state)
{
	story(story_late); /* the end of the story stops the group */
	assert_string_equal(story_log, "terminate:shutdown spawn:0 terminate:shutdown and again:0 ");
}

static int stopper_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), "stop", "");
}

static int stopper_stop(actor *self, const actor_msg *msg)
{
	note("stop ");
	actor_group_stop(actor_group_of(self));
	return 0;
}

static const struct actor_method stopper_methods[] = {{.name = "stop", .on_cast = stopper_stop}, {0}};
static const struct actor_behavior stopper_behavior = {
	.name = "stopper", .methods = stopper_methods, .init = stopper_init};

static void test_a_group_that_was_stopped_may_run_and_be_stopped_again(void **state)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	story_log[0] = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(actor_group_spawn(group, &worker_behavior, NULL, NULL, NULL), 0);
		assert_int_equal(actor_group_spawn(group, &stopper_behavior, NULL, NULL, NULL), 0);
		assert_int_equal(actor_group_run(group), 0);
	}
	actor_group_free(group);
	assert_string_equal(story_log, "stop terminate:shutdown stop terminate:shutdown ");
}

static int blocked_cast_once(actor *self, const actor_msg *msg)
{
	blocked_result = actor_cast(self, actor_to(blocked_at), "nothing", "");
	return 0;
}

static const struct actor_method blocked_once_methods[] = {{.name = "go", .on_cast = blocked_cast_once}, {0}};

static const struct actor_behavior blocked_once_behavior = {.name = "once", .methods = blocked_once_methods};

static int narrow_go(actor *self, const actor_msg *msg)
{
	actor_ref target = worker(self), sender;
	uint64_t monitor;

	blocked_at = actor_self(self);
	blocked_result = 1;
	assert_int_equal(actor_monitor(self, target, &monitor), 0);
	assert_int_equal(actor_stop(self, target, "over"), 0);
	while (!mailbox_is_full(&actor_find(actor_group_of(self), blocked_at.serial)->mailbox))
		actor_sleep(self, 1);
	assert_int_equal(actor_spawn(self, &blocked_once_behavior, NULL, &sender), 0);
	assert_int_equal(actor_cast(self, actor_to(sender), "go", ""), 0);
	while (list_is_empty(&actor_find(actor_group_of(self), blocked_at.serial)->mailbox.blocked))
		actor_sleep(self, 1);
	actor_demonitor(self, monitor); /* takes back the DOWN, which is the only message */
	while (blocked_result == 1)
		actor_sleep(self, 1);
	assert_int_equal(blocked_result, 0); /* -EBUSY would mean that nobody woke the sender */
	return actor_stop(self, actor_self(self), "over");
}

static const struct actor_method narrow_methods[] = {{.name = "go", .on_cast = narrow_go}, {0}};

static const struct actor_behavior narrow_behavior = {
	.name = "narrow", .methods = narrow_methods, .mailbox_max_messages = 1};

static void story_narrow(actor *self)
{
	actor_ref narrow;
	uint64_t monitor;

	assert_int_equal(actor_spawn(self, &narrow_behavior, NULL, &narrow), 0);
	assert_int_equal(actor_monitor(self, narrow, &monitor), 0);
	assert_int_equal(actor_cast(self, actor_to(narrow), "go", ""), 0);
	blocked_result = 1;
	while (actor_find(actor_group_of(self), narrow.serial))
		actor_sleep(self, 1);
	assert_int_equal(blocked_result, 0);
}

static void test_sender_that_waits_for_room_is_woken_by_a_demonitor(void **state)
{
	story(story_narrow);
}

static int impatient_result;

static int impatient_go(actor *self, const actor_msg *msg)
{
	actor_msg *args;

	while (actor_cast(self, actor_to(blocked_at), "add", "i", 1) == 0 &&
		!mailbox_is_full(&actor_find(actor_group_of(self), blocked_at.serial)->mailbox))
		;
	impatient_result = actor_call(self, actor_to(blocked_at), "add", 10, NULL, "i", 1);
	note("%d ", impatient_result);
	assert_int_equal(actor_msg_new(&args), 0);
	assert_int_equal(actor_msg_pack(args, "[i]", 1), 0);
	impatient_result = actor_call_msg(self, actor_to(blocked_at), "add", 10, &args, NULL);
	actor_msg_free(args);
	note("%d done", impatient_result);
	return 0;
}

static const struct actor_method impatient_methods[] = {{.name = "go", .on_cast = impatient_go}, {0}};

static const struct actor_behavior impatient_behavior = {.name = "impatient", .methods = impatient_methods};

static void story_impatient(actor *self)
{
	actor_ref sender;

	blocked_at = worker(self);
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "sleep", ""), 0);
	actor_sleep(self, 1);
	assert_int_equal(actor_spawn(self, &impatient_behavior, NULL, &sender), 0);
	assert_int_equal(actor_cast(self, actor_to(sender), "go", ""), 0);
	while (!strstr(story_log, "done"))
		actor_sleep(self, 1);
	assert_string_equal(story_log, "-110 -110 done");
	assert_int_equal(actor_kill(self, blocked_at), 0);
}

static bool killed;

static int killer_go(actor *self, const actor_msg *msg)
{
	actor_sleep(self, 20);
	killed = true;
	return actor_kill(self, blocked_at);
}

static const struct actor_method killer_methods[] = {{.name = "go", .on_cast = killer_go}, {0}};

static const struct actor_behavior killer_behavior = {.name = "killer", .methods = killer_methods};

static void story_full_of_bytes(actor *self)
{
	static char text[2000];
	struct actor_behavior small = worker_behavior;
	actor_ref killer;

	small.mailbox_max_messages = 0;
	small.mailbox_max_bytes = 1000;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(actor_spawn(self, &small, NULL, &blocked_at), 0);
	assert_int_equal(actor_spawn(self, &killer_behavior, NULL, &killer), 0);
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "sleep", ""), 0);
	actor_sleep(self, 1);
	/* The mailbox had room, so the whole text goes in. */
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "note", "s", text), 0);
	assert_int_equal(actor_cast(self, actor_to(killer), "go", ""), 0);
	killed = false;
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "note", "s", "."), 0);
	assert_true(killed); /* the cast waited until the target was killed; a cast to the dead is lost */
}

static void test_bytes_fill_a_mailbox_as_messages_do(void **state)
{
	story(story_full_of_bytes);
}

static void test_call_to_a_full_mailbox_ends_with_its_own_time_out(void **state)
{
	story(story_impatient);
}

static void story_fd(actor *self)
{
	actor_ref to = worker(self);
	actor_msg *reply;
	int fds[2], r;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(actor_call(self, actor_to(to), "watch_fd", 1000, &reply, "i", fds[0]), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, 0);
	actor_msg_free(reply);
	assert_int_equal(write(fds[1], "ab", 2), 2);
	actor_sleep(self, 20);
	assert_non_null(strstr(story_log, "read:a read:b "));
	assert_int_equal(actor_kill(self, to), 0);
	actor_sleep(self, 1);
	close(fds[0]);
	close(fds[1]);
}

static void test_readable_descriptor_is_cast_once_per_readiness(void **state)
{
	story(story_fd);
}

static int bad_init(actor *self, const void *arg)
{
	return -ENOSPC;
}

static const struct actor_behavior bad_behavior = {.name = "bad", .init = bad_init};

static int waiting_init(actor *self, const void *arg)
{
	actor_ref to = worker(self);
	int64_t total;

	return call_i(self, to, "add", &total);
}

static const struct actor_behavior waiting_behavior = {.name = "waiting", .init = waiting_init};

static void story_init(actor *self)
{
	actor_ref ref = ACTOR_NOBODY;

	assert_int_equal(actor_spawn(self, &bad_behavior, NULL, &ref), -ENOSPC);
	assert_true(actor_ref_is_nobody(ref));
	assert_int_equal(actor_spawn(self, &waiting_behavior, NULL, &ref), 0);
	assert_int_equal(actor_stop(self, ref, NULL), 0);
}

static void story_fd_of_the_busy(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref to = worker(self);
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(actor_call(self, actor_to(to), "watch_fd", 1000, NULL, "i", fds[0]), 0);
	assert_int_equal(actor_cast(self, actor_to(to), "sleep", ""), 0);
	actor_sleep(self, 1);
	assert_int_equal(write(fds[1], "a", 1), 1);
	while (!actor_find(group, to.serial)->mailbox.n_messages)
		actor_sleep(self, 1);
	for (int i = 0; i < 5; i++) /* the descriptor is readable in each of these turns */
		actor_sleep(self, 1);
	assert_int_equal(actor_find(group, to.serial)->mailbox.n_messages, 1);
	assert_int_equal(actor_kill(self, to), 0);
	actor_sleep(self, 1);
	assert_int_equal(group->fd_watches.n_items, 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_descriptor_of_a_busy_actor_waits_as_one_cast_and_is_let_go_of_at_its_end(void **state)
{
	story(story_fd_of_the_busy);
}

static void story_unwatch(actor *self)
{
	int first[2], second[2];

	assert_int_equal(pipe(first), 0);
	assert_int_equal(pipe(second), 0);
	assert_int_equal(actor_watch_fd(self, first[0], POLLIN, "note"), 0);
	assert_int_equal(actor_watch_fd(self, second[0], POLLIN, "note"), 0);
	assert_int_equal(actor_unwatch_fd(self, second[0]), 0);
	assert_int_equal(actor_unwatch_fd(self, second[0]), -ENOENT);
	assert_int_equal(actor_unwatch_fd(self, first[0]), 0);
	for (int i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
}

static void test_unwatch_lets_go_of_that_descriptor_and_no_other(void **state)
{
	story(story_unwatch);
}

static void test_time_that_no_clock_reaches_is_no_limit(void **state)
{
	static const int64_t times_ms[] = {
		-1, INT64_MIN, INT64_MAX, INT64_MAX / 1000000, INT64_MAX / 1000000 + 1};

	for (size_t i = 0; i < sizeof(times_ms) / sizeof(times_ms[0]); i++)
		assert_true(deadline_after_ms(1000000, times_ms[i]) == NEVER_NS);
	assert_true(deadline_after_ms(1000000, 0) == 1000000);
	assert_true(deadline_after_ms(1000000, 2) == 3000000);
}

static void story_flush_within(actor *self)
{
	assert_int_equal(actor_group_flush(actor_group_of(self), 0), -EDEADLK);
	assert_int_equal(actor_flush(self, 0), 0);
}

static void test_group_is_not_flushed_from_within_but_an_actor_may_wait_for_it(void **state)
{
	story(story_flush_within);
}

static void test_spawn_returns_what_init_returned(void **state)
{
	story(story_init);
}

static int embed_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_embedded_group_is_driven_by_poll_and_dispatch(void **state)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	int before = embed_fds();
	actor_group *group;
	struct pollfd fd;

	story_log[0] = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &timed_behavior, NULL, NULL, NULL), 0);
	fd = (struct pollfd){.fd = actor_group_get_fd(group), .events = POLLIN};
	while (actor_group_dispatch(group) > 0)
		assert_true(poll(&fd, 1, 5000) > 0);
	actor_group_free(group);
	assert_string_equal(story_log, "a b c ");
	assert_int_equal(embed_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill_ends_every_wait_of_a_parked_actor_and_only_of_it),
		cmocka_unit_test(test_errno_is_each_actors_own_while_it_waits),
		cmocka_unit_test(test_500_parked_actors_each_keep_their_stack),
		cmocka_unit_test(test_timers_fire_in_order_of_their_time_unless_cancelled),
		cmocka_unit_test(test_sender_waits_while_a_mailbox_is_full),
		cmocka_unit_test(test_bytes_fill_a_mailbox_as_messages_do),
		cmocka_unit_test(test_call_to_a_full_mailbox_ends_with_its_own_time_out),
		cmocka_unit_test(test_sender_that_waits_for_room_is_woken_by_the_end_of_its_target),
		cmocka_unit_test(test_sender_that_waits_for_room_is_woken_by_a_demonitor),
		cmocka_unit_test(test_a_sender_that_sends_nothing_after_all_leaves_the_room_to_the_next),
		cmocka_unit_test(test_who_is_started_while_the_group_is_stopped_is_stopped_too),
		cmocka_unit_test(test_a_group_that_was_stopped_may_run_and_be_stopped_again),
		cmocka_unit_test(test_readable_descriptor_is_cast_once_per_readiness),
		cmocka_unit_test(
			test_descriptor_of_a_busy_actor_waits_as_one_cast_and_is_let_go_of_at_its_end),
		cmocka_unit_test(test_unwatch_lets_go_of_that_descriptor_and_no_other),
		cmocka_unit_test(test_time_that_no_clock_reaches_is_no_limit),
		cmocka_unit_test(test_group_is_not_flushed_from_within_but_an_actor_may_wait_for_it),
		cmocka_unit_test(test_spawn_returns_what_init_returned),
		cmocka_unit_test(test_embedded_group_is_driven_by_poll_and_dispatch),
	};

	return run_facts(tests);
}
