/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4648, with padding. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* NUL-terminated, for the caller to free; NULL when out of memory. */
char *base64_encode(const void *data, size_t size_bytes);
/*
 * Exactly what base64_encode() writes. 0, -EINVAL, -ENOMEM. *ret_data is for the caller to free, never NULL.
 */
int base64_decode(const char *text, size_t len, uint8_t **ret_data, size_t *ret_size_bytes);
