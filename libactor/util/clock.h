/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <time.h>

/*
 * Not 0: the clock of this process stands still at this time. Only tests of actors set it (testkit.c). The
 * definition is weak, because programs that link no room of libactor use this header, too.
 */
__attribute__((weak, visibility("hidden"))) int64_t clock_frozen_ns;

static inline void clock_freeze(int64_t at_ns)
{
	__atomic_store_n(&clock_frozen_ns, at_ns, __ATOMIC_RELAXED);
}

static inline int64_t clock_now_ns(void)
{
	int64_t frozen_ns = __atomic_load_n(&clock_frozen_ns, __ATOMIC_RELAXED);
	struct timespec ts;

	if (__builtin_expect(frozen_ns != 0, 0))
		return frozen_ns;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The clock by which the kernel counts the starts of processes. It goes on while the machine is suspended. */
static inline int64_t clock_boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline int64_t clock_now_us(void)
{
	return clock_now_ns() / 1000;
}

static inline int64_t clock_now_ms(void)
{
	return clock_now_ns() / 1000000;
}
