/* SPDX-License-Identifier: Apache-2.0 */
/* As much of HTTP/1.1 as a server of one page needs. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_MAX_BYTES 8192 /* request line and fields */
#define HTTP_PATH_MAX_BYTES    256

struct http_request {
	bool head;                      /* the method is HEAD: the answer has no body */
	char path[HTTP_PATH_MAX_BYTES]; /* without the query */
};

/*
 * Parses the first @size_bytes of a connection. 0: more must come. 200: @ret is a GET or HEAD. Else the
 * result is the status of the answer: 400: it is no HTTP; 405: another method; 414: the path is too long;
 * 431: more than HTTP_REQUEST_MAX_BYTES; 505: neither HTTP/1.0 nor 1.1.
 */
int http_request_parse(const char *data, size_t size_bytes, struct http_request *ret);

#define HTTP_HEAD_MAX_BYTES 512

/*
 * Writes the head of an answer, which says that the connection ends after the answer. @ret has
 * HTTP_HEAD_MAX_BYTES. Returns the length of the head.
 */
size_t http_answer_head(char *ret, int status, const char *content_type, size_t body_bytes);
const char *http_reason(int status);
