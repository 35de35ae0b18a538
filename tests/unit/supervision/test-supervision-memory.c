/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the engine allocates memory, and what happens when there is none. Linked with --wrap for calloc and
 * realloc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "libactor/supervision/engine.h"
#include "tests/fact.h"

static unsigned n_allocations;
static unsigned fail_at; /* 0: never */

void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return ++n_allocations == fail_at ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
	return ++n_allocations == fail_at ? NULL : __real_realloc(ptr, size);
}

static const struct supervision_config config = {
	.strategy = SUPERVISION_ONE_FOR_ALL, .intensity = 3, .period_ms = 1000, .retry_first_start = true};
static const struct supervision_child_spec spec = {
	.id = "child", .shutdown_ms = 10, .backoff = {.min_ms = 10, .max_ms = 20, .factor = 2}};

static int build(struct supervision **ret)
{
	struct supervision_child *child;
	int r;

	r = supervision_new(ret, &config);
	if (r)
		return r;
	for (int i = 0; i < 20; i++) {
		size_t n = supervision_count(*ret).n_children;

		r = supervision_child_add(*ret, &spec, &child);
		if (r) {
			assert_int_equal(supervision_count(*ret).n_children, n);
			return r;
		}
	}
	return 0;
}

static void test_any_allocation_that_fails_is_enomem_and_leaves_the_rest_as_it_was(void **state)
{
	unsigned n_needed;

	for (fail_at = 1;; fail_at++) {
		struct supervision *supervision = NULL;
		int r;

		n_allocations = 0;
		r = build(&supervision);
		n_needed = n_allocations;
		if (r)
			assert_int_equal(r, -ENOMEM);
		if (supervision) {
			/* Children that were added before can still be run and ended. */
			assert_int_equal(supervision_start(supervision, 1), 0);
			assert_int_equal(supervision_shutdown(supervision, 2, false), 0);
			assert_true(supervision_is_done(supervision));
		}
		supervision_free(supervision);
		if (!r)
			break;
	}
	assert_int_equal(fail_at, n_needed + 1);
	fail_at = 0;
}

static void test_no_event_takes_memory(void **state)
{
	struct supervision *supervision = NULL;
	struct supervision_action action;
	uint64_t now_ns = 1000000000;
	unsigned n_actions = 0;

	assert_int_equal(build(&supervision), 0);
	n_allocations = 0;
	supervision_start(supervision, now_ns);
	for (;;) {
		if (!supervision_next_action(supervision, &action)) {
			if (supervision_next_deadline(supervision) == SUPERVISION_NEVER)
				break;
			now_ns = supervision_next_deadline(supervision);
			supervision_timer(supervision, now_ns);
			continue;
		}
		n_actions++;
		if (action.kind == SUPERVISION_ACTION_START && n_actions % 7 == 0)
			supervision_child_start_failed(action.child, now_ns, false);
		else if (action.kind == SUPERVISION_ACTION_START)
			supervision_child_started(action.child, now_ns);
		else if (action.kind == SUPERVISION_ACTION_KILL)
			supervision_child_exited(action.child, now_ns, SUPERVISION_EXIT_KILLED);
	}
	/* It has failed, stopped and killed children and given up, all without an allocation. */
	assert_true(supervision_is_done(supervision));
	assert_int_equal(n_allocations, 0);
	supervision_free(supervision);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_allocation_that_fails_is_enomem_and_leaves_the_rest_as_it_was),
		cmocka_unit_test(test_no_event_takes_memory),
	};
	return run_facts_of("supervision, memory", tests);
}
