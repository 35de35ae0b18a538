/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target is one function. In a build with -Dfuzz=true (clang) libFuzzer calls it; otherwise
 * run-corpus.c calls it for each file that it is given.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* Like assert(), but NDEBUG does not take it out. */
#define FUZZ_CHECK(x)                                                                                        \
	do {                                                                                                 \
		if (!(x))                                                                                    \
			abort();                                                                             \
	} while (0)
