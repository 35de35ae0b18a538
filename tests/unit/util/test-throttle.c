/* SPDX-License-Identifier: Apache-2.0 */
/* The throttle limits the log lines about peers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libactor/util/throttle.h"
#include "tests/fact.h"

#define S INT64_C(1000000000)

static uint64_t n_missed;

static int n_written(struct throttle *throttle, uint64_t who, int64_t now_ns, int n)
{
	int written = 0;

	for (int i = 0; i < n; i++)
		written += throttle_take(throttle, who, now_ns, &n_missed);
	return written;
}

static void test_a_peer_has_a_burst_and_then_one_line_a_second(void **state)
{
	struct throttle throttle = {0};

	assert_int_equal(n_written(&throttle, 7, 100 * S, 1000), THROTTLE_BURST_N);
	assert_int_equal(n_missed, 0);
	for (int64_t s = 101; s < 200; s++)
		assert_int_equal(n_written(&throttle, 7, s * S, 1000), 1);
	assert_int_equal(n_missed, 999);
	assert_int_equal(n_written(&throttle, 7, 1000 * S, 1000), THROTTLE_BURST_N);
}

static void test_what_was_not_written_is_counted_with_the_next_line(void **state)
{
	struct throttle throttle = {0};

	n_written(&throttle, 7, 0, THROTTLE_BURST_N + 33);
	assert_int_equal(n_written(&throttle, 7, 60 * S, 1), 1);
	assert_int_equal(n_missed, 33);
	assert_int_equal(n_written(&throttle, 7, 60 * S, 1), 1);
	assert_int_equal(n_missed, 0);
}

static void test_one_peer_does_not_silence_another(void **state)
{
	struct throttle throttle = {0};

	n_written(&throttle, 7, 0, 100000);
	assert_int_equal(n_written(&throttle, 8, 0, 1), 1);
}

static void test_a_crowd_has_a_rate_too_and_loses_no_count(void **state)
{
	struct throttle throttle = {0};
	uint64_t written = 0, missed = 0;

	for (uint64_t who = 1; who <= 100000; who++) {
		if (throttle_take(&throttle, who, 5 * S, &n_missed)) {
			written++;
			missed += n_missed;
		}
	}
	assert_int_equal(written, THROTTLE_ALL_BURST_N);
	/* Later, others take all places in the table; what the table counted must not be lost with them. */
	for (int i = 0; i < THROTTLE_PEERS_N * 2; i++) {
		if (throttle_take(&throttle, 1000000 + (uint64_t)i, 1000 * S, &n_missed)) {
			written++;
			missed += n_missed;
		}
	}
	for (const struct throttle_slot *slot = throttle.peers; slot < throttle.peers + THROTTLE_PEERS_N;
		slot++)
		missed += slot->n_missed;
	assert_int_equal(written + missed + throttle.all.n_missed, 100000 + THROTTLE_PEERS_N * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_peer_has_a_burst_and_then_one_line_a_second),
		cmocka_unit_test(test_what_was_not_written_is_counted_with_the_next_line),
		cmocka_unit_test(test_one_peer_does_not_silence_another),
		cmocka_unit_test(test_a_crowd_has_a_rate_too_and_loses_no_count),
	};

	return run_facts(tests);
}
