/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text ⇄ msgpack bodies, for call, send and everything --json prints.
 *
 * What both have is written as itself: nil, booleans, integers (5 stays an integer, 5.0 stays a float),
 * strings, arrays, maps. What JSON has not is written as an object with one key that begins with `$`, and the
 * same form is taken as input:
 *
 *   ref                          {"$ref": "<1f.2.1>"}
 *   bin                          {"$bin": "base64"}
 *   other ext                    {"$ext": [type, "base64"]}
 *   str that is not UTF-8        {"$str": "base64"}
 *   uint over 2^63-1             {"$uint": "18446744073709551615"}
 *   not a number, infinity       {"$float": "nan" | "inf" | "-inf"}
 *   map with other keys than strings, with a key twice, or one that looks like the forms above
 *                                {"$map": [[key, value], …]}
 *
 * So every body can be printed and sent again without a loss.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/util/buf.h"

#define JSON_ERROR_MAX 320

/* One msgpack value. NULL: malformed, deeper than 64, bytes behind it, or out of memory. */
json_t *json_body_read(const void *data, size_t size_bytes);

/*
 * Appends @value to @b. 0; -EINVAL (a `$` form that is none; see @error), -E2BIG (deeper than 64), -ENOMEM.
 */
int json_body_write(const json_t *value, struct buf *b, char error[JSON_ERROR_MAX]);
/* The same as an element of the body's array, which is one of the 64 levels. */
int json_element_write(const json_t *value, struct buf *b, char error[JSON_ERROR_MAX]);

/*
 * json_text_read() - one JSON value (any kind) as typed by a person
 * @error: what is wrong, where (line and column), and what to do
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
int json_text_read(const char *text, size_t len, json_t **ret, char error[JSON_ERROR_MAX]);

/* Bytes of any kind: a string, or {"$str": …} when they are not UTF-8. NULL: out of memory. */
json_t *json_of_bytes(const char *data, size_t size_bytes);
/*
 * The way back, of both forms: for the caller to free, NUL-terminated. NULL: neither form, or out of memory.
 */
char *json_to_bytes(const json_t *value, size_t *ret_size_bytes);

/* Of a number from 0 on, in either form. 0: neither. */
uint64_t json_to_uint(const json_t *value);

/* NULL unless @value is a ref; then its text, borrowed. */
const char *json_ref_text(const json_t *value);
