/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target is one function; libFuzzer calls it (clang, -Dfuzz=true), or run-corpus.c once for each file
 * it is given.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* assert() that no build takes out */
#define FUZZ_CHECK(x)                                                                                        \
	do {                                                                                                 \
		if (!(x))                                                                                    \
			abort();                                                                             \
	} while (0)
