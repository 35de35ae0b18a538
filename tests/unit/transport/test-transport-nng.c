/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport against nng itself, as the binding of nng of another language sees it. The nng side blocks in
 * nng's own threads, so a thread runs it while the test runs the transport.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include "libactor/transport/transport.h"
#include "tests/fact.h"

#define PATIENCE_MS 20000
#define FRAMES_N    100000

struct world {
	char dir[64];
	char url[100];
	const char *path;
	struct transport *transport;
};

static int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/test-transport-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->url, sizeof(w->url), "ipc://%s/s", w->dir);
	w->path = w->url + strlen("ipc://");
	assert_int_equal(transport_new(&w->transport), 0);
	*state = w;
	return 0;
}

static int world_teardown(void **state)
{
	struct world *w = *state;

	transport_free(w->transport);
	unlink(w->path);
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

static void expect_event(struct world *w, enum transport_event_type type, struct transport_event *ret)
{
	while (!transport_next(w->transport, ret)) {
		struct pollfd pollfd = {.fd = transport_fd(w->transport), .events = POLLIN};

		assert_true(poll(&pollfd, 1, PATIENCE_MS) > 0);
	}
	if (ret->type != type)
		fail_msg("event %d error %d, expected %d", ret->type, ret->error, type);
}

static void *pair_echo(void *arg)
{
	nng_socket socket = *(nng_socket *)arg;
	nng_msg *msg;

	while (nng_recvmsg(socket, &msg, 0) == 0)
		if (nng_sendmsg(socket, msg, 0) != 0)
			return (void *)"send";
	return NULL; /* the socket was closed */
}

/*
 * Sends numbered frames and checks that they come back, mostly one at a time, sometimes 70 KB at once. So few
 * are under way that the two sides cannot block each other.
 */
static void echo_all(struct world *w, struct pipe *link)
{
	struct transport_event event;
	uint32_t sent = 0, received = 0, chunk = 0;

	while (received < FRAMES_N) {
		for (; sent < FRAMES_N && sent - received < 10; chunk++) {
			uint32_t end = sent + (chunk % 1000 == 999 ? 17500 : 1);

			for (; sent < end; sent++)
				buf_append(pipe_out(link), &sent, sizeof(sent));
			pipe_flush(link);
		}
		expect_event(w, TRANSPORT_PIPE_DATA, &event);
		assert_int_equal(event.size_bytes % sizeof(sent), 0);
		for (size_t at = 0; at < event.size_bytes; at += sizeof(sent), received++)
			assert_memory_equal(event.data + at, &received, sizeof(received));
	}
	assert_int_equal(received, sent);
}

static void pair_test(struct world *w, bool nng_listens)
{
	struct transport_peer expect = {.uid = getuid(), .pid = getpid()};
	struct transport_event event;
	struct pipe *link;
	nng_socket socket;
	pthread_t thread;
	void *trouble;

	assert_int_equal(nng_pair0_open(&socket), 0);
	nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, PATIENCE_MS);
	if (nng_listens) {
		assert_int_equal(nng_listen(socket, w->url, NULL, 0), 0);
		assert_int_equal(pipe_dial(w->transport, w->path, expect, PATIENCE_MS, NULL, &link), 0);
	} else {
		assert_int_equal(pipe_listen(w->transport, w->path, expect, PATIENCE_MS, NULL, &link), 0);
		assert_int_equal(nng_dial(socket, w->url, NULL, NNG_FLAG_NONBLOCK), 0);
	}
	expect_event(w, TRANSPORT_PIPE_UP, &event);
	assert_int_equal(event.peer.pid, getpid());
	assert_int_equal(pthread_create(&thread, NULL, pair_echo, &socket), 0);
	echo_all(w, link);
	nng_close(socket);
	pthread_join(thread, &trouble);
	if (trouble)
		fail_msg("nng could not %s", (const char *)trouble);
	expect_event(w, TRANSPORT_PIPE_DOWN, &event);
	assert_int_equal(event.error, -ECONNRESET);
}

static void test_a_pair_socket_that_dials_us(void **state)
{
	pair_test(*state, false);
}

static void test_a_pair_socket_that_we_dial(void **state)
{
	pair_test(*state, true);
}

static void *pair_join_and_echo(void *arg)
{
	if (nng_send(*(nng_socket *)arg, (void *)"\x92\x0f\x07", 3, 0) != 0)
		return (void *)"join";
	return pair_echo(arg);
}

/* A binding comes in by a door as follows: it dials the door, and its first message is `join`. */
static void test_a_pair_socket_that_dials_our_door(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct door *door;
	struct pipe *link;
	nng_socket socket;
	pthread_t thread;
	void *trouble;

	if (door_listen(w->transport, w->path, NULL, &door) == -EOPNOTSUPP)
		return; /* the build over libnng has no doors */
	assert_int_equal(nng_pair0_open(&socket), 0);
	nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, PATIENCE_MS);
	assert_int_equal(nng_dial(socket, w->url, NULL, NNG_FLAG_NONBLOCK), 0);
	assert_int_equal(pthread_create(&thread, NULL, pair_join_and_echo, &socket), 0);
	expect_event(w, TRANSPORT_KNOCK, &event);
	assert_int_equal(event.peer.pid, getpid());
	assert_int_equal(event.size_bytes, 3);
	assert_memory_equal(event.data, "\x92\x0f\x07", 3);
	assert_int_equal(door_admit(door, event.knock_id, NULL, &link), 0);
	echo_all(w, link);
	nng_close(socket);
	pthread_join(thread, &trouble);
	if (trouble)
		fail_msg("nng could not %s", (const char *)trouble);
	expect_event(w, TRANSPORT_PIPE_DOWN, &event);
	pipe_free(link);
	door_free(door);
}

/* We join a listener that is an nng socket: it sends its greeting, and we get its first message. */
static void test_we_join_a_pair_socket(void **state)
{
	struct world *w = *state;
	struct transport_peer expect = {.uid = getuid(), .pid = getpid()};
	struct pipe *link;
	nng_socket socket;
	nng_msg *msg;

	assert_int_equal(nng_pair0_open(&socket), 0);
	nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, PATIENCE_MS);
	assert_int_equal(nng_listen(socket, w->url, NULL, 0), 0);
	assert_int_equal(pipe_join(w->transport, w->path, expect, "join", 4, NULL, &link), 0);
	buf_append(pipe_out(link), "and more", 8);
	pipe_flush(link);
	for (int i = 0; i < 2; i++) {
		struct transport_event event;

		if (i == 0)
			expect_event(w, TRANSPORT_PIPE_UP, &event);
		assert_int_equal(nng_recvmsg(socket, &msg, 0), 0);
		assert_int_equal(nng_msg_len(msg), i == 0 ? 4 : 8);
		assert_memory_equal(nng_msg_body(msg), i == 0 ? "join" : "and more", nng_msg_len(msg));
		nng_msg_free(msg);
	}
	pipe_free(link);
	nng_close(socket);
}

static void *ask_three_times(void *arg)
{
	nng_socket socket;
	nng_msg *msg;
	void *ret = (void *)"open";

	if (nng_req0_open(&socket) != 0)
		return ret;
	nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, PATIENCE_MS);
	ret = (void *)"dial";
	if (nng_dial(socket, arg, NULL, NNG_FLAG_NONBLOCK) != 0)
		goto out;
	for (int i = 0; i < 3; i++) {
		ret = (void *)"ask";
		if (nng_send(socket, (void *)"question", 8, 0) != 0 || nng_recvmsg(socket, &msg, 0) != 0)
			goto out;
		ret = (void *)"understand";
		if (nng_msg_len(msg) == 6 && !memcmp(nng_msg_body(msg), "answer", 6))
			ret = NULL;
		nng_msg_free(msg);
		if (ret)
			goto out;
	}
out:
	nng_close(socket);
	return ret;
}

static void test_a_req_socket_asks_our_server(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct server *server;
	pthread_t thread;
	void *trouble;

	assert_int_equal(server_listen(w->transport, w->path, NULL, &server), 0);
	assert_int_equal(pthread_create(&thread, NULL, ask_three_times, w->url), 0);
	for (int i = 0; i < 3; i++) {
		expect_event(w, TRANSPORT_HELLO, &event);
		assert_int_equal(event.size_bytes, 8);
		assert_memory_equal(event.data, "question", 8);
		assert_int_equal(event.peer.uid, getuid());
		server_answer(server, event.hello_id, "answer", 6);
	}
	pthread_join(thread, &trouble);
	if (trouble)
		fail_msg("nng could not %s", (const char *)trouble);
}

static void *answer_once(void *arg)
{
	nng_socket socket = *(nng_socket *)arg;
	nng_msg *msg;

	if (nng_recvmsg(socket, &msg, 0) != 0)
		return (void *)"receive";
	if (nng_msg_len(msg) != 8 || memcmp(nng_msg_body(msg), "question", 8))
		return (void *)"understand";
	nng_msg_clear(msg);
	nng_msg_append(msg, "answer", 6);
	return nng_sendmsg(socket, msg, 0) == 0 ? NULL : (void *)"answer";
}

static void test_our_request_to_a_rep_socket(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct request *request;
	nng_socket socket;
	pthread_t thread;
	void *trouble;

	assert_int_equal(nng_rep0_open(&socket), 0);
	nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, PATIENCE_MS);
	assert_int_equal(nng_listen(socket, w->url, NULL, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, answer_once, &socket), 0);
	assert_int_equal(request_send(w->transport, w->path, "question", 8, PATIENCE_MS, NULL, &request), 0);
	expect_event(w, TRANSPORT_ANSWER, &event);
	assert_int_equal(event.error, 0);
	assert_int_equal(event.size_bytes, 6);
	assert_memory_equal(event.data, "answer", 6);
	pthread_join(thread, &trouble);
	if (trouble)
		fail_msg("nng could not %s", (const char *)trouble);
	nng_close(socket);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_pair_socket_that_dials_us),
		TEST(test_a_pair_socket_that_we_dial),
		TEST(test_a_pair_socket_that_dials_our_door),
		TEST(test_we_join_a_pair_socket),
		TEST(test_a_req_socket_asks_our_server),
		TEST(test_our_request_to_a_rep_socket),
	};

	return run_facts(tests);
}
