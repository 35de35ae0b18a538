/* SPDX-License-Identifier: Apache-2.0 */
/* Doors: who knocks, who is let in, who makes room for others. */
#include "tests/unit/transport/transport-world.h"

/* ---- doors ---- */

/*
 * Before a dialer writes, this hook has the door turn out all who are silent at it. It is called by
 * sendmsg(), which is linked with --wrap.
 */
static struct sendmsg_hook {
	struct door *door; /* NULL: the hook does nothing */
	const char *path;
	int after; /* the hook skips this many writes */
} sendmsg_hook;

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

static void door_turn_out(struct door *door, const char *path)
{
	struct transport_event event;
	int fds[GUESTS_MAX];

	assert_int_equal(door_next(door, &event), 0); /* the dialer is in, and is silent */
	for (int i = 0; i < GUESTS_MAX; i++)
		fds[i] = raw_connect(path);
	assert_int_equal(door_next(door, &event), 0);
	for (int i = 0; i < GUESTS_MAX; i++)
		close(fds[i]);
	while (door_next(door, &event) > 0)
		continue;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct door *door = sendmsg_hook.door;

	if (door && sendmsg_hook.after-- == 0) {
		sendmsg_hook.door = NULL;
		door_turn_out(door, sendmsg_hook.path);
	}
	return __real_sendmsg(fd, message, flags);
}

/*
 * Only the native transport has doors; nng's pipes can dial them (see test-transport-nng.c). NULL: it has
 * none.
 */
static struct door *make_door(struct world *w)
{
	struct door *door = NULL;
	int r = door_listen(w->a, w->path, w, &door);

	assert_int_equal(r, is_native() ? 0 : -EOPNOTSUPP);
	return door;
}

static void expect_knock(struct world *w, struct door *door, const char *first, struct transport_event *ret)
{
	expect_event(w->a, TRANSPORT_KNOCK, ret);
	assert_ptr_equal(ret->door, door);
	assert_ptr_equal(ret->user, w);
	assert_int_equal(ret->peer.uid, getuid());
	assert_int_equal(ret->size_bytes, strlen(first));
	assert_memory_equal(ret->data, first, strlen(first));
}

static void knock(struct world *w, const char *first, struct pipe **ret)
{
	assert_int_equal(pipe_join(w->b, w->path, myself(), first, strlen(first), NULL, ret), 0);
}

static void test_who_dials_a_door_writes_before_it_is_let_in(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *a, *b;

	if (!door)
		return;
	knock(w, "it is me", &b);
	assert_true(next_within(w->b, &event, PATIENCE_MS, NULL)); /* @w->a has not looked at its door yet */
	assert_int_equal(event.type, TRANSPORT_PIPE_UP);
	assert_int_equal(event.peer.pid, getpid());
	say(b, "one");
	say(b, "two");
	pipe_notify_drained(b);
	assert_true(next_within(w->b, &event, PATIENCE_MS, NULL));
	assert_int_equal(event.type, TRANSPORT_PIPE_DRAINED);
	expect_knock(w, door, "it is me", &event);
	expect_silence(w->a); /* no further byte is read */
	assert_int_equal(door_admit(door, event.knock_id, w, &a), 0);
	assert_true(pipe_is_up(a));
	say(a, "welcome");
	expect_data(w->a, a, "one");
	expect_data(w->a, a, "two");
	expect_data(w->b, b, "welcome");
	pipe_free(b);
	expect_down(w->a, a, -ECONNRESET);
	pipe_free(a);
	assert_int_equal(door_admit(door, event.knock_id, w, &a), -ENOENT);
	door_free(door);
}

static void test_what_is_written_at_a_door_outlives_its_writer(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *a;
	uint32_t expected = 0;
	pid_t pid;

	if (!door)
		return;
	pid = peer_start("join-and-die", w->path);
	peer_reap(pid, true);
	expect_knock(w, door, "mortal", &event);
	assert_int_equal(event.peer.pid, pid);
	assert_int_equal(door_admit(door, event.knock_id, NULL, &a), 0);
	for (;;) {
		assert_true(next_event(w->a, &event));
		if (event.type == TRANSPORT_PIPE_DOWN)
			break;
		assert_int_equal(event.type, TRANSPORT_PIPE_DATA);
		for (size_t at = 0; at < event.size_bytes; at += 4, expected++)
			assert_memory_equal(event.data + at, &expected, 4);
	}
	assert_int_equal(expected, 100);
	pipe_free(a);
	door_free(door);
}

static void test_who_is_refused_at_a_door_sees_the_end(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *b;

	if (!door)
		return;
	knock(w, "stranger", &b);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	expect_knock(w, door, "stranger", &event);
	door_refuse(door, event.knock_id);
	door_refuse(door, event.knock_id);
	expect_down(w->b, b, -ECONNRESET);
	pipe_free(b);
	door_free(door);
}

static void test_garbage_at_a_door_costs_only_itself(void **state)
{
	static const uint8_t too_long[9] = {1, 0, 0, 0, 0, 0, 0, 0, DOOR_FIRST_MAX_BYTES + 1};
	static const uint8_t no_message[9] = {2, 0, 0, 0, 0, 0, 0, 0, 1};
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *b;
	int fds[5];

	if (!door)
		return;
	for (int i = 0; i < 5; i++)
		fds[i] = raw_connect(w->path);
	raw_write(fds[0], sp_req, 8);
	raw_write(fds[0], too_long, 9);
	raw_write(fds[1], sp_pair, 8);
	raw_write(fds[1], too_long, 9);
	raw_write(fds[2], sp_pair, 8);
	raw_write(fds[2], no_message, 9);
	raw_write(fds[3], "GET / HTTP/1.1\r\n\r\n", 18);
	raw_write(fds[4], sp_pair, 3); /* says nothing more */
	for (int i = 0; i < 4; i++)
		raw_wait_closed(w->a, fds[i]);
	knock(w, "decent", &b);
	expect_knock(w, door, "decent", &event);
	pipe_free(b);
	door_free(door);
	close(fds[4]);
}

static void test_the_longest_silent_makes_room_at_a_door(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	int fds[GUESTS_MAX + 1];
	struct transport_event event;
	struct pipe *b;

	if (!door)
		return;
	for (int i = 0; i < GUESTS_MAX + 1; i++)
		fds[i] = raw_connect(w->path);
	raw_wait_closed(w->a, fds[0]);
	knock(w, "decent", &b);
	expect_knock(w, door, "decent", &event);
	raw_wait_closed(w->a, fds[1]);
	for (int i = 2; i < GUESTS_MAX + 1; i++)
		close(fds[i]);
	pipe_free(b);
	door_free(door);
}

static void test_the_silent_make_room_at_a_door_when_descriptors_end(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	int fds[SILENT_N];
	struct pipe *b;
	rlim_t before;

	if (!door)
		return;
	dial_silently(w->path, fds);
	knock(w, "decent", &b);
	before = leave_files(6);
	expect_knock(w, door, "decent", &event);
	limit_files(before);
	hang_up(fds);
	pipe_free(b);
	door_free(door);
}

/* Its words are in the kernel's buffer; the loop has not read them yet. */
static void test_who_has_spoken_does_not_make_room_at_a_door(void **state)
{
	static const uint8_t first[9 + 7] = {1, 0, 0, 0, 0, 0, 0, 0, 7, 'i', 't', ' ', 'i', 's', ' ', 'I'};
	struct world *w = *state;
	struct door *door = make_door(w);
	int fds[GUESTS_MAX + 10];
	struct transport_event event;

	if (!door)
		return;
	for (int i = 0; i < GUESTS_MAX - 1; i++)
		fds[i] = raw_connect(w->path);
	assert_int_equal(door_next(door, &event), 0);
	raw_write(fds[0], sp_pair, 8);
	raw_write(fds[0], first, sizeof(first));
	for (int i = GUESTS_MAX - 1; i < GUESTS_MAX + 10; i++)
		fds[i] = raw_connect(w->path);
	assert_int_equal(door_next(door, &event), 1);
	assert_int_equal(event.size_bytes, 7);
	assert_memory_equal(event.data, "it is I", 7);
	assert_int_equal(door_next(door, &event), 0);
	for (int i = 0; i < GUESTS_MAX + 10; i++)
		close(fds[i]);
	door_free(door);
}

/*
 * The listener turned the dialer out between its connect() and its first word. The listener still lives, so
 * the dialer's pipe was never up.
 */
static void test_who_lost_its_place_at_a_door_before_it_spoke_was_never_up(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *b;

	if (!door)
		return;
	/*
	 * First the door turns the dialer out before its greeting, then between its greeting and its first
	 * message.
	 */
	for (int i = 0; i < 2; i++) {
		sendmsg_hook = (struct sendmsg_hook){.door = door, .path = w->path, .after = i};
		knock(w, "late", &b);
		assert_null(sendmsg_hook.door); /* the hook has run */
		assert_true(next_within(w->b, &event, PATIENCE_MS, NULL));
		assert_int_equal(event.type, TRANSPORT_PIPE_DOWN);
		assert_ptr_equal(event.pipe, b);
		assert_false(pipe_is_up(b));
		pipe_free(b);
	}
	door_free(door);
}

static void test_who_waits_for_an_answer_at_a_door_never_makes_room(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct pipe *links[GUESTS_MAX + 10], *a;
	struct transport_event event;

	if (!door)
		return;
	for (int i = 0; i < GUESTS_MAX + 10; i++)
		knock(w, "patient", &links[i]);
	for (int i = 0; i < GUESTS_MAX; i++)
		expect_knock(w, door, "patient", &event);
	expect_silence(w->a);
	assert_int_equal(door_next(door, &event), -EBUSY);
	/* Each one that is admitted leaves its place to one in the backlog. */
	for (uint64_t id = 1; id <= GUESTS_MAX + 10; id++) {
		assert_int_equal(door_admit(door, id, NULL, &a), 0);
		pipe_free(a);
		if (id <= 10)
			expect_knock(w, door, "patient", &event);
	}
	assert_int_equal(door_next(door, &event), 0);
	for (int i = 0; i < GUESTS_MAX + 10; i++)
		pipe_free(links[i]);
	door_free(door);
}

static void test_a_door_whose_file_was_removed_is_renewed_and_nobody_is_lost(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *first, *second, *b;

	if (!door)
		return;
	assert_int_equal(door_renew(door), 0); /* no effect: the file is there */
	knock(w, "before", &first);
	unlink(w->path);
	assert_int_equal(pipe_join(w->b, w->path, myself(), "x", 1, NULL, &b), 0);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	expect_down(w->b, b, -ENOENT);
	pipe_free(b);
	assert_int_equal(door_renew(door), 0);
	knock(w, "after", &second);
	expect_knock(w, door, "before", &event);
	expect_knock(w, door, "after", &event);
	/* When the door ends, it leaves a file alone that somebody else has made. */
	unlink(w->path);
	close(raw_bind(w->path, true));
	door_free(door);
	assert_int_equal(unlink(w->path), 0);
	pipe_free(first);
	pipe_free(second);
}

static void test_what_waits_at_a_door_is_to_be_had_at_once(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *b[3];

	if (!door)
		return;
	for (int i = 0; i < 3; i++)
		knock(w, "here", &b[i]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(door_next(door, &event), 1);
	assert_int_equal(door_next(door, &event), 0);
	expect_silence(w->a); /* none of them is told again */
	for (int i = 0; i < 3; i++)
		pipe_free(b[i]);
	door_free(door);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_who_dials_a_door_writes_before_it_is_let_in),
		TEST(test_what_is_written_at_a_door_outlives_its_writer),
		TEST(test_who_is_refused_at_a_door_sees_the_end),
		TEST(test_garbage_at_a_door_costs_only_itself),
		TEST(test_the_longest_silent_makes_room_at_a_door),
		TEST(test_the_silent_make_room_at_a_door_when_descriptors_end),
		TEST(test_who_has_spoken_does_not_make_room_at_a_door),
		TEST(test_who_lost_its_place_at_a_door_before_it_spoke_was_never_up),
		TEST(test_who_waits_for_an_answer_at_a_door_never_makes_room),
		TEST(test_a_door_whose_file_was_removed_is_renewed_and_nobody_is_lost),
		TEST(test_what_waits_at_a_door_is_to_be_had_at_once),
	};

	if (argc == 3)
		return peer_main(argv[1], argv[2]);
	limit_files(GUESTS_MAX * GUESTS_FILES_SHARE); /* the limit for as many guests as there can be */
	return run_facts(tests);
}
