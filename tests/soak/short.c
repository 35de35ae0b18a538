/* SPDX-License-Identifier: Apache-2.0 */
#include "short.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
void __wrap_free(void *p);

bool short_counts;
size_t short_n, short_n_failed;
static size_t fails_first, fails_n;
static atomic_long n_blocks;

void short_begin(size_t first, size_t n)
{
	short_n = short_n_failed = 0;
	fails_first = first;
	fails_n = n;
}

long short_blocks(void)
{
	return atomic_load(&n_blocks);
}

/* Counts the block. */
static void *made(void *p)
{
	if (p)
		atomic_fetch_add(&n_blocks, 1);
	return p;
}

static bool is_refused(void)
{
	if (!short_counts)
		return false;
	short_n++;
	if (short_n < fails_first || short_n - fails_first >= fails_n)
		return false;
	short_n_failed++;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return is_refused() ? NULL : made(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_refused() ? NULL : made(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
	if (is_refused())
		return NULL;
	return p ? __real_realloc(p, size) : made(__real_realloc(p, size));
}

void __wrap_free(void *p)
{
	if (p)
		atomic_fetch_sub(&n_blocks, 1);
	__real_free(p);
}

char *__wrap_strdup(const char *text)
{
	return is_refused() ? NULL : made(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t n)
{
	return is_refused() ? NULL : made(__real_strndup(text, n));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return is_refused() ? NULL : made(__real_aligned_alloc(alignment, size));
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	if (is_refused())
		return NULL;
	return p ? __real_reallocarray(p, n, size) : made(__real_reallocarray(p, n, size));
}

/* Stacks are mapped. */
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return is_refused() ? MAP_FAILED : __real_mmap(at, size, protection, flags, fd, offset);
}
