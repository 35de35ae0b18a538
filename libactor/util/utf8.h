/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Returns the number of bytes (1..4) of the character that begins at @s, or 0 when none does. @len > 0. */
size_t utf8_char_bytes(const char *s, size_t len);
bool utf8_is_valid(const char *s, size_t len);
/* Of a whole character: C0, DEL, or C1, of which terminals take U+009B for the beginning of a sequence. */
bool utf8_char_is_control(const char *s);
/* Valid and without control characters. */
bool utf8_is_plain(const char *s, size_t len);
/*
 * Copies the text to @to, NUL-terminated, and cuts it before a character that does not fit. White space
 * becomes ' ', other bytes that are not plain become '?'.
 */
void utf8_copy_plain(char *to, size_t to_bytes, const char *s, size_t len);
