/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads and signal handlers post to a group. To be run under ThreadSanitizer as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
#include "tests/fact.h"

#define THREADS 4
#define POSTS   20000 /* how many posts each thread makes */

/* The loop calls this just before it looks for events, in place of another thread. */
static void (*meanwhile)(void);

int __real_epoll_pwait2(
	int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask);
int __wrap_epoll_pwait2(
	int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask);

int __wrap_epoll_pwait2(
	int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask)
{
	void (*now)(void) = meanwhile;

	meanwhile = NULL;
	if (now)
		now();
	return __real_epoll_pwait2(fd, events, n, timeout, mask);
}

static bool memory_fails;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t size)
{
	return memory_fails ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return memory_fails ? NULL : __real_calloc(n, size);
}

/* ---- the actor ---- */

static actor_inlet *inlet;
static uint32_t mailbox_max;
static int64_t n_got, n_wanted;
static int64_t last_of[THREADS]; /* the number of each thread's last post */
static bool out_of_order, overfull;
static int64_t handler_takes_ms;
static char got_bytes[ACTOR_POST_BYTES_MAX];
static size_t got_size;

static int on_number(actor *self, const actor_msg *msg)
{
	int64_t thread, i;

	if (actor_msg_unpack(msg, "II", &thread, &i) < 0)
		return -EPROTO;
	if (i != last_of[thread] + 1)
		out_of_order = true;
	last_of[thread] = i;
	if (mailbox_max && self->mailbox.n_messages >= mailbox_max)
		overfull = true; /* the message itself is out of the mailbox already */
	if (handler_takes_ms)
		actor_sleep(self, handler_takes_ms);
	if (++n_got == n_wanted)
		actor_stop(self, actor_self(self), NULL);
	return 0;
}

static int on_bytes(actor *self, const actor_msg *msg)
{
	const void *data;

	if (actor_msg_unpack(msg, "y#", &data, &got_size) < 0 ||
		!actor_ref_equal(actor_msg_sender(msg), (actor_ref){1, 1, 0}))
		return -EPROTO;
	memcpy(got_bytes, data, got_size);
	if (++n_got == n_wanted)
		actor_stop(self, actor_self(self), NULL);
	return 0;
}

static int inlet_init(actor *self, const void *arg)
{
	return actor_inlet_new(self, "bytes", &inlet);
}

static const struct actor_method methods[] = {
	{.name = "number", .on_cast = on_number}, {.name = "bytes", .on_cast = on_bytes}, {0}};

static actor_group *group;
static struct actor_behavior behavior;

static int n_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void begin(int64_t wanted)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};

	behavior = (struct actor_behavior){
		.name = "taker", .methods = methods, .init = inlet_init, .mailbox_max_messages = mailbox_max};
	n_got = 0;
	n_wanted = wanted;
	out_of_order = overfull = false;
	memset(last_of, 0, sizeof(last_of));
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &behavior, NULL, NULL, NULL), 0);
}

static void end(void)
{
	group = actor_group_free(group);
	inlet = actor_inlet_free(inlet);
	mailbox_max = 0;
	handler_takes_ms = 0;
}

/* ---- threads ---- */

static atomic_int n_busy; /* how often a thread was told to try again */

static void *post_numbers(void *arg)
{
	int64_t thread = (int64_t)(intptr_t)arg;
	actor_inlet *mine = actor_inlet_keep(inlet);

	for (int64_t i = 1; i <= POSTS; i++) {
		int r;

		while ((r = actor_post(mine, "number", "II", thread, i)) == -EBUSY) {
			atomic_fetch_add(&n_busy, 1);
			sched_yield();
		}
		if (r < 0)
			abort();
	}
	actor_inlet_free(mine);
	return NULL;
}

static void threads_post(void *(*fn)(void *arg))
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fn, (void *)(intptr_t)i), 0);
	assert_int_equal(actor_group_run(group), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void test_what_threads_post_comes_once_each_in_the_order_of_its_thread(void **state)
{
	int fds = n_fds();

	begin(THREADS * POSTS);
	threads_post(post_numbers);
	assert_int_equal(n_got, THREADS * POSTS);
	assert_false(out_of_order);
	end();
	assert_int_equal(n_fds(), fds);
}

static void test_who_posts_faster_than_it_is_handled_is_told_and_nothing_is_lost(void **state)
{
	mailbox_max = 8;
	begin(THREADS * POSTS);
	atomic_store(&n_busy, 0);
	threads_post(post_numbers);
	assert_int_equal(n_got, THREADS * POSTS);
	assert_false(out_of_order);
	assert_false(overfull);
	end();
}

static void test_an_inlet_has_bounds(void **state)
{
	static char big[300000];
	char bytes[ACTOR_POST_BYTES_MAX + 1] = {0};
	int n = 0, r;

	begin(-1);
	/* The group does not run, so all posts wait. */
	while ((r = actor_post(inlet, "number", "II", INT64_C(0), (int64_t)n + 1)) == 0)
		n++;
	assert_int_equal(r, -EBUSY);
	assert_int_equal(n, 4096);
	n_wanted = n;
	assert_int_equal(actor_group_run(group), 0);
	assert_int_equal(n_got, n);
	end();

	begin(-1);
	for (n = 0; actor_post(inlet, "number", "y#", big, sizeof(big)) == 0; n++)
		;
	assert_int_equal(n, 4); /* the one that fills the inlet is still taken */
	end();

	begin(-1);
	assert_int_equal(actor_post_bytes(inlet, bytes, sizeof(bytes)), -EMSGSIZE);
	for (n = 0; (r = actor_post_bytes(inlet, bytes, sizeof(bytes) - 1)) == 0; n++)
		;
	assert_int_equal(r, -EBUSY);
	assert_int_equal(n, 64);
	n_wanted = n;
	assert_int_equal(actor_group_run(group), 0);
	assert_int_equal(got_size, ACTOR_POST_BYTES_MAX);
	end();
}

static void test_misuse_of_an_inlet_is_refused(void **state)
{
	begin(1);
	assert_int_equal(actor_post(inlet, NULL, ""), -EINVAL);
	assert_int_equal(actor_post(inlet, "", ""), -EINVAL);
	assert_int_equal(actor_post(inlet, "number", "?"), -EINVAL);
	assert_int_equal(actor_post_bytes(inlet, NULL, 0), 0);
	assert_int_equal(actor_group_run(group), 0);
	assert_int_equal(got_size, 0);
	assert_null(actor_inlet_free(NULL));
	end();
}

static int refused_init(actor *self, const void *arg)
{
	actor_inlet *none = NULL;
	int r;

	memory_fails = true;
	r = actor_inlet_new(self, "bytes", &none);
	memory_fails = false;
	return r;
}

static void memory_is_back(void)
{
	memory_fails = false;
}

static void test_what_was_posted_waits_for_memory(void **state)
{
	static const struct actor_behavior refused = {.name = "refused", .init = refused_init};

	begin(2);
	assert_int_equal(actor_group_spawn(group, &refused, NULL, NULL, NULL), -ENOMEM);
	memory_fails = true;
	assert_int_equal(actor_post(inlet, "bytes", "y#", "x", (size_t)1), -ENOMEM);
	memory_fails = false;
	assert_int_equal(actor_post(inlet, "bytes", "y#", "x", (size_t)1), 0);
	memory_fails = true;
	assert_int_equal(actor_post_bytes(inlet, "x", 1), 0); /* actor_post_bytes() needs no memory */
	meanwhile = memory_is_back;
	assert_int_equal(actor_group_run(group), 0);
	assert_int_equal(n_got, 2);
	end();
}

/* ---- signals ---- */

static atomic_int n_posted, n_full;

static void post_signal(int signo)
{
	int before = errno, r;

	errno = 1234;
	r = actor_post_bytes(inlet, &signo, sizeof(signo));
	atomic_fetch_add(r == 0 ? &n_posted : &n_full, 1);
	if (errno != 1234 || (r < 0 && r != -EBUSY))
		abort();
	errno = before;
}

static void *send_signals(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		kill(getpid(), SIGUSR1);
		if (i % 10 == 0)
			sched_yield();
	}
	while (actor_post(inlet, "number", "II", INT64_C(0), INT64_C(1)) == -EBUSY)
		sched_yield();
	return NULL;
}

static void test_a_signal_handler_posts_whatever_it_interrupts(void **state)
{
	struct sigaction action = {.sa_handler = post_signal, .sa_flags = SA_RESTART};
	pthread_t thread;
	int signo;

	begin(-1);
	atomic_store(&n_posted, 0);
	atomic_store(&n_full, 0);
	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_signals, NULL), 0);
	/*
	 * The thread's own post is behind the posts of all signals but the last, whose handler may run beside
	 * it.
	 */
	while (!last_of[0] || n_got <= atomic_load(&n_posted)) {
		struct pollfd ready = {.fd = actor_group_get_fd(group), .events = POLLIN};

		(void)poll(&ready, 1, -1);
		actor_group_dispatch(group);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(n_got, atomic_load(&n_posted) + 1);
	assert_true(atomic_load(&n_posted) > 0);
	memcpy(&signo, got_bytes, sizeof(signo));
	assert_int_equal(signo, SIGUSR1);
	signal(SIGUSR1, SIG_DFL);
	end();
}

static void post_one(void)
{
	assert_int_equal(actor_post_bytes(inlet, "x", 1), 0);
}

static void stop_it(void)
{
	actor_group_stop(group);
}

/* Dispatches as long as the descriptor says that there is something to do. */
static int dispatch_what_is_ready(void)
{
	struct pollfd ready = {.fd = actor_group_get_fd(group), .events = POLLIN};
	int r;

	do
		r = actor_group_dispatch(group);
	while (poll(&ready, 1, 0) > 0);
	return r;
}

static void test_who_rings_while_an_embedded_group_looks_for_events_is_heard(void **state)
{
	begin(-1);
	dispatch_what_is_ready();
	meanwhile = post_one;
	assert_int_equal(dispatch_what_is_ready(), 1);
	assert_int_equal(n_got, 1);
	meanwhile = stop_it;
	assert_int_equal(dispatch_what_is_ready(), 0);
	end();
}

/* ---- ends ---- */

static atomic_bool may_end;

static void *post_until_it_ends(void *arg)
{
	actor_inlet *mine = actor_inlet_keep(inlet);
	int64_t n = 0;
	int r;

	atomic_store(&may_end, true);
	while ((r = n++ % 2 ? actor_post(mine, "bytes", "y#", "x", (size_t)1)
			    : actor_post_bytes(mine, "x", 1)) != -ESRCH)
		if (r < 0 && r != -EBUSY)
			abort();
	/* Posting to a group that has ended is an error each time. */
	if (actor_post(mine, "number", "") != -ESRCH || actor_post_bytes(mine, "x", 1) != -ESRCH)
		abort();
	actor_inlet_free(mine);
	return NULL;
}

static void test_posting_to_a_group_that_ends_meanwhile_is_an_error_and_no_crash(void **state)
{
	int fds = n_fds();

	for (int round = 0; round < 50; round++) {
		pthread_t threads[THREADS];

		/* In odd rounds the actor ends; in even ones the group is freed with it. */
		begin(round % 2 ? 100 : -1);
		atomic_store(&may_end, false);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, post_until_it_ends, NULL), 0);
		if (round % 2)
			assert_int_equal(actor_group_run(group), 0);
		else
			while (!atomic_load(&may_end))
				sched_yield();
		group = actor_group_free(group);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(n_fds(), fds + 1); /* the inlet keeps one */
		end();
	}
	assert_int_equal(n_fds(), fds);
}

static int two_init(actor *self, const void *arg)
{
	return actor_inlet_new(self, "\n", &inlet) == -EINVAL && actor_inlet_new(self, "bytes", &inlet) == 0
		       ? actor_inlet_new(self, "bytes", (actor_inlet **)(uintptr_t)arg)
		       : -EPROTO;
}

static void test_an_actor_may_have_several_and_is_reached_by_each(void **state)
{
	actor_inlet *other = NULL;

	begin(-1);
	behavior.init = two_init;
	inlet = actor_inlet_free(inlet);
	n_got = 0;
	n_wanted = 2;
	assert_int_equal(actor_group_spawn(group, &behavior, &other, NULL, NULL), 0);
	assert_int_equal(actor_post_bytes(inlet, "a", 1), 0);
	assert_int_equal(actor_post_bytes(other, "b", 1), 0);
	while (n_got < 2)
		actor_group_dispatch(group);
	actor_group_stop(group);
	assert_int_equal(actor_group_run(group), 0);
	assert_int_equal(actor_post_bytes(other, "b", 1), -ESRCH);
	actor_inlet_free(other);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_threads_post_comes_once_each_in_the_order_of_its_thread),
		cmocka_unit_test(test_who_posts_faster_than_it_is_handled_is_told_and_nothing_is_lost),
		cmocka_unit_test(test_an_inlet_has_bounds),
		cmocka_unit_test(test_misuse_of_an_inlet_is_refused),
		cmocka_unit_test(test_what_was_posted_waits_for_memory),
		cmocka_unit_test(test_a_signal_handler_posts_whatever_it_interrupts),
		cmocka_unit_test(test_who_rings_while_an_embedded_group_looks_for_events_is_heard),
		cmocka_unit_test(test_posting_to_a_group_that_ends_meanwhile_is_an_error_and_no_crash),
		cmocka_unit_test(test_an_actor_may_have_several_and_is_reached_by_each),
	};

	return run_facts(tests);
}
