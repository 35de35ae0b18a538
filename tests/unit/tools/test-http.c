/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for one page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fact.h"
#include "tools/lib/http.h"

static struct http_request request;

static int parse(const char *text)
{
	return http_request_parse(text, strlen(text), &request);
}

static void test_get_and_head_have_a_path_without_its_query(void **state)
{
	assert_int_equal(parse("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	assert_string_equal(request.path, "/metrics");
	assert_false(request.head);
	assert_int_equal(parse("HEAD /metrics?a=b HTTP/1.0\r\n\r\n"), 200);
	assert_string_equal(request.path, "/metrics");
	assert_true(request.head);
	assert_int_equal(parse("GET / HTTP/1.1\n\n"), 200);
	assert_string_equal(request.path, "/");
}

static void test_a_request_is_incomplete_at_each_byte_before_its_empty_line(void **state)
{
	static const char text[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *part = malloc(n + 1); /* exactly that size, so ASan sees a read beyond it */

		memcpy(part, text, n);
		part = realloc(part, n ? n : 1);
		assert_int_equal(http_request_parse(part, n, &request), 0);
		free(part);
	}
	assert_int_equal(parse(text), 200);
}

static void test_what_is_no_get_is_refused_with_its_status(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{"POST /metrics HTTP/1.1\r\n\r\n", 405},
		{"get /metrics HTTP/1.1\r\n\r\n", 405},
		{"GET /metrics HTTP/2.0\r\n\r\n", 505},
		{"GET /metrics HTTP/1.11\r\n\r\n", 505},
		{"GET metrics HTTP/1.1\r\n\r\n", 400},
		{"GET  /metrics HTTP/1.1\r\n\r\n", 400},
		{"GET /metrics\r\n\r\n", 400},
		{"GET /metrics HTTP/1.1 x\r\n\r\n", 400},
		{"GET\r\n\r\n", 400},
		{"\r\n\r\n", 400},
		{"\n\n", 400},
		{"GET /\x01 HTTP/1.1\r\n\r\n", 400},
		{"\x16\x03\x01\r\n\r\n", 400},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(parse(cases[i].text), cases[i].status);
}

static void test_requests_and_paths_have_a_limit(void **state)
{
	char *text = malloc(HTTP_REQUEST_MAX_BYTES + 16);
	size_t n;

	memset(text, 'x', HTTP_REQUEST_MAX_BYTES + 16);
	memcpy(text, "GET / HTTP/1.1\r\nA: ", 19);
	assert_int_equal(http_request_parse(text, HTTP_REQUEST_MAX_BYTES - 1, &request), 0);
	assert_int_equal(http_request_parse(text, HTTP_REQUEST_MAX_BYTES, &request), 431);
	memcpy(text + HTTP_REQUEST_MAX_BYTES - 4, "\r\n\r\n", 4);
	assert_int_equal(http_request_parse(text, HTTP_REQUEST_MAX_BYTES, &request), 200);

	memcpy(text, "GET /", 5);
	n = HTTP_PATH_MAX_BYTES + 4;
	memset(text + 5, 'x', n);
	memcpy(text + n, " HTTP/1.1\n\n", 11);
	assert_int_equal(http_request_parse(text, n + 11, &request), 414);
	memcpy(text + n - 1, " HTTP/1.1\n\n", 11);
	assert_int_equal(http_request_parse(text, n + 10, &request), 200);
	assert_int_equal(strlen(request.path), HTTP_PATH_MAX_BYTES - 1);
	free(text);
}

static void test_an_answer_says_its_length_and_ends_the_connection(void **state)
{
	char head[HTTP_HEAD_MAX_BYTES];
	size_t n = http_answer_head(head, 200, "text/plain", 42);

	assert_int_equal(n, strlen(head));
	assert_string_equal(head, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 42\r\n"
				  "Connection: close\r\n\r\n");
	http_answer_head(head, 405, "text/plain", 0);
	assert_non_null(strstr(head, "\r\nAllow: GET, HEAD\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_and_head_have_a_path_without_its_query),
		cmocka_unit_test(test_a_request_is_incomplete_at_each_byte_before_its_empty_line),
		cmocka_unit_test(test_what_is_no_get_is_refused_with_its_status),
		cmocka_unit_test(test_requests_and_paths_have_a_limit),
		cmocka_unit_test(test_an_answer_says_its_length_and_ends_the_connection),
	};

	return run_facts(tests);
}
