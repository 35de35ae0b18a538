/* Two groups get a direct link: once, whoever asks. */
#include "broker-world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct world w;
static struct client *a, *b;

struct introduction {
	uint64_t id, group, uid, pid;
	bool listen;
	char path[512];
};

static int setup(void **state)
{
	world_init(&w, 0, NULL);
	a = world_newcomer(&w, "a");
	b = world_supervised(&w, 17, "b");
	return 0;
}

static int teardown(void **state)
{
	world_deinit(&w);
	return 0;
}

static struct introduction expect_introduction(struct client *c)
{
	struct mp_reader r = client_expect_cast(c, "introduce");
	struct introduction in = {0};
	const char *s;
	size_t len;

	assert_int_equal(mp_read_uint(&r, &in.id), 0);
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	in.listen = mp_str_is(s, len, "listen");
	assert_true(in.listen || mp_str_is(s, len, "dial"));
	assert_int_equal(mp_read_uint(&r, &in.group), 0);
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	snprintf(in.path, sizeof(in.path), "%.*s", (int)len, s);
	assert_int_equal(mp_read_uint(&r, &in.uid), 0);
	assert_int_equal(mp_read_uint(&r, &in.pid), 0);
	return in;
}

static uint64_t ask(struct client *c, const struct client *other)
{
	return client_ask(c, "introduce", pack(&w, "a1u", other->group));
}

/* @asker gets its link with @other. */
static struct introduction make_link(struct client *asker, struct client *other)
{
	struct introduction in;

	client_expect_nil(asker, ask(asker, other));
	in = expect_introduction(other);
	assert_true(in.listen);
	client_tell(other, "listening", pack(&w, "a1u", in.id));
	in = expect_introduction(asker);
	assert_false(in.listen);
	return in;
}

static void test_the_target_listens_and_then_the_asker_dials(void **state)
{
	struct introduction listen, dial;
	char path[600];

	client_expect_nil(a, ask(a, b));
	client_expect_nothing(a);
	listen = expect_introduction(b);
	assert_true(listen.listen);
	assert_int_equal(listen.group, a->group);
	assert_int_equal(listen.uid, WORLD_UID);
	assert_int_equal(listen.pid, a->pid);
	snprintf(path, sizeof(path), "/run/x/g/17/%" PRIu64 ".%" PRIu64 ".ipc", a->group, listen.id);
	assert_string_equal(listen.path, path);
	client_tell(b, "listening", pack(&w, "a1u", listen.id));
	dial = expect_introduction(a);
	assert_false(dial.listen);
	assert_int_equal(dial.id, listen.id);
	assert_int_equal(dial.group, 17);
	assert_int_equal(dial.pid, b->pid);
	assert_string_equal(dial.path, path);
	world_advance(&w, 10000 * MS);
	client_expect_nothing(a);
	client_expect_nothing(b);
}

static void test_both_asking_at_once_get_one_link(void **state)
{
	struct introduction in;

	client_expect_nil(a, ask(a, b));
	client_expect_nil(a, ask(a, b));
	ask(b, a); /* sent before it read what the broker sent */
	in = expect_introduction(b);
	client_expect_nil(b, b->ids);
	client_tell(b, "listening", pack(&w, "a1u", in.id));
	client_tell(b, "listening", pack(&w, "a1u", in.id));
	expect_introduction(a);
	client_expect_nothing(a);
	client_expect_nothing(b);
}

static void test_a_new_link_waits_until_both_ends_know_that_the_old_is_gone(void **state)
{
	uint64_t old = make_link(a, b).id, id;

	client_tell(a, "link_down", pack(&w, "a1u", b->group));
	id = ask(a, b);
	client_expect_nothing(a);
	client_expect_nothing(b);
	client_tell(b, "link_down", pack(&w, "a1u", a->group));
	client_expect_nil(a, id);
	assert_true(expect_introduction(b).id > old);
}

static void test_an_ask_of_an_end_that_has_the_link_crossed_what_it_was_told(void **state)
{
	uint64_t id;

	make_link(a, b);
	world_advance(&w, 3000 * MS); /* b was busy when it was told, and asked before it read that */
	client_expect_nil(b, ask(b, a));
	client_expect_nothing(a);
	client_tell(b, "link_down", pack(&w, "a1u", a->group));
	id = ask(b, a);
	client_expect_nothing(b);
	client_tell(a, "link_down", pack(&w, "a1u", b->group));
	client_expect_nil(b, id);
	expect_introduction(a);
}

static void test_a_link_down_of_an_older_link_is_ignored(void **state)
{
	uint64_t old = make_link(a, b).id;

	client_tell(a, "link_down", pack(&w, "a2uu", b->group, old));
	client_tell(b, "link_down", pack(&w, "a2uu", a->group, old));
	make_link(a, b);
	client_tell(a, "link_down", pack(&w, "a2uu", b->group, old)); /* once more: the first answer was lost */
	client_expect_nil(a, ask(a, b));
	client_expect_nothing(a);
	client_expect_nothing(b);
}

static void test_a_listener_that_is_busy_is_waited_for_as_long_as_it_lives(void **state)
{
	struct introduction in;

	client_expect_nil(a, ask(a, b));
	in = expect_introduction(b);
	world_advance(&w, 3600 * 1000 * MS);
	client_expect_nothing(a);
	assert_true(broker_deadline_ns(w.broker) == INT64_MAX);
	client_tell(b, "listening", pack(&w, "a1u", in.id));
	assert_int_equal(expect_introduction(a).id, in.id);
}

static void test_the_death_of_a_busy_listener_is_told(void **state)
{
	client_expect_nil(a, ask(a, b));
	expect_introduction(b);
	client_break(b);
	world_advance(&w, 2000 * MS);
	assert_int_equal(client_expect_group_down(a, NULL), 17);
	assert_int_equal(broker_stats(w.broker).pairs, 0);
}

static void test_who_has_no_link_now_is_waited_for_until_it_is_back(void **state)
{
	struct token token = b->resume;
	uint64_t id;

	client_break(b);
	id = ask(a, b);
	world_advance(&w, 500 * MS);
	client_expect_nothing(a);
	b = world_connect(&w, "b", &token);
	client_expect_nil(a, id);
	assert_true(expect_introduction(b).listen);
}

static void test_who_has_no_link_now_is_waited_for_until_it_is_over(void **state)
{
	uint64_t id;

	client_break(b);
	id = ask(a, b);
	client_expect_nothing(a);
	world_advance(&w, 1000 * MS);
	client_expect_error(a, id, "noproc");
}

/* `introduce_failed` of a dialer: its end has no link, and the listener gives up its own. Then whoever asks gets a new one. */
static void test_after_a_failing_dialer_the_pair_begins_anew(void **state)
{
	struct introduction in = make_link(a, b);
	uint64_t id;

	client_tell(a, "introduce_failed", pack(&w, "a2us", in.id, "nobody there"));
	id = ask(a, b);
	client_expect_nothing(a);
	client_expect_cast(b, "introduce_failed");
	client_tell(b, "link_down", pack(&w, "a2uu", a->group, in.id));
	client_expect_nil(a, id);
	assert_true(expect_introduction(b).id > in.id);
}

static void test_after_a_failing_listener_the_pair_begins_anew(void **state)
{
	struct introduction in;

	client_expect_nil(a, ask(a, b));
	in = expect_introduction(b);
	client_tell(b, "introduce_failed", pack(&w, "a2us", in.id, "no space"));
	client_expect_cast(a, "introduce_failed");
	assert_int_equal(broker_stats(w.broker).pairs, 0);
	make_link(a, b);
}

static void test_a_listener_that_gives_up_lets_the_asker_know(void **state)
{
	struct introduction in;

	client_expect_nil(a, ask(a, b));
	in = expect_introduction(b);
	client_tell(b, "link_down", pack(&w, "a2uu", a->group, in.id));
	client_expect_cast(a, "introduce_failed");
	make_link(a, b);
}

static void test_the_end_of_a_group_is_told_to_the_linked(void **state)
{
	make_link(a, b);
	client_break(a);
	assert_int_equal(client_expect_group_down(b, NULL), a->group);
	client_expect_nothing(b);
	assert_int_equal(broker_stats(w.broker).pairs, 0);
}

static void test_an_ask_that_waits_is_answered_when_the_other_ends(void **state)
{
	uint64_t id;

	make_link(b, a);
	client_tell(b, "link_down", pack(&w, "a1u", a->group));
	id = ask(b, a);
	client_expect_nothing(b);
	client_break(a);
	client_expect_error(b, id, "noproc");
	client_expect_group_down(b, NULL);
}

static void test_nobody_is_introduced_to_the_dead_or_to_itself(void **state)
{
	uint64_t gone = a->group + 99;
	struct wire_frame frame;

	client_expect_error(a, client_ask(a, "introduce", pack(&w, "a1u", gone)), "noproc");
	client_expect_error(a, ask(a, a), "bad_args");
	client_expect_error(a, client_ask(a, "introduce", pack(&w, "a1u", WORLD_BROKER)), "bad_args");
	client_expect_error(a, client_ask(a, "introduce", pack(&w, "a0")), "bad_args");
	client_tell(a, "listening", pack(&w, "a1u", UINT64_C(1)));
	client_tell(a, "introduce_failed", pack(&w, "a1u", UINT64_C(1)));
	client_tell(a, "link_down", pack(&w, "a1u", gone));
	assert_false(client_next(a, &frame));
	client_tell(a, "listening", pack(&w, "a1s", "x"));
	client_expect(a, WIRE_BYE);
}

static void test_an_announced_link_counts(void **state)
{
	struct wire_frame frame;
	uint64_t id = client_ask(b, "announce", pack(&w, "a3a0a1ua0", a->group));

	frame = client_expect(b, WIRE_REPLY);
	assert_int_equal(frame.id, id);
	id = ask(a, b); /* its end broke already, the other has not seen that */
	client_expect_nothing(a);
	client_tell(b, "link_down", pack(&w, "a1u", a->group));
	client_expect_nil(a, id);
	expect_introduction(b);
}

static void test_a_group_with_a_single_link_is_not_introduced(void **state)
{
	struct hello hello = {.version_min = 1, .version_max = 1, .name = wire_cstr("s"), .pid = 9, .single = true};
	struct buf out = BUF_INIT;

	hello_put(&out, &hello);
	w.answered = false;
	broker_hello(w.broker, 1, WORLD_UID, 9, out.data, out.size_bytes, w.now_ns);
	buf_deinit(&out);
	w.listening->group = w.answer.group;
	client_up(w.listening);
	client_expect_error(a, ask(a, w.listening), "single");
	client_expect_error(w.listening, ask(w.listening, a), "single");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_the_target_listens_and_then_the_asker_dials),
		T(test_both_asking_at_once_get_one_link),
		T(test_a_new_link_waits_until_both_ends_know_that_the_old_is_gone),
		T(test_an_ask_of_an_end_that_has_the_link_crossed_what_it_was_told),
		T(test_a_link_down_of_an_older_link_is_ignored),
		T(test_a_listener_that_is_busy_is_waited_for_as_long_as_it_lives),
		T(test_the_death_of_a_busy_listener_is_told),
		T(test_who_has_no_link_now_is_waited_for_until_it_is_back),
		T(test_who_has_no_link_now_is_waited_for_until_it_is_over),
		T(test_after_a_failing_dialer_the_pair_begins_anew),
		T(test_after_a_failing_listener_the_pair_begins_anew),
		T(test_a_listener_that_gives_up_lets_the_asker_know),
		T(test_the_end_of_a_group_is_told_to_the_linked),
		T(test_an_ask_that_waits_is_answered_when_the_other_ends),
		T(test_nobody_is_introduced_to_the_dead_or_to_itself),
		T(test_an_announced_link_counts),
		T(test_a_group_with_a_single_link_is_not_introduced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
