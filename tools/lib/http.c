/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/http.h"

#include <stdio.h>
#include <string.h>

/* The length of the head with its empty line. 0: the head is not complete. Lines may end without a CR. */
static size_t head_bytes(const char *data, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++) {
		if (data[i] != '\n')
			continue;
		if (i + 1 < size_bytes && data[i + 1] == '\n')
			return i + 2;
		if (i + 2 < size_bytes && data[i + 1] == '\r' && data[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

/*
 * Finds the word at *@at, which ends at a space or at the end of the line. Returns its length; 0: there is
 * none.
 */
static size_t word(const char **at, const char *end, const char **ret)
{
	size_t n = 0;

	while (*at + n < end && (*at)[n] > ' ' && (*at)[n] < 0x7f)
		n++;
	*ret = *at;
	*at += n;
	return n;
}

static bool word_is(const char *s, size_t n, const char *text)
{
	return n == strlen(text) && !memcmp(s, text, n);
}

static int parse_line(const char *at, const char *end, struct http_request *ret)
{
	const char *method, *path, *version;
	size_t n_method, n_path, n_version, n;

	n_method = word(&at, end, &method);
	if (!n_method || at == end || *at++ != ' ')
		return 400;
	n_path = word(&at, end, &path);
	if (!n_path || path[0] != '/' || at == end || *at++ != ' ')
		return 400;
	n_version = word(&at, end, &version);
	if (at != end || n_version < 6 || memcmp(version, "HTTP/", 5) != 0)
		return 400;
	if (!word_is(version, n_version, "HTTP/1.1") && !word_is(version, n_version, "HTTP/1.0"))
		return 505;
	ret->head = word_is(method, n_method, "HEAD");
	if (!ret->head && !word_is(method, n_method, "GET"))
		return 405;
	n = 0;
	while (n < n_path && path[n] != '?')
		n++;
	if (n >= sizeof(ret->path))
		return 414;
	memcpy(ret->path, path, n);
	ret->path[n] = 0;
	return 200;
}

int http_request_parse(const char *data, size_t size_bytes, struct http_request *ret)
{
	size_t head = head_bytes(data, size_bytes);
	const char *end = memchr(data, '\n', size_bytes);

	if (!head && size_bytes >= HTTP_REQUEST_MAX_BYTES)
		return 431;
	if (!head)
		return 0;
	if (head > HTTP_REQUEST_MAX_BYTES)
		return 431;
	if (end > data && end[-1] == '\r')
		end--;
	return parse_line(data, end, ret);
}

const char *http_reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 414:
		return "URI Too Long";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}

size_t http_answer_head(char *ret, int status, const char *content_type, size_t body_bytes)
{
	int n = snprintf(ret, HTTP_HEAD_MAX_BYTES,
		"HTTP/1.1 %d %s\r\n"
		"Content-Type: %.128s\r\n"
		"Content-Length: %zu\r\n"
		"%s"
		"Connection: close\r\n\r\n",
		status, http_reason(status), content_type, body_bytes,
		status == 405 ? "Allow: GET, HEAD\r\n" : "");

	return n > 0 && n < HTTP_HEAD_MAX_BYTES ? (size_t)n : 0;
}
