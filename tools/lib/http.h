/* SPDX-License-Identifier: Apache-2.0 */
/* As much of HTTP/1.1 as it takes to be asked for one page. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_MAX_BYTES 8192 /* request line and fields */
#define HTTP_PATH_MAX_BYTES    256

struct http_request {
	bool head;                      /* HEAD: the answer has no body */
	char path[HTTP_PATH_MAX_BYTES]; /* without the query */
};

/*
 * Of the first @size_bytes of a connection. 0: more must come. 200: @ret is a GET or HEAD. Else the status
 * to answer with: 400 no HTTP, 405 another method, 414 too long a path, 431 more than HTTP_REQUEST_MAX_BYTES,
 * 505 neither HTTP/1.0 nor 1.1.
 */
int http_request_parse(const char *data, size_t size_bytes, struct http_request *ret);

#define HTTP_HEAD_MAX_BYTES 512

/*
 * The head of an answer, after which the connection ends. @ret: of HTTP_HEAD_MAX_BYTES. Returns its length.
 */
size_t http_answer_head(char *ret, int status, const char *content_type, size_t body_bytes);
const char *http_reason(int status);
