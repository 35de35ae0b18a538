/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the lives of test-pool-random.c with one of four allocations failing. */
#define FAILING_ALLOCATIONS 1
#include "test-pool-random.c" /* NOLINT(bugprone-suspicious-include): to run its lives anew */
