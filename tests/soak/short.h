/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out. A program that has this linked with --wrap for the functions of short.c counts its
 * allocations, and chosen ones of them fail.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether allocations are counted and may fail now. */
extern bool short_counts;
/* How many were counted since short_begin(), and how many of these failed. */
extern size_t short_n, short_n_failed;

/* From now on counted allocations number @first to @first + @n - 1 fail. @first 0: none. */
void short_begin(size_t first, size_t n);
/* How many blocks the program has from the heap. Those that a library makes are not counted. */
long short_blocks(void);
