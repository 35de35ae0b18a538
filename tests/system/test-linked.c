/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links and exit signals over real processes beside a real broker, over direct links and by the broker.
 * ACTOR_BROKER is the broker's program. This program is also the members: `test-linked direct|single NAME`.
 */
#include "tests/system/members.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libactor/base/base.h"
#include "tests/fact.h"

#define ROUNDS_N 200

/* ---- the members ---- */

static char told[4096]; /* a word for each message that came */

static const struct actor_behavior plain, trapping;

static void note(const char *what, const char *text)
{
	size_t at = strlen(told);

	snprintf(told + at, sizeof(told) - at, "%s:%s ", what, text);
}

static int on_who(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "r", actor_self(self));
}

static int on_told(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_reply(from, "s", told);

	told[0] = 0;
	return r;
}

/* ["plain" or "trapping"] → an actor of this process */
static int on_worker(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *kind;
	actor_ref worker;
	int r;

	if (actor_msg_unpack(msg, "s", &kind) < 0)
		return -EINVAL;
	r = actor_spawn(self, kind[0] == 'p' ? &plain : &trapping, NULL, &worker);
	return r < 0 ? actor_reply_error(from, "test.spawn", "%d", r) : actor_reply(from, "r", worker);
}

/* Afterwards the other process has handled what was sent to @who, and what it sent back is here. */
static void round_trip(actor *self, actor_ref who)
{
	(void)actor_call(self, actor_to(who), "sync", LONG_MS, NULL, "");
}

static int on_link(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;
	int r;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	r = actor_link(self, who);
	round_trip(self, who);
	return actor_reply(from, "i", r);
}

static int on_monitor(actor *self, const actor_msg *msg, actor_from *from)
{
	uint64_t monitor;
	actor_ref who;
	int r;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	r = actor_monitor(self, who, &monitor);
	round_trip(self, who);
	return actor_reply(from, "i", r);
}

static int on_unlink(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;
	bool was_linked;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	was_linked = actor_unlink(self, who);
	round_trip(self, who);
	return actor_reply(from, "i", (int)was_linked);
}

/* The answer is how many halves of links this process has. */
static int on_links(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", (int)actor_group_of(self)->links.n_items);
}

/* [who, links, unlinks]: links and unlinks in turn, without waiting. */
static int on_flap(actor *self, const actor_msg *msg)
{
	actor_ref who;
	int n_links, n_unlinks;

	if (actor_msg_unpack(msg, "rii", &who, &n_links, &n_unlinks) < 0)
		return -EINVAL;
	for (int i = 0; i < n_links; i++) {
		(void)actor_link(self, who);
		if (i < n_unlinks)
			(void)actor_unlink(self, who);
	}
	return 0;
}

static int on_link_and_end(actor *self, const actor_msg *msg)
{
	actor_ref who;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	(void)actor_link(self, who);
	return actor_exit(self, actor_self(self), "odd");
}

static int on_end_by(actor *self, const actor_msg *msg)
{
	const char *reason;

	return actor_msg_unpack(msg, "s", &reason) < 0 ? -EINVAL : actor_exit(self, actor_self(self), reason);
}

static int on_send_exit(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *reason;
	actor_ref who;

	if (actor_msg_unpack(msg, "rs", &who, &reason) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_exit(self, who, reason));
}

static int on_sync(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "");
}

static int on_crash(actor *self, const actor_msg *msg, actor_from *from)
{
	return -EIO;
}

static int on_hello(actor *self, const actor_msg *msg)
{
	note("hello", "");
	return 0;
}

/* [who]: casts `hello` twice, and then ends. */
static int on_last_words(actor *self, const actor_msg *msg)
{
	actor_ref who;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	(void)actor_cast(self, actor_to(who), "hello", "");
	(void)actor_cast(self, actor_to(who), "hello", "");
	return actor_exit(self, actor_self(self), "odd");
}

static void on_terminate(actor *self, const struct actor_cause *cause)
{
	note("end", cause->reason);
}

static int on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	note("down", cause->reason);
	return 0;
}

static int on_exit_signal(actor *self, actor_ref from, const struct actor_cause *cause)
{
	note("exit", cause->reason);
	return 0;
}

static const struct actor_method methods[] = {{.name = "who", .on_call = on_who},
	{.name = "told", .on_call = on_told}, {.name = "worker", .on_call = on_worker},
	{.name = "link", .on_call = on_link}, {.name = "monitor", .on_call = on_monitor},
	{.name = "unlink", .on_call = on_unlink}, {.name = "send_exit", .on_call = on_send_exit},
	{.name = "sync", .on_call = on_sync}, {.name = "links", .on_call = on_links},
	{.name = "crash", .on_call = on_crash}, {.name = "flap", .on_cast = on_flap},
	{.name = "link_and_end", .on_cast = on_link_and_end}, {.name = "end_by", .on_cast = on_end_by},
	{.name = "hello", .on_cast = on_hello}, {.name = "last_words", .on_cast = on_last_words}, {0}};
static const struct actor_behavior plain = {.name = "plain", .methods = methods, .terminate = on_terminate};
static const struct actor_behavior trapping = {.name = "trapping",
	.methods = methods,
	.terminate = on_terminate,
	.on_down = on_down,
	.on_exit = on_exit_signal};

/* ---- asking them ---- */

static int ask(actor_ref who, const char *method, const char *format, ...)
{
	actor_msg *args = NULL, *reply = NULL;
	va_list list;
	int r, answer = 0;

	assert_int_equal(actor_msg_new(&args), 0);
	va_start(list, format);
	assert_int_equal(actor_msg_vpack(args, format, list), 0);
	va_end(list);
	r = actor_client_call_msg(client, actor_to(who), method, LONG_MS, &args, &reply);
	if (r == 0 && actor_msg_unpack(reply, "i", &answer) < 0)
		answer = 0;
	actor_msg_free(args);
	actor_msg_free(reply);
	return r < 0 ? r : answer;
}

#define cast(who, method, ...)                                                                               \
	assert_int_equal(actor_client_cast(client, actor_to(who), method, __VA_ARGS__), 0)

static actor_ref worker_of(int i, const char *kind)
{
	actor_msg *reply = NULL;
	actor_ref ref = ACTOR_NOBODY;

	assert_int_equal(
		actor_client_call(client, actor_to(refs[i]), "worker", LONG_MS, &reply, "s", kind), 0);
	assert_int_equal(actor_msg_unpack(reply, "r", &ref), 0);
	actor_msg_free(reply);
	return ref;
}

/* Waits for the actor's end with a monitor. */
static void await_end(actor_ref who)
{
	struct actor_cause cause;
	actor_msg *msg = NULL;
	uint64_t monitor, fired;
	actor_ref ref;

	assert_int_equal(actor_client_monitor(client, who, &monitor), 0);
	assert_int_equal(actor_client_receive(client, LONG_MS, &msg, &fired, &ref, &cause), 0);
	assert_null(msg);
	assert_true(fired == monitor);
}

/* Waits until process @i has been told at least as many characters as @want has. */
static void take_told(int i, const char *want, char all[4096])
{
	all[0] = 0;
	for (int tries = 0; tries < LONG_MS && strlen(all) < strlen(want); tries++) {
		actor_msg *reply = NULL;
		const char *text;

		assert_int_equal(
			actor_client_call(client, actor_to(refs[i]), "told", LONG_MS, &reply, ""), 0);
		assert_int_equal(actor_msg_unpack(reply, "s", &text), 0);
		strncat(all, text, 4095 - strlen(all));
		if (!*text)
			usleep(1000);
		actor_msg_free(reply);
	}
}

static void expect_told(int i, const char *want)
{
	char all[4096];

	take_told(i, want, all);
	assert_string_equal(all, want);
}

/* Expects two things of two actors, in any order. */
static void expect_told_both(int i, const char *a, const char *b)
{
	char all[4096], want[256];

	snprintf(want, sizeof(want), "%s%s", a, b);
	take_told(i, want, all);
	if (strcmp(all, want) != 0)
		snprintf(want, sizeof(want), "%s%s", b, a);
	assert_string_equal(all, want);
}

static void members_start(void **state, int n)
{
	const char *mode = *state;

	for (int i = 0; i < n; i++)
		member_start_as(i, i == 1 ? mode : "direct");
}

/* ---- facts ---- */

static void test_linked_processes_hear_the_reason(void **state)
{
	actor_ref a, b, t;

	members_start(state, 2);
	a = worker_of(0, "plain");
	b = worker_of(1, "plain");
	t = worker_of(1, "trapping");
	assert_int_equal(ask(a, "link", "[r]", b), 0);
	assert_int_equal(ask(t, "link", "[r]", a), 0);
	cast(a, "end_by", "s", "odd");
	await_end(a);
	await_end(b);
	expect_told(0, "end:odd ");
	expect_told_both(1, "end:odd ", "exit:odd ");
	assert_int_equal(ask(t, "sync", "[]"), 0);
}

static void test_a_normal_end_ends_nobody(void **state)
{
	actor_ref a, b, t;

	members_start(state, 2);
	a = worker_of(0, "plain");
	b = worker_of(1, "plain");
	t = worker_of(1, "trapping");
	assert_int_equal(ask(a, "link", "[r]", b), 0);
	assert_int_equal(ask(a, "link", "[r]", t), 0);
	cast(a, "end_by", "s", "normal");
	expect_told(1, "exit:normal ");
	assert_int_equal(ask(b, "sync", "[]"), 0);
}

static void test_who_links_and_ends_at_once_is_heard_with_its_reason(void **state)
{
	members_start(state, 2);
	for (int i = 0; i < ROUNDS_N; i++) {
		actor_ref a = worker_of(i % 2, "plain"), b = worker_of((i + 1) % 2, "trapping");

		cast(a, "link_and_end", "r", b);
		expect_told((i + 1) % 2, "exit:odd ");
		expect_told(i % 2, "end:odd ");
		assert_int_equal(ask(b, "sync", "[]"), 0);
	}
}

static void test_a_signal_is_behind_the_last_message_of_another_process(void **state)
{
	actor_ref a, t;

	members_start(state, 2);
	a = worker_of(0, "plain");
	t = worker_of(1, "trapping");
	assert_int_equal(ask(a, "link", "[r]", t), 0);
	cast(a, "last_words", "r", t);
	expect_told(1, "hello: hello: exit:odd ");
}

static void test_a_down_is_behind_the_first_message_to_its_watcher(void **state)
{
	actor_ref a, t;

	members_start(state, 2);
	a = worker_of(0, "plain");
	t = worker_of(1, "trapping");
	assert_int_equal(ask(t, "monitor", "[r]", a), 0);
	assert_int_equal(ask(a, "sync", "[]"), 0);
	cast(a, "last_words", "r", t);
	expect_told(1, "hello: hello: down:odd ");
}

static void test_the_end_of_a_process_is_a_signal_to_all_linked_with_it(void **state)
{
	actor_ref a, b, t, u;

	members_start(state, 3);
	a = worker_of(1, "plain");
	b = worker_of(0, "plain");
	t = worker_of(0, "trapping");
	u = worker_of(2, "trapping");
	assert_int_equal(ask(t, "link", "[r]", a), 0);
	assert_int_equal(ask(t, "sync", "[]"), 0);
	assert_int_equal(ask(a, "link", "[r]", u), 0);
	assert_int_equal(ask(a, "link", "[r]", b), 0);
	member_end(1, SIGKILL);
	expect_told_both(0, "exit:noconnection ", "end:noconnection ");
	expect_told(2, "exit:noconnection ");
	assert_int_equal(ask(t, "sync", "[]"), 0);
	assert_int_equal(ask(t, "link", "[r]", a), 0);
	expect_told(0, "exit:noproc ");
}

static void test_who_unlinked_lives_on(void **state)
{
	actor_ref a, b, t;

	members_start(state, 2);
	a = worker_of(0, "plain");
	b = worker_of(1, "plain");
	t = worker_of(1, "trapping");
	assert_int_equal(ask(a, "link", "[r]", b), 0);
	assert_int_equal(ask(b, "link", "[r]", a), 0);
	assert_int_equal(ask(b, "unlink", "[r]", a), 1);
	assert_int_equal(ask(t, "link", "[r]", a), 0);
	assert_int_equal(ask(t, "unlink", "[r]", a), 1);
	assert_int_equal(ask(a, "link", "[r]", t), 0);
	assert_int_equal(ask(a, "unlink", "[r]", t), 1);
	assert_int_equal(ask(a, "unlink", "[r]", b), 0);
	cast(a, "end_by", "s", "odd");
	await_end(a);
	assert_int_equal(ask(b, "sync", "[]"), 0);
	expect_told(0, "end:odd ");
	expect_told(1, "");
}

/*
 * Afterwards each actor has handled what it was sent before, and the answers to that have been handled, too.
 */
static void settle(actor_ref a, actor_ref b)
{
	for (int k = 0; k < 2; k++) {
		assert_int_equal(ask(a, "sync", "[]"), 0);
		assert_int_equal(ask(b, "sync", "[]"), 0);
		assert_int_equal(ask(a, "send_exit", "[rs]", b, "normal"), 0);
		assert_int_equal(ask(b, "send_exit", "[rs]", a, "normal"), 0);
		expect_told(0, "exit:normal ");
		expect_told(1, "exit:normal ");
	}
}

/* Both ends link and unlink at once. If both have said the same last, that holds, whatever came before. */
static void test_what_both_ends_said_last_holds(void **state)
{
	members_start(state, 2);
	for (int i = 0; i < ROUNDS_N; i++) {
		actor_ref a = worker_of(0, "trapping"), b = worker_of(1, "trapping");
		int n = 1 + i % 3, n_unlinks = i % 2 ? n : n - 1, ends = i / 2 % 2;

		cast(a, "flap", "rii", b, n, n_unlinks);
		cast(b, "flap", "rii", a, n, n_unlinks);
		settle(a, b);
		assert_int_equal(
			actor_client_call(client, actor_to(ends ? b : a), "crash", LONG_MS, NULL, ""),
			-ECONNRESET);
		await_end(ends ? b : a);
		expect_told(ends, "end:crash: EIO ");
		assert_int_equal(ask(ends ? a : b, "sync", "[]"), 0);
		if (i % 2)
			assert_int_equal(ask(refs[!ends], "send_exit", "[rs]", ends ? a : b, "normal"), 0);
		expect_told(!ends, i % 2 ? "exit:normal " : "exit:crash: EIO ");
		assert_int_equal(ask(refs[!ends], "send_exit", "[rs]", ends ? a : b, "kill"), 0);
	}
}

/* One end links last, and the other unlinks last. Either of the two may hold, but both must agree. */
static void test_both_ends_agree_whatever_crosses_under_way(void **state)
{
	members_start(state, 2);
	for (int i = 0; i < ROUNDS_N; i++) {
		actor_ref a = worker_of(0, "trapping"), b = worker_of(1, "trapping");
		int n = 1 + i % 3, n_links;

		cast(i % 2 ? a : b, "flap", "rii", i % 2 ? b : a, n, n);
		cast(i % 2 ? b : a, "flap", "rii", i % 2 ? a : b, n, n - 1);
		settle(a, b);
		n_links = ask(refs[0], "links", "[]");
		assert_int_equal(ask(refs[1], "links", "[]"), n_links);
		(void)ask(a, "unlink", "[r]", b);
		(void)ask(b, "unlink", "[r]", a);
		assert_int_equal(ask(refs[0], "send_exit", "[rs]", a, "kill"), 0);
		assert_int_equal(ask(refs[1], "send_exit", "[rs]", b, "kill"), 0);
	}
}

static void test_an_exit_signal_goes_to_other_processes(void **state)
{
	actor_ref a, b, t;

	members_start(state, 2);
	a = worker_of(1, "plain");
	t = worker_of(1, "trapping");
	b = worker_of(0, "plain");
	assert_int_equal(ask(b, "send_exit", "[rs]", a, "normal"), 0);
	assert_int_equal(ask(b, "send_exit", "[rs]", t, "odd"), 0);
	expect_told(1, "exit:odd ");
	assert_int_equal(ask(a, "sync", "[]"), 0);
	assert_int_equal(ask(b, "send_exit", "[rs]", a, "odd"), 0);
	assert_int_equal(ask(b, "send_exit", "[rs]", t, "kill"), 0);
	await_end(a);
	await_end(t);
	expect_told(1, "end:odd ");
}

static void test_links_outlive_the_broker(void **state)
{
	actor_ref a, b, t;

	members_start(state, 2);
	a = worker_of(0, "plain");
	b = worker_of(1, "plain");
	t = worker_of(1, "trapping");
	assert_int_equal(ask(a, "link", "[r]", b), 0);
	assert_int_equal(ask(t, "link", "[r]", a), 0);
	assert_int_equal(ask(b, "sync", "[]"), 0);
	reap(broker_pid, SIGKILL);
	broker_start();
	cast(a, "end_by", "s", "odd");
	await_end(b);
	expect_told_both(1, "end:odd ", "exit:odd ");
}

#define fact_of(test, mode)                                                                                  \
	{                                                                                                    \
#test " (" mode ")", test, members_setup, members_teardown, (void *)(mode)                   \
	}
#define fact(test) fact_of(test, "direct"), fact_of(test, "single")

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_linked_processes_hear_the_reason),
		fact(test_a_normal_end_ends_nobody),
		fact(test_who_links_and_ends_at_once_is_heard_with_its_reason),
		fact(test_a_signal_is_behind_the_last_message_of_another_process),
		fact(test_a_down_is_behind_the_first_message_to_its_watcher),
		fact(test_the_end_of_a_process_is_a_signal_to_all_linked_with_it),
		fact(test_who_unlinked_lives_on),
		fact(test_what_both_ends_said_last_holds),
		fact(test_both_ends_agree_whatever_crosses_under_way),
		fact(test_an_exit_signal_goes_to_other_processes),
		fact_of(test_links_outlive_the_broker, "direct"),
	};

	if (argc == 3)
		return member_run(&plain, argv[1], argv[2]);
	return run_facts(tests);
}
