/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/broker-world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"

/* ---- hands ---- */

static int hand_link_listen(
	void *arg, struct broker_pipe *pipe, const char *path, uid_t uid, pid_t pid, void **ret)
{
	struct world *w = arg;
	struct client *c;

	if (w->listen_error)
		return w->listen_error;
	c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->world = w;
	c->pipe = pipe;
	c->uid = uid;
	c->pid = pid;
	snprintf(c->path, sizeof(c->path), "%s", path);
	list_append(&w->clients, &c->node);
	w->listening = c;
	w->n_open++;
	*ret = c;
	return 0;
}

static void hand_link_close(void *arg, void *handle)
{
	struct world *w = arg;
	struct client *c = handle;

	assert_false(c->closed);
	c->closed = true;
	c->up = false;
	c->pipe = NULL;
	assert_true(w->n_open > 0);
	w->n_open--;
}

static struct buf *hand_link_out(void *arg, void *handle)
{
	struct client *c = handle;

	assert_false(c->closed);
	return &c->unsent;
}

static void hand_link_flush(void *arg, void *handle)
{
	struct client *c = handle;

	assert_false(c->closed);
	assert_true(c->unsent.size_bytes <= WIRE_MESSAGE_MAX_BYTES);
	buf_append(&c->in, c->unsent.data, c->unsent.size_bytes);
	buf_reset(&c->unsent, 4096);
}

static size_t hand_link_backlog(void *arg, void *handle)
{
	struct client *c = handle;

	return c->unsent.size_bytes + c->in.size_bytes - c->in_taken;
}

static void hand_link_notify_drained(void *arg, void *handle)
{
	((struct client *)handle)->notify = true;
}

static void hand_hello_answer(void *arg, uint64_t hello_id, const void *data, size_t size_bytes)
{
	struct world *w = arg;

	assert_false(w->answered);
	w->answered = true;
	assert_int_equal(hello_answer_parse(data, size_bytes, &w->answer), 0);
	snprintf(w->error, sizeof(w->error), "%.*s", (int)w->answer.error.len,
		w->answer.error.len ? w->answer.error.s : "");
	snprintf(w->url, sizeof(w->url), "%.*s", (int)w->answer.url.len,
		w->answer.url.len ? w->answer.url.s : "");
	if (w->error[0])
		return;
	assert_int_equal(w->answer.version, 1);
	assert_int_equal(w->answer.node, WORLD_NODE);
	assert_true(w->answer.resume_bytes <= sizeof(w->answer_resume.bytes));
	memcpy(w->answer_resume.bytes, w->answer.resume, w->answer.resume_bytes);
	w->answer_resume.size_bytes = w->answer.resume_bytes;
}

static void hand_client_note(void *arg, uint64_t group, pid_t pid)
{
	((struct world *)arg)->noted = group;
}

static bool hand_group_lives(void *arg, uint64_t group)
{
	return ((struct world *)arg)->lives == group;
}

static void hand_group_gone(void *arg, uint64_t group)
{
	((struct world *)arg)->gone = group;
}

static void hand_log(void *arg, enum log_level level, const char *line)
{
	struct world *w = arg;

	if (level > LOG_WARNING)
		return;
	snprintf(w->log, sizeof(w->log), "%s", line);
	w->n_logged++;
}

static const struct broker_ops hands = {
	hand_link_listen,
	hand_link_close,
	hand_link_out,
	hand_link_flush,
	hand_link_backlog,
	hand_link_notify_drained,
	hand_client_note,
	hand_group_lives,
	hand_group_gone,
	hand_hello_answer,
	hand_log,
};

/* ---- the world ---- */

static void start_broker(
	struct world *w, uint64_t group, int64_t window_ms, const struct quota_limits *limits)
{
	struct broker_options options = {.node = WORLD_NODE,
		.group = group,
		.runtime_dir = "/run/x",
		.uid = WORLD_UID,
		.window_ms = window_ms};

	memcpy(options.key, w->key, sizeof(options.key));
	if (limits)
		options.limits = *limits;
	assert_int_equal(broker_new(&w->broker, &options, &hands, w, w->now_ns), 0);
}

void world_init(struct world *w, int64_t window_ms, const struct quota_limits *limits)
{
	memset(w, 0, sizeof(*w));
	w->now_ns = 1000 * MS;
	w->pids = 100;
	list_init(&w->clients);
	memset(w->key, 7, sizeof(w->key));
	start_broker(w, WORLD_BROKER, window_ms, limits);
}

void world_deinit(struct world *w)
{
	struct list *it;

	broker_free(w->broker);
	assert_int_equal(w->n_open, 0);
	while ((it = list_pop(&w->clients))) {
		struct client *c = container_of(it, struct client, node);

		buf_deinit(&c->in);
		buf_deinit(&c->out);
		buf_deinit(&c->unsent);
		free(c);
	}
	buf_deinit(&w->args);
}

void world_restart_broker(struct world *w, uint64_t group, int64_t window_ms)
{
	broker_free(w->broker);
	assert_int_equal(w->n_open, 0);
	start_broker(w, group, window_ms, NULL);
}

void world_advance(struct world *w, int64_t ns)
{
	int64_t end_ns = w->now_ns + ns;

	for (;;) {
		int64_t next_ns = broker_deadline_ns(w->broker);

		if (next_ns > end_ns)
			break;
		if (next_ns > w->now_ns)
			w->now_ns = next_ns;
		broker_tick(w->broker, w->now_ns);
		assert_true(broker_deadline_ns(w->broker) > w->now_ns);
	}
	w->now_ns = end_ns;
	broker_flush(w->broker);
}

struct token world_token(struct world *w, uint64_t group, const char *name)
{
	struct token token;

	assert_int_equal(token_make(&token, w->key, group, name), 0);
	return token;
}

struct client *world_hello_as(
	struct world *w, const char *name, const struct token *token, uid_t uid, pid_t pid)
{
	struct hello hello = {
		.version_min = 1, .version_max = 1, .name = wire_cstr(name), .pid = (uint64_t)pid};
	struct buf b = BUF_INIT;
	struct client *c;

	if (token) {
		hello.token = token->bytes;
		hello.token_bytes = token->size_bytes;
	}
	hello_put(&b, &hello);
	w->answered = false;
	w->listening = NULL;
	broker_hello(w->broker, 1, uid, pid, b.data, b.size_bytes, w->now_ns);
	broker_flush(w->broker);
	assert_true(w->answered);
	buf_deinit(&b);
	c = w->listening;
	if (w->error[0]) {
		assert_null(c);
		return NULL;
	}
	assert_non_null(c);
	assert_string_equal(w->url + 6, c->path);
	assert_int_equal(c->uid, uid);
	assert_int_equal(c->pid, pid);
	c->group = w->answer.group;
	c->restarted = w->answer.restarted;
	c->resume = w->answer_resume;
	return c;
}

struct client *world_hello(struct world *w, const char *name, const struct token *token)
{
	return world_hello_as(w, name, token, WORLD_UID, ++w->pids);
}

void client_up(struct client *c)
{
	c->up = true;
	broker_pipe_up(c->world->broker, c->pipe, c->world->now_ns);
	broker_flush(c->world->broker);
}

struct client *world_connect(struct world *w, const char *name, const struct token *token)
{
	struct client *c = world_hello(w, name, token);

	assert_non_null(c);
	client_up(c);
	return c;
}

struct client *world_newcomer(struct world *w, const char *name)
{
	return world_connect(w, name, NULL);
}

struct client *world_supervised(struct world *w, uint64_t group, const char *name)
{
	struct token token = world_token(w, group, name);

	return world_connect(w, name, &token);
}

void client_break(struct client *c)
{
	client_break_for(c, -ECONNRESET);
}

void client_break_for(struct client *c, int error)
{
	c->up = false;
	broker_pipe_down(c->world->broker, c->pipe, error, c->world->now_ns);
	broker_flush(c->world->broker);
}

void client_bye(struct client *c)
{
	wire_put_bye(&c->out, wire_cstr("normal"));
	client_send(c);
}

/* ---- saying something ---- */

actor_ref client_ref(const struct client *c, uint64_t serial)
{
	return (actor_ref){WORLD_NODE, c->group, serial};
}

struct buf *pack(struct world *w, const char *format, ...)
{
	va_list args;

	buf_reset(&w->args, 1 << 20);
	va_start(args, format);
	for (const char *f = format; *f; f++) {
		switch (*f) {
		case 'a':
			mp_put_array(&w->args, (uint32_t)strtoul(f + 1, NULL, 10));
			break;
		case 'm':
			mp_put_map(&w->args, (uint32_t)strtoul(f + 1, NULL, 10));
			break;
		case 's':
			mp_put_cstr(&w->args, va_arg(args, const char *));
			break;
		case 'u':
			mp_put_uint(&w->args, va_arg(args, uint64_t));
			break;
		case 'r':
			mp_put_ref(&w->args, va_arg(args, actor_ref));
			break;
		case 'b':
			mp_put_bool(&w->args, va_arg(args, int));
			break;
		case 'n':
			mp_put_nil(&w->args);
			break;
		default:
			break;
		}
	}
	va_end(args);
	assert_int_equal(buf_error(&w->args), 0);
	return &w->args;
}

void client_send_bytes(struct client *c, const void *data, size_t size_bytes)
{
	assert_non_null(c->pipe);
	broker_pipe_data(c->world->broker, c->pipe, data, size_bytes, c->world->now_ns);
	broker_flush(c->world->broker);
}

void client_send(struct client *c)
{
	assert_int_equal(buf_error(&c->out), 0);
	client_send_bytes(c, c->out.data, c->out.size_bytes);
	buf_reset(&c->out, 4096);
}

struct wire_dest to_name(const char *name)
{
	return (struct wire_dest){.name = wire_cstr(name)};
}

struct wire_dest to_ref(actor_ref ref)
{
	return (struct wire_dest){.ref = ref};
}

uint64_t client_call(struct client *c, const struct wire_dest *to, const char *method, const struct buf *args)
{
	wire_put_call(&c->out, to, client_ref(c, 1), wire_cstr(method), args ? args->data : NULL,
		args ? args->size_bytes : 0, ++c->ids, 0);
	client_send(c);
	return c->ids;
}

void client_cast(struct client *c, const struct wire_dest *to, const char *method, const struct buf *args)
{
	wire_put_cast(&c->out, to, client_ref(c, 1), wire_cstr(method), args ? args->data : NULL,
		args ? args->size_bytes : 0);
	client_send(c);
}

uint64_t client_ask(struct client *c, const char *method, const struct buf *args)
{
	struct wire_dest to = to_name("$broker");

	return client_call(c, &to, method, args);
}

void client_tell(struct client *c, const char *method, const struct buf *args)
{
	struct wire_dest to = to_name("$broker");

	client_cast(c, &to, method, args);
}

/* ---- hearing something ---- */

bool client_next(struct client *c, struct wire_frame *ret)
{
	size_t at = c->in_taken, used;

	if (at == c->in.size_bytes)
		return false;
	assert_int_equal(wire_parse(c->in.data + at, c->in.size_bytes - at, ret, &used), 1);
	c->in_taken += used;
	if (c->notify && c->in_taken == c->in.size_bytes && c->pipe) {
		c->notify = false;
		broker_pipe_drained(c->world->broker, c->pipe, c->world->now_ns);
		/*
		 * The broker may have appended bytes in that call, and so moved them: the frame is read
		 * again.
		 */
		assert_int_equal(wire_parse(c->in.data + at, c->in.size_bytes - at, ret, &used), 1);
	}
	return true;
}

struct wire_frame client_expect(struct client *c, enum wire_type type)
{
	struct wire_frame frame;

	broker_flush(c->world->broker);
	assert_true(client_next(c, &frame));
	assert_int_equal(frame.type, type);
	return frame;
}

void client_expect_nothing(struct client *c)
{
	struct wire_frame frame;

	broker_flush(c->world->broker);
	assert_false(client_next(c, &frame));
}

bool str_is(struct wire_str s, const char *text)
{
	return mp_str_is(s.s, s.len, text);
}

void client_expect_nil(struct client *c, uint64_t id)
{
	struct wire_frame frame = client_expect(c, WIRE_REPLY);

	assert_int_equal(frame.id, id);
	assert_int_equal(frame.body_bytes, 1);
	assert_int_equal(frame.body[0], 0xc0);
}

void client_expect_error(struct client *c, uint64_t id, const char *name)
{
	struct wire_frame frame = client_expect(c, WIRE_ERROR);

	assert_int_equal(frame.id, id);
	assert_true(str_is(frame.method, name));
}

actor_ref client_expect_ref(struct client *c, uint64_t id)
{
	struct wire_frame frame = client_expect(c, WIRE_REPLY);
	struct mp_reader r = mp_reader(frame.body, frame.body_bytes);
	actor_ref ref;

	assert_int_equal(frame.id, id);
	assert_int_equal(mp_read_ref(&r, &ref), 0);
	return ref;
}

struct mp_reader client_expect_cast(struct client *c, const char *method)
{
	struct wire_frame frame = client_expect(c, WIRE_CAST);
	struct mp_reader r = mp_reader(frame.body, frame.body_bytes);
	uint32_t n;

	assert_true(str_is(frame.method, method));
	assert_int_equal(frame.to.ref.group, c->group);
	/* The cast is to the runtime itself, or to the supervisor's service actor. */
	assert_int_equal(frame.to.ref.serial, !strncmp(method, "group_", 6) && strcmp(method, "group_down"));
	assert_int_equal(mp_read_array(&r, &n), 0);
	return r;
}

uint64_t client_expect_group_down(struct client *c, struct actor_cause *ret)
{
	struct mp_reader r = client_expect_cast(c, "group_down");
	struct actor_cause cause;
	const uint8_t *raw;
	size_t size_bytes;
	uint64_t group;

	assert_int_equal(mp_read_uint(&r, &group), 0);
	assert_int_equal(mp_read_raw(&r, &raw, &size_bytes), 0);
	assert_int_equal(cause_parse(raw, size_bytes, &cause), 0);
	if (ret)
		*ret = cause;
	return group;
}
