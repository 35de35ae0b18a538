/* SPDX-License-Identifier: Apache-2.0 */
/* What `$broker` says of itself and of groups to those who look after the node: quota, metrics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/latency.h"
#include "tests/unit/broker/broker-fact.h"

static struct client *a, *b, *c;
static struct wire_dest to;

static int setup(void **state)
{
	struct quota_limits limits = {.max = {[QUOTA_NAMES] = 3}};

	world_init(&w, 0, &limits);
	a = world_newcomer(&w, "a");
	b = world_newcomer(&w, "b");
	c = world_newcomer(&w, "c");
	to = to_ref(client_ref(b, 1));
	return 0;
}

/* ---- reading answers ---- */

static struct mp_reader ask(struct client *client, const char *method, const struct buf *args)
{
	uint64_t id = client_ask(client, method, args);
	struct wire_frame frame = client_expect(client, WIRE_REPLY);

	assert_int_equal(frame.id, id);
	return mp_reader(frame.body, frame.body_bytes);
}

/* A reader that stands at the value of @key in the map at @r. */
static struct mp_reader at(struct mp_reader r, const char *key)
{
	uint32_t n;

	assert_int_equal(mp_read_map(&r, &n), 0);
	for (uint32_t i = 0; i < n; i++) {
		const char *s;
		size_t len;

		assert_int_equal(mp_read_str(&r, &s, &len), 0);
		if (mp_str_is(s, len, key))
			return r;
		assert_int_equal(mp_skip(&r), 0);
	}
	fail_msg("no key %s", key);
	return r;
}

static struct mp_reader nth(struct mp_reader r, uint32_t i)
{
	uint32_t n;

	assert_int_equal(mp_read_array(&r, &n), 0);
	assert_true(i < n);
	while (i--)
		assert_int_equal(mp_skip(&r), 0);
	return r;
}

static uint32_t count(struct mp_reader r)
{
	uint32_t n;

	assert_int_equal(mp_read_array(&r, &n), 0);
	return n;
}

static uint64_t number(struct mp_reader r, const char *key)
{
	uint64_t value;

	r = at(r, key);
	assert_int_equal(mp_read_uint(&r, &value), 0);
	return value;
}

static bool truth(struct mp_reader r, const char *key)
{
	bool value;

	r = at(r, key);
	assert_int_equal(mp_read_bool(&r, &value), 0);
	return value;
}

static bool text_is(struct mp_reader r, const char *key, const char *text)
{
	const char *s;
	size_t len;

	r = at(r, key);
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	return mp_str_is(s, len, text);
}

static struct mp_reader group_of(struct mp_reader answer, const struct client *client)
{
	struct mp_reader groups = at(answer, "groups");

	for (uint32_t i = 0; i < count(groups); i++) {
		if (number(nth(groups, i), "group") == client->group)
			return nth(groups, i);
	}
	fail_msg("group is not there");
	return groups;
}

static char *big(struct buf *args, size_t size_bytes)
{
	char *data = calloc(1, size_bytes);

	assert_non_null(data);
	mp_put_array(args, 1);
	mp_put_bin(args, data, size_bytes);
	return data;
}

/* ---- quota ---- */

static void test_quota_says_what_each_group_has_and_may_have(void **state)
{
	struct mp_reader answer, group;

	for (int i = 0; i < 2; i++)
		client_expect_nil(
			a, client_ask(a, "register", pack(&w, "a2sr", i ? "y" : "x", client_ref(a, 1))));
	client_call(a, &to, "m", NULL);
	answer = ask(c, "quota", pack(&w, "a0"));
	assert_int_equal(number(answer, "n"), 3);
	assert_int_equal(count(at(answer, "groups")), 3);
	assert_int_equal(number(at(answer, "limits"), "names"), 3);
	assert_int_equal(number(at(answer, "limits"), "unread_bytes"), 16 << 20);
	group = group_of(answer, a);
	assert_int_equal(number(group, "pid"), a->pid);
	assert_int_equal(number(group, "uid"), a->uid);
	assert_true(text_is(group, "name", "a"));
	assert_true(text_is(group, "state", "up"));
	assert_false(truth(group, "late"));
	assert_int_equal(number(at(group, "used"), "names"), 2);
	assert_int_equal(number(at(group, "used"), "calls"), 1);
	assert_int_equal(number(at(group, "may"), "names"), 3);
	assert_int_equal(number(at(group, "may"), "calls"), 1 << 16);
	assert_int_equal(number(at(group_of(answer, b), "used"), "calls"), 0);
	assert_int_equal(number(at(at(answer, "pools"), "calls"), "own"), 1024);
	assert_int_equal(number(at(at(answer, "pools"), "calls"), "size"), 1 << 18);
	assert_int_equal(number(at(at(answer, "pools"), "calls"), "used"), 0);
	assert_int_equal(number(at(at(answer, "pools"), "calls"), "groups"), 0);
}

static void test_quota_of_one_goes_by_id_by_registered_name_or_by_the_groups_own(void **state)
{
	struct client *other = world_newcomer(&w, "b");
	struct mp_reader answer;

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "x", client_ref(a, 1))));
	answer = ask(c, "quota", pack(&w, "a1u", b->group));
	assert_int_equal(number(answer, "n"), 1);
	assert_int_equal(number(nth(at(answer, "groups"), 0), "group"), b->group);
	answer = ask(c, "quota", pack(&w, "a1s", "x"));
	assert_int_equal(number(nth(at(answer, "groups"), 0), "group"), a->group);
	answer = ask(c, "quota", pack(&w, "a1s", "b"));
	assert_int_equal(number(answer, "n"), 2);
	(void)group_of(answer, b);
	(void)group_of(answer, other);
	/* A registered name comes before a name that a group gave itself. */
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "b", client_ref(a, 1))));
	answer = ask(c, "quota", pack(&w, "a1s", "b"));
	assert_int_equal(number(answer, "n"), 1);
	assert_int_equal(number(nth(at(answer, "groups"), 0), "group"), a->group);
}

static void test_quota_of_nobody_is_noproc_and_of_nonsense_bad_args(void **state)
{
	world_newcomer(&w, "");
	client_expect_error(a, client_ask(a, "quota", pack(&w, "a1s", "nobody")), "noproc");
	client_expect_error(a, client_ask(a, "quota", pack(&w, "a1u", UINT64_C(4711))), "noproc");
	client_expect_error(a, client_ask(a, "quota", pack(&w, "a1u", UINT64_C(0))), "noproc");
	client_expect_error(a, client_ask(a, "quota", pack(&w, "a1s", "")), "bad_args");
	client_expect_error(a, client_ask(a, "quota", pack(&w, "a1a0")), "bad_args");
	client_expect_error(a, client_ask(a, "quota", pack(&w, "a2ns", "x")), "bad_args");
	client_expect_error(a, client_ask(a, "metrics", pack(&w, "a1s", "x")), "bad_args");
}

static void test_quota_names_the_backlog_and_its_top_sender(void **state)
{
	struct mp_reader answer, group, top;
	struct buf args = BUF_INIT;
	char *data = big(&args, 500000);
	uint64_t who;

	client_cast(c, &to, "m", NULL);
	for (int i = 0; i < 5; i++)
		client_cast(a, &to, "m", &args);
	answer = ask(c, "quota", pack(&w, "a0"));
	assert_int_equal(number(nth(at(answer, "groups"), 0), "group"), b->group); /* the most waits for it */
	group = group_of(answer, b);
	assert_true(truth(group, "congested"));
	assert_false(truth(group, "stalled"));
	assert_true(number(group, "unread_bytes") > 2500000);
	top = nth(at(group, "top_sender"), 0);
	assert_int_equal(mp_read_uint(&top, &who), 0);
	assert_int_equal(who, a->group);
	group = group_of(answer, a);
	assert_int_equal(number(group, "waits_for"), 1);
	assert_true(number(at(group, "used"), "waiting_bytes") > 1000000);
	world_advance(&w, BROKER_STALL_MS * MS);
	answer = ask(c, "quota", pack(&w, "a1u", b->group));
	group = group_of(answer, b);
	assert_true(truth(group, "stalled"));
	assert_int_equal(number(group, "stalls"), 1);
	assert_int_equal(number(group, "dropped"), 2);
	free(data);
	buf_deinit(&args);
}

static void test_quota_counts_paused_actors_and_what_is_held_for_them(void **state)
{
	actor_ref ref = client_ref(b, 1);
	struct mp_reader group;

	wire_put_pause(&b->out, &ref);
	client_send(b);
	client_cast(a, &to, "m", NULL);
	client_cast(a, &to, "m", NULL);
	group = group_of(ask(c, "quota", pack(&w, "a0")), b);
	assert_int_equal(number(group, "paused"), 1);
	assert_int_equal(number(group, "held_frames"), 2);
	assert_true(number(group, "held_bytes") > 0);
	assert_false(truth(group, "congested"));
	wire_put_resume(&b->out, &ref);
	client_send(b);
	group = group_of(ask(c, "quota", pack(&w, "a0")), b);
	assert_int_equal(number(group, "paused"), 0);
	assert_int_equal(number(group, "held_frames"), 0);
	assert_int_equal(number(group, "held_bytes"), 0);
}

static void test_a_group_without_a_link_is_late(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *d = world_supervised(&w, 17, "d");
	struct mp_reader group;

	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	client_break(d);
	group = group_of(ask(c, "quota", pack(&w, "a1s", "d")), d);
	assert_true(truth(group, "late"));
	assert_true(text_is(group, "state", "lost"));
}

/* ---- metrics ---- */

static void test_metrics_count_frames_and_bytes_each_once(void **state)
{
	struct mp_reader before = ask(c, "metrics", pack(&w, "a0")), group_a = group_of(before, a),
			 group_b = group_of(before, b), after;
	uint64_t in = number(group_a, "frames_in"), bytes_in = number(group_a, "bytes_in"),
		 out = number(group_b, "frames_out"), bytes_out = number(group_b, "bytes_out");
	actor_ref ref = client_ref(b, 1);

	client_cast(a, &to, "m", NULL);
	wire_put_pause(&b->out, &ref);
	client_send(b);
	client_cast(a, &to, "m", NULL); /* held first, and written later */
	wire_put_resume(&b->out, &ref);
	client_send(b);
	client_expect(b, WIRE_CAST);
	client_expect(b, WIRE_CAST);
	after = ask(c, "metrics", pack(&w, "a0"));
	assert_int_equal(number(group_of(after, a), "frames_in"), in + 2);
	assert_int_equal(number(group_of(after, b), "frames_out"), out + 2);
	assert_int_equal(number(group_of(after, b), "bytes_out") - bytes_out,
		number(group_of(after, a), "bytes_in") - bytes_in);
}

static void test_metrics_show_those_first_that_moved_most_and_how_many_there_are(void **state)
{
	struct buf args = BUF_INIT;
	char *data = big(&args, 1000);
	struct mp_reader answer;

	world_newcomer(&w, "quiet");
	client_cast(a, &to, "m", &args);
	client_cast(a, &to, "m", NULL);
	client_expect(b, WIRE_CAST);
	client_expect(b, WIRE_CAST);
	answer = ask(c, "metrics", pack(&w, "a1u", UINT64_C(2)));
	assert_int_equal(number(answer, "n"), 3);
	assert_int_equal(count(at(answer, "groups")), 2);
	assert_int_equal(number(nth(at(answer, "groups"), 0), "group"), a->group);
	(void)group_of(answer, a);
	(void)group_of(answer, b); /* c, which asks, is left out */
	assert_int_equal(number(at(answer, "broker"), "groups"), 4);
	assert_int_equal(number(at(answer, "broker"), "hellos"), 4);
	assert_int_equal(count(at(ask(c, "metrics", pack(&w, "a1u", UINT64_MAX)), "groups")), 3);
	free(data);
	buf_deinit(&args);
}

static void test_a_routed_call_is_timed_by_the_time_of_its_events(void **state)
{
	uint64_t id = client_call(a, &to, "m", NULL), n = 0, in_bucket;
	struct mp_reader answer, counts, bucket;

	client_expect(b, WIRE_CALL);
	world_advance(&w, 7 * MS);
	wire_put_reply(&b->out, client_ref(a, 1), client_ref(b, 1), id, NULL, 0);
	client_send(b);
	client_expect_nil(a, id);
	answer = ask(c, "metrics", pack(&w, "a0"));
	assert_int_equal(number(at(answer, "latency"), "sum_us"), 7000);
	counts = at(at(answer, "latency"), "counts");
	assert_int_equal(count(counts), count(at(at(answer, "latency"), "bounds_us")) + 1);
	for (uint32_t i = 0; i < count(counts); i++) {
		bucket = nth(counts, i);
		assert_int_equal(mp_read_uint(&bucket, &in_bucket), 0);
		assert_true(!in_bucket || latency_bounds_us[i] == 10000);
		n += in_bucket;
	}
	assert_int_equal(n, 1);
	assert_int_equal(number(group_of(answer, b), "answers"), 1);
	assert_int_equal(number(group_of(answer, b), "answers_us"), 7000);
	assert_int_equal(number(group_of(answer, a), "answers"), 0);
}

static void test_a_latency_of_a_bound_is_under_it_and_beyond_the_last_has_a_place(void **state)
{
	struct latency latency = {0};

	latency_note(&latency, latency_bounds_us[0]);
	latency_note(&latency, latency_bounds_us[0] + 1);
	latency_note(&latency, UINT64_MAX / 2);
	assert_int_equal(latency.n[0], 1);
	assert_int_equal(latency.n[1], 1);
	assert_int_equal(latency.n[LATENCY_N - 1], 1);
	for (int i = 1; i < LATENCY_N - 1; i++)
		assert_true(latency_bounds_us[i] > latency_bounds_us[i - 1]);
}

static void test_what_is_beyond_a_limit_is_counted_for_who_asked(void **state)
{
	struct mp_reader answer;

	for (int i = 0; i < 4; i++) {
		char name[2] = {(char)('p' + i), 0};
		uint64_t id = client_ask(a, "register", pack(&w, "a2sr", name, client_ref(a, 1)));

		if (i < 3)
			client_expect_nil(a, id);
		else
			client_expect_error(a, id, "overloaded");
	}
	answer = ask(c, "metrics", pack(&w, "a0"));
	assert_int_equal(number(group_of(answer, a), "over_quota"), 1);
	assert_int_equal(number(group_of(answer, b), "over_quota"), 0);
	assert_int_equal(number(at(answer, "broker"), "over_quota"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
		T(test_quota_says_what_each_group_has_and_may_have),
		T(test_quota_of_one_goes_by_id_by_registered_name_or_by_the_groups_own),
		T(test_quota_of_nobody_is_noproc_and_of_nonsense_bad_args),
		T(test_quota_names_the_backlog_and_its_top_sender),
		T(test_quota_counts_paused_actors_and_what_is_held_for_them),
		T(test_a_group_without_a_link_is_late),
		T(test_metrics_count_frames_and_bytes_each_once),
		T(test_metrics_show_those_first_that_moved_most_and_how_many_there_are),
		T(test_a_routed_call_is_timed_by_the_time_of_its_events),
		T(test_a_latency_of_a_bound_is_under_it_and_beyond_the_last_has_a_place),
		T(test_what_is_beyond_a_limit_is_counted_for_who_asked),
	};

	return run_facts(tests);
}
