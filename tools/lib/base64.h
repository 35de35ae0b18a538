/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648, with padding. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The text is NUL-terminated, and the caller frees it. NULL: out of memory. */
char *base64_encode(const void *data, size_t size_bytes);
/*
 * Decodes text in the form that base64_encode() writes, and no other form. 0, -EINVAL, -ENOMEM. The caller
 * frees *ret_data, which is never NULL after 0.
 */
int base64_decode(const char *text, size_t len, uint8_t **ret_data, size_t *ret_size_bytes);
