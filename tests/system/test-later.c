/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers for actors of other processes, beside a real broker. ACTOR_BROKER is the broker's program. This
 * program is also the members: `test-later member NAME`.
 */
#include "tests/system/node-world.h"

#include <errno.h>
#include <string.h>

#include "tests/fact.h"

#define SOON_MS 5

static pid_t pids[2];
static actor_ref refs[2];
static actor_client *client;

/* ---- the members ---- */

static uint64_t interval;

static int on_who(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "r", actor_self(self));
}

/* [to, text]: casts `told` with the text. */
static int on_tell(actor *self, const actor_msg *msg)
{
	const char *text;
	actor_ref to;

	if (actor_msg_unpack(msg, "rs", &to, &text) < 0)
		return -EINVAL;
	return actor_cast(self, actor_to(to), "told", "s", text);
}

/*
 * [to, other]: has @to told something later: by this actor, by an actor of another process by its ref, and by
 * its name.
 */
static int on_later(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref to, other;
	int r;

	if (actor_msg_unpack(msg, "rr", &to, &other) < 0)
		return -EINVAL;
	r = actor_send_after_to(self, SOON_MS, actor_to(to), "told", NULL, "s", "straight");
	if (r == 0)
		r = actor_send_after_to(self, 2 * SOON_MS, actor_to(other), "tell", NULL, "rs", to, "by ref");
	if (r == 0)
		r = actor_send_after_to(
			self, 3 * SOON_MS, actor_named("m1"), "tell", NULL, "rs", to, "by name");
	return actor_reply(from, "i", r);
}

static int on_start(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref to;

	if (actor_msg_unpack(msg, "r", &to) < 0)
		return -EINVAL;
	return actor_reply(from, "i",
		actor_send_interval_to(self, SOON_MS, actor_to(to), "told", &interval, "s", "tick"));
}

static int on_cancel(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", actor_timer_cancel_left(self, interval));
}

/* Ends an actor of another process later. */
static int on_end(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;
	bool kill;

	if (actor_msg_unpack(msg, "rb", &who, &kill) < 0)
		return -EINVAL;
	return actor_reply(from, "i",
		kill ? actor_kill_after(self, who, SOON_MS, NULL)
		     : actor_exit_after(self, who, SOON_MS, "had its time", NULL));
}

static const struct actor_behavior extra_behavior = {.name = "extra"};

static int on_extra(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref ref = ACTOR_NOBODY;

	(void)actor_spawn(self, &extra_behavior, NULL, &ref);
	return actor_reply(from, "r", ref);
}

static const struct actor_method member_methods[] = {
	{.name = "who", .on_call = on_who},
	{.name = "tell", .on_cast = on_tell},
	{.name = "later", .on_call = on_later},
	{.name = "start", .on_call = on_start},
	{.name = "cancel", .on_call = on_cancel},
	{.name = "end", .on_call = on_end},
	{.name = "extra", .on_call = on_extra},
	{0},
};

static const struct actor_behavior member_behavior = {.name = "member", .methods = member_methods};

/* ---- the node ---- */

static actor_ref ask_ref(actor_dest to, const char *method)
{
	actor_ref ref = ACTOR_NOBODY;
	actor_msg *reply = NULL;

	assert_int_equal(actor_client_call(client, to, method, LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "r", &ref), 0);
	actor_msg_free(reply);
	return ref;
}

static int setup(void **state)
{
	if (node_setup(state) < 0)
		return -1;
	client = client_new(ACTOR_JOIN_DIRECT);
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "m1" : "m0";

		pids[i] = process_start((const char *const[]){"/proc/self/exe", "member", name, NULL});
		refs[i] = ask_ref(actor_named_wait(name), "who");
	}
	return 0;
}

static int teardown(void **state)
{
	client = actor_client_free(client);
	for (int i = 0; i < 2; i++)
		reap(pids[i], SIGTERM);
	return node_teardown(state);
}

#define ask(ret_format, ret, method, ...)                                                                    \
	do {                                                                                                 \
		actor_msg *reply_ = NULL;                                                                    \
		assert_int_equal(                                                                            \
			actor_client_call(client, actor_to(refs[0]), method, LONG_MS, &reply_, __VA_ARGS__), \
			0);                                                                                  \
		assert_int_equal(actor_msg_unpack(reply_, ret_format, ret), 0);                              \
		actor_msg_free(reply_);                                                                      \
	} while (0)

/* Asserts that the next cast is `told` with @text. */
static void expect_told(const char *text, actor_ref by)
{
	struct actor_cause cause;
	actor_msg *msg = NULL;
	const char *told;
	uint64_t monitor;
	actor_ref who;

	assert_int_equal(actor_client_receive(client, LONG_MS, &msg, &monitor, &who, &cause), 0);
	assert_non_null(msg);
	assert_string_equal(actor_msg_method(msg), "told");
	assert_true(actor_ref_equal(actor_msg_sender(msg), by));
	assert_int_equal(actor_msg_unpack(msg, "s", &told), 0);
	assert_string_equal(told, text);
	actor_msg_free(msg);
}

/* ---- facts ---- */

static void test_a_cast_later_comes_to_other_processes_by_ref_and_by_name(void **state)
{
	int r;

	ask("i", &r, "later", "rr", actor_client_self(client), refs[1]);
	assert_int_equal(r, 0);
	expect_told("straight", refs[0]);
	expect_told("by ref", refs[1]);
	expect_told("by name", refs[1]);
}

static void test_an_interval_for_another_process_goes_on_until_it_is_cancelled(void **state)
{
	struct actor_cause cause;
	actor_msg *msg = NULL;
	int64_t left_ms;
	uint64_t monitor;
	actor_ref who;
	int r;

	ask("i", &r, "start", "r", actor_client_self(client));
	assert_int_equal(r, 0);
	for (int i = 0; i < 5; i++)
		expect_told("tick", refs[0]);
	ask("I", &left_ms, "cancel", "");
	assert_in_range(left_ms, 0, SOON_MS);
	/* What was sent before the answer has come by now; then nothing more may come. */
	while (actor_client_receive(client, 0, &msg, &monitor, &who, &cause) == 0)
		actor_msg_free(msg);
	assert_int_equal(actor_client_receive(client, 4 * SOON_MS, &msg, &monitor, &who, &cause), -ETIMEDOUT);
	ask("I", &left_ms, "cancel", "");
	assert_int_equal(left_ms, -ESRCH);
}

static void test_an_actor_of_another_process_is_stopped_and_killed_later(void **state)
{
	for (int kill = 0; kill < 2; kill++) {
		actor_ref extra = ask_ref(actor_to(refs[1]), "extra"), who;
		struct actor_cause cause;
		uint64_t monitor, fired;
		actor_msg *msg;
		int r;

		assert_int_equal(actor_client_monitor(client, extra, &monitor), 0);
		ask("i", &r, "end", "rb", extra, kill);
		assert_int_equal(r, 0);
		assert_int_equal(actor_client_receive(client, LONG_MS, &msg, &fired, &who, &cause), 0);
		assert_null(msg);
		assert_true(fired == monitor && actor_ref_equal(who, extra));
		assert_string_equal(cause.reason, kill ? "killed" : "had its time");
	}
}

#define fact(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_a_cast_later_comes_to_other_processes_by_ref_and_by_name),
		fact(test_an_interval_for_another_process_goes_on_until_it_is_cancelled),
		fact(test_an_actor_of_another_process_is_stopped_and_killed_later),
	};

	if (argc == 3 && !strcmp(argv[1], "member"))
		return actor_main(&member_behavior, NULL, argv[2]);
	return run_facts(tests);
}
