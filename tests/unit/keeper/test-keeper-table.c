/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's pure half: the slot table, what is told when, group ids, and the restart policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spawner/keeper/policy.h"
#include "spawner/keeper/table.h"
#include "spawner/shared/client.h"
#include "tests/fact.h"

static struct keeper_table table;

static int setup(void **state)
{
	memset(&table, 0, sizeof(table));
	keeper_table_init(&table);
	keeper_table_reserve(&table, 1000);
	return 0;
}

static int spawn(uint64_t cookie, uint64_t group_id, struct keeper_entry **ret_entry)
{
	struct keeper_spawn request = {.cookie = cookie, .group_id = group_id, .name = "x"};

	return keeper_table_spawn(&table, &request, ret_entry);
}

static struct keeper_entry *must_spawn(uint64_t cookie, uint64_t group_id)
{
	struct keeper_entry *entry;

	assert_int_equal(spawn(cookie, group_id, &entry), 1);
	return entry;
}

static void finish(struct keeper_entry *entry)
{
	entry->stage = KEEPER_EXITED;
	keeper_table_touch(&table, entry);
}

static void test_group_ids_start_at_one_and_go_on(void **state)
{
	memset(&table, 0, sizeof(table));
	keeper_table_init(&table);
	assert_int_equal(keeper_table_reserve(&table, 1), 1);
	assert_int_equal(keeper_table_reserve(&table, 10), 2);
	assert_int_equal(keeper_table_reserve(&table, 1), 12);
}

static void test_a_cookie_gets_one_slot(void **state)
{
	struct keeper_entry *first = must_spawn(7, 1), *again;

	keeper_table_told(&table, first);
	assert_null(keeper_table_untold(&table));
	assert_int_equal(spawn(7, 1, &again), 0);
	assert_ptr_equal(first, again);
	assert_ptr_equal(keeper_table_untold(&table), first); /* the slot is told again */
	/* The id that comes with the cookie does not matter. */
	assert_int_equal(spawn(7, 2, &again), 0);
	assert_int_equal(table.n_used, 1);
}

static void test_a_group_id_is_used_once(void **state)
{
	struct keeper_entry *entry = must_spawn(7, 1), *other;

	assert_int_equal(spawn(8, 1, &other), -ESTALE);
	finish(entry);
	assert_ptr_equal(keeper_table_ack(&table, 1, entry->seq), entry);
	keeper_table_free(&table, entry);
	assert_int_equal(
		spawn(7, 1, &other), -ESTALE); /* the same request again, after its process was forgotten */
	assert_int_equal(spawn(9, 1, &other), -ESTALE);
}

static void test_an_id_never_reserved_is_refused(void **state)
{
	struct keeper_entry *entry;

	assert_int_equal(spawn(7, 0, &entry), -EINVAL);
	assert_int_equal(spawn(7, 1001, &entry), -EINVAL);
	assert_int_equal(spawn(7, UINT64_MAX, &entry), -EINVAL);
	assert_int_equal(spawn(7, 1000, &entry), 1);
}

static void test_an_id_out_of_the_window_is_stale(void **state)
{
	struct keeper_entry *entry;
	uint64_t next;

	while (table.next_group_id < KEEPER_GROUP_WINDOW + 10)
		keeper_table_reserve(&table, 1);
	next = table.next_group_id;
	assert_int_equal(spawn(1, next - KEEPER_GROUP_WINDOW - 1, &entry), -ESTALE);
	/* An id that was reserved long ago and never used. */
	assert_int_equal(spawn(2, next - KEEPER_GROUP_WINDOW, &entry), 1);
	assert_int_equal(spawn(3, next - 1, &entry), 1);
}

static void test_a_used_id_does_not_taint_the_one_that_takes_its_place(void **state)
{
	struct keeper_entry *entry;

	must_spawn(1, 5);
	while (table.next_group_id <= 5 + KEEPER_GROUP_WINDOW)
		keeper_table_reserve(&table, 1);
	assert_int_equal(spawn(2, 5 + KEEPER_GROUP_WINDOW, &entry), 1);
}

static void test_a_full_table_refuses_and_recovers(void **state)
{
	struct keeper_entry *entry;
	unsigned i;

	keeper_table_reserve(&table, KEEPER_SLOTS + 10);
	for (i = 1; i <= KEEPER_SLOTS; i++)
		must_spawn(i, i);
	assert_int_equal(spawn(9999, 4097, &entry), -ENOSPC);
	assert_int_equal(spawn(17, 17, &entry), 0); /* a process that is in the table is still told */
	keeper_table_free(&table, keeper_table_by_cookie(&table, 100));
	assert_int_equal(spawn(9999, 4097, &entry), 1); /* the refusal did not use up the id */
	assert_null(keeper_table_by_cookie(&table, 100));
}

static void test_only_what_changed_is_told(void **state)
{
	struct keeper_entry *a = must_spawn(1, 1), *b = must_spawn(2, 2);

	keeper_table_told(&table, a);
	keeper_table_told(&table, b);
	assert_null(keeper_table_untold(&table));
	b->stage = KEEPER_RUNNING;
	keeper_table_touch(&table, b);
	finish(b); /* its second change: it is told once for both */
	assert_ptr_equal(keeper_table_untold(&table), b);
	keeper_table_told(&table, b);
	assert_null(keeper_table_untold(&table));
}

static void test_a_restless_slot_does_not_starve_the_others(void **state)
{
	struct keeper_entry *a = must_spawn(1, 1), *b = must_spawn(2, 2), *c = must_spawn(3, 3);

	assert_ptr_equal(keeper_table_untold(&table), a);
	keeper_table_told(&table, a);
	keeper_table_touch(&table, a);
	assert_ptr_equal(keeper_table_untold(&table), b);
	keeper_table_told(&table, b);
	keeper_table_touch(&table, a);
	assert_ptr_equal(keeper_table_untold(&table), c);
}

static void test_a_new_supervisor_is_told_everything_with_fds(void **state)
{
	struct keeper_entry *a = must_spawn(1, 1), *entry;
	union keeper_record record;
	int fds[KEEPER_PIPES];
	size_t n_fds;

	must_spawn(2, 2);
	a->pipes[0] = 10;
	a->pipes[2] = 12;
	keeper_entry_report(a, &record, fds, &n_fds);
	assert_int_equal(n_fds, 2);
	assert_int_equal(fds[0], 10);
	assert_int_equal(fds[1], 12);
	assert_int_equal(record.slot.fd_mask, KEEPER_FD_STDOUT | KEEPER_FD_NOTIFY);
	assert_int_equal(keeper_record_check(&record, sizeof(record.slot), n_fds), 0);
	keeper_table_told(&table, a);

	finish(a);
	keeper_entry_report(a, &record, fds, &n_fds);
	assert_int_equal(n_fds, 0); /* the supervisor has them already */
	keeper_table_told(&table, a);

	keeper_table_forget_told(&table);
	keeper_entry_report(a, &record, fds, &n_fds);
	assert_int_equal(n_fds, 2);
	while ((entry = keeper_table_untold(&table)))
		keeper_table_told(&table, entry);
	assert_int_equal(a->told_seq, a->seq);
}

static void test_a_slot_is_freed_only_by_an_ack_of_its_final_stage(void **state)
{
	struct keeper_entry *entry = must_spawn(1, 1);
	uint64_t before = entry->seq;

	assert_null(keeper_table_ack(&table, 1, before)); /* its stage is not final */
	finish(entry);
	assert_null(keeper_table_ack(&table, 1, before));     /* the ack is for an older stage */
	assert_null(keeper_table_ack(&table, 2, entry->seq)); /* the ack is for another group */
	assert_ptr_equal(keeper_table_ack(&table, 1, entry->seq), entry);
}

static void test_a_failure_reports_its_step_and_an_exit_its_status(void **state)
{
	struct keeper_entry *entry = must_spawn(1, 1);
	union keeper_record record;
	int fds[KEEPER_PIPES];
	size_t n_fds;

	entry->error = ENOENT;
	entry->step = KEEPER_STEP_EXEC;
	entry->code = 1;
	entry->status = 127;
	keeper_entry_report(entry, &record, fds, &n_fds);
	assert_int_equal(record.slot.error, 0); /* the slot is not final yet */
	entry->stage = KEEPER_FAILED;
	keeper_entry_report(entry, &record, fds, &n_fds);
	assert_int_equal(record.slot.error, ENOENT);
	assert_int_equal(record.slot.step, KEEPER_STEP_EXEC);
	assert_int_equal(record.slot.status, 0);
	entry->stage = KEEPER_EXITED;
	keeper_entry_report(entry, &record, fds, &n_fds);
	assert_int_equal(record.slot.error, 0);
	assert_int_equal(record.slot.status, 127);
}

/* Compares the index with a plain model through many lives. */
static void test_look_ups_stay_right_through_a_long_life(void **state)
{
	static uint64_t cookies[KEEPER_SLOTS];
	unsigned n = 0, round, i;
	uint32_t random = 1;

	for (round = 0; round < 60000; round++) {
		random = random * 1664525u + 1013904223u;
		if (n < 600 && (random >> 16 & 1 || !n)) {
			uint64_t id = keeper_table_reserve(&table, 1);
			struct keeper_entry *entry =
				must_spawn(id * 4096, id); /* cookies that have the same low bits */

			keeper_table_set_pid(&table, entry, (pid_t)(round % 32768 + 1));
			cookies[n++] = id * 4096;
		} else {
			struct keeper_entry *entry;

			i = (random >> 8) % n;
			entry = keeper_table_by_cookie(&table, cookies[i]);
			assert_non_null(entry);
			assert_int_equal(entry->cookie, cookies[i]);
			assert_ptr_equal(keeper_table_by_group(&table, entry->group_id), entry);
			assert_ptr_equal(keeper_table_by_pid(&table, entry->pid), entry);
			keeper_table_reaped(&table, entry);
			keeper_table_free(&table, entry);
			assert_null(keeper_table_by_cookie(&table, cookies[i]));
			cookies[i] = cookies[--n];
		}
	}
	assert_int_equal(table.n_used, n);
	for (i = 0; i < n; i++)
		assert_non_null(keeper_table_by_cookie(&table, cookies[i]));
}

/* ---- policy ---- */

#define S  1000000000ull
#define MS 1000000ull

/* A supervisor dies after @lived_ns; @now_ns becomes the time at which the policy starts the next one. */
static enum keeper_verdict die(struct keeper_policy *policy, uint64_t *now_ns, uint64_t lived_ns,
	struct keeper_death how, uint64_t *ret_delay_ns)
{
	enum keeper_verdict verdict;

	how.started_ns = *now_ns;
	how.now_ns = *now_ns + lived_ns;
	verdict = keeper_policy_death(policy, &how, ret_delay_ns);
	*now_ns = how.now_ns + *ret_delay_ns;
	return verdict;
}

static const struct keeper_death by_fault = {.ready = true}, at_start = {0},
				 from_outside = {.ready = true, .outside = true},
				 at_start_from_outside = {.outside = true}, not_run = {.not_run = true};

static void test_one_that_dies_at_its_start_waits_ever_longer(void **state)
{
	static const uint64_t expected_ms[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
	unsigned i, served;

	/* 0: it dies at its start; 1: it has served, but for less than a second. */
	for (served = 0; served < 2; served++) {
		struct keeper_policy policy = {0};
		uint64_t now = 1000 * S, delay;

		for (i = 0; i < sizeof(expected_ms) / sizeof(expected_ms[0]); i++) {
			die(&policy, &now, 999 * MS, served ? by_fault : at_start, &delay);
			assert_int_equal(delay / MS, expected_ms[i]);
		}
	}
}

static void test_one_killed_from_outside_before_it_served_waits_a_second_at_most(void **state)
{
	static const uint64_t expected_ms[] = {0, 100, 200, 400, 800, 1000, 1000, 1000};
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;
	unsigned i;

	for (i = 0; i < sizeof(expected_ms) / sizeof(expected_ms[0]); i++) {
		die(&policy, &now, 20 * MS, at_start_from_outside, &delay);
		assert_int_equal(delay / MS, expected_ms[i]);
	}
}

static void test_one_that_had_served_for_a_second_is_followed_at_once(void **state)
{
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;
	unsigned i;

	for (i = 0; i < 100; i++) { /* if it is not always its own fault */
		die(&policy, &now, S, i % 8 ? from_outside : by_fault, &delay);
		assert_int_equal(delay, 0);
	}
	/* One that had served also ends a crash loop that was before it. */
	policy = (struct keeper_policy){0};
	for (i = 0; i < 7; i++)
		die(&policy, &now, MS, at_start, &delay);
	die(&policy, &now, S, from_outside, &delay);
	die(&policy, &now, MS, at_start, &delay);
	assert_int_equal(delay, 0);
}

static void test_one_that_lived_long_and_never_served_is_a_crash_loop(void **state)
{
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;

	die(&policy, &now, 10 * S, at_start, &delay);
	die(&policy, &now, 10 * S, at_start, &delay);
	assert_int_equal(delay / MS, 100);
	die(&policy, &now, 10 * S, at_start, &delay);
	assert_int_equal(delay / MS, 200);
}

static void test_one_killed_from_outside_while_it_served_waits_a_tenth_at_most(void **state)
{
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;
	unsigned i;

	for (i = 0; i < 100; i++) {
		die(&policy, &now, 10 * MS, from_outside, &delay);
		assert_int_equal(delay / MS, i ? 100 : 0);
	}
}

static void test_a_kill_from_outside_never_sets_the_state_aside_and_never_ends_it(void **state)
{
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;
	unsigned i;

	for (i = 0; i < 100; i++)
		assert_int_equal(die(&policy, &now, MS, i % 2 ? from_outside : at_start_from_outside, &delay),
			KEEPER_RESTART);
	assert_int_equal(policy.n_deaths, 100);
	/* Kills from outside do not count among the five quick deaths either. */
	for (i = 1; i <= 4; i++) {
		assert_int_equal(die(&policy, &now, MS, by_fault, &delay), KEEPER_RESTART);
		assert_int_equal(die(&policy, &now, MS, from_outside, &delay), KEEPER_RESTART);
	}
	assert_int_equal(die(&policy, &now, MS, by_fault, &delay), KEEPER_RESTART_ASIDE);
}

static void test_a_program_that_cannot_be_run_is_no_fault_once_one_had_served(void **state)
{
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;
	unsigned i;

	die(&policy, &now, 2 * S, from_outside, &delay);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(die(&policy, &now, MS, not_run, &delay), KEEPER_RESTART);
		assert_in_range(delay, 0, 5 * S);
	}
	assert_int_equal(delay, 5 * S);
	/* Programs that could not be run do not count among the five quick deaths either. */
	for (i = 1; i <= 4; i++)
		assert_int_equal(die(&policy, &now, MS, by_fault, &delay), KEEPER_RESTART);
	assert_int_equal(die(&policy, &now, MS, by_fault, &delay), KEEPER_RESTART_ASIDE);
}

static void test_a_node_whose_supervisor_cannot_be_run_at_its_start_ends(void **state)
{
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;
	unsigned i;

	for (i = 1; i < 10; i++)
		assert_int_not_equal(die(&policy, &now, MS, not_run, &delay), KEEPER_GIVE_UP);
	assert_int_equal(die(&policy, &now, MS, not_run, &delay), KEEPER_GIVE_UP);
}

static void test_five_more_faults_end_no_node_that_has_served(void **state)
{
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;
	unsigned i;

	for (i = 1; i <= 100; i++) {
		assert_int_equal(die(&policy, &now, i % 3 ? MS : 2 * S, i % 2 ? by_fault : at_start, &delay),
			i == 5   ? KEEPER_RESTART_ASIDE
			: i < 10 ? KEEPER_RESTART
				 : KEEPER_RESTART_SLOWLY);
		if (i >= 10)
			assert_int_equal(delay, 5 * S);
	}
	/* a kill from outside is not its fault, and after a long life all is as in the beginning */
	assert_int_equal(die(&policy, &now, MS, from_outside, &delay), KEEPER_RESTART);
	assert_int_equal(die(&policy, &now, 31 * S, by_fault, &delay), KEEPER_RESTART);
	assert_int_equal(delay, 0);
}

static void test_five_quick_deaths_set_the_state_aside_and_five_more_end_a_node_that_is_not_up(void **state)
{
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;
	unsigned i;

	for (i = 1; i <= 10; i++)
		assert_int_equal(die(&policy, &now, MS, at_start, &delay), i == 5    ? KEEPER_RESTART_ASIDE
									   : i == 10 ? KEEPER_GIVE_UP
										     : KEEPER_RESTART);
	assert_int_equal(policy.n_deaths, 10);
}

static void test_slow_deaths_never_end_it(void **state)
{
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;
	unsigned i;

	for (i = 0; i < 1000; i++)
		assert_int_equal(die(&policy, &now, 8 * S, by_fault, &delay), KEEPER_RESTART);
}

static void test_a_long_life_clears_the_record(void **state)
{
	struct keeper_policy policy = {0};
	uint64_t now = 1000 * S, delay;
	unsigned i, round;

	for (round = 0; round < 3; round++) {
		for (i = 1; i <= 9; i++) {
			assert_int_equal(die(&policy, &now, MS, at_start, &delay),
				i == 5 - (round > 0) ? KEEPER_RESTART_ASIDE : KEEPER_RESTART);
			if (round > 0 && i == 8)
				break; /* the long life below counts as the first of the next five deaths */
		}
		assert_int_equal(die(&policy, &now, 30 * S, by_fault, &delay), KEEPER_RESTART);
		assert_int_equal(delay, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_group_ids_start_at_one_and_go_on, setup),
		cmocka_unit_test_setup(test_a_cookie_gets_one_slot, setup),
		cmocka_unit_test_setup(test_a_group_id_is_used_once, setup),
		cmocka_unit_test_setup(test_an_id_never_reserved_is_refused, setup),
		cmocka_unit_test_setup(test_an_id_out_of_the_window_is_stale, setup),
		cmocka_unit_test_setup(test_a_used_id_does_not_taint_the_one_that_takes_its_place, setup),
		cmocka_unit_test_setup(test_a_full_table_refuses_and_recovers, setup),
		cmocka_unit_test_setup(test_only_what_changed_is_told, setup),
		cmocka_unit_test_setup(test_a_restless_slot_does_not_starve_the_others, setup),
		cmocka_unit_test_setup(test_a_new_supervisor_is_told_everything_with_fds, setup),
		cmocka_unit_test_setup(test_a_slot_is_freed_only_by_an_ack_of_its_final_stage, setup),
		cmocka_unit_test_setup(test_a_failure_reports_its_step_and_an_exit_its_status, setup),
		cmocka_unit_test_setup(test_look_ups_stay_right_through_a_long_life, setup),
		cmocka_unit_test(test_one_that_dies_at_its_start_waits_ever_longer),
		cmocka_unit_test(test_one_that_had_served_for_a_second_is_followed_at_once),
		cmocka_unit_test(test_one_killed_from_outside_before_it_served_waits_a_second_at_most),
		cmocka_unit_test(test_one_that_lived_long_and_never_served_is_a_crash_loop),
		cmocka_unit_test(test_one_killed_from_outside_while_it_served_waits_a_tenth_at_most),
		cmocka_unit_test(test_a_kill_from_outside_never_sets_the_state_aside_and_never_ends_it),
		cmocka_unit_test(test_a_program_that_cannot_be_run_is_no_fault_once_one_had_served),
		cmocka_unit_test(test_a_node_whose_supervisor_cannot_be_run_at_its_start_ends),
		cmocka_unit_test(test_five_more_faults_end_no_node_that_has_served),
		cmocka_unit_test(
			test_five_quick_deaths_set_the_state_aside_and_five_more_end_a_node_that_is_not_up),
		cmocka_unit_test(test_slow_deaths_never_end_it),
		cmocka_unit_test(test_a_long_life_clears_the_record),
	};

	return run_facts(tests);
}
