/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs that may get new fields at their ends. The giver passes the struct with the size that it knows, as
 * openat2(2) does. Fields that the giver did not know count as zero. Fields that this library does not know
 * have to be zero.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <string.h>

/*
 * Checks whether this library understands @given. Returns 0; -EINVAL when @given is shorter than the first
 * version of the struct; -E2BIG when a field that this library does not know is not zero.
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

/* Sets all of *ret. @given NULL: all of *ret is zero. */
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
 * Writes to a caller that may know fewer or more fields than this library. Sets all @ret_bytes: fields that
 * this library does not know are 0.
 */
static inline void sized_write(void *ret, size_t ret_bytes, const void *ours, size_t ours_bytes)
{
	size_t n = ret_bytes < ours_bytes ? ret_bytes : ours_bytes;

	memset(ret, 0, ret_bytes);
	memcpy(ret, ours, n);
}
