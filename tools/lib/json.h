/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Converts between JSON text and msgpack bodies, for call, send and the output of --json.
 *
 * Values that both have stay what they are: nil, booleans, integers (5 stays an integer, 5.0 stays a float),
 * strings, arrays, maps. A value that JSON does not have is an object with one key that begins with `$`.
 * These forms are output and input:
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
 * So every body can be printed and sent again without loss.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/util/buf.h"

#define JSON_ERROR_MAX 320

/*
 * Reads one msgpack value. NULL: it is malformed, is deeper than 64 levels, has bytes behind it, or memory
 * ran out.
 */
json_t *json_body_read(const void *data, size_t size_bytes);

/* Appends @value to @b. 0; -EINVAL: a wrong `$` form (see @error); -E2BIG: deeper than 64 levels; -ENOMEM. */
int json_body_write(const json_t *value, struct buf *b, char error[JSON_ERROR_MAX]);
/* The same for an element of the body's array. The array is one of the 64 levels. */
int json_element_write(const json_t *value, struct buf *b, char error[JSON_ERROR_MAX]);

/*
 * json_text_read() - reads one JSON value (of any kind) as a person types it
 * @error: says what is wrong, where (line and column), and what to do
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
int json_text_read(const char *text, size_t len, json_t **ret, char error[JSON_ERROR_MAX]);

/* Makes JSON of any bytes: a string, or {"$str": …} if they are not UTF-8. NULL: out of memory. */
json_t *json_of_bytes(const char *data, size_t size_bytes);
/*
 * Makes bytes of a string or {"$str": …}. They are NUL-terminated, and the caller frees them. NULL: @value is
 * neither, or memory ran out.
 */
char *json_to_bytes(const json_t *value, size_t *ret_size_bytes);

/* A non-negative integer, as a number or as {"$uint": …}. 0: @value is neither. */
uint64_t json_to_uint(const json_t *value);

/* The text of a ref, which belongs to @value. NULL: @value is no ref. */
const char *json_ref_text(const json_t *value);
