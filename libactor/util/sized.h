/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs that grow at their ends, handed over with the size that the giver knows (openat2(2) does it this
 * way). Fields that the giver did not know are zero; fields that we do not know must be.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <string.h>

/*
 * Can @given be understood? 0; -EINVAL: it is shorter than its first version was; -E2BIG: it asks for what we
 * do not know.
 */
static inline int sized_check(const void *given, size_t given_bytes, size_t first_bytes, size_t known_bytes)
{
	if (given_bytes < first_bytes)
		return -EINVAL;
	for (size_t i = known_bytes; i < given_bytes; i++)
		if (((const unsigned char *)given)[i])
			return -E2BIG;
	return 0;
}

/* All of *ret is set. NULL: all zero. */
static inline int sized_read(
	void *ret, size_t known_bytes, const void *given, size_t given_bytes, size_t first_bytes)
{
	size_t n = given_bytes < known_bytes ? given_bytes : known_bytes;
	int r;

	memset(ret, 0, known_bytes);
	if (!given)
		return 0;
	r = sized_check(given, given_bytes, first_bytes, known_bytes);
	if (r == 0)
		memcpy(ret, given, n);
	return r;
}

/*
 * For a caller that knows fewer or more fields than we do. All @ret_bytes are set: fields that we do not know
 * are 0.
 */
static inline void sized_write(void *ret, size_t ret_bytes, const void *ours, size_t ours_bytes)
{
	size_t n = ret_bytes < ours_bytes ? ret_bytes : ours_bytes;

	memset(ret, 0, ret_bytes);
	memcpy(ret, ours, n);
}
