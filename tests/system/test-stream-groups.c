/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams and cancelled calls between two processes, over a direct link and by the broker. ACTOR_BROKER is
 * the broker's program. This program is also the members: `test-stream-groups direct|single NAME`. Member 0
 * has the consumer, and links as the fact says; member 1 has the producer.
 */
#include "tests/system/members.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/base/base.h"
#include "tests/fact.h"

#define MANY        1000000 /* more than any fact takes */
#define FAT_BYTES   (16u << 10)
#define FLAT_BYTES  (24 << 20) /* memory that does not grow with the stream */
#define ITEMS_AHEAD 5
#define UNBOUNDED   UINT32_MAX /* a window without an end, in bytes too */

/* ---- the members ---- */

static char told[1024]; /* a word for each thing that happened in this process */
static int n_sent;      /* by the producer's last stream */
static actor_from *held;

static void tell(const char *what, int number)
{
	size_t at = strlen(told);

	snprintf(told + at, sizeof(told) - at, "%s:%d ", what, number);
}

/* Sends numbers, each with @bytes of zeros, as the credit comes. */
static int produce(actor *self, actor_from *from, int n, size_t bytes)
{
	static const char zeros[FAT_BYTES];
	int r;

	for (n_sent = 0; n_sent < n; n_sent++) {
		r = actor_stream_send(self, from, ACTOR_FOREVER, "[iy#]", n_sent, zeros, bytes);
		if (r < 0) {
			tell("stopped", r);
			return r == -ECANCELED ? 0 : actor_stream_end(from);
		}
	}
	return actor_reply(from, "[iy#]", n_sent, zeros, (size_t)0);
}

static int on_count(actor *self, const actor_msg *msg, actor_from *from)
{
	int n;

	return actor_msg_unpack(msg, "i", &n) < 0 ? -EINVAL : produce(self, from, n, 0);
}

static int on_fat(actor *self, const actor_msg *msg, actor_from *from)
{
	int n;

	return actor_msg_unpack(msg, "i", &n) < 0 ? -EINVAL : produce(self, from, n, FAT_BYTES);
}

/* Ends the actor behind n items. */
static int on_crash(actor *self, const actor_msg *msg, actor_from *from)
{
	int n;

	if (actor_msg_unpack(msg, "i", &n) < 0)
		return -EINVAL;
	for (int i = 0; i < n; i++)
		if (actor_stream_send(self, from, ACTOR_FOREVER, "[iy#]", i, "", (size_t)0) < 0)
			return -EPIPE;
	return -EIO;
}

/* Sends n items as if it had credit for them, and waits until it is told off. */
static int on_cheat(actor *self, const actor_msg *msg, actor_from *from)
{
	struct actor_from *found;
	int n;

	if (actor_msg_unpack(msg, "i", &n) < 0)
		return -EINVAL;
	assert_int_equal(from_find(from, &found), 0);
	found->served.credit.items = found->served.credit.bytes = UINT64_MAX;
	for (int i = 0; i < n; i++)
		if (actor_stream_send(self, from, 0, "[iy#]", i, "", (size_t)0) < 0)
			break;
	while (!actor_call_cancelled(from))
		if (actor_sleep(self, 1) < 0)
			return 0;
	tell("stopped", actor_stream_send(self, from, 0, "i", 1));
	return actor_stream_end(from);
}

static int told_cancel(actor *self, actor_from *from, void *arg)
{
	tell("cancelled", actor_call_cancelled(from));
	actor_from_free(from);
	return 0;
}

static int on_hold(actor *self, const actor_msg *msg, actor_from *from)
{
	held = actor_from_keep(from);
	tell("held", actor_call_on_cancel(self, held, told_cancel, NULL));
	return 0;
}

/* Waits in its handler until its caller has given up. */
static int on_linger(actor *self, const actor_msg *msg, actor_from *from)
{
	tell("linger", 0);
	while (!actor_call_cancelled(from))
		if (actor_sleep(self, 1) < 0)
			return 0;
	tell("lingered", 0);
	return actor_reply(from, "");
}

static int on_note(actor *self, const actor_msg *msg, actor_from *from)
{
	tell("noted", 0);
	return actor_reply(from, "");
}

static const struct actor_method producer_methods[] = {{.name = "count", .on_call = on_count},
	{.name = "fat", .on_call = on_fat}, {.name = "crash", .on_call = on_crash},
	{.name = "cheat", .on_call = on_cheat}, {.name = "hold", .on_call = on_hold},
	{.name = "linger", .on_call = on_linger}, {.name = "note", .on_call = on_note}, {0}};
static const struct actor_behavior producer = {.name = "producer", .methods = producer_methods};

struct consumer {
	int next; /* the number that comes next */
};

/* [who, method, n, window, timeout] → the stream */
static int on_open(actor *self, const actor_msg *msg, actor_from *from)
{
	struct consumer *consumer = actor_state(self);
	const char *method;
	int64_t timeout_ms;
	uint64_t id = 0;
	struct actor_stream_window window = {0};
	uint32_t items;
	actor_ref who;
	int n;

	if (actor_msg_unpack(msg, "rsiuI", &who, &method, &n, &items, &timeout_ms) < 0)
		return -EINVAL;
	consumer->next = 0;
	window.items = items;
	window.bytes = items == UNBOUNDED ? UNBOUNDED : 0;
	if (actor_stream_open(self, actor_to(who), method, timeout_ms, window, &id, "i", n) < 0)
		return -EIO;
	return actor_reply(from, "U", id);
}

/* [stream, n]: takes n items, or up to the end → what the last one returned */
static int on_take(actor *self, const actor_msg *msg, actor_from *from)
{
	struct consumer *consumer = actor_state(self);
	actor_msg *item;
	int n, number, r = 1;
	uint64_t id;

	if (actor_msg_unpack(msg, "Ui", &id, &n) < 0)
		return -EINVAL;
	for (int i = 0; r == 1 && i < n; i++) {
		r = actor_stream_next(self, id, LONG_MS, &item);
		if (r >= 0 && (actor_msg_unpack(item, "[i*]", &number) < 0 || number != consumer->next))
			r = -EBADMSG;
		actor_msg_free(item);
		consumer->next += r == 1;
	}
	return actor_reply(from, "i", r);
}

static int on_next(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", ((struct consumer *)actor_state(self))->next);
}

static int on_drop(actor *self, const actor_msg *msg, actor_from *from)
{
	uint64_t id;

	if (actor_msg_unpack(msg, "U", &id) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_stream_cancel(self, id));
}

/* [who, method] → a request */
static int on_request(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *method;
	uint64_t id = 0;
	actor_ref who;

	if (actor_msg_unpack(msg, "rs", &who, &method) < 0 ||
		actor_request(self, actor_to(who), method, ACTOR_FOREVER, &id, "") < 0)
		return -EINVAL;
	return actor_reply(from, "U", id);
}

static int on_give_up(actor *self, const actor_msg *msg, actor_from *from)
{
	uint64_t id;

	if (actor_msg_unpack(msg, "U", &id) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_request_cancel(self, id));
}

/* [who, method, timeout] → what a call of it returned */
static int on_call(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *method;
	int64_t timeout_ms;
	actor_ref who;

	if (actor_msg_unpack(msg, "rsI", &who, &method, &timeout_ms) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_call(self, actor_to(who), method, timeout_ms, NULL, ""));
}

static const struct actor_method consumer_methods[] = {{.name = "open", .on_call = on_open},
	{.name = "take", .on_call = on_take}, {.name = "next", .on_call = on_next},
	{.name = "drop", .on_call = on_drop}, {.name = "request", .on_call = on_request},
	{.name = "give_up", .on_call = on_give_up}, {.name = "call", .on_call = on_call}, {0}};
static const struct actor_behavior consumer = {
	.name = "consumer", .methods = consumer_methods, .state_size = sizeof(struct consumer)};

static int on_who(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "r", actor_self(self));
}

/* → a new actor of that behavior */
static int on_producer(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref ref;
	int r = actor_spawn(self, &producer, NULL, &ref);

	return r < 0 ? r : actor_reply(from, "r", ref);
}

static int on_consumer(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref ref;
	int r = actor_spawn(self, &consumer, NULL, &ref);

	return r < 0 ? r : actor_reply(from, "r", ref);
}

static int on_told(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "s", told);
}

static int on_sent(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", n_sent);
}

/* → how much of streams, of served calls and of this group's calls is left */
static int on_left(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_group *group = actor_group_of(self);

	return actor_reply(
		from, "i", (int)(group->streams.n_items + group->served.n_items + group->calls.n_items));
}

static int on_kill(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_kill(self, who));
}

static const struct actor_method methods[] = {{.name = "who", .on_call = on_who},
	{.name = "producer", .on_call = on_producer}, {.name = "consumer", .on_call = on_consumer},
	{.name = "told", .on_call = on_told}, {.name = "sent", .on_call = on_sent},
	{.name = "left", .on_call = on_left}, {.name = "kill", .on_call = on_kill}, {0}};
static const struct actor_behavior member = {.name = "member", .methods = methods};

/* ---- asking them ---- */

static actor_ref to_producer, to_consumer;

static actor_ref actor_of(int i, const char *behavior)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), behavior, "");
	actor_ref ref = ACTOR_NOBODY;

	assert_int_equal(actor_msg_unpack(reply, "r", &ref), 0);
	actor_msg_free(reply);
	return ref;
}

static void members_start(void **state)
{
	member_start_as(0, *state);
	member_start_as(1, "direct");
	to_producer = actor_of(1, "producer");
	to_consumer = actor_of(0, "consumer");
}

static bool is_single(void **state)
{
	return !strcmp(*state, "single");
}

#define ask_consumer(method, ...)                                                                            \
	({                                                                                                   \
		actor_msg *answer_ = ask_reply(actor_to(to_consumer), method, __VA_ARGS__);                  \
		int64_t number_ = -EPROTO;                                                                   \
		assert_int_equal(actor_msg_unpack(answer_, "I", &number_), 0);                               \
		actor_msg_free(answer_);                                                                     \
		number_;                                                                                     \
	})

static uint64_t open_timed(const char *method, int n, uint32_t window, int64_t timeout_ms)
{
	uint64_t id = (uint64_t)ask_consumer("open", "rsiuI", to_producer, method, n, window, timeout_ms);

	assert_true(id > 0);
	return id;
}

static uint64_t open_stream(const char *method, int n, uint32_t window)
{
	return open_timed(method, n, window, ACTOR_FOREVER);
}

static int take(uint64_t id, int n)
{
	return (int)ask_consumer("take", "Ui", id, n);
}

static void await_int(int i, const char *method, int want)
{
	int is = -1;

	for (int tries = 0; is != want && tries < LONG_MS; tries++) {
		is = ask_int(i, method, "");
		if (is != want)
			usleep(1000);
	}
	assert_int_equal(is, want);
}

static void await_told(int i, const char *want)
{
	char is[1024] = "";

	for (int tries = 0; strcmp(is, want) != 0 && tries < LONG_MS; tries++) {
		actor_msg *reply = ask_reply(actor_to(refs[i]), "told", "");
		const char *text;

		assert_int_equal(actor_msg_unpack(reply, "s", &text), 0);
		snprintf(is, sizeof(is), "%s", text);
		actor_msg_free(reply);
		if (strcmp(is, want) != 0)
			usleep(1000);
	}
	assert_string_equal(is, want);
}

/* No stream and no call is left at either end, and the two go on with a new one. */
static void expect_whole(void)
{
	uint64_t id;

	await_int(0, "left", 0);
	await_int(1, "left", 0);
	id = open_stream("count", 100, 7);
	assert_int_equal(take(id, MANY), 0);
	assert_int_equal(ask_consumer("next", ""), 100);
	await_int(0, "left", 0);
	await_int(1, "left", 0);
}

static long resident_bytes(pid_t pid)
{
	char path[64];
	long pages = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*s %ld", &pages), 1);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

/* ---- facts ---- */

static void test_items_come_in_order_and_then_the_end_once(void **state)
{
	uint64_t id;

	members_start(state);
	id = open_stream("count", 20000, 0);
	assert_int_equal(take(id, MANY), 0);
	assert_int_equal(ask_consumer("next", ""), 20000);
	assert_int_equal(take(id, 1), -ESRCH);
	assert_int_equal(ask_consumer("drop", "U", id), 0);
	expect_whole();
}

static bool is_flat(pid_t pid, long before_bytes)
{
#if defined(__SANITIZE_ADDRESS__)
	return true; /* ASan keeps freed memory for a while */
#else
	return resident_bytes(pid) - before_bytes < FLAT_BYTES;
#endif
}

static void test_producer_is_held_and_nobodys_memory_grows(void **state)
{
	pid_t all[3];
	long before[3];
	uint64_t id;

	members_start(state);
	memcpy(all, (pid_t[3]){pids[0], pids[1], broker_pid}, sizeof(all));
	id = open_stream("fat", 6000, ITEMS_AHEAD);
	await_int(1, "sent", ITEMS_AHEAD);
	for (int taken = 1; taken <= 50; taken++) {
		assert_int_equal(take(id, 1), 1);
		assert_true(ask_int(1, "sent", "") <= taken + ITEMS_AHEAD);
	}
	for (int i = 0; i < 3; i++)
		before[i] = resident_bytes(all[i]);
	assert_int_equal(take(id, MANY), 0); /* 94 MiB */
	for (int i = 0; i < 3; i++)
		assert_true(is_flat(all[i], before[i]));
	assert_int_equal(ask_consumer("next", ""), 6000);
	expect_whole();
}

static void test_a_window_without_an_end_holds_up_no_link_and_no_group(void **state)
{
	uint64_t id;

	members_start(state);
	id = open_stream("fat", 6000, UNBOUNDED);
	/* Others of the producer's group have their turns meanwhile. */
	assert_true(ask_int(1, "sent", "") < 6000);
	assert_int_equal(take(id, MANY), 0); /* 94 MiB, of which a link takes 64 MiB at once */
	assert_int_equal(ask_consumer("next", ""), 6000);
	expect_whole();
}

static void test_bytes_hold_the_producer_too(void **state)
{
	uint64_t id;

	members_start(state);
	id = open_stream("fat", MANY, 0);
	/* 16 of them and what is around them have more than 256 KiB. */
	await_int(1, "sent", ACTOR_STREAM_WINDOW_BYTES / FAT_BYTES);
	assert_int_equal(take(id, 5), 1);
	assert_true(ask_int(1, "sent", "") <= 5 + (int)(ACTOR_STREAM_WINDOW_BYTES / FAT_BYTES));
	assert_int_equal(ask_consumer("drop", "U", id), 1);
	await_told(1, "stopped:-32 ");
	expect_whole();
}

static void test_end_of_the_producer_ends_the_stream_behind_its_items(void **state)
{
	uint64_t id;

	members_start(state);
	id = open_stream("crash", 3, 0);
	assert_int_equal(take(id, MANY), -ECONNRESET);
	assert_int_equal(ask_consumer("next", ""), 3);
	assert_int_equal(take(id, 1), -ESRCH);
	to_producer = actor_of(1, "producer");
	id = open_stream("count", MANY, ITEMS_AHEAD);
	await_int(1, "sent", ITEMS_AHEAD);
	assert_int_equal(take(id, 2), 1);
	assert_int_equal(ask_int(1, "kill", "r", to_producer), 0);
	assert_true(take(id, MANY) < 0);
	assert_true(ask_consumer("next", "") >= ITEMS_AHEAD);
	await_told(1, "stopped:-125 ");
	to_producer = actor_of(1, "producer");
	expect_whole();
}

static void test_death_of_the_producers_process_ends_the_stream_once(void **state)
{
	uint64_t id;

	members_start(state);
	id = open_stream("count", MANY, ITEMS_AHEAD);
	assert_int_equal(take(id, 100), 1);
	member_end(1, SIGKILL);
	assert_int_equal(take(id, MANY), -ECONNRESET);
	assert_true(ask_consumer("next", "") >= 100);
	assert_int_equal(take(id, 1), -ESRCH);
	await_int(0, "left", 0);
	member_start_as(1, "direct");
	to_producer = actor_of(1, "producer");
	expect_whole();
}

static void test_death_of_the_consumer_frees_the_producer(void **state)
{
	uint64_t id;

	members_start(state);
	id = open_stream("count", MANY, ITEMS_AHEAD);
	assert_int_equal(take(id, 100), 1);
	assert_int_equal(ask_int(0, "kill", "r", to_consumer), 0);
	await_told(1, "stopped:-32 ");
	to_consumer = actor_of(0, "consumer");
	id = open_stream("count", MANY, ITEMS_AHEAD);
	assert_int_equal(take(id, 100), 1);
	member_end(0, SIGKILL);
	await_told(1, "stopped:-32 stopped:-32 ");
	await_int(1, "left", 0);
	member_start_as(0, *state);
	to_consumer = actor_of(0, "consumer");
	expect_whole();
}

static void test_stop_of_a_group_ends_its_streams_at_the_other_end(void **state)
{
	uint64_t id;

	members_start(state);
	id = open_stream("count", MANY, ITEMS_AHEAD);
	assert_int_equal(take(id, 100), 1);
	member_end(0, SIGTERM);
	await_told(1, "stopped:-32 ");
	await_int(1, "left", 0);
	member_start_as(0, *state);
	to_consumer = actor_of(0, "consumer");
	id = open_stream("count", MANY, ITEMS_AHEAD);
	assert_int_equal(take(id, 100), 1);
	member_end(1, SIGTERM);
	assert_true(take(id, MANY) < 0);
	assert_int_equal(take(id, 1), -ESRCH);
	await_int(0, "left", 0);
	member_start_as(1, "direct");
	to_producer = actor_of(1, "producer");
	expect_whole();
}

static void test_cancel_reaches_who_was_called(void **state)
{
	uint64_t ids[3];
	int64_t r;

	members_start(state);
	ids[0] = (uint64_t)ask_consumer("request", "rs", to_producer, "hold");
	await_told(1, "held:0 ");
	assert_int_equal(ask_consumer("give_up", "U", ids[0]), 1);
	await_told(1, "held:0 cancelled:1 ");
	/* Three calls, of which the one in the mailbox is cancelled before the one that is handled. */
	ids[0] = (uint64_t)ask_consumer("request", "rs", to_producer, "linger");
	ids[1] = (uint64_t)ask_consumer("request", "rs", to_producer, "note");
	await_told(1, "held:0 cancelled:1 linger:0 ");
	assert_int_equal(ask_consumer("give_up", "U", ids[1]), 1);
	assert_int_equal(ask_consumer("give_up", "U", ids[0]), 1);
	assert_int_equal(ask_consumer("call", "rsI", to_producer, "note", (int64_t)LONG_MS), 0);
	await_told(1, "held:0 cancelled:1 linger:0 lingered:0 noted:0 ");
	/* A time-out is the same. An answer that is there before the caller looks at its clock counts. */
	r = ask_consumer("call", "rsI", to_producer, "linger", (int64_t)50);
	assert_true(r == -ETIMEDOUT || r == 0);
	await_told(1, "held:0 cancelled:1 linger:0 lingered:0 noted:0 linger:0 lingered:0 ");
	expect_whole();
}

static void test_time_of_a_stream_ends_it_at_both_ends(void **state)
{
	uint64_t id;

	members_start(state);
	id = open_timed("count", MANY, ITEMS_AHEAD, 500);
	await_int(1, "sent", ITEMS_AHEAD);
	/* The producer notices first, and ends the stream: that is no end that the consumer may believe. */
	assert_int_equal(kill(pids[0], SIGSTOP), 0);
	await_told(1, "stopped:-32 ");
	assert_int_equal(kill(pids[0], SIGCONT), 0);
	assert_int_equal(take(id, MANY), -ETIMEDOUT);
	assert_int_equal(ask_consumer("next", ""), ITEMS_AHEAD);
	expect_whole();
}

static void test_restart_of_the_broker_ends_what_it_routes_and_nothing_else(void **state)
{
	uint64_t id;

	members_start(state);
	id = open_stream("count", 5000, ITEMS_AHEAD);
	assert_int_equal(take(id, 100), 1);
	broker_kill();
	broker_start();
	/* A call that goes by the broker ends with it. */
	while (actor_client_call(client, actor_to(refs[0]), "who", LONG_MS, NULL, "") == -ECONNRESET)
		;
	if (is_single(state)) {
		assert_int_equal(take(id, MANY), -ECONNRESET);
		assert_int_equal(take(id, 1), -ESRCH);
		await_told(1, "stopped:-32 ");
	} else {
		assert_int_equal(take(id, MANY), 0);
		assert_int_equal(ask_consumer("next", ""), 5000);
		await_told(1, "");
	}
	expect_whole();
}

static void test_items_beyond_the_credit_are_not_taken(void **state)
{
	uint64_t id;

	members_start(state);
	id = open_stream("cheat", 1000, ITEMS_AHEAD);
	assert_true(take(id, MANY) < 0);
	assert_int_equal(ask_consumer("next", ""), ITEMS_AHEAD);
	/* In single mode the producer has lost its link to the broker, and may not be reached any more. */
	if (!is_single(state))
		await_told(1, "stopped:-32 ");
}

#define fact_of(test, mode)                                                                                  \
	{                                                                                                    \
#test " (" mode ")", test, members_setup, members_teardown, (void *)(mode)                   \
	}
#define fact(test) fact_of(test, "direct"), fact_of(test, "single")

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_items_come_in_order_and_then_the_end_once),
		fact(test_producer_is_held_and_nobodys_memory_grows),
		fact(test_a_window_without_an_end_holds_up_no_link_and_no_group),
		fact(test_bytes_hold_the_producer_too),
		fact(test_end_of_the_producer_ends_the_stream_behind_its_items),
		fact(test_death_of_the_producers_process_ends_the_stream_once),
		fact(test_death_of_the_consumer_frees_the_producer),
		fact(test_stop_of_a_group_ends_its_streams_at_the_other_end),
		fact(test_cancel_reaches_who_was_called),
		fact(test_time_of_a_stream_ends_it_at_both_ends),
		fact(test_restart_of_the_broker_ends_what_it_routes_and_nothing_else),
		fact(test_items_beyond_the_credit_are_not_taken),
	};

	if (argc == 3)
		return member_run(&member, argv[1], argv[2]);
	return run_facts(tests);
}
