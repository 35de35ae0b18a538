/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes: how they come up, what they carry, whom they admit, how they end; and what a transport does to its
 * process.
 */
#include "tests/unit/transport/transport-world.h"

/* ---- links ---- */
static void test_both_ends_come_up_and_know_each_other(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;
	struct transport_event event;

	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, w, &a), 0);
	assert_false(pipe_is_up(a));
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_event(w->a, TRANSPORT_PIPE_UP, &event);
	assert_ptr_equal(event.pipe, a);
	assert_ptr_equal(event.user, w);
	assert_int_equal(event.peer.uid, getuid());
	assert_int_equal(event.peer.pid, getpid());
	assert_true(pipe_is_up(a));
	assert_int_equal(access(w->path, F_OK), -1);
	expect_event(w->b, TRANSPORT_PIPE_UP, &event);
	assert_int_equal(event.peer.pid, getpid());

	say(a, "ping");
	expect_data(w->b, b, "ping");
	say(b, "pong");
	expect_data(w->a, a, "pong");

	pipe_free(b);
	expect_down(w->a, a, -ECONNRESET);
	assert_false(pipe_is_up(a));
	expect_silence(w->a);
	say(a, "into nothing");
	assert_int_equal(pipe_backlog_bytes(a), 0);
}

static void test_frames_written_before_up_arrive(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;

	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	say(a, "one");
	say(a, "two");
	assert_int_equal(pipe_backlog_bytes(a), 6);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	say(b, "three");
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	expect_data(w->b, b, "onetwo");
	expect_data(w->a, a, "three");
}

static void test_frames_keep_their_order_and_are_never_split(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;
	uint32_t expected = 0;
	struct transport_event event;

	make_pair(w, &a, &b);
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t frame[3] = {i, ~i, i * 7};

		buf_append(pipe_out(a), frame, sizeof(frame));
		pipe_mark(a);
		if (i % 3 == 0)
			pipe_flush(a);
	}
	pipe_flush(a);
	while (expected < 100000) {
		expect_event(w->b, TRANSPORT_PIPE_DATA, &event);
		assert_int_equal(event.size_bytes % 12, 0);
		assert_true(event.size_bytes <= TRANSPORT_BATCH_BYTES + 12);
		for (size_t at = 0; at < event.size_bytes; at += 12, expected++) {
			uint32_t frame[3];

			memcpy(frame, event.data + at, 12);
			if (frame[0] != expected || frame[1] != ~expected)
				fail_msg("frame %u in place of %u", frame[0], expected);
		}
	}
	expect_silence(w->b);
}

static void test_the_biggest_message_passes_and_a_bigger_one_ends_the_link(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;
	struct transport_event event;

	make_pair(w, &a, &b);
	for (int more = 0; more < 2; more++) {
		size_t n = WIRE_MESSAGE_MAX_BYTES + more;
		uint8_t *at = buf_reserve(pipe_out(a), n);

		assert_non_null(at);
		memset(at, 'x', n);
		pipe_out(a)->size_bytes += n;
		pipe_flush(a);
		if (more)
			break;
		expect_event(w->b, TRANSPORT_PIPE_DATA, &event);
		assert_int_equal(event.size_bytes, n);
	}
	expect_down(w->a, a, -EMSGSIZE);
	expect_down(w->b, b, -ECONNRESET);
}

static void test_drained_says_that_the_kernel_has_everything(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct pipe *a, *b;
	size_t received = 0, n = 0;
	uint8_t bytes[1000] = {0};

	make_pair(w, &a, &b);
	pipe_notify_drained(a);
	expect_event(w->a, TRANSPORT_PIPE_DRAINED, &event);
	assert_ptr_equal(event.pipe, a);

	for (; n < 10000000; n += sizeof(bytes)) {
		buf_append(pipe_out(a), bytes, sizeof(bytes));
		pipe_mark(a);
	}
	pipe_notify_drained(a);
	expect_silence(w->a); /* there is no room for 10 MB: the receiver stops reading at 4 MiB */
	while (received < n) {
		expect_event(w->b, TRANSPORT_PIPE_DATA, &event);
		received += event.size_bytes;
	}
	expect_event(w->a, TRANSPORT_PIPE_DRAINED, NULL);
	assert_int_equal(pipe_backlog_bytes(a), 0);
	expect_silence(w->a);
}

static void test_a_sender_is_held_while_nobody_reads(void **state)
{
	struct world *w = *state;
	const size_t total = 48u << 20, chunk = 64u << 10;
	struct transport_event event;
	struct pipe *a, *b;
	uint8_t *bytes = calloc(1, chunk);
	size_t backlog, received = 0;
	int same = 0;

	make_pair(w, &a, &b);
	for (size_t n = 0; n < total; n += chunk) {
		memcpy(bytes, &n, sizeof(n));
		buf_append(pipe_out(a), bytes, chunk);
		pipe_flush(a);
	}
	backlog = pipe_backlog_bytes(a);
	while (same < 100) { /* this goes on until the backlog stays the same */
		poll(NULL, 0, 2);
		same = pipe_backlog_bytes(a) == backlog ? same + 1 : 0;
		backlog = pipe_backlog_bytes(a);
	}
	/*
	 * What left the backlog is unread data, one message more, one in nng's hands at each end, and socket
	 * buffers.
	 */
	assert_true(total - backlog > 0);
	assert_true(total - backlog <= TRANSPORT_INBOUND_MAX_BYTES + 4 * TRANSPORT_BATCH_BYTES + (1u << 20));

	while (received < total) {
		expect_event(w->b, TRANSPORT_PIPE_DATA, &event);
		for (size_t at = 0; at < event.size_bytes; at += chunk, received += chunk)
			assert_memory_equal(event.data + at, &received, sizeof(received));
	}
	free(bytes);
}

static void test_a_path_may_be_long(void **state)
{
	struct world *w = *state;
	char deep[200], name[101], too_long[400];
	struct pipe *a, *b;

	memset(name, 'd', 100);
	name[100] = 0;
	snprintf(deep, sizeof(deep), "%s/%s", w->dir, name);
	assert_int_equal(mkdir(deep, 0700), 0);
	snprintf(w->path, sizeof(w->path), "%s/socket", deep);
	assert_true(strlen(w->path) > 107);

	make_pair(w, &a, &b);
	assert_int_equal(access(w->path, F_OK), -1);
	say(a, "hi");
	expect_data(w->b, b, "hi");
	pipe_free(a);
	expect_down(w->b, b, -ECONNRESET);

	/* A listener to which nobody came removes its file and directories, too. */
	assert_int_equal(pipe_listen(w->a, w->path, myself(), -1, NULL, &a), 0);
	assert_int_equal(access(w->path, F_OK), 0);
	pipe_free(a);
	assert_int_equal(access(w->path, F_OK), -1);
	assert_int_equal(rmdir(deep), 0);

	snprintf(too_long, sizeof(too_long), "%s/%s%s", w->dir, name, name);
	assert_int_equal(pipe_listen(w->a, too_long, myself(), -1, NULL, &a), -ENAMETOOLONG);
}

static void test_nobody_comes(void **state)
{
	struct world *w = *state;
	struct pipe *a;

	assert_int_equal(pipe_listen(w->a, w->path, myself(), 20, NULL, &a), 0);
	expect_down(w->a, a, -ETIMEDOUT);
	expect_silence(w->a);
}

static void test_dialling_where_nobody_listens_fails_at_once(void **state)
{
	struct world *w = *state;
	struct pipe *b;
	int fd;

	assert_int_equal(pipe_dial(w->b, w->path, myself(), -1, NULL, &b), 0);
	expect_down(w->b, b, -ENOENT);

	fd = raw_bind(w->path, true);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), 50, NULL, &b), 0);
	expect_down(w->b, b, -ETIMEDOUT); /* the one at that path never says a word */
	close(fd);

	assert_int_equal(pipe_dial(w->b, w->path, myself(), -1, NULL, &b), 0);
	expect_down(w->b, b, -ECONNREFUSED);
	unlink(w->path);
}

/* ---- admission ---- */
static void test_a_peer_of_another_user_is_refused(void **state)
{
	struct world *w = *state;
	struct transport_peer other = {.uid = getuid() + 1};
	struct pipe *a, *b;

	assert_int_equal(pipe_listen(w->a, w->path, other, 300, NULL, &a), 0);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), 100, NULL, &b), 0);
	say(b, "let me in");
	expect_down_perhaps_after_up(w->b, b);
	expect_down(w->a, a, -EACCES); /* no data came before it */
	pipe_free(a);

	assert_int_equal(pipe_listen(w->a, w->path, myself(), 200, NULL, &a), 0);
	assert_int_equal(pipe_dial(w->b, w->path, other, PATIENCE_MS, NULL, &b), 0);
	expect_down(w->b, b, -EACCES);
}

static void test_a_wrong_process_does_not_use_up_the_place(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct pipe *a, *b;
	int status;
	pid_t pid;

	pid = peer_start("echo-stopped", w->path);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	struct transport_peer expect = {.uid = getuid(), .pid = pid};

	assert_int_equal(pipe_listen(w->a, w->path, expect, PATIENCE_MS, NULL, &a), 0);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_down_perhaps_after_up(w->b, b);

	kill(pid, SIGCONT);
	expect_event(w->a, TRANSPORT_PIPE_UP, &event);
	assert_int_equal(event.peer.pid, pid);
	say(a, "hello");
	expect_data(w->a, a, "hello");
	pipe_free(a);
	peer_reap(pid, false);
}

static void test_a_second_dialer_is_refused_and_the_first_goes_on(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b, *c;

	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	say(b, "first");
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &c), 0);
	say(c, "second");
	expect_down_perhaps_after_up(w->b, c);

	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_data(w->a, a, "first");
	say(a, "still here");
	expect_data(w->b, b, "still here");
	expect_silence(w->a);
}

/* ---- peers that die or talk nonsense ---- */
static void test_what_a_killed_peer_sent_arrives_before_down(void **state)
{
	struct world *w = *state;

	for (int round = 0; round < 5; round++) {
		struct transport_peer expect = {.uid = getuid()};
		struct transport_event event;
		struct pipe *a;
		uint32_t expected = 0;
		pid_t pid;

		assert_int_equal(pipe_listen(w->a, w->path, expect, PATIENCE_MS, NULL, &a), 0);
		pid = peer_start("send-and-die", w->path);
		expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
		for (;;) {
			assert_true(next_event(w->a, &event));
			if (event.type == TRANSPORT_PIPE_DOWN)
				break;
			assert_int_equal(event.type, TRANSPORT_PIPE_DATA);
			for (size_t at = 0; at < event.size_bytes; at += 4, expected++)
				assert_memory_equal(event.data + at, &expected, 4);
		}
		assert_int_equal(event.error, -ECONNRESET);
		assert_int_equal(expected, 10000);
		peer_reap(pid, true);
		pipe_free(a);
	}
}

static void test_a_message_too_big_ends_the_link(void **state)
{
	struct world *w = *state;
	uint8_t head[9] = {1, 0, 0, 0, 0, 2, 0, 0, 0}; /* a message of 32 MiB */
	struct pipe *a;
	int fd;

	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	fd = raw_connect(w->path);
	raw_write(fd, sp_pair, 8);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	raw_write(fd, "\1\0\0\0\0\0\0\0\2ok", 11);
	expect_data(w->a, a, "ok");
	raw_write(fd, head, sizeof(head));
	expect_down_for(w->a, a, -EMSGSIZE);
	raw_wait_closed(w->a, fd);
}

static void test_garbage_costs_only_the_connection_it_came_on(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;
	int silent, fd;

	if (!is_native())
		goto up; /* nng 1.5.2 may stop accepting after a wrong greeting */
	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	silent = raw_connect(w->path);
	fd = raw_connect(w->path);
	raw_write(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	raw_wait_closed(w->a, fd);
	fd = raw_connect(w->path);
	raw_write(fd, sp_pair, 5);
	close(fd);
	fd = raw_connect(w->path);
	raw_write(fd, sp_req, 8);
	raw_wait_closed(w->a, fd);

	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	say(b, "sense");
	expect_data(w->a, a, "sense");
	close(silent);
	expect_silence(w->a);
	pipe_free(a);
up:
	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	fd = raw_connect(w->path);
	raw_write(fd, sp_pair, 8);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	raw_write(fd, "\7nonsense", 9);
	expect_down_for(w->a, a, -EPROTO);
	raw_wait_closed(w->a, fd);
}

/* ---- freeing ---- */
static void test_a_freed_link_says_nothing_more(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct pipe *a, *b, *c;

	make_pair(w, &a, &b);
	say(b, "1");
	say(b, "2");
	expect_event(w->a, TRANSPORT_PIPE_DATA, &event);
	pipe_free(a); /* its data stays valid until the next event is asked for */
	assert_int_equal(event.data[0], '1');
	expect_silence(w->a);
	expect_down(w->b, b, -ECONNRESET);

	assert_int_equal(pipe_dial(w->a, "/nonexistent/socket", myself(), 0, NULL, &a), 0);
	assert_int_equal(pipe_dial(w->a, "/nonexistent/socket", myself(), 0, NULL, &c), 0);
	pipe_free(a);
	expect_down(w->a, c, -ENOENT);
}

static void test_freeing_amid_traffic_is_safe(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	uint8_t bytes[300] = {0};

	if (!is_native())
		return; /* nng 1.5.2 hangs in nng_close() now and then when messages are arriving */
	for (int round = 0; round < 1000; round++) {
		struct pipe *a, *b;

		assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
		assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
		if (round % 4)
			expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
		for (int i = 0; i < round % 50; i++) {
			buf_append(pipe_out(a), bytes, sizeof(bytes));
			pipe_flush(a);
			buf_append(pipe_out(b), bytes, sizeof(bytes));
			pipe_flush(b);
			while (transport_next(w->a, &event) || transport_next(w->b, &event))
				;
		}
		if (round % 3 == 0)
			pipe_notify_drained(a);
		pipe_free(round % 2 ? a : b);
		pipe_free(round % 2 ? b : a);
		assert_false(transport_next(w->a, &event));
		assert_false(transport_next(w->b, &event));
	}
}

/* ---- waiting ---- */

/* Waits until @link has said @text, without running the other transport. */
static void await_data(struct transport *transport, struct pipe *link, const char *text)
{
	struct transport_event event;

	do
		assert_int_equal(transport_wait(transport, PATIENCE_MS * INT64_C(1000000)), 0);
	while (!transport_next(transport, &event));
	assert_int_equal(event.type, TRANSPORT_PIPE_DATA);
	assert_ptr_equal(event.pipe, link);
	assert_int_equal(event.size_bytes, strlen(text));
	assert_memory_equal(event.data, text, strlen(text));
}

static void test_a_wait_ends_for_what_came_and_for_the_descriptor_that_is_attended(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), old = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	struct world *w = *state;
	struct transport_event event;
	struct pipe *a, *b;
	eventfd_t count;

	make_pair(w, &a, &b);
	assert_int_equal(transport_attend(w->a, old), 0);
	assert_int_equal(transport_attend(w->a, fd), 0); /* takes the place of `old` */
	assert_int_equal(transport_wait(w->a, 0), 0);
	assert_int_equal(transport_wait(w->a, 1), 0);
	assert_false(transport_next(w->a, &event));

	say(b, "one");
	await_data(w->a, a, "one");
	eventfd_write(fd, 1);
	assert_int_equal(transport_wait(w->a, -1), 1);
	assert_int_equal(transport_wait(w->a, -1), 1); /* again, because nobody has read it */
	assert_false(transport_next(w->a, &event));

	eventfd_read(fd, &count);
	assert_int_equal(transport_wait(w->a, 0), 0);
	say(b, "two");
	await_data(w->a, a, "two");
	eventfd_write(fd, 1);
	assert_int_equal(transport_attend(w->a, -1), 0);
	assert_int_equal(transport_wait(w->a, 0), 0);
	pipe_free(b);
	do
		assert_int_equal(transport_wait(w->a, -1), 0);
	while (!transport_next(w->a, &event));
	assert_int_equal(event.type, TRANSPORT_PIPE_DOWN);
	close(fd);
	close(old);
}

static void test_what_a_wait_has_seen_is_not_waited_for_again(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct pipe *a[3], *b[3];
	struct pollfd poll_fd;
	unsigned seen = 0;

	for (int i = 0; i < 3; i++)
		make_pair(w, &a[i], &b[i]);
	assert_int_equal(transport_wait(w->a, 0), 0);
	assert_false(transport_next(w->a, &event));
	for (int i = 0; i < 3; i++)
		say(b[i], "x");
	/* There is a round for each wait: no later event would end a wait that overlooks what is there. */
	for (int i = 0; i < 2; i++) {
		do
			assert_int_equal(transport_wait(w->a, -1), 0);
		while (!transport_next(w->a, &event));
		assert_int_equal(event.type, TRANSPORT_PIPE_DATA);
		seen |= 1u << (event.pipe == a[0] ? 0 : event.pipe == a[1] ? 1 : 2);
	}
	/* poll() finds what is left, too. */
	poll_fd = (struct pollfd){.fd = transport_fd(w->a), .events = POLLIN};
	assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
	expect_event(w->a, TRANSPORT_PIPE_DATA, &event);
	seen |= 1u << (event.pipe == a[0] ? 0 : event.pipe == a[1] ? 1 : 2);
	assert_int_equal(seen, 7);
	expect_silence(w->a);

	/* No descriptor becomes ready for this event. */
	assert_int_equal(transport_wait(w->a, 0), 0);
	assert_false(transport_next(w->a, &event));
	pipe_notify_drained(a[0]);
	do
		assert_int_equal(transport_wait(w->a, -1), 0);
	while (!transport_next(w->a, &event));
	assert_int_equal(event.type, TRANSPORT_PIPE_DRAINED);
	poll_fd.fd = transport_fd(w->a);
	pipe_notify_drained(a[1]);
	/* the notice must be there at once, since a timer of the transport would end a longer poll, too */
	assert_int_equal(poll(&poll_fd, 1, is_native() ? 0 : PATIENCE_MS), 1);
	expect_event(w->a, TRANSPORT_PIPE_DRAINED, NULL);
}

/* ---- the process ---- */
static void test_signals_are_not_for_the_threads_of_nng(void **state)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int checked = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		unsigned long long blocked = 0;
		bool is_nng = false;
		char path[300], line[256];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		while (fgets(line, sizeof(line), file)) {
			if (!strncmp(line, "Name:\tnng:", 10))
				is_nng = true;
			sscanf(line, "SigBlk: %llx", &blocked);
		}
		fclose(file);
		if (!is_nng)
			continue;
		assert_true(blocked & 1ull << (SIGTERM - 1));
		assert_true(blocked & 1ull << (SIGCHLD - 1));
		checked++;
	}
	closedir(dir);
	assert_true(checked > 0 || is_native());
}

/*
 * The kernel says whether a process lives, also of one that is not reaped, and of another that got its
 * number.
 */
static void test_whether_a_process_lives_is_the_kernels_word(void **state)
{
	pid_t pid = fork();
	siginfo_t info;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(transport_life(0, clock_boot_ns()), LIFE_UNKNOWN);
	assert_int_equal(transport_life(pid, clock_boot_ns()), LIFE_GOES_ON);
	assert_int_equal(transport_life(pid, 0), LIFE_OVER); /* an earlier process of that pid is over */
	kill(pid, SIGSTOP);
	assert_int_equal(transport_life(pid, clock_boot_ns()), LIFE_GOES_ON);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(transport_life(pid, clock_boot_ns()), LIFE_OVER);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(transport_life(pid, clock_boot_ns()), LIFE_OVER);
}

static void test_proc_of_another_pid_namespace_says_nothing_of_a_process(void **state)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(2);
		pid = fork();
		/* This process is number 1 in its namespace, and began later than number 1 outside. */
		if (pid == 0)
			_exit(getpid() == 1 && transport_life(1, -1) == LIFE_GOES_ON ? 0 : 1);
		_exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_both_ends_come_up_and_know_each_other),
		TEST(test_frames_written_before_up_arrive),
		TEST(test_frames_keep_their_order_and_are_never_split),
		TEST(test_the_biggest_message_passes_and_a_bigger_one_ends_the_link),
		TEST(test_drained_says_that_the_kernel_has_everything),
		TEST(test_a_sender_is_held_while_nobody_reads),
		TEST(test_a_path_may_be_long),
		TEST(test_nobody_comes),
		TEST(test_dialling_where_nobody_listens_fails_at_once),
		TEST(test_a_peer_of_another_user_is_refused),
		TEST(test_a_wrong_process_does_not_use_up_the_place),
		TEST(test_a_second_dialer_is_refused_and_the_first_goes_on),
		TEST(test_what_a_killed_peer_sent_arrives_before_down),
		TEST(test_a_message_too_big_ends_the_link),
		TEST(test_garbage_costs_only_the_connection_it_came_on),
		TEST(test_a_freed_link_says_nothing_more),
		TEST(test_freeing_amid_traffic_is_safe),
		TEST(test_a_wait_ends_for_what_came_and_for_the_descriptor_that_is_attended),
		TEST(test_what_a_wait_has_seen_is_not_waited_for_again),
		TEST(test_signals_are_not_for_the_threads_of_nng),
		cmocka_unit_test(test_whether_a_process_lives_is_the_kernels_word),
		cmocka_unit_test(test_proc_of_another_pid_namespace_says_nothing_of_a_process),
	};

	if (argc == 3)
		return peer_main(argv[1], argv[2]);
	limit_files(GUESTS_MAX * GUESTS_FILES_SHARE); /* the limit for as many guests as there can be */
	return run_facts(tests);
}
