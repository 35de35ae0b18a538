/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that begins at @s (1..4), or 0 when none does. @len > 0. */
size_t utf8_char_bytes(const char *s, size_t len);
bool utf8_is_valid(const char *s, size_t len);
/* Valid and without control characters (below 0x20, 0x7f). */
bool utf8_is_plain(const char *s, size_t len);
/*
 * Copies to @to (NUL-terminated, cut before a character that does not fit); what is not plain becomes '?',
 * white space ' '.
 */
void utf8_copy_plain(char *to, size_t to_bytes, const char *s, size_t len);
