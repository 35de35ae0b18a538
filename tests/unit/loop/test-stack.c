/* SPDX-License-Identifier: Apache-2.0 */
/* A stack is at least as large as was asked for. One that was written over its end is never used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libactor/loop/stack.h"
#include "tests/fact.h"

#define USUAL_BYTES (64u << 10)

static void entry(void *arg)
{
	abort();
}

static void test_stack_is_as_large_as_wanted(void **state)
{
	struct stack_pool pool;
	struct stack *usual, *large, *larger;

	stack_pool_init(&pool, USUAL_BYTES);
	assert_int_equal(stack_get(&pool, 0, entry, NULL, &usual), 0);
	assert_int_equal(usual->size_bytes, USUAL_BYTES);
	assert_int_equal(stack_get(&pool, 2 * USUAL_BYTES, entry, NULL, &large), 0);
	assert_true(large->size_bytes >= 2 * USUAL_BYTES);
	stack_put(&pool, large);
	/* The idle stack is too small for this request. */
	assert_int_equal(stack_get(&pool, 4 * USUAL_BYTES, entry, NULL, &larger), 0);
	assert_true(larger->size_bytes >= 4 * USUAL_BYTES);
	stack_put(&pool, larger);
	assert_int_equal(pool.n_large, 2);
	/* A request for less gets one of the idle stacks. */
	assert_int_equal(stack_get(&pool, 2 * USUAL_BYTES, entry, NULL, &large), 0);
	assert_int_equal(pool.n_stacks, 3);
	stack_put(&pool, large);
	stack_put(&pool, usual);
	stack_pool_deinit(&pool);
}

static void test_stack_that_was_written_over_ends_the_process(void **state)
{
	struct stack_pool pool;
	struct stack *stack;
	int status;
	pid_t pid;

	stack_pool_init(&pool, USUAL_BYTES);
	pool.n_stacks = STACK_GUARDED_MAX; /* only that many stacks get a guard page, so this one gets none */
	assert_int_equal(stack_get(&pool, 0, entry, NULL, &stack), 0);
	assert_false(stack->guarded);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		signal(SIGABRT, SIG_DFL);
		memset(stack->low, 0, sizeof(uint64_t));
		stack_put(&pool, stack);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	stack_put(&pool, stack); /* the child wrote over its own copy only */
	pool.n_stacks -= STACK_GUARDED_MAX;
	stack_pool_deinit(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stack_is_as_large_as_wanted),
		cmocka_unit_test(test_stack_that_was_written_over_ends_the_process),
	};

	return run_facts(tests);
}
