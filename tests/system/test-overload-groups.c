/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actors with limits of their own, and senders of other groups: over a direct link, and by the broker. This
 * program is also the other group: `server NAME`.
 */
#include "tests/system/node-world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor/overload.h"
#include "libactor/actor/actor-internal.h"
#include "tests/fact.h"

#define N 20000 /* kilobytes: more than all buffers on the way have room for */

/* ---- the other group ---- */

static volatile sig_atomic_t released;

static void release(int signo)
{
	released++;
}

struct bounded {
	int64_t n_handled, first, last;
	uint64_t told; /* how many were lost, as on_overload has told */
};

static int bounded_init(actor *self, const void *arg)
{
	return actor_overload(self, arg);
}

static bool is_held;

/* Is busy until SIGUSR1. */
static int bounded_hold(actor *self, const actor_msg *msg)
{
	is_held = true;
	while (!released)
		actor_sleep(self, 1);
	return 0;
}

/* At SIGUSR1 the actor begins to lose messages, and is busy until the next SIGUSR1. */
static int bounded_loosen(actor *self, const actor_msg *msg)
{
	is_held = true;
	while (!released)
		actor_sleep(self, 1);
	if (actor_overload(self, &(struct actor_overload){.overflow = ACTOR_DROP_OLDEST}) < 0)
		return -ENOMEM;
	while (released < 2)
		actor_sleep(self, 1);
	return 0;
}

static int bounded_put(actor *self, const actor_msg *msg)
{
	struct bounded *bounded = actor_state(self);
	const void *data;
	size_t size;
	int64_t n;

	if (actor_msg_unpack(msg, "Iy#", &n, &data, &size) < 0)
		return -EINVAL;
	if (bounded->n_handled && n <= bounded->last)
		return -EPROTO; /* a number out of order ends the test */
	if (!bounded->n_handled++)
		bounded->first = n;
	bounded->last = n;
	return 0;
}

static int bounded_ask(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "");
}

static int bounded_overload(
	actor *self, const struct actor_overload_stats *now, const struct actor_overload_stats *all)
{
	struct bounded *bounded = actor_state(self);

	for (int i = 0; i < ACTOR_LOSSES; i++)
		bounded->told += now->lost[i];
	return 0;
}

/* This call passes the limits, as those of the runtime's own methods do. */
static int bounded_figures(actor *self, const actor_msg *msg, actor_from *from)
{
	const struct bounded *bounded = actor_state(self);
	struct actor_overload_stats s;

	if (actor_overload_stats(self, &s) < 0)
		return -EINVAL;
	return actor_reply(from, "[UUUUUUIIIU]", s.received, s.handled, (uint64_t)s.queued,
		s.lost[ACTOR_LOST_REFUSED], s.lost[ACTOR_LOST_NEWEST], s.lost[ACTOR_LOST_OLDEST],
		bounded->n_handled, bounded->first, bounded->last, bounded->told);
}

static int bounded_end(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), "enough");
}

static const struct actor_method bounded_methods[] = {{.name = "put", .on_cast = bounded_put},
	{.name = "hold", .on_cast = bounded_hold}, {.name = "loosen", .on_cast = bounded_loosen},
	{.name = "ask", .on_call = bounded_ask}, {.name = "end", .on_cast = bounded_end},
	{.name = "$figures", .on_call = bounded_figures}, {0}};
static const struct actor_behavior bounded_behavior = {.name = "bounded",
	.state_size = sizeof(struct bounded),
	.methods = bounded_methods,
	.init = bounded_init,
	.on_overload = bounded_overload};

static struct {
	actor_ref to, from;
	bool is_call;
	enum actor_loss why;
	char method[32];
	int n;
} letter;

static int boss_letter(actor *self, const struct actor_dead_letter *dead)
{
	letter.to = dead->to;
	letter.from = actor_msg_sender(dead->msg);
	letter.is_call = dead->is_call;
	letter.why = dead->why;
	snprintf(letter.method, sizeof(letter.method), "%s", actor_msg_method(dead->msg));
	letter.n++;
	return 0;
}

static int boss_letter_seen(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "[irribs]", letter.n, letter.to, letter.from, (int)letter.why,
		letter.is_call, letter.method);
}

static int boss_is_held(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "b", is_held);
}

/* Whether a sender of another group was told to pause. */
static int boss_is_pausing(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref ref;

	if (actor_msg_unpack(msg, "r", &ref) < 0)
		return -EINVAL;
	return actor_reply(
		from, "b", !list_is_empty(&actor_find(actor_group_of(self), ref.serial)->mailbox.paused));
}

/* [to, n, whom]: casts n times, and tells @whom the result. */
static int boss_flood(actor *self, const actor_msg *msg)
{
	static const char payload[1000];
	actor_ref to, whom;
	int n, r = 0;

	if (actor_msg_unpack(msg, "rir", &to, &n, &whom) < 0)
		return -EINVAL;
	for (int64_t i = 0; i < n && r == 0; i++)
		r = actor_cast(self, actor_to(to), "put", "Iy#", i, (const void *)payload, sizeof(payload));
	return actor_cast(self, actor_to(whom), "flooded", "i", r);
}

/* [overflow, messages] → an actor with these limits */
static int boss_bounded(actor *self, const actor_msg *msg, actor_from *from)
{
	struct actor_overload limits = {0};
	actor_ref ref = ACTOR_NOBODY;
	int overflow;

	if (actor_msg_unpack(msg, "iu", &overflow, &limits.max_messages) < 0)
		return -EINVAL;
	limits.overflow = (enum actor_overflow)overflow;
	if (actor_spawn(self, &bounded_behavior, &limits, &ref) < 0)
		return -ENOMEM;
	return actor_reply(from, "r", ref);
}

static int boss_init(actor *self, const void *arg)
{
	return actor_dead_letters(self, true);
}

static const struct actor_method boss_methods[] = {{.name = "bounded", .on_call = boss_bounded},
	{.name = "flood", .on_cast = boss_flood}, {.name = "is_pausing", .on_call = boss_is_pausing},
	{.name = "is_held", .on_call = boss_is_held}, {.name = "letter", .on_call = boss_letter_seen}, {0}};
static const struct actor_behavior boss_behavior = {
	.name = "boss", .methods = boss_methods, .init = boss_init, .on_dead_letter = boss_letter};

/* ---- from outside ---- */

struct figures {
	uint64_t received, handled, queued, refused, newest, oldest, told;
	int64_t n, first, last;
};

static const enum actor_join_mode modes[] = {ACTOR_JOIN_DIRECT, ACTOR_JOIN_BROKER};
static const char kilobyte[1000];
static pid_t server;
static actor_client *client;
static actor_ref boss;

static void begin(enum actor_join_mode mode)
{
	server = process_start((const char *const[]){"/proc/self/exe", "server", "s", NULL});
	client = client_new(mode);
	assert_int_equal(actor_client_whereis_wait(client, "s", LONG_MS, &boss), 0);
}

static void end(void)
{
	actor_client_free(client);
	reap(server, SIGTERM);
}

static actor_ref bounded(enum actor_overflow overflow, uint32_t messages)
{
	actor_msg *reply = NULL;
	actor_ref ref;

	assert_int_equal(actor_client_call(client, actor_to(boss), "bounded", LONG_MS, &reply, "iu",
				 (int)overflow, messages),
		0);
	assert_int_equal(actor_msg_unpack(reply, "r", &ref), 0);
	actor_msg_free(reply);
	return ref;
}

static void busy(actor_ref ref, const char *method)
{
	bool is_held_now = false;

	assert_int_equal(actor_client_cast(client, actor_to(ref), method, ""), 0);
	for (int tries = 0; !is_held_now; tries++) {
		actor_msg *reply = NULL;

		assert_true(tries < LONG_MS);
		assert_int_equal(
			actor_client_call(client, actor_to(boss), "is_held", LONG_MS, &reply, ""), 0);
		assert_int_equal(actor_msg_unpack(reply, "b", &is_held_now), 0);
		actor_msg_free(reply);
	}
}

static void hold(actor_ref ref)
{
	busy(ref, "hold");
}

static void put(actor_ref ref, int n)
{
	for (int64_t i = 0; i < n; i++)
		assert_int_equal(actor_client_cast(client, actor_to(ref), "put", "Iy#", i,
					 (const void *)kilobyte, sizeof(kilobyte)),
			0);
}

static struct figures figures_of(actor_ref ref)
{
	struct figures f = {0};
	actor_msg *reply = NULL;

	assert_int_equal(actor_client_call(client, actor_to(ref), "$figures", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "[UUUUUUIIIU]", &f.received, &f.handled, &f.queued,
				 &f.refused, &f.newest, &f.oldest, &f.n, &f.first, &f.last, &f.told),
		0);
	actor_msg_free(reply);
	assert_int_equal(f.received, f.handled + f.queued + f.refused + f.newest + f.oldest);
	return f;
}

/* Waits until @received messages have come and were handled or lost. */
static struct figures figures_settle(actor_ref ref, uint64_t received)
{
	struct figures f = figures_of(ref);

	for (int tries = 0; f.received < received || f.queued; tries++) {
		assert_true(tries < LONG_MS);
		usleep(1000);
		f = figures_of(ref);
	}
	assert_int_equal(f.received, received);
	return f;
}

/* An actor that holds back its senders would take some 5,000 messages. Then each cast would wait for 5 s. */
static void test_who_sends_to_an_actor_with_limits_is_not_held_back(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		struct figures f;
		actor_ref ref;

		begin(modes[i]);
		ref = bounded(ACTOR_DROP_OLDEST, 100);
		hold(ref);
		put(ref, N);
		kill(server, SIGUSR1);
		f = figures_settle(ref, N + 1); /* +1: `hold` */
		assert_int_equal(f.n + (int64_t)f.oldest, N);
		assert_int_equal(f.last, N - 1);
		assert_int_equal(f.told, f.oldest);
		end();
	}
}

static void test_the_first_are_kept_where_the_newest_go(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		struct figures f;
		actor_ref ref;

		begin(modes[i]);
		ref = bounded(ACTOR_DROP_NEWEST, 100);
		hold(ref);
		put(ref, 1000);
		kill(server, SIGUSR1);
		f = figures_settle(ref, 1001);
		assert_int_equal(f.first, 0);
		assert_int_equal(f.n + (int64_t)f.newest, 1000);
		assert_true(f.n >= 100);
		end();
	}
}

static void test_a_refused_cast_of_another_group_is_counted(void **state)
{
	struct figures f;
	actor_ref ref;

	begin(ACTOR_JOIN_DIRECT);
	ref = bounded(ACTOR_REFUSE, 10);
	hold(ref);
	put(ref, 100);
	kill(server, SIGUSR1);
	f = figures_settle(ref, 101);
	assert_int_equal(f.n + (int64_t)f.refused, 100);
	end();
}

static void test_a_call_of_another_group_hears_when_to_ask_again(void **state)
{
	static const enum actor_overflow ways[] = {ACTOR_REFUSE, ACTOR_DROP_NEWEST};

	for (size_t i = 0; i < 4; i++) {
		actor_msg *reply = NULL;
		actor_ref ref;

		begin(modes[i / 2]);
		ref = bounded(ways[i % 2], 5);
		hold(ref);
		put(ref, 5);
		assert_int_equal(
			actor_client_call(client, actor_to(ref), "ask", LONG_MS, &reply, ""), -EREMOTEIO);
		assert_string_equal(actor_msg_error(reply), "overloaded");
		assert_in_range(actor_msg_retry_ms(reply), 1, 30000);
		actor_msg_free(reply);
		kill(server, SIGUSR1);
		for (int tries = 0; figures_of(ref).queued; tries++)
			assert_true(tries < LONG_MS);
		assert_int_equal(actor_client_call(client, actor_to(ref), "ask", LONG_MS, NULL, ""), 0);
		end();
	}
}

/*
 * The flooder was told to pause. When the actor begins to lose messages, the flooder goes on, although
 * nothing is handled.
 */
static void test_senders_that_were_told_to_pause_go_on_when_messages_may_be_lost(void **state)
{
	pid_t flooder = process_start((const char *const[]){"/proc/self/exe", "server", "f", NULL});
	bool is_pausing = false;
	actor_msg *reply = NULL;
	actor_client *told;
	actor_ref ref, from;
	int r;

	begin(ACTOR_JOIN_DIRECT);
	assert_int_equal(actor_client_whereis_wait(client, "f", LONG_MS, &from), 0);
	ref = bounded(ACTOR_BLOCK, 10);
	busy(ref, "loosen");
	told = client_new(ACTOR_JOIN_DIRECT);
	assert_int_equal(
		actor_client_cast(client, actor_to(from), "flood", "rir", ref, N, actor_client_self(told)),
		0);
	for (int tries = 0; !is_pausing; tries++) {
		assert_true(tries < LONG_MS);
		assert_int_equal(
			actor_client_call(client, actor_to(boss), "is_pausing", LONG_MS, &reply, "r", ref),
			0);
		assert_int_equal(actor_msg_unpack(reply, "b", &is_pausing), 0);
		reply = actor_msg_free(reply);
		usleep(1000);
	}
	kill(server, SIGUSR1);
	assert_int_equal(actor_client_receive(told, LONG_MS, &reply, NULL, NULL, NULL), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, 0);
	actor_msg_free(reply);
	kill(server, SIGUSR1);
	(void)figures_settle(ref, N + 1); /* +1: `loosen` */
	actor_client_free(told);
	end();
	reap(flooder, SIGTERM);
}

static void wait_letter(int n, actor_ref to, enum actor_loss why, bool is_call, const char *method)
{
	const char *have_method;
	actor_ref have_to, from;
	int have_n, have_why;
	bool have_call;
	actor_msg *reply;

	for (int tries = 0;; tries++) {
		reply = NULL;
		assert_true(tries < LONG_MS);
		assert_int_equal(actor_client_call(client, actor_to(boss), "letter", LONG_MS, &reply, ""), 0);
		assert_int_equal(actor_msg_unpack(reply, "[irribs]", &have_n, &have_to, &from, &have_why,
					 &have_call, &have_method),
			0);
		if (have_n >= n)
			break;
		actor_msg_free(reply);
		usleep(1000);
	}
	assert_int_equal(have_n, n);
	assert_true(actor_ref_equal(have_to, to));
	assert_int_equal(from.group, actor_client_self(client).group);
	assert_int_equal(have_why, why);
	assert_int_equal(have_call, is_call);
	assert_string_equal(have_method, method);
	actor_msg_free(reply);
}

static void test_what_comes_for_one_that_is_over_is_a_dead_letter(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		actor_ref ref, never;
		uint64_t monitor;

		begin(modes[i]);
		ref = bounded(ACTOR_DROP_OLDEST, 5);
		assert_int_equal(actor_client_monitor(client, ref, &monitor), 0);
		assert_int_equal(actor_client_cast(client, actor_to(ref), "end", ""), 0);
		assert_int_equal(
			actor_client_receive(client, LONG_MS, &(actor_msg *){NULL}, &monitor, NULL, NULL), 0);
		assert_int_equal(actor_client_cast(client, actor_to(ref), "late", ""), 0);
		wait_letter(1, ref, ACTOR_LOST_NOBODY, false, "late");
		assert_int_equal(
			actor_client_call(client, actor_to(ref), "hello", LONG_MS, NULL, ""), -ESRCH);
		wait_letter(2, ref, ACTOR_LOST_NOBODY, true, "hello");
		never = (actor_ref){ref.node, ref.group, ref.serial + 1000};
		assert_int_equal(actor_client_cast(client, actor_to(never), "never", ""), 0);
		wait_letter(3, never, ACTOR_LOST_NOBODY, false, "never");
		end();
	}
}

#define fact(name) cmocka_unit_test_setup_teardown(name, node_setup, node_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_who_sends_to_an_actor_with_limits_is_not_held_back),
		fact(test_the_first_are_kept_where_the_newest_go),
		fact(test_a_refused_cast_of_another_group_is_counted),
		fact(test_a_call_of_another_group_hears_when_to_ask_again),
		fact(test_senders_that_were_told_to_pause_go_on_when_messages_may_be_lost),
		fact(test_what_comes_for_one_that_is_over_is_a_dead_letter),
	};

	if (argc == 3 && !strcmp(argv[1], "server")) {
		signal(SIGUSR1, release);
		return actor_main(&boss_behavior, NULL, argv[2]);
	}
	return run_facts(tests);
}
