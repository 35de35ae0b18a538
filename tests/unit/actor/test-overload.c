/* SPDX-License-Identifier: Apache-2.0 */
/* Actors with limits of their own, and dead letters, in one group. Each fact is a story of a driver. */
#include "tests/unit/actor/runtime-world.h"

#include "actor/overload.h"

/* ---- the actor that has limits ---- */

static struct actor_overload limits;
static int set_result;
static int64_t handled[64];
static int n_handled;
static int n_told;
static bool is_held;  /* an actor is in `hold` */
static bool released; /* the actor in `hold` may go on */
static bool holds_only;
static int n_senders; /* senders that are held back when limits are set */
static struct actor_overload_stats told_now, told_all;

static int bounded_init(actor *self, const void *arg)
{
	set_result = actor_overload(self, &limits);
	return 0;
}

static int bounded_put(actor *self, const actor_msg *msg)
{
	int64_t n;

	assert_int_equal(actor_msg_unpack(msg, "I", &n), 0);
	handled[n_handled++] = n;
	return 0;
}

static int bounded_get(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", n_handled);
}

/* Parks, so all other messages come in before the next one is handled. */
static int bounded_sleep(actor *self, const actor_msg *msg)
{
	int ms;

	assert_int_equal(actor_msg_unpack(msg, "i", &ms), 0);
	return actor_sleep(self, ms);
}

/*
 * Sets limits (unless holds_only) and stays in its handler, so others come in before the next one is handled.
 */
static int bounded_hold(actor *self, const actor_msg *msg)
{
	if (!holds_only)
		set_result = actor_overload(self, &limits);
	for (is_held = true; !released;)
		(void)actor_sleep(self, 1);
	is_held = false;
	return 0;
}

/*
 * Sets limits, and stays in its handler until the senders that were held back have sent. No room is made for
 * them meanwhile: the limits must let them go on.
 */
static int bounded_set(actor *self, const actor_msg *msg)
{
	set_result = actor_overload(self, &limits);
	for (int i = 0; i < 2000 && n_senders && !strstr(story_log, "sent sent"); i++)
		(void)actor_sleep(self, 1);
	note("set ");
	return 0;
}

static int bounded_unset(actor *self, const actor_msg *msg)
{
	set_result = actor_overload(self, NULL);
	return 0;
}

static int bounded_overload(
	actor *self, const struct actor_overload_stats *now, const struct actor_overload_stats *all)
{
	n_told++;
	told_now = *now;
	told_all = *all;
	return 0;
}

static int bounded_end(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), "enough");
}

static const struct actor_method bounded_methods[] = {
	{.name = "put", .on_cast = bounded_put},
	{.name = "get", .on_call = bounded_get},
	{.name = "sleep", .on_cast = bounded_sleep},
	{.name = "hold", .on_cast = bounded_hold},
	{.name = "set", .on_cast = bounded_set},
	{.name = "unset", .on_cast = bounded_unset},
	{.name = "end", .on_cast = bounded_end},
	{0},
};
static const struct actor_behavior bounded_behavior = {
	.name = "bounded", .methods = bounded_methods, .init = bounded_init, .on_overload = bounded_overload};
static const struct actor_behavior plain_behavior = {
	.name = "plain", .methods = bounded_methods, .mailbox_max_messages = 4};
static const struct actor_behavior deaf_behavior = {
	.name = "deaf", .methods = bounded_methods, .init = bounded_init};

static actor_ref bounded_of(actor *self, const struct actor_behavior *behavior, struct actor_overload set)
{
	actor_ref ref;

	limits = set;
	n_handled = n_told = 0;
	set_result = 1;
	assert_int_equal(actor_spawn(self, behavior, NULL, &ref), 0);
	return ref;
}

static actor_ref bounded(actor *self, struct actor_overload set)
{
	actor_ref ref = bounded_of(self, &bounded_behavior, set);

	assert_int_equal(set_result, 0);
	return ref;
}

/* Casts `put` @n times. Returns how many casts returned 0. */
static int put(actor *self, actor_ref to, int from, int n)
{
	int taken = 0;

	for (int i = from; i < from + n; i++) {
		int r = actor_cast(self, actor_to(to), "put", "i", i);

		assert_true(r == 0 || r == -EBUSY);
		taken += r == 0;
	}
	return taken;
}

static void wait_until(actor *self, const bool *what)
{
	for (int i = 0; i < 2000 && !*what; i++)
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_true(*what);
}

/* From now on @ref handles nothing until `released`. */
static void hold(actor *self, actor_ref ref)
{
	released = is_held = false;
	assert_int_equal(actor_cast(self, actor_to(ref), "hold", ""), 0);
	wait_until(self, &is_held);
}

static void expect_handled(const char *want)
{
	char have[256] = "";

	for (int i = 0; i < n_handled; i++)
		snprintf(have + strlen(have), sizeof(have) - strlen(have), "%lld ", (long long)handled[i]);
	assert_string_equal(have, want);
}

static void wait_for(actor *self, const int *n, int want)
{
	for (int i = 0; i < 2000 && *n < want; i++)
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(*n, want);
}

static void stats_of(actor *self, actor_ref ref, struct actor_overload_stats *ret)
{
	uint64_t lost = 0;

	assert_int_equal(actor_overload_stats(actor_find(actor_group_of(self), ref.serial), ret), 0);
	for (int i = 0; i < ACTOR_LOSSES; i++)
		lost += ret->lost[i];
	assert_int_equal(ret->received, ret->handled + lost + ret->queued);
}

/* ---- a full mailbox ---- */

static void refuse_story(actor *self)
{
	actor_ref ref = bounded(self, (struct actor_overload){.overflow = ACTOR_REFUSE, .max_messages = 3});
	struct actor_overload_stats stats;

	assert_int_equal(put(self, ref, 0, 5), 3);
	wait_for(self, &n_handled, 3);
	expect_handled("0 1 2 ");
	stats_of(self, ref, &stats);
	assert_int_equal(stats.lost[ACTOR_LOST_REFUSED], 2);
	assert_int_equal(stats.handled, 3);
	assert_int_equal(put(self, ref, 5, 1), 1);
}

static void newest_story(actor *self)
{
	actor_ref ref =
		bounded(self, (struct actor_overload){.overflow = ACTOR_DROP_NEWEST, .max_messages = 3});
	struct actor_overload_stats stats;

	assert_int_equal(put(self, ref, 0, 5), 5);
	wait_for(self, &n_handled, 3);
	expect_handled("0 1 2 ");
	stats_of(self, ref, &stats);
	assert_int_equal(stats.lost[ACTOR_LOST_NEWEST], 2);
	assert_int_equal(actor_group_of(self)->stats.casts_dropped, 2);
}

static void oldest_story(actor *self)
{
	actor_ref ref =
		bounded(self, (struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_messages = 3});
	struct actor_overload_stats stats;

	assert_int_equal(put(self, ref, 0, 5), 5);
	wait_for(self, &n_handled, 3);
	expect_handled("2 3 4 ");
	stats_of(self, ref, &stats);
	assert_int_equal(stats.lost[ACTOR_LOST_OLDEST], 2);
	assert_int_equal(put(self, ref, 5, 2), 2); /* the mailbox was empty in between, so both fit */
	wait_for(self, &n_handled, 5);
	expect_handled("2 3 4 5 6 ");
}

/* Timers and notices of the runtime stand among the casts, and are never dropped. */
static void oldest_between_story(actor *self)
{
	actor_ref ref =
		bounded(self, (struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_messages = 2});
	const struct mailbox *mailbox = &actor_find(actor_group_of(self), ref.serial)->mailbox;

	hold(self, ref);
	for (int i = 0; i < 4; i++) {
		uint32_t n = mailbox->n_messages;

		assert_int_equal(actor_send_after_to(self, 0, actor_to(ref), "put", NULL, "i", 100 + i), 0);
		while (mailbox->n_messages == n)
			assert_int_equal(actor_sleep(self, 1), 0);
		assert_int_equal(put(self, ref, i, 1), 1);
	}
	released = true;
	wait_for(self, &n_handled, 6);
	expect_handled("100 101 102 2 103 3 ");
}

static void bytes_story(actor *self)
{
	actor_ref ref =
		bounded(self, (struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_bytes = 1000});
	struct actor_overload_stats stats;

	assert_int_equal(put(self, ref, 0, 50), 50);
	stats_of(self, ref, &stats);
	assert_in_range(stats.queued_bytes, 1000, 1300);
	assert_in_range(stats.queued, 3, 7);
}

static void test_refuse_tells_a_sender_at_once(void **state)
{
	story(refuse_story);
}

static void test_drop_newest_keeps_those_that_were_first(void **state)
{
	story(newest_story);
}

static void test_drop_oldest_keeps_those_that_came_last(void **state)
{
	story(oldest_story);
}

static void test_drop_oldest_passes_over_timers(void **state)
{
	story(oldest_between_story);
}

static void test_bytes_are_a_limit_too(void **state)
{
	story(bytes_story);
}

/* ---- calls ---- */

static actor_msg *refused_call(actor *self, actor_ref to, int64_t timeout_ms)
{
	actor_msg *reply = NULL;

	assert_int_equal(actor_call(self, actor_to(to), "get", timeout_ms, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "overloaded");
	return reply;
}

static void call_full_story(actor *self)
{
	static const enum actor_overflow ways[] = {ACTOR_REFUSE, ACTOR_DROP_NEWEST};

	for (size_t i = 0; i < 2; i++) {
		actor_ref ref =
			bounded(self, (struct actor_overload){.overflow = ways[i], .max_messages = 2});
		actor_msg *reply;

		put(self, ref, 0, 2);
		reply = refused_call(self, ref, ACTOR_FOREVER);
		assert_true(actor_msg_retry_ms(reply) >= 1);
		assert_non_null(strstr(actor_msg_error_text(reply), "; its mailbox is full"));
		actor_msg_free(reply);
		wait_for(self, &n_handled, 2);
		assert_int_equal(actor_call(self, actor_to(ref), "get", 1000, NULL, ""), 0);
	}
}

/* A call that must make room is answered; a request that must make room is answered too, once. */
static void call_oldest_story(actor *self)
{
	actor_ref ref =
		bounded(self, (struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_messages = 2});
	struct actor_answer answer;
	uint64_t request, got;

	assert_int_equal(actor_request(self, actor_to(ref), "get", 1000, &request, ""), 0);
	put(self, ref, 0, 2);
	assert_int_equal(actor_request_wait(self, &request, 1, 1000, &got, &answer), 0);
	assert_int_equal(answer.r, -EREMOTEIO);
	assert_string_equal(actor_msg_error(answer.msg), "overloaded");
	assert_true(actor_msg_retry_ms(answer.msg) >= 1);
	actor_msg_free(answer.msg);
	wait_for(self, &n_handled, 2);
}

static void request_full_story(actor *self)
{
	actor_ref ref = bounded(self, (struct actor_overload){.overflow = ACTOR_REFUSE, .max_messages = 1});
	struct actor_answer answer;
	actor_dest to[2] = {actor_to(ref), actor_to(ref)};
	struct actor_answer both[2];
	uint64_t request, got;

	put(self, ref, 0, 1);
	assert_int_equal(actor_request(self, actor_to(ref), "get", 1000, &request, ""), 0);
	assert_int_equal(actor_request_wait(self, &request, 1, 1000, &got, &answer), 0);
	assert_int_equal(answer.r, -EREMOTEIO);
	actor_msg_free(answer.msg);
	wait_for(self, &n_handled, 1);
	assert_int_equal(actor_multicall(self, to, 2, "get", 1000, both, ""), 1);
	assert_int_equal(both[1].r, -EREMOTEIO);
	actor_answers_clear(both, 2);
}

static void test_a_call_that_is_not_taken_is_answered_with_a_hint(void **state)
{
	story(call_full_story);
}

static void test_a_call_that_makes_way_is_answered(void **state)
{
	story(call_oldest_story);
}

static void test_a_request_that_is_not_taken_ends_once(void **state)
{
	story(request_full_story);
}

static int64_t retry_ms_of(const char *error, const char *text)
{
	actor_msg *msg;
	int64_t ms;

	assert_int_equal(msg_new_error(&msg, ACTOR_NOBODY, wire_cstr(error), wire_cstr(text)), 0);
	ms = actor_msg_retry_ms(msg);
	actor_msg_free(msg);
	return ms;
}

static void test_a_hint_is_read_where_there_is_one(void **state)
{
	assert_int_equal(retry_ms_of("overloaded", "retry_ms=250; its mailbox is full"), 250);
	assert_int_equal(retry_ms_of("overloaded", "retry_ms=0"), 0);
	assert_int_equal(retry_ms_of("overloaded", "retry_ms=-5; "), -1);
	assert_int_equal(retry_ms_of("overloaded", "its mailbox is full"), -1);
	assert_int_equal(retry_ms_of("overloaded", ""), -1);
	assert_int_equal(retry_ms_of("busy", "retry_ms=250; "), -1);
	assert_int_equal(actor_msg_retry_ms(NULL), -1);
}

static void describe_story(actor *self)
{
	actor_ref ref = bounded(self, (struct actor_overload){.overflow = ACTOR_REFUSE, .max_messages = 1});
	uint64_t messages, max, received, n_handled_so_far, refused;
	const char *overflow;
	actor_msg *reply = NULL;

	put(self, ref, 0, 3);
	/* A full mailbox must still answer `$describe`, or nobody could see why it is full. */
	assert_int_equal(actor_call(self, actor_to(ref), "$describe", 1000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "{s{ss sU sU sU sU s{sU}}}", "mailbox", "overflow",
				 &overflow, "messages", &messages, "max_messages", &max, "received",
				 &received, "handled", &n_handled_so_far, "lost", "refused", &refused),
		0);
	assert_string_equal(overflow, "refuse");
	assert_int_equal(max, 1);
	assert_int_equal(received, 3);
	assert_int_equal(n_handled_so_far, 1);
	assert_int_equal(refused, 2);
	actor_msg_free(reply);
}

static void test_a_full_actor_still_says_how_it_is(void **state)
{
	story(describe_story);
}

/* ---- time ---- */

static void age_story(actor *self)
{
	actor_ref ref = bounded(self, (struct actor_overload){0});
	struct actor_overload_stats stats;
	struct actor_answer answer;
	uint64_t request;

	limits.max_wait_ms = 10;
	hold(self, ref);
	put(self, ref, 0, 3);
	assert_int_equal(actor_request(self, actor_to(ref), "get", ACTOR_FOREVER, &request, ""), 0);
	assert_int_equal(actor_sleep(self, 20), 0);
	released = true;
	assert_int_equal(actor_request_wait(self, &request, 1, ACTOR_FOREVER, NULL, &answer), 0);
	assert_int_equal(answer.r, -EREMOTEIO);
	assert_non_null(strstr(actor_msg_error_text(answer.msg), "waited for too long"));
	actor_msg_free(answer.msg);
	expect_handled("");
	stats_of(self, ref, &stats);
	assert_int_equal(stats.lost[ACTOR_LOST_LATE], 4);
	assert_true(stats.waited_us >= 10000);
}

static void expired_story(actor *self)
{
	actor_ref ref = bounded(self, (struct actor_overload){.overflow = ACTOR_DROP_OLDEST});
	struct actor_overload_stats stats;

	assert_int_equal(actor_cast(self, actor_to(ref), "sleep", "i", 30), 0);
	assert_int_equal(actor_call(self, actor_to(ref), "get", 5, NULL, ""), -ETIMEDOUT);
	put(self, ref, 0, 1);
	wait_for(self, &n_handled, 1);
	stats_of(self, ref, &stats);
	assert_int_equal(stats.lost[ACTOR_LOST_EXPIRED], 1);
	assert_int_equal(actor_group_of(self)->stats.calls_expired, 1);
}

static void rate_story(actor *self)
{
	actor_ref ref = bounded(self, (struct actor_overload){.rate_per_s = 1, .rate_burst = 2});
	actor_msg *reply;

	assert_int_equal(put(self, ref, 0, 5), 2);
	reply = refused_call(self, ref, 1000);
	assert_in_range(actor_msg_retry_ms(reply), 1, 1000);
	actor_msg_free(reply);
}

static void test_what_waited_too_long_is_not_handled(void **state)
{
	story(age_story);
}

static void test_a_call_that_expired_is_counted(void **state)
{
	story(expired_story);
}

static void test_over_the_rate_nothing_is_taken(void **state)
{
	story(rate_story);
}

/* ---- being told ---- */

static void told_story(actor *self)
{
	actor_ref ref =
		bounded(self, (struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_messages = 2});

	put(self, ref, 0, 5);
	wait_for(self, &n_told, 1); /* one notice for all three losses */
	assert_int_equal(told_now.lost[ACTOR_LOST_OLDEST], 3);
	assert_int_equal(told_all.lost[ACTOR_LOST_OLDEST], 3);
	put(self, ref, 5, 3);
	wait_for(self, &n_told, 2);
	assert_int_equal(told_now.lost[ACTOR_LOST_OLDEST], 1);
	assert_int_equal(told_now.received, 3);
	assert_int_equal(told_all.lost[ACTOR_LOST_OLDEST], 4);
	assert_int_equal(told_all.received, 8);
}

static char log_text[1024];

static void log_line(const char *line, void *arg)
{
	snprintf(log_text + strlen(log_text), sizeof(log_text) - strlen(log_text), "%s\n", line);
}

static void logged_story(actor *self)
{
	actor_ref ref = bounded_of(self, &deaf_behavior,
		(struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_messages = 2});

	actor_group_of(self)->log = log_line;
	put(self, ref, 0, 5);
	assert_non_null(strstr(log_text, "deaf"));
	assert_non_null(strstr(log_text, "(oldest)"));
	/* One line for all losses. */
	assert_ptr_equal(strchr(log_text, '\n'), log_text + strlen(log_text) - 1);
}

static void test_an_overflow_is_a_message(void **state)
{
	story(told_story);
}

static void test_an_overflow_is_said_in_the_log_once(void **state)
{
	story(logged_story);
}

/* ---- settings ---- */

static void blocked_sender(actor *self, actor_ref plain)
{
	/* The mailbox has room for four; the others wait for room or for other limits. */
	for (int i = 0; i < 6; i++)
		assert_int_equal(actor_cast(self, actor_to(plain), "put", "i", i), 0);
}

static int sender_go(actor *self, const actor_msg *msg)
{
	actor_ref to;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	blocked_sender(self, to);
	note("sent ");
	return 0;
}

static const struct actor_method sender_methods[] = {{.name = "go", .on_cast = sender_go}, {0}};
static const struct actor_behavior sender_behavior = {.name = "sender", .methods = sender_methods};

static void live_story(actor *self)
{
	actor_ref ref = bounded_of(self, &plain_behavior, (struct actor_overload){0});
	actor_ref senders[2];
	struct actor_overload_stats stats;
	const struct actor *its = actor_find(actor_group_of(self), ref.serial);

	assert_int_equal(actor_overload_stats(its, &stats), -ENOENT);
	limits = (struct actor_overload){.overflow = ACTOR_DROP_NEWEST, .max_messages = 4};
	holds_only = true;
	hold(self, ref);
	holds_only = false;
	/* The first goes on when `set` leaves the mailbox; the other one only if the new limits wake it. */
	n_senders = 2;
	assert_int_equal(actor_cast(self, actor_to(ref), "set", ""), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(actor_spawn(self, &sender_behavior, NULL, &senders[i]), 0);
		assert_int_equal(actor_cast(self, actor_to(senders[i]), "go", "r", ref), 0);
	}
	while (list_is_empty(&its->mailbox.blocked) || its->mailbox.blocked.next == its->mailbox.blocked.prev)
		assert_int_equal(actor_sleep(self, 1), 0);
	released = true;
	for (int i = 0; i < 2000 && !strstr(story_log, "set"); i++)
		assert_int_equal(actor_sleep(self, 1), 0);
	n_senders = 0;
	assert_string_equal(story_log, "sent sent set ");
	assert_int_equal(set_result, 0);
	for (int i = 0; i < 2000 && (stats_of(self, ref, &stats), stats.queued); i++)
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(stats.received, 12); /* three of them were in the mailbox when the limits were set */
	assert_int_equal(stats.handled, 4);
	assert_int_equal(stats.lost[ACTOR_LOST_NEWEST], 8);
	assert_int_equal(actor_cast(self, actor_to(ref), "unset", ""), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	stats_of(self, ref, &stats);
	assert_int_equal(stats.overflow, ACTOR_BLOCK);
	assert_int_equal(stats.max_messages, 4);
	assert_int_equal(stats.received, 13); /* the counters go on */
}

static void lower_story(actor *self)
{
	actor_ref ref =
		bounded(self, (struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_messages = 10});

	limits.max_messages = 2;
	assert_int_equal(actor_cast(self, actor_to(ref), "set", ""), 0);
	assert_int_equal(put(self, ref, 0, 5), 5);
	wait_for(self, &n_handled, 2);
	expect_handled("3 4 ");
}

static void bad_story(actor *self)
{
	struct {
		struct actor_overload known;
		int unknown;
	} longer = {.unknown = 1};
	actor_ref ref = bounded_of(self, &bounded_behavior, (struct actor_overload){.max_wait_ms = -1});

	assert_int_equal(set_result, -EINVAL);
	assert_int_equal(actor_call(self, actor_to(ref), "get", 1000, NULL, ""), 0);
	assert_int_equal(actor_overload_sized(self, &longer.known, sizeof(longer)), -E2BIG);
	assert_int_equal(actor_overload_sized(self, &longer.known, 4), -EINVAL);
}

static void test_limits_may_change_at_any_time(void **state)
{
	story(live_story);
}

static void test_a_lower_limit_holds_at_once(void **state)
{
	story(lower_story);
}

static void test_bad_limits_change_nothing(void **state)
{
	story(bad_story);
}

static void test_an_idle_actor_is_no_larger(void **state)
{
	assert_true(sizeof(struct actor) <= 424);
}

/* ---- dead letters ---- */

static int n_letters, observed;
static uint64_t n_missed;

static int observer_letter(actor *self, const struct actor_dead_letter *letter)
{
	static const char *const words[ACTOR_LOSSES] = {[ACTOR_LOST_REFUSED] = "refused",
		[ACTOR_LOST_NEWEST] = "newest",
		[ACTOR_LOST_OLDEST] = "oldest",
		[ACTOR_LOST_LATE] = "late",
		[ACTOR_LOST_NOBODY] = "nobody",
		[ACTOR_LOST_ENDED] = "ended"};
	int64_t n = -1;

	n_letters++;
	n_missed += letter->missed;
	(void)actor_msg_unpack(letter->msg, "I", &n);
	if (n_letters < 20)
		note("%s:%s%s:%lld ", words[letter->why], letter->is_call ? "call " : "",
			actor_msg_method(letter->msg), (long long)n);
	/* A dead letter's handler makes no dead letters. */
	return actor_cast(self, actor_to(letter->to), "put", "i", 7);
}

static int observer_watch(actor *self, const actor_msg *msg, actor_from *from)
{
	observed = actor_dead_letters(self, true);
	return actor_reply(from, "");
}

static int observer_unwatch(actor *self, const actor_msg *msg, actor_from *from)
{
	observed = actor_dead_letters(self, false);
	return actor_reply(from, "");
}

static const struct actor_method observer_methods[] = {{.name = "watch", .on_call = observer_watch},
	{.name = "unwatch", .on_call = observer_unwatch}, {.name = "put", .on_cast = bounded_put},
	{.name = "end", .on_cast = bounded_end}, {0}};
static const struct actor_behavior observer_behavior = {
	.name = "observer", .methods = observer_methods, .on_dead_letter = observer_letter};

static int observe(actor *self, actor_ref observer, const char *method)
{
	observed = 1;
	assert_int_equal(actor_call(self, actor_to(observer), method, 1000, NULL, ""), 0);
	return observed;
}

static actor_ref observer(actor *self)
{
	actor_ref ref;

	n_letters = 0;
	n_missed = 0;
	assert_int_equal(actor_spawn(self, &observer_behavior, NULL, &ref), 0);
	assert_int_equal(observe(self, ref, "watch"), 0);
	return ref;
}

static void letters_story(actor *self)
{
	actor_ref ref, dead;

	observer(self);
	ref = bounded(self, (struct actor_overload){.overflow = ACTOR_DROP_NEWEST, .max_messages = 1});
	put(self, ref, 1, 2);
	wait_for(self, &n_letters, 1);
	limits = (struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_messages = 1};
	ref = bounded(self, limits);
	put(self, ref, 3, 2);
	wait_for(self, &n_letters, 2);
	dead = bounded(self, (struct actor_overload){0});
	assert_int_equal(actor_cast(self, actor_to(dead), "end", ""), 0);
	put(self, dead, 5, 1); /* waits behind the message that ends the actor */
	wait_for(self, &n_letters, 3);
	put(self, dead, 6, 1); /* is sent when the actor has ended */
	wait_for(self, &n_letters, 4);
	assert_string_equal(story_log, "newest:put:2 oldest:put:3 ended:put:5 nobody:put:6 ");
}

static void letters_msg_story(actor *self)
{
	actor_ref dead = bounded(self, (struct actor_overload){0});
	actor_msg *args = NULL;
	uint64_t request;

	observer(self);
	assert_int_equal(actor_cast(self, actor_to(dead), "end", ""), 0);
	assert_int_equal(actor_request(self, actor_to(dead), "get", 1000, &request, ""), 0);
	wait_for(self, &n_letters, 1);
	assert_int_equal(actor_msg_new(&args), 0);
	assert_int_equal(actor_msg_pack(args, "[i]", 8), 0);
	assert_int_equal(actor_cast_msg(self, actor_to(dead), "put", &args), 0);
	wait_for(self, &n_letters, 2);
	assert_string_equal(story_log, "ended:call get:-1 nobody:put:8 ");
}

static void letters_bound_story(actor *self)
{
	actor_ref dead = bounded(self, (struct actor_overload){0});

	observer(self);
	assert_int_equal(actor_cast(self, actor_to(dead), "end", ""), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	for (int i = 0; i < 5000; i++) /* a cast to the dead does not wait */
		assert_int_equal(actor_cast(self, actor_to(dead), "put", "i", i), 0);
	wait_for(self, &n_letters, 1024);
	assert_int_equal(actor_cast(self, actor_to(dead), "put", "i", 1), 0);
	wait_for(self, &n_letters, 1025);
	assert_int_equal(actor_cast(self, actor_to(dead), "put", "i", 1), 0);
	wait_for(self, &n_letters, 1026);
	assert_int_equal(n_missed, 5000 - 1024);
}

static void letters_bytes_story(actor *self)
{
	static char text[100000];
	actor_ref dead = bounded(self, (struct actor_overload){0});

	observer(self);
	assert_int_equal(actor_cast(self, actor_to(dead), "end", ""), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(actor_cast(self, actor_to(dead), "put", "y#", text, sizeof(text)), 0);
	wait_for(self, &n_letters, 11);
}

static void one_observer_story(actor *self)
{
	actor_ref first = observer(self), second, dead = bounded(self, (struct actor_overload){0});

	assert_int_equal(actor_dead_letters(self, true), -EINVAL); /* the driver has no on_dead_letter */
	assert_int_equal(observe(self, first, "watch"), 0);
	assert_int_equal(actor_spawn(self, &observer_behavior, NULL, &second), 0);
	assert_int_equal(observe(self, second, "watch"), -EEXIST);
	assert_int_equal(observe(self, second, "unwatch"), -ESRCH);
	assert_int_equal(observe(self, first, "unwatch"), 0);
	assert_int_equal(actor_cast(self, actor_to(dead), "end", ""), 0);
	put(self, dead, 1, 1);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(n_letters, 0);
	assert_int_equal(observe(self, second, "watch"), 0);
	put(self, dead, 2, 3);
	/* It ends while letters wait for it. */
	assert_int_equal(actor_cast(self, actor_to(second), "end", ""), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(observe(self, first, "watch"), 0);
	put(self, dead, 5, 2);
	/* The observer was handling the first of these two letters. */
	assert_int_equal(observe(self, first, "unwatch"), 0);
	assert_int_equal(observe(self, first, "watch"), 0);
	put(self, dead, 9, 1);
	for (int i = 0; i < 2000 && !strstr(story_log, "nobody:put:9 "); i++)
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_non_null(strstr(story_log, "nobody:put:9 "));
}

static void test_what_is_lost_is_a_dead_letter(void **state)
{
	story(letters_story);
}

static void test_calls_and_messages_are_dead_letters_too(void **state)
{
	story(letters_msg_story);
}

static void test_letters_that_wait_are_bounded_and_the_rest_counted(void **state)
{
	story(letters_bound_story);
}

static void test_letters_are_bounded_in_bytes(void **state)
{
	story(letters_bytes_story);
}

static void test_one_actor_observes(void **state)
{
	story(one_observer_story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuse_tells_a_sender_at_once),
		cmocka_unit_test(test_drop_newest_keeps_those_that_were_first),
		cmocka_unit_test(test_drop_oldest_keeps_those_that_came_last),
		cmocka_unit_test(test_drop_oldest_passes_over_timers),
		cmocka_unit_test(test_bytes_are_a_limit_too),
		cmocka_unit_test(test_a_call_that_is_not_taken_is_answered_with_a_hint),
		cmocka_unit_test(test_a_call_that_makes_way_is_answered),
		cmocka_unit_test(test_a_request_that_is_not_taken_ends_once),
		cmocka_unit_test(test_a_hint_is_read_where_there_is_one),
		cmocka_unit_test(test_a_full_actor_still_says_how_it_is),
		cmocka_unit_test(test_what_waited_too_long_is_not_handled),
		cmocka_unit_test(test_a_call_that_expired_is_counted),
		cmocka_unit_test(test_over_the_rate_nothing_is_taken),
		cmocka_unit_test(test_an_overflow_is_a_message),
		cmocka_unit_test(test_an_overflow_is_said_in_the_log_once),
		cmocka_unit_test(test_limits_may_change_at_any_time),
		cmocka_unit_test(test_a_lower_limit_holds_at_once),
		cmocka_unit_test(test_bad_limits_change_nothing),
		cmocka_unit_test(test_an_idle_actor_is_no_larger),
		cmocka_unit_test(test_what_is_lost_is_a_dead_letter),
		cmocka_unit_test(test_calls_and_messages_are_dead_letters_too),
		cmocka_unit_test(test_letters_that_wait_are_bounded_and_the_rest_counted),
		cmocka_unit_test(test_letters_are_bounded_in_bytes),
		cmocka_unit_test(test_one_actor_observes),
	};

	return run_facts(tests);
}
