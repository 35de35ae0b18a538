/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios of alloc-fails in a group without a node. */
#include "alloc-fails.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "actor/overload.h"
#include "actor/pool.h"
#include "actor/port.h"
#include "actor/trace.h"

#define N 6

size_t n_notes;

static int server_echo(actor *self, const actor_msg *msg, actor_from *from)
{
	int n;

	if (actor_msg_unpack(msg, "i", &n) < 0)
		return actor_reply_error(from, "server.bad_argument", "not an int");
	return actor_reply(from, "i", n);
}

/* Answers after its handler has returned. */
static int server_late(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_from *kept = actor_from_keep(from);

	if (!kept)
		return actor_reply_error(from, "server.no_memory", "%s", "the address cannot be kept");
	if (actor_cast(self, actor_to(actor_self(self)), "answer", "U", (uint64_t)(uintptr_t)kept) < 0)
		actor_from_free(kept);
	return 0;
}

static int server_answer(actor *self, const actor_msg *msg)
{
	uint64_t kept;

	must(actor_msg_unpack(msg, "U", &kept) == 0);
	must_work(actor_reply((actor_from *)(uintptr_t)kept, "s", "late"));
	return 0;
}

static int server_note(actor *self, const actor_msg *msg)
{
	n_notes++;
	return 0;
}

static int server_fail(actor *self, const actor_msg *msg)
{
	return -EIO;
}

static int server_wait(actor *self, const actor_msg *msg, actor_from *from)
{
	may(actor_sleep(self, 2));
	return actor_reply(from, "");
}

/* Streams the numbers below N; of an odd argument by a kept address. */
static int server_list(actor *self, const actor_msg *msg, actor_from *from)
{
	int n = 0, r = 0;

	must(actor_msg_unpack(msg, "i", &n) == 0);
	if (n % 2) {
		actor_from *kept = actor_from_keep(from);

		if (!kept)
			return actor_reply_error(
				from, "server.no_memory", "%s", "the address cannot be kept");
		from = kept;
	}
	for (int i = 0; i < N && r == 0; i++)
		r = actor_stream_send(self, from, ACTOR_FOREVER, "i", i);
	if (r == -ENOMEM)
		return actor_reply_error(from, "server.no_memory", "%s", "an item is missing");
	return actor_stream_end(from); /* also of a stream that nobody takes any more */
}

static const struct actor_method server_methods[] = {{.name = "list", .on_call = server_list},
	{.name = "echo", .on_call = server_echo}, {.name = "late", .on_call = server_late},
	{.name = "answer", .on_cast = server_answer}, {.name = "note", .on_cast = server_note},
	{.name = "lagged", .on_cast = server_note}, {.name = "fail", .on_cast = server_fail},
	{.name = "wait", .on_call = server_wait}, {0}};
const struct actor_behavior server = {.name = "server", .state_size = 64, .methods = server_methods};

/* ---- messages ---- */

static void answers_are_whole(struct actor_answer *answers, size_t n)
{
	int number;

	for (size_t i = 0; i < n; i++)
		if (may(answers[i].r) == 0)
			must(actor_msg_unpack(answers[i].msg, "i", &number) == 0 && number == 5);
	actor_answers_clear(answers, n);
}

static void messages(actor *self)
{
	struct actor_answer answers[N], answer;
	actor_dest to[N];
	actor_msg *msg = NULL;
	actor_ref who[N];
	char *big;
	int n = 0;

	for (; n < N && may(actor_spawn(self, &server, NULL, &who[n])) == 0; n++)
		to[n] = actor_to(who[n]);
	if (n < N)
		return;
	for (int i = 0; i < N; i++) {
		may(actor_cast(self, to[0], "note", "sim", "text", i, "\xa2hi", (size_t)3));
		if (may(actor_call(self, to[i], i % 2 ? "late" : "echo", ACTOR_FOREVER, &msg, "i", i)) == 0)
			must(msg);
		msg = actor_msg_free(msg);
	}
	big = calloc(1, 200000);
	if (big) {
		may(actor_cast(self, to[1], "note", "b", big, (size_t)200000));
		free(big);
	}
	if (may(actor_multicall(self, to, N, "echo", ACTOR_FOREVER, answers, "i", 5)) >= 0)
		answers_are_whole(answers, N);
	for (int i = 0; i < N; i++)
		may(actor_request(self, to[i], i % 2 ? "late" : "wait", ACTOR_FOREVER, NULL, "i", i));
	may(actor_call_and_forward(self, to[0], "echo", ACTOR_FOREVER, who[1], "note", NULL, "i", 1));
	if (may(actor_msg_new(&msg)) == 0 && may(actor_msg_pack(msg, "[i s]", 1, "x")) >= 0)
		may(actor_cast_msg(self, to[2], "note", &msg));
	msg = actor_msg_free(msg);
	while (actor_request_wait(self, NULL, 0, ACTOR_FOREVER, NULL, &answer) == 0) {
		may(answer.r);
		actor_msg_free(answer.msg);
	}
	may_also(-EDEADLK, actor_call(self, actor_to(actor_self(self)), "echo", ACTOR_FOREVER, NULL, ""));
	for (int i = 0; i < N; i++)
		may(actor_stop(self, who[i], "done"));
}

/* A stream that ends without an error has all its items. */
static void streams(actor *self)
{
	actor_ref who;
	actor_msg *item;
	uint64_t id;

	if (may(actor_spawn(self, &server, NULL, &who)) < 0)
		return;
	for (int i = 0; i < N; i++) {
		struct actor_stream_window window = {.items = i / 2};
		int n = 0, number, r;

		if (may(actor_stream_open(self, actor_to(who), "list", ACTOR_FOREVER, window, &id, "i", i)) <
			0)
			continue;
		while ((r = may(actor_stream_next(self, id, ACTOR_FOREVER, &item))) == 1) {
			must(actor_msg_unpack(item, "i", &number) == 0 && number == n++);
			item = actor_msg_free(item);
		}
		actor_msg_free(item);
		must(r != 0 || n == N);
	}
	may(actor_stop(self, who, "done"));
}

/* ---- ends ---- */

static int child_init(actor *self, const void *arg)
{
	return actor_link(self, *(const actor_ref *)arg);
}

static const struct actor_behavior child = {
	.name = "child", .state_size = 16, .methods = server_methods, .init = child_init};

static void ends(actor *self)
{
	actor_ref own = actor_self(self), who;
	uint64_t monitor, ids[N];
	int n = 0;

	may(actor_trap_exit(self, true));
	if (may(actor_spawn_monitor(self, &server, NULL, &who, &monitor)) == 0) {
		for (; n < N && may(actor_monitor(self, who, &ids[n])) == 0; n++)
			;
		if (n > 1)
			actor_demonitor(self, ids[0]);
		may(actor_stop(self, who, "a reason that is not one of the usual ones"));
	}
	if (may(actor_spawn_link(self, &server, NULL, &who)) == 0)
		may(actor_cast(self, actor_to(who), "fail", ""));
	if (may(actor_spawn_link(self, &server, NULL, &who)) == 0)
		may(actor_kill(self, who));
	if (may(actor_spawn(self, &child, &own, &who)) == 0)
		may(actor_exit(self, who, "an exit signal"));
	if (may(actor_spawn(self, &child, &own, &who)) == 0)
		actor_unlink(self, who);
	may(actor_monitor(self, (actor_ref){1, 1, 999}, &monitor));
	may(actor_sleep(self, 2));
}

/* ---- timers ---- */

static void timers(actor *self)
{
	uint64_t ids[3 * N];
	actor_ref who;
	int n = 0;

	if (may(actor_spawn(self, &server, NULL, &who)) < 0)
		return;
	for (int i = 0; i < N; i++) {
		n += may(actor_send_after(self, 1 + i, "note", &ids[n], "is", i, "text")) == 0;
		n += may(actor_send_after_to(self, 1 + i, actor_to(who), "note", &ids[n], "i", i)) == 0;
		n += may(actor_send_interval_to(self, 1 + i, actor_to(who), "note", &ids[n], "i", i)) == 0;
	}
	may(actor_idle_after(self, 1, "note"));
	may(actor_sleep(self, 3));
	for (int i = 0; i < n; i++)
		actor_timer_cancel(self, ids[i]);
	if (may(actor_exit_after(self, who, 1, "time is over", &ids[0])) < 0)
		may(actor_kill_after(self, who, 1, NULL));
	may_also(-ETIMEDOUT, actor_call(self, actor_to(who), "wait", 1, NULL, ""));
	may(actor_sleep(self, 3));
}

/* ---- threads and descriptors ---- */

struct job {
	int in, out;
	char text[64];
};

static void work(void *data)
{
	((struct job *)data)->out = ((struct job *)data)->in + 1;
}

static void outside_of_the_loop(actor *self)
{
	struct job job = {.in = 1};
	actor_inlet *inlet = NULL;
	actor_ref who;
	int fd;

	if (may(actor_spawn(self, &server, NULL, &who)) < 0)
		return;
	for (int i = 0; i < N; i++)
		if (may_also(-EAGAIN, actor_offload(self, work, &job, sizeof(job), NULL, ACTOR_FOREVER)) ==
			0) {
			must(job.out == job.in + 1);
			job.in++;
		}
	if (may(actor_inlet_new(self, "note", &inlet)) == 0) {
		for (int i = 0; i < N; i++)
			may(actor_post(inlet, "note", "is", i, "text"));
		may(actor_post_bytes(inlet, "bytes", 5));
		may(actor_sleep(self, 1));
	}
	actor_inlet_free(inlet);
	fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (may(actor_watch_fd(self, fd, POLLIN, "note")) == 0) {
		may(actor_sleep(self, 1));
		may(actor_unwatch_fd(self, fd));
	}
	close(fd);
}

/* ---- a port ---- */

/* With memory again, an item comes to all who have subscribed. */
static void port_still_feeds(actor *self, actor_port *port)
{
	bool counted = short_counts;
	size_t n_taken;

	short_counts = false;
	n_notes = 0;
	n_taken = (size_t)may_also(-ESRCH, actor_port_publish(self, port, "i", 1));
	for (int i = 0; (ssize_t)n_taken > 0 && n_notes < n_taken; i++) {
		must(i < 20000);
		must_work(actor_sleep(self, 1));
	}
	short_counts = counted;
}

static void a_port(actor *self)
{
	struct actor_port_options options = {.queue_max = 4};
	struct actor_port_subscription wish = {
		.method = "note", .lag_method = "lagged", .policy = ACTOR_PORT_DROP_OLDEST};
	actor_port *port = NULL;
	actor_ref who;
	uint64_t ids[N];
	int n = 0;

	if (may(actor_spawn(self, &server, NULL, &who)) < 0 || may(actor_port_new(self, &port, &options)) < 0)
		return;
	wish.who = who;
	for (; n < N && may(actor_port_subscribe(self, actor_to(actor_port_ref(port)), &wish, &ids[n])) == 0;
		n++)
		wish.policy = n % 2 ? ACTOR_PORT_BLOCK : ACTOR_PORT_DROP_NEWEST;
	for (int i = 0; i < 2 * N; i++)
		may(actor_port_publish(self, port, "is", i, "an item"));
	if (n)
		may(actor_port_unsubscribe(self, actor_to(actor_port_ref(port)), ids[0]));
	may(actor_sleep(self, 1));
	port_still_feeds(self, port);
	actor_port_free(self, port);
}

/* ---- a pool of actors ---- */

/* Memory that the pool lacks is no reason to kill a worker: none of these is ever stuck. */
static void on_pool_event(actor *self, const struct actor_pool_event *event, void *arg)
{
	must(event->kind != ACTOR_POOL_EVENT_WORKER_DOWN || strcmp(event->cause->reason, "killed") != 0);
}

/* With memory again, jobs are done; unless the pool has ended for want of memory. */
static void pool_still_works(actor *self, actor_ref pool)
{
	struct actor_pool_job job = {.method = "echo"};
	bool counted = short_counts;
	actor_msg *msg = NULL;
	int r, n = 0;

	short_counts = false;
	r = actor_pool_call(self, actor_to(pool), &job, 20000, &msg, "i", 3);
	must(r == -ESRCH || r == -ECONNRESET || r == 0);
	must(r != 0 || (actor_msg_unpack(msg, "i", &n) == 0 && n == 3));
	actor_msg_free(msg);
	short_counts = counted;
}

static void a_pool(actor *self)
{
	struct actor_pool_options options = {.name = "pool",
		.workers = 3,
		.behavior = &server,
		.behavior_bytes = sizeof(server),
		.retries = 2,
		.backoff_min_ms = 1,
		.backoff_max_ms = 2,
		.on_event = on_pool_event};
	struct actor_pool_job job = {.method = "echo"};
	actor_msg *msg = NULL;
	actor_ref pool;

	if (may(actor_pool_spawn(self, &options, &pool)) < 0)
		return;
	for (int i = 0; i < N; i++) {
		may_also(-ETIMEDOUT, actor_pool_call(self, actor_to(pool), &job, 50, &msg, "i", i));
		msg = actor_msg_free(msg);
		may(actor_pool_cast(self, actor_to(pool), &job, "i", i));
	}
	options.workers = 2;
	may(actor_pool_set(self, pool, &options));
	pool_still_works(self, pool);
	may(actor_stop(self, pool, NULL));
}

/* ---- limits, dead letters, a trace ---- */

static int bounded_init(actor *self, const void *arg)
{
	struct actor_overload limits = {.overflow = ACTOR_DROP_OLDEST, .max_messages = 2};

	return actor_overload(self, &limits);
}

static int letter(actor *self, const struct actor_dead_letter *letter)
{
	return 0;
}

static int observer_init(actor *self, const void *arg)
{
	return actor_dead_letters(self, true);
}

static const struct actor_behavior bounded = {
	.name = "bounded", .methods = server_methods, .init = bounded_init};
static const struct actor_behavior observer = {
	.name = "observer", .methods = server_methods, .init = observer_init, .on_dead_letter = letter};

static void limits_and_letters(actor *self)
{
	struct actor_trace trace;
	actor_ref who, by;

	may(actor_trace_start(self, 9));
	if (actor_trace_get(self, &trace))
		may(actor_trace_set(self, &trace));
	if (may(actor_spawn(self, &observer, NULL, &by)) < 0 ||
		may(actor_spawn(self, &bounded, NULL, &who)) < 0)
		return;
	for (int i = 0; i < 2 * N; i++) {
		may(actor_cast(self, actor_to(who), "note", "i", i));
		may(actor_cast(self, actor_to((actor_ref){1, 1, 999}), "note", "i", i));
	}
	may(actor_call(self, actor_to(who), "echo", ACTOR_FOREVER, NULL, "i", 1));
	may(actor_sleep(self, 1));
}

const struct scenario local_scenarios[] = {
	{"messages", messages, ACTOR_JOIN_NONE},
	{"streams", streams, ACTOR_JOIN_NONE},
	{"ends", ends, ACTOR_JOIN_NONE},
	{"timers", timers, ACTOR_JOIN_NONE},
	{"outside", outside_of_the_loop, ACTOR_JOIN_NONE},
	{"port", a_port, ACTOR_JOIN_NONE},
	{"pool", a_pool, ACTOR_JOIN_NONE},
	{"limits", limits_and_letters, ACTOR_JOIN_NONE},
	{0},
};
