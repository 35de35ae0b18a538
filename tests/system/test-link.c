/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes that end while data streams through them. nng 1.5 to 1.11 loses an operation there (see
 * transport/nng/sp.c). Then every nng_close() of the process waits for ever, which the alarm turns into a
 * failure.
 */
#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "libactor/transport/transport.h"
#include "tests/fact.h"

#define PATIENCE_S 100
#define ROUNDS_N   400

static char directory[] = "/tmp/test-link-XXXXXX";

static size_t fds_n(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

struct end {
	struct transport *transport;
	struct pipe *link;
	bool up, down;
	size_t read_bytes;
};

static void end_handle(struct end *end)
{
	struct transport_event event;

	while (transport_next(end->transport, &event) > 0) {
		if (event.type == TRANSPORT_PIPE_UP)
			end->up = true;
		else if (event.type == TRANSPORT_PIPE_DATA)
			end->read_bytes += event.size_bytes;
		else if (event.type == TRANSPORT_PIPE_DOWN)
			end->down = true;
	}
}

static void ends_wait(struct end *ends)
{
	struct pollfd fds[2];

	for (int i = 0; i < 2; i++)
		fds[i] = (struct pollfd){.fd = transport_fd(ends[i].transport), .events = POLLIN};
	assert_true(poll(fds, 2, 1) >= 0);
	end_handle(&ends[0]);
	end_handle(&ends[1]);
}

static void end_write(struct end *end, size_t size_bytes)
{
	static const uint8_t zeros[128 << 10];

	if (end->down || pipe_backlog_bytes(end->link) > (1u << 20))
		return;
	buf_append(pipe_out(end->link), zeros, size_bytes);
	pipe_flush(end->link);
}

/* Makes one pipe, into which both ends write. End @first frees it when it has read @enough_bytes. */
static void link_round(struct end *ends, unsigned n, int first, size_t enough_bytes, size_t size_bytes)
{
	struct transport_peer self = {.uid = geteuid(), .pid = getpid()};
	char path[64];

	snprintf(path, sizeof(path), "%s/%u", directory, n);
	for (int i = 0; i < 2; i++)
		ends[i] = (struct end){.transport = ends[i].transport};
	assert_int_equal(pipe_listen(ends[0].transport, path, self, 10000, NULL, &ends[0].link), 0);
	assert_int_equal(pipe_dial(ends[1].transport, path, self, 10000, NULL, &ends[1].link), 0);
	while (!ends[0].up || !ends[1].up)
		ends_wait(ends);
	while (ends[first].read_bytes < enough_bytes && !ends[first].down) {
		end_write(&ends[0], size_bytes);
		end_write(&ends[1], size_bytes);
		ends_wait(ends);
	}
	pipe_free(ends[first].link);
	pipe_free(ends[1 - first].link);
}

static void storm(size_t size_bytes)
{
	struct end ends[2] = {0};
	size_t fds_before;

	for (int i = 0; i < 2; i++)
		assert_int_equal(transport_new(&ends[i].transport), 0);
	fds_before = fds_n();
	for (unsigned i = 0; i < ROUNDS_N; i++)
		link_round(ends, i, (int)(i & 1), size_bytes * (1 + i % 7), size_bytes);
	while (fds_n() != fds_before) /* nng closes the last ones a moment later */
		usleep(1000);
	for (int i = 0; i < 2; i++)
		transport_free(ends[i].transport);
}

static void test_a_link_can_be_freed_while_small_messages_stream_in(void **state)
{
	storm(100);
}

static void test_a_link_can_be_freed_while_big_messages_stream_in(void **state)
{
	storm(100u << 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_link_can_be_freed_while_small_messages_stream_in),
		cmocka_unit_test(test_a_link_can_be_freed_while_big_messages_stream_in),
	};
	int r;

	alarm(PATIENCE_S);
	if (!mkdtemp(directory))
		return 1;
	r = run_facts(tests);
	rmdir(directory);
	return r;
}
