/* SPDX-License-Identifier: Apache-2.0 */
/* The rendezvous: hellos, their answers, and who must make room for others. */
#include "tests/unit/transport/transport-world.h"

/* ---- hello ---- */
struct held {
	uint64_t id;
	uint8_t text;
};

static void test_a_hundred_hellos_at_once_are_answered_each_with_its_own(void **state)
{
	struct world *w = *state;
	struct request *requests[100];
	struct transport_event event;
	struct held held[100];
	struct server *server;
	unsigned n_held = 0, done = 0, seen[100] = {0};
	const unsigned n = is_native() ? 100 : 30; /* nng 1.5.2 leaves a request unanswered now and then */

	assert_int_equal(server_listen(w->a, w->path, w, &server), 0);
	for (uint8_t i = 0; i < n; i++)
		assert_int_equal(request_send(w->b, w->path, &i, 1, PATIENCE_MS, &seen[i], &requests[i]), 0);

	/* The server holds 32 hellos or more at a time, and answers the last one first. */
	while (done < n) {
		struct pollfd fds[2] = {
			{.fd = transport_fd(w->a), .events = POLLIN},
			{.fd = transport_fd(w->b), .events = POLLIN},
		};

		assert_true(poll(fds, 2, PATIENCE_MS) > 0);
		while (transport_next(w->a, &event)) {
			assert_int_equal(event.type, TRANSPORT_HELLO);
			assert_ptr_equal(event.user, w);
			assert_int_equal(event.peer.uid, getuid());
			assert_int_equal(event.peer.pid, getpid());
			assert_int_equal(event.size_bytes, 1);
			held[n_held++] = (struct held){event.hello_id, event.data[0]};
		}
		if (n_held >= 32 || (n_held > 0 && done + n_held == n)) {
			while (n_held > 0) {
				struct held *h = &held[--n_held];
				uint8_t answer[2] = {h->text, 'a'};

				server_answer(server, h->id, answer, 2);
				server_answer(server, h->id, answer, 2); /* no effect: it was answered */
			}
		}
		while (transport_next(w->b, &event)) {
			assert_int_equal(event.type, TRANSPORT_ANSWER);
			assert_int_equal(event.error, 0);
			assert_int_equal(event.size_bytes, 2);
			assert_ptr_equal(event.user, &seen[event.data[0]]);
			assert_ptr_equal(event.request, requests[event.data[0]]);
			assert_int_equal(seen[event.data[0]]++, 0);
			request_free(event.request);
			done++;
		}
	}
	assert_false(transport_next(w->b, &event));
	server_answer(server, 12345, "x", 1);
	server_answer(server, 0, "x", 1);
}

static void expect_answer(struct transport *transport, struct request *request, int error)
{
	struct transport_event event;

	expect_event(transport, TRANSPORT_ANSWER, &event);
	assert_ptr_equal(event.request, request);
	assert_int_equal(event.error, error);
	request_free(request);
}

static void test_a_request_ends_with_its_reason(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct request *request;
	struct server *server;

	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_answer(w->b, request, -ENOENT);
	close(raw_bind(w->path, false));
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_answer(w->b, request, -ECONNREFUSED);

	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0); /* replaces the stale file */
	assert_int_equal(request_send(w->b, w->path, "x", 1, 50, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, NULL);
	expect_answer(w->b, request, -ETIMEDOUT);

	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, NULL);
	server_free(server);
	expect_answer(w->b, request, -ECONNRESET);

	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	request_free(request);
	server_answer(server, event.hello_id, "late", 4);
	expect_silence(w->b);
	server_free(server);
}

static void test_the_silent_make_room_at_a_server_when_descriptors_end(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct request *request;
	struct server *server;
	int fds[SILENT_N];
	rlim_t before;

	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	dial_silently(w->path, fds);
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	before = leave_files(6);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	server_answer(server, event.hello_id, NULL, 0);
	expect_answer(w->b, request, 0);
	limit_files(before);
	hang_up(fds);
	server_free(server);
}

/* The build over libnng is left out: libnng accepts everybody and waits for each. */
static void test_who_is_silent_at_a_link_costs_two_descriptors_and_locks_out_nobody(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;
	int fds[SILENT_N];
	int before;

	if (!is_native())
		return;
	before = count_fds();
	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	dial_silently(w->path, fds);
	expect_silence(w->a);
	assert_int_equal(count_fds(), before + SILENT_N + (int)pipe_files_max(strlen(w->path)));

	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	say(b, "sense");
	expect_data(w->a, a, "sense");
	assert_int_equal(count_fds(), before + SILENT_N + 2); /* the two ends of the pipe */
	hang_up(fds);
	expect_silence(w->a);
}

/* The listener holds the directory of the path open until its pipe is up. */
static void test_a_long_path_costs_a_descriptor_until_the_link_is_up(void **state)
{
	struct world *w = *state;
	char dir[200], path[256];
	struct pipe *a, *b;
	int before;

	if (!is_native())
		return;
	snprintf(dir, sizeof(dir), "%s/%0*d", w->dir, 120, 0);
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	before = count_fds();
	assert_int_equal(pipe_listen(w->a, path, myself(), PATIENCE_MS, NULL, &a), 0);
	int dir_fd = open(dir, O_PATH | O_CLOEXEC), silent;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/s",
		dir_fd); /* the same path, short enough for a socket's address */
	silent = raw_connect(path);
	close(dir_fd);
	snprintf(path, sizeof(path), "%s/s", dir);

	expect_silence(w->a);
	assert_int_equal(count_fds(), before + 1 + (int)pipe_files_max(strlen(path)));
	assert_int_equal(pipe_dial(w->b, path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	assert_int_equal(count_fds(), before + 1 + 2);
	close(silent);
	assert_int_equal(rmdir(dir), 0);
}

static void test_a_wrong_process_does_not_take_the_place_of_one_that_has_not_greeted(void **state)
{
	struct world *w = *state;
	struct pipe *a;
	int fd, status;
	char byte;
	pid_t pid;

	if (!is_native())
		return;
	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	fd = raw_connect(w->path);
	expect_silence(w->a);
	pid = fork();
	if (pid == 0) {
		int other = raw_connect(w->path);

		_exit(read(other, &byte, 1) == 0 ? 0 : 1); /* closed without a word */
	}
	assert_true(pid > 0);
	while (waitpid(pid, &status, WNOHANG) == 0)
		keep_events(w->a);
	assert_int_equal(status, 0);
	raw_write(fd, sp_pair, 8);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	close(fd);
	expect_down_for(w->a, a, -ECONNRESET);
}

static void test_a_living_server_is_not_replaced(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct server *server, *second;
	struct request *request;
	int fd;

	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	assert_int_equal(server_listen(w->b, w->path, NULL, &second), -EADDRINUSE);
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	server_answer(server, event.hello_id, NULL, 0);
	expect_answer(w->b, request, 0);
	server_free(server);
	assert_int_equal(access(w->path, F_OK), -1);

	/* A file that is no socket is not replaced either. */
	fd = open(w->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(server_listen(w->a, w->path, NULL, &server), -EEXIST);
	assert_int_equal(unlink(w->path), 0);
}

static void test_garbage_does_not_stop_a_server(void **state)
{
	struct world *w = *state;
	uint8_t head[9] = {1, 0, 0, 0, 0, 0, 1, 0, 1}; /* a message of 64 KiB + 1 */
	struct transport_event event;
	struct server *server;
	struct request *request;
	int fd;

	if (!is_native())
		return; /* nng 1.5.2 may stop accepting after a wrong greeting */
	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	fd = raw_connect(w->path);
	raw_write(fd, "garbage!", 8);
	raw_wait_closed(w->a, fd);
	fd = raw_connect(w->path);
	raw_write(fd, sp_req, 8);
	raw_write(fd, head, 9);
	raw_wait_closed(w->a, fd);
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	server_answer(server, event.hello_id, "y", 1);
	expect_answer(w->b, request, 0);
}

static void test_clients_that_come_and_go_do_no_harm(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct server *server;
	struct request *request;
	struct pipe *a, *b;
	int silent[300];

	if (!is_native())
		return; /* nng 1.5.2 stops accepting when a client has gone before it was greeted */
	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	for (int i = 0; i < 300; i++)
		close(raw_connect(w->path));
	for (int i = 0; i < 300; i++) { /* more than the server has places for */
		silent[i] = raw_connect(w->path);
		while (transport_next(w->a, &event))
			fail();
	}
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	server_answer(server, event.hello_id, "y", 1);
	expect_answer(w->b, request, 0);
	for (int i = 0; i < 300; i++)
		close(silent[i]);
	server_free(server);

	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	for (int i = 0; i < 100; i++)
		close(raw_connect(w->path));
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	say(b, "at last");
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	expect_data(w->a, a, "at last");
}

static void test_a_server_reads_one_hello_of_a_client_at_a_time(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct server *server;
	uint8_t bytes[64];
	int fd;

	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	fd = raw_connect(w->path);
	raw_write(fd, sp_req, 8);
	/* Two requests come at once, the second with a trace of two hops. */
	raw_write(fd,
		"\1\0\0\0\0\0\0\0\5\x80\0\0\7a"
		"\1\0\0\0\0\0\0\0\11\0\0\0\3\x80\0\0\10b",
		32);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	assert_int_equal(event.size_bytes, 1);
	assert_int_equal(event.data[0], 'a');
	server_answer(server, event.hello_id, "A", 1);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	assert_int_equal(event.size_bytes, 1);
	assert_int_equal(event.data[0], 'b');
	server_answer(server, event.hello_id, "B", 1);

	size_t n = 0;

	while (n < 8 + 14 + 18) {
		ssize_t got = read(fd, bytes + n, sizeof(bytes) - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
	assert_memory_equal(bytes + 8, "\1\0\0\0\0\0\0\0\5\x80\0\0\7A", 14);
	assert_memory_equal(bytes + 22, "\1\0\0\0\0\0\0\0\11\0\0\0\3\x80\0\0\10B", 18);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_hundred_hellos_at_once_are_answered_each_with_its_own),
		TEST(test_a_request_ends_with_its_reason),
		TEST(test_the_silent_make_room_at_a_server_when_descriptors_end),
		TEST(test_who_is_silent_at_a_link_costs_two_descriptors_and_locks_out_nobody),
		TEST(test_a_long_path_costs_a_descriptor_until_the_link_is_up),
		TEST(test_a_wrong_process_does_not_take_the_place_of_one_that_has_not_greeted),
		TEST(test_a_living_server_is_not_replaced),
		TEST(test_garbage_does_not_stop_a_server),
		TEST(test_clients_that_come_and_go_do_no_harm),
		TEST(test_a_server_reads_one_hello_of_a_client_at_a_time),
	};

	if (argc == 3)
		return peer_main(argv[1], argv[2]);
	limit_files(GUESTS_MAX * GUESTS_FILES_SHARE); /* the limit for as many guests as there can be */
	return run_facts(tests);
}
