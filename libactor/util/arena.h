/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is freed all at once. An arena is one pointer, which is NULL at first. */
#pragma once

#include <stddef.h>

void *arena_alloc(void **arena, size_t size_bytes); /* aligned for anything; NULL when out of memory */
void arena_free(void *arena);                       /* NULL is allowed */
