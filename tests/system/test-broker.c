/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real broker process, and clients made of transport, hello and wire alone. ACTOR_BROKER is the broker's
 * program.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "libactor/protocol/cause.h"
#include "libactor/protocol/hello.h"
#include "libactor/protocol/token.h"
#include "libactor/transport/transport.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "tests/fact.h"

#define NODE    UINT64_C(0x77)
#define KEY_HEX "000102030405060708090a0b0c0d0e0f"
#define LONG_MS 10000 /* nothing takes that long, so a wait of that length fails the test */

static const char *broker_program;
static char dir[64], broker_path[80];
static pid_t broker_pid;
static struct transport *transport;

struct received {
	struct list node;
	struct wire_frame frame; /* points into `bytes` */
	uint8_t bytes[];
};

struct client {
	struct pipe *link;
	bool up, down;
	int error;
	struct list received;
	uint64_t group;
	bool restarted;
	char refused[64];
	struct token resume;
	actor_ref broker;
	uint64_t ids;
	bool answered;
	int answer_error;
	char url[512];
};

/* ---- the broker ---- */

static void broker_start(const char *group, const char *window_ms)
{
	int64_t end_ms = clock_now_ms() + LONG_MS;

	unlink(broker_path);
	broker_pid = fork();
	assert_true(broker_pid >= 0);
	if (broker_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(broker_program, "actor-broker", "--runtime-dir", dir, "--node-id", "0x77", "--key-hex",
			KEY_HEX, "--group", group, "--window-ms", window_ms, (char *)NULL);
		_exit(127);
	}
	for (;;) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

		/* The wrong type of socket learns that somebody listens, and the listener does not see it. */
		snprintf(address.sun_path, sizeof(address.sun_path), "%s", broker_path);
		r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
		close(fd);
		if (r == EPROTOTYPE)
			return;
		assert_true(clock_now_ms() < end_ms);
		assert_int_equal(waitpid(broker_pid, NULL, WNOHANG), 0);
		usleep(2000);
	}
}

static void broker_kill(void)
{
	kill(broker_pid, SIGKILL);
	assert_int_equal(waitpid(broker_pid, NULL, 0), broker_pid);
	broker_pid = 0;
}

static size_t broker_fds(void)
{
	char path[64];
	size_t n = 0;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)broker_pid);
	fds = opendir(path);
	assert_non_null(fds);
	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}

static bool broker_is_alive(void)
{
	return waitpid(broker_pid, NULL, WNOHANG) == 0;
}

/* ---- clients ---- */

static void on_answer(struct client *c, const struct transport_event *event)
{
	struct hello_answer answer;

	c->answered = true;
	c->answer_error = event->error;
	if (event->error)
		return;
	assert_int_equal(hello_answer_parse(event->data, event->size_bytes, &answer), 0);
	if (answer.error.len) {
		snprintf(c->refused, sizeof(c->refused), "%.*s", (int)answer.error.len, answer.error.s);
		return;
	}
	snprintf(c->url, sizeof(c->url), "%.*s", (int)answer.url.len, answer.url.s);
	c->group = answer.group;
	c->restarted = answer.restarted;
	c->broker = answer.self;
	memcpy(c->resume.bytes, answer.resume, answer.resume_bytes);
	c->resume.size_bytes = answer.resume_bytes;
	assert_int_equal(answer.node, NODE);
}

static void on_data(struct client *c, const struct transport_event *event)
{
	size_t offset = 0, used;
	struct wire_frame frame;

	while (offset < event->size_bytes) {
		struct received *r;

		assert_true(wire_parse(event->data + offset, event->size_bytes - offset, &frame, &used) >= 0);
		r = malloc(sizeof(*r) + used);
		assert_non_null(r);
		memcpy(r->bytes, event->data + offset, used);
		assert_true(wire_parse(r->bytes, used, &r->frame, &used) >= 0);
		r->node = (struct list){0};
		list_append(&c->received, &r->node);
		offset += used;
	}
}

/* Waits for at least one event. */
static void turn(void)
{
	struct pollfd fd = {.fd = transport_fd(transport), .events = POLLIN};
	struct transport_event event;

	if (poll(&fd, 1, LONG_MS) != 1)
		fail_msg("nothing happened for %d ms", LONG_MS);
	while (transport_next(transport, &event) == 1) {
		struct client *c = event.user;

		switch (event.type) {
		case TRANSPORT_ANSWER:
			on_answer(c, &event);
			request_free(event.request);
			break;
		case TRANSPORT_PIPE_UP:
			c->up = true;
			break;
		case TRANSPORT_PIPE_DATA:
			on_data(c, &event);
			break;
		case TRANSPORT_PIPE_DOWN:
			c->up = false;
			c->down = true;
			c->error = event.error;
			break;
		default:
			break;
		}
	}
}

static void client_hello(struct client *c, const char *name, const struct token *token)
{
	struct hello hello = {
		.version_min = 1, .version_max = 1, .name = wire_cstr(name), .pid = (uint64_t)getpid()};
	struct request *request;
	struct buf b = BUF_INIT;

	if (token) {
		hello.token = token->bytes;
		hello.token_bytes = token->size_bytes;
	}
	hello_put(&b, &hello);
	c->answered = false;
	c->refused[0] = 0;
	assert_int_equal(request_send(transport, broker_path, b.data, b.size_bytes, LONG_MS, c, &request), 0);
	buf_deinit(&b);
	while (!c->answered)
		turn();
	assert_int_equal(c->answer_error, 0);
}

static struct client *client_new(void)
{
	struct client *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	list_init(&c->received);
	return c;
}

static void client_link(struct client *c)
{
	struct transport_peer expect = {.uid = getuid(), .pid = broker_pid};

	assert_string_equal(c->refused, "");
	c->up = c->down = false;
	assert_int_equal(pipe_dial(transport, c->url + 6, expect, LONG_MS, c, &c->link), 0);
	while (!c->up)
		turn();
}

static struct client *client_connect(const char *name, const struct token *token)
{
	struct client *c = client_new();

	client_hello(c, name, token);
	client_link(c);
	return c;
}

static void client_free(struct client *c)
{
	struct list *it;

	pipe_free(c->link);
	while ((it = list_pop(&c->received)))
		free(container_of(it, struct received, node));
	free(c);
}

static struct received *client_next(struct client *c)
{
	while (list_is_empty(&c->received)) {
		assert_false(c->down);
		turn();
	}
	return container_of(list_pop(&c->received), struct received, node);
}

static actor_ref ref_of(const struct client *c, uint64_t serial)
{
	return (actor_ref){NODE, c->group, serial};
}

/* Calls a method of $broker with [name] or [name, ref]. Returns the id of the call. */
static uint64_t ask(struct client *c, const char *method, const char *name, const actor_ref *ref)
{
	struct wire_dest to = {.name = wire_cstr("$broker")};
	struct buf args = BUF_INIT;

	mp_put_array(&args, (name != NULL) + (ref != NULL));
	if (name)
		mp_put_cstr(&args, name);
	if (ref)
		mp_put_ref(&args, *ref);
	wire_put_call(pipe_out(c->link), &to, ref_of(c, 0), wire_cstr(method), args.data, args.size_bytes,
		++c->ids, 0);
	pipe_flush(c->link);
	buf_deinit(&args);
	return c->ids;
}

static struct received *answer_of(struct client *c, uint64_t id)
{
	for (;;) {
		struct received *r = client_next(c);

		if ((r->frame.type == WIRE_REPLY || r->frame.type == WIRE_ERROR) && r->frame.id == id)
			return r;
		free(r); /* a cast of the broker */
	}
}

static void expect_nil(struct client *c, uint64_t id)
{
	struct received *r = answer_of(c, id);

	assert_int_equal(r->frame.type, WIRE_REPLY);
	assert_int_equal(r->frame.body[0], 0xc0);
	free(r);
}

static void expect_error(struct client *c, uint64_t id, const char *name)
{
	struct received *r = answer_of(c, id);

	assert_int_equal(r->frame.type, WIRE_ERROR);
	assert_true(mp_str_is(r->frame.method.s, r->frame.method.len, name));
	free(r);
}

static actor_ref expect_ref(struct client *c, uint64_t id)
{
	struct received *r = answer_of(c, id);
	struct mp_reader reader = mp_reader(r->frame.body, r->frame.body_bytes);
	actor_ref ref;

	assert_int_equal(r->frame.type, WIRE_REPLY);
	assert_int_equal(mp_read_ref(&reader, &ref), 0);
	free(r);
	return ref;
}

/* ---- facts ---- */

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test-broker-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(broker_path, sizeof(broker_path), "%s/broker.ipc", dir);
	broker_start("2", "0");
	assert_int_equal(transport_new(&transport), 0);
	return 0;
}

static int teardown(void **state)
{
	char sockets[80];

	transport_free(transport);
	if (broker_pid) {
		int status;

		assert_true(broker_is_alive());
		kill(broker_pid, SIGTERM);
		assert_int_equal(waitpid(broker_pid, &status, 0), broker_pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		broker_pid = 0;
	}
	snprintf(sockets, sizeof(sockets), "%s/b", dir);
	assert_int_equal(rmdir(sockets), 0); /* the folder of the sockets is empty */
	unlink(broker_path);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static void test_register_and_whereis(void **state)
{
	struct client *a = client_connect("a", NULL), *b = client_connect("b", NULL);
	actor_ref ref = ref_of(a, 1);

	assert_true(a->group >> 63);
	assert_int_not_equal(a->group, b->group);
	expect_nil(a, ask(a, "register", "counter", &ref));
	assert_true(actor_ref_equal(expect_ref(b, ask(b, "whereis", "counter", NULL)), ref));
	expect_error(b, ask(b, "register", "counter", &(actor_ref){NODE, b->group, 1}), "in_use");
	client_free(a);
	client_free(b);
}

static void test_a_call_is_routed_and_answered(void **state)
{
	struct client *a = client_connect("a", NULL), *b = client_connect("b", NULL);
	struct wire_dest to = {.name = wire_cstr("adder")};
	actor_ref ref = ref_of(b, 1);
	struct received *r;

	expect_nil(b, ask(b, "register", "adder", &ref));
	wire_put_call(pipe_out(a->link), &to, ref_of(a, 3), wire_cstr("add"), "\x92\x01\x02", 3, ++a->ids, 0);
	pipe_flush(a->link);
	r = client_next(b);
	assert_int_equal(r->frame.type, WIRE_CALL);
	assert_true(actor_ref_equal(r->frame.to.ref, ref));
	assert_int_equal(r->frame.body_bytes, 3);
	wire_put_reply(pipe_out(b->link), r->frame.from, ref, r->frame.id, "\x03", 1);
	pipe_flush(b->link);
	free(r);
	r = answer_of(a, a->ids);
	assert_true(actor_ref_equal(r->frame.to.ref, ref_of(a, 3)));
	assert_int_equal(r->frame.body[0], 3);
	free(r);
	client_free(a);
	client_free(b);
}

/*
 * Starts another process that registers a name, and is to be killed. It says that it is ready by its end of a
 * pipe.
 */
static pid_t fork_holder(const char *name)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* nng must not be used on both sides of a fork, so the child runs the program anew. */
		char self[4096], fd[16];
		ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

		if (n < 0)
			_exit(126);
		self[n] = 0;
		snprintf(fd, sizeof(fd), "%d", ready[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(self, self, "--hold", broker_path, name, fd, (char *)NULL);
		_exit(127);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static int hold(char **argv)
{
	struct client *c;
	actor_ref ref;
	int fd = atoi(argv[4]);

	snprintf(broker_path, sizeof(broker_path), "%s", argv[2]);
	if (transport_new(&transport) < 0)
		return 1;
	c = client_new();
	client_hello(c, "holder", NULL);
	if (pipe_dial(transport, c->url + 6, (struct transport_peer){.uid = getuid()}, LONG_MS, c, &c->link) <
		0)
		return 1;
	while (!c->up)
		turn();
	ref = ref_of(c, 1);
	expect_nil(c, ask(c, "register", argv[3], &ref));
	if (write(fd, "", 1) != 1)
		return 1;
	for (;;)
		pause();
}

static void test_kill_9_frees_the_names(void **state)
{
	struct client *a = client_connect("a", NULL);
	actor_ref ref = ref_of(a, 1);
	struct received *r;
	pid_t holder = fork_holder("held");

	assert_int_not_equal(expect_ref(a, ask(a, "whereis", "held", NULL)).group, a->group);
	kill(holder, SIGKILL);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	r = client_next(a); /* says that the name has no owner now */
	assert_int_equal(r->frame.type, WIRE_CAST);
	assert_true(mp_str_is(r->frame.method.s, r->frame.method.len, "name"));
	free(r);
	expect_nil(a, ask(a, "register", "held", &ref));
	client_free(a);
}

static void raw_garbage(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char bytes[4096];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	memset(bytes, 0xee, sizeof(bytes));
	send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		; /* reads until the broker closes the connection */
	close(fd);
}

static void test_garbage_ends_only_its_own_connection(void **state)
{
	struct client *a = client_connect("a", NULL), *rude = client_connect("rude", NULL);
	struct buf b = BUF_INIT;
	struct request *request;
	struct received *r;

	raw_garbage(broker_path);

	/* A request that is no hello. */
	mp_put_cstr(&b, "let me in");
	rude->answered = false;
	assert_int_equal(
		request_send(transport, broker_path, b.data, b.size_bytes, LONG_MS, rude, &request), 0);
	while (!rude->answered)
		turn();
	assert_string_equal(rude->refused, "bad_hello");
	buf_deinit(&b);

	/* Bytes that are no frame. */
	buf_append(pipe_out(rude->link), "\xc1\xc1", 2);
	pipe_flush(rude->link);
	r = client_next(rude);
	assert_int_equal(r->frame.type, WIRE_BYE);
	free(r);
	while (!rude->down)
		turn();

	expect_nil(a, ask(a, "ready", NULL, NULL));
	client_free(a);
	client_free(rude);
}

static void test_a_foreign_token_is_refused(void **state)
{
	static const uint8_t other_key[TOKEN_KEY_BYTES] = {9};
	struct client *c = client_new();
	struct token token;

	assert_int_equal(token_make(&token, other_key, 5, "x"), 0);
	client_hello(c, "x", &token);
	assert_string_equal(c->refused, "bad_token");
	client_free(c);
}

static void test_a_second_link_for_a_token_is_refused(void **state)
{
	struct client *a = client_connect("a", NULL), *b = client_new();

	/* The answer shows that the broker, too, has seen the link come up. */
	expect_nil(a, ask(a, "ready", NULL, NULL));
	client_hello(b, "b", &a->resume);
	assert_string_equal(b->refused, "in_use");
	client_free(a);
	client_free(b);
}

static void test_a_resume_token_outlives_the_broker(void **state)
{
	struct client *a = client_connect("a", NULL), *b;
	uint64_t group = a->group;
	struct wire_dest to = {.name = wire_cstr("$broker")};
	struct token resume = a->resume;
	actor_ref ref = ref_of(a, 1);
	struct buf args = BUF_INIT;
	struct received *r;

	expect_nil(a, ask(a, "register", "n", &ref));
	broker_kill();
	while (!a->down)
		turn();
	client_free(a);
	broker_start("3", "200"); /* this broker has a recovery window, but no supervisor */

	a = client_connect("a", &resume);
	assert_int_equal(a->group, group);
	assert_true(a->restarted);
	b = client_connect("b", NULL);
	assert_int_not_equal(b->group, group);
	assert_false(b->restarted);
	mp_put_array(&args, 3);
	mp_put_array(&args, 1);
	mp_put_array(&args, 2);
	mp_put_cstr(&args, "n");
	mp_put_ref(&args, ref);
	mp_put_array(&args, 0);
	mp_put_array(&args, 0);
	wire_put_call(pipe_out(a->link), &to, ref_of(a, 0), wire_cstr("announce"), args.data, args.size_bytes,
		++a->ids, 0);
	pipe_flush(a->link);
	buf_deinit(&args);
	r = answer_of(a, a->ids);
	assert_int_equal(r->frame.type, WIRE_REPLY);
	assert_int_equal(r->frame.body[0], 0x90); /* no name was lost */
	free(r);
	expect_nil(a, ask(a, "announced", NULL, NULL));
	assert_true(actor_ref_equal(expect_ref(b, ask(b, "whereis", "n", NULL)), ref));
	client_free(a);
	client_free(b);
}

static uint64_t count_groups(struct client *c)
{
	struct received *r = answer_of(c, ask(c, "stats", NULL, NULL));
	struct mp_reader reader = mp_reader(r->frame.body, r->frame.body_bytes);
	uint64_t value = 0;
	uint32_t n;

	assert_int_equal(mp_read_map(&reader, &n), 0);
	while (n--) {
		const char *s;
		size_t len;

		assert_int_equal(mp_read_str(&reader, &s, &len), 0);
		assert_int_equal(mp_read_uint(&reader, &value), 0);
		if (mp_str_is(s, len, "groups"))
			break;
	}
	free(r);
	return value;
}

static void test_two_hundred_clients_leave_nothing_behind(void **state)
{
	struct client *watcher = client_connect("watcher", NULL), *clients[200];
	size_t fds;

	/* nng keeps some files open from the first client on. */
	client_free(client_connect("first", NULL));
	while (count_groups(watcher) != 1)
		;
	fds = broker_fds();
	for (int i = 0; i < 200; i++)
		clients[i] = client_connect("c", NULL);
	assert_int_equal(count_groups(watcher), 201);
	assert_true(broker_fds() >= fds + 200);
	for (int i = 0; i < 200; i++)
		client_free(clients[i]);
	while (count_groups(watcher) != 1)
		;
	for (int64_t end_ms = clock_now_ms() + LONG_MS; broker_fds() > fds && clock_now_ms() < end_ms;)
		usleep(2000); /* nng closes listeners a moment later */
	/* There may be fewer, since the hello of the first client was still open. */
	assert_true(broker_fds() <= fds);
	client_free(watcher);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_register_and_whereis),
		T(test_a_call_is_routed_and_answered),
		T(test_kill_9_frees_the_names),
		T(test_garbage_ends_only_its_own_connection),
		T(test_a_foreign_token_is_refused),
		T(test_a_second_link_for_a_token_is_refused),
		T(test_a_resume_token_outlives_the_broker),
		T(test_two_hundred_clients_leave_nothing_behind),
	};

	if (argc == 5 && !strcmp(argv[1], "--hold"))
		return hold(argv);
	broker_program = getenv("ACTOR_BROKER");
	if (!broker_program) {
		fputs("ACTOR_BROKER must name the program actor-broker\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	return run_facts(tests);
}
