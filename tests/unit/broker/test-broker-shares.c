/* SPDX-License-Identifier: Apache-2.0 */
/* What all groups have together is bounded, and no group can take the last of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/member.h"
#include "broker/quota.h"
#include "broker/state.h"
#include "tests/fact.h"
#include "tests/unit/broker/broker-world.h"

static const char *nth(int n)
{
	static char name[16];

	snprintf(name, sizeof(name), "n%d", n);
	return name;
}

static char *big(struct buf *args, size_t size_bytes)
{
	char *data = calloc(1, size_bytes);

	assert_non_null(data);
	mp_put_array(args, 1);
	mp_put_bin(args, data, size_bytes);
	return data;
}

/*
 * The rule of dbus-broker: of n groups one may have so much that n + 1 times this fits beside what the others
 * have.
 */
static bool model_allows(size_t pool, size_t others, size_t n_others, size_t mine)
{
	return (unsigned __int128)mine * (n_others + 2) + others <= pool;
}

static void test_a_share_is_what_the_rule_allows_and_no_more(void **state)
{
	for (size_t pool = 0; pool <= 24; pool++) {
		for (size_t others = 0; others <= 26; others++) {
			for (size_t n = 0; n <= 6; n++) {
				size_t share = quota_share(pool, others, n);

				assert_true(share == 0 || model_allows(pool, others, n, share));
				assert_false(model_allows(pool, others, n, share + 1));
			}
		}
	}
}

static void test_shares_at_the_edges_of_64_bits(void **state)
{
	const size_t edges[] = {0, 1, 2, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX - 1, SIZE_MAX};
	enum { N = sizeof(edges) / sizeof(edges[0]) };

	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			for (size_t n = 0; n < 70000; n = n * 3 + 1) {
				size_t share = quota_share(edges[i], edges[j], n);

				assert_true(share == 0 || model_allows(edges[i], edges[j], n, share));
				assert_true(
					share == SIZE_MAX || !model_allows(edges[i], edges[j], n, share + 1));
			}
		}
	}
}

/* Makes a world with a pool of 24 names, of which each group has 2 for itself. */
static void shares_init(struct world *world)
{
	const struct quota_limits limits = {
		.max = {[QUOTA_NAMES] = 20}, .own = {[QUOTA_NAMES] = 2}, .pool = {[QUOTA_NAMES] = 24}};

	world_init(world, 0, &limits);
}

/* Registers names for @client until it is refused. Returns how many it got. */
static int register_all(struct world *world, struct client *client)
{
	static int n;
	struct wire_frame frame;

	for (int taken = 0;; taken++) {
		client_ask(client, "register", pack(world, "a2sr", nth(1000 + n++), client_ref(client, 1)));
		assert_true(client_next(client, &frame));
		if (frame.type == WIRE_ERROR)
			return taken;
	}
}

static void test_a_pool_is_shared_and_nobody_takes_the_last_of_it(void **state)
{
	struct world world;
	struct client *first, *second, *third;

	shares_init(&world);
	first = world_newcomer(&world, "first");
	second = world_newcomer(&world, "second");
	third = world_newcomer(&world, "third");
	assert_int_equal(register_all(&world, first), 2 + 24 / 2);
	assert_int_equal(register_all(&world, second), 2 + (24 - 12) / 3);
	assert_int_equal(register_all(&world, third), 2 + (24 - 12 - 4) / 4);
	assert_non_null(strstr(world.log, "'third'"));
	assert_non_null(strstr(world.log, "share of 4 names"));
	assert_non_null(strstr(world.log, "3 groups have more than 2"));
	assert_int_equal(register_all(&world, first), 0);
	world_deinit(&world);
}

/*
 * Most of its links were made by others, and charged to them. To the next broker it says all of them, and may
 * be the first who does.
 */
static void test_links_that_were_granted_are_kept_whoever_announces_them_first(void **state)
{
	enum { N = 6, OWN = 2 };
	struct quota_limits limits = {.max[QUOTA_PAIRS] = OWN, .own[QUOTA_PAIRS] = OWN};
	struct world world;
	struct client *s, *server, *others[N];
	struct buf args = BUF_INIT;

	world_init(&world, 1000, &limits);
	s = world_supervised(&world, 1, "$spawner");
	mp_put_array(&args, 2);
	mp_put_array(&args, N + 1);
	for (uint64_t i = 0; i <= N; i++)
		mp_put_uint(&args, 20 + i);
	mp_put_array(&args, 0);
	client_tell(s, "groups", &args);
	buf_reset(&args, 0);
	server = world_supervised(&world, 20, "server");
	mp_put_array(&args, 3);
	mp_put_array(&args, 0);
	for (int list = 0; list < 2; list++) { /* it has links with all of them, and watches them */
		mp_put_array(&args, N);
		for (uint64_t i = 1; i <= N; i++)
			mp_put_uint(&args, 20 + i);
	}
	client_ask(server, "announce", &args);
	client_expect(server, WIRE_REPLY);
	client_expect_nil(server, client_ask(server, "announced", pack(&world, "a0")));
	client_expect_nothing(server); /* none of them has ended */
	for (int i = 0; i < N; i++) {
		others[i] = world_supervised(&world, 21 + (uint64_t)i, nth(i));
		client_expect_nil(others[i], client_ask(others[i], "announced", pack(&world, "a0")));
	}
	client_tell(s, "group_down", pack(&world, "a2um1ss", (uint64_t)20 + N, "reason", "signal"));
	world_advance(&world, 1100 * MS);
	client_expect_cast(server, "group_down");
	/* it is charged with what it may have, and those at the other end with the rest */
	assert_int_equal(member_find(world.broker, 20)->quota.used[QUOTA_PAIRS], OWN);
	assert_int_equal(member_find(world.broker, 21 + OWN)->quota.used[QUOTA_PAIRS], 1);
	buf_deinit(&args);
	world_deinit(&world);
}

static void test_groups_that_have_little_make_no_share_smaller(void **state)
{
	struct world world;
	struct client *big_one;

	shares_init(&world);
	for (int i = 0; i < 20; i++) {
		struct client *small = world_newcomer(&world, "small");

		for (int n = 0; n < 2; n++)
			client_expect_nil(
				small, client_ask(small, "register",
					       pack(&world, "a2sr", nth(10 * i + n), client_ref(small, 1))));
	}
	big_one = world_newcomer(&world, "big");
	assert_int_equal(register_all(&world, big_one), 2 + 24 / 2);
	world_deinit(&world);
}

static void test_a_share_grows_again_when_another_group_ends(void **state)
{
	struct world world;
	struct client *first, *second;

	shares_init(&world);
	first = world_newcomer(&world, "first");
	second = world_newcomer(&world, "second");
	assert_int_equal(register_all(&world, first), 14);
	assert_int_equal(register_all(&world, second), 6);
	client_bye(first);
	client_break(first);
	world_advance(&world, 3000 * MS);
	assert_int_equal(register_all(&world, second), 14 - 6);
	world_deinit(&world);
}

/* A group keeps what it had, in whatever order groups announce themselves. */
static void test_what_was_granted_is_granted_again_after_a_restart_of_the_broker(void **state)
{
	struct world world;
	struct client *s, *first, *second, *asker;

	shares_init(&world);
	s = world_supervised(&world, 1, "$spawner");
	client_tell(s, "groups",
		pack(&world, "a3a2uua0a2uu", UINT64_C(17), UINT64_C(18), UINT64_C(17), UINT64_C(18)));
	first = world_supervised(&world, 17, "first");
	second = world_supervised(&world, 18, "second");
	/* Each announces 14 names. The rule would not grant so many to groups that ask. */
	for (int g = 0; g < 2; g++) {
		struct client *client = g ? second : first;
		struct buf args = BUF_INIT;

		mp_put_array(&args, 3);
		mp_put_array(&args, 14);
		for (int i = 0; i < 14; i++) {
			mp_put_array(&args, 2);
			mp_put_cstr(&args, nth(100 * g + i));
			mp_put_ref(&args, client_ref(client, 1));
		}
		mp_put_array(&args, 0);
		mp_put_array(&args, 0);
		client_ask(client, "announce", &args);
		client_expect(client, WIRE_REPLY);
		buf_deinit(&args);
		client_expect_nil(client, client_ask(client, "announced", pack(&world, "a0")));
	}
	asker = world_newcomer(&world, "asker");
	for (int g = 0; g < 2; g++) {
		for (int i = 0; i < 14; i++)
			client_expect_ref(
				asker, client_ask(asker, "whereis", pack(&world, "a1s", nth(100 * g + i))));
	}
	assert_int_equal(register_all(&world, first), 0);
	world_deinit(&world);
}

static void test_many_senders_are_told_to_pause_earlier(void **state)
{
	enum { N = 10 };
	const struct quota_limits limits = {
		.own = {[QUOTA_WAITING] = 1 << 20}, .pool = {[QUOTA_WAITING] = 24 << 20}};
	struct world world;
	struct client *target, *senders[N];
	struct buf args = BUF_INIT;
	char *data = big(&args, 1000000);
	struct wire_frame frame;
	bool told = false;
	int n = 0;

	world_init(&world, 0, &limits);
	target = world_newcomer(&world, "target");
	for (int i = 0; i < N; i++)
		senders[i] = world_newcomer(&world, "sender");
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < N; i++) {
			struct wire_dest to = to_ref(client_ref(target, 1));

			client_cast(senders[i], &to, "m", &args);
		}
	}
	/* 4 MB of each sender wait, which is half of what a single sender may have. */
	while (client_next(senders[0], &frame))
		told = told || (frame.type == WIRE_PAUSE && !frame.has_ref);
	assert_true(told);
	assert_int_equal(broker_stats(world.broker).dropped, 0);
	for (broker_flush(world.broker); client_next(target, &frame); broker_flush(world.broker))
		n++;
	assert_int_equal(n, 4 * N);
	told = false;
	while (client_next(senders[0], &frame))
		told = told || (frame.type == WIRE_RESUME && !frame.has_ref);
	assert_true(told);
	free(data);
	buf_deinit(&args);
	world_deinit(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_share_is_what_the_rule_allows_and_no_more),
		cmocka_unit_test(test_shares_at_the_edges_of_64_bits),
		cmocka_unit_test(test_a_pool_is_shared_and_nobody_takes_the_last_of_it),
		cmocka_unit_test(test_groups_that_have_little_make_no_share_smaller),
		cmocka_unit_test(test_a_share_grows_again_when_another_group_ends),
		cmocka_unit_test(test_what_was_granted_is_granted_again_after_a_restart_of_the_broker),
		cmocka_unit_test(test_links_that_were_granted_are_kept_whoever_announces_them_first),
		cmocka_unit_test(test_many_senders_are_told_to_pause_earlier),
	};

	return run_facts(tests);
}
