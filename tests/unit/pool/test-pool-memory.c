/* SPDX-License-Identifier: Apache-2.0 */
/* The lives of test-pool-random.c, in which one of four allocations fails. */
#define FAILING_ALLOCATIONS 1
#include "test-pool-random.c"
