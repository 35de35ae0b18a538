/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ZeroMQ over ipc. Variant "pair": PAIR; fan-in is PUSH/PULL; fan-out is XPUB/SUB with ZMQ_XPUB_NODROP, since
 * a PUB drops messages for a slow reader and the counts would differ. Variant "reqrep": REQ/REP. One I/O
 * thread and high-water marks of 1,000 are the defaults.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "../driver/bench.h"

static void *context;

static void check(int r, const char *what)
{
	if (r < 0)
		bench_die("zmq: %s: %s", what, zmq_strerror(errno));
}

static void *socket_new(int type)
{
	void *s;

	if (!context)
		context = zmq_ctx_new();
	s = zmq_socket(context, type);
	if (!s)
		bench_die("zmq_socket: %s", zmq_strerror(errno));
	return s;
}

static bool is_pair(const struct bench_env *env)
{
	return !strcmp(env->variant, "pair");
}

static void url(const struct bench_env *env, char *ret_url, size_t size_bytes, const char *name)
{
	char path[224];

	bench_path(env, path, sizeof(path), "%s", name);
	snprintf(ret_url, size_bytes, "ipc://%s", path);
}

static void serve(const struct bench_env *env)
{
	void *s = socket_new(is_pair(env) ? ZMQ_PAIR : ZMQ_REP);
	static char buf[BENCH_SIZE_MAX];
	char u[256];
	int n;

	url(env, u, sizeof(u), "call");
	check(zmq_bind(s, u), u);
	bench_ready(env);
	for (;;) {
		n = zmq_recv(s, buf, sizeof(buf), 0);
		check(n, "receive");
		check(zmq_send(s, buf, (size_t)n, 0), "send");
	}
}

struct caller {
	void *s, *monitor;
};

static void *caller_new(const struct bench_env *env)
{
	struct caller *caller = calloc(1, sizeof(*caller));
	int linger = 0;
	char u[256];

	caller->s = socket_new(is_pair(env) ? ZMQ_PAIR : ZMQ_REQ);
	check(zmq_setsockopt(caller->s, ZMQ_LINGER, &linger, sizeof(linger)), "linger");
	check(zmq_socket_monitor(caller->s, "inproc://monitor", ZMQ_EVENT_DISCONNECTED), "monitor");
	caller->monitor = socket_new(ZMQ_PAIR);
	check(zmq_connect(caller->monitor, "inproc://monitor"), "monitor");
	url(env, u, sizeof(u), "call");
	check(zmq_connect(caller->s, u), u);
	return caller;
}

static void caller_free(void *p)
{
	struct caller *caller = p;

	zmq_close(caller->s);
	zmq_close(caller->monitor);
	free(caller);
	zmq_ctx_term(context);
	context = NULL;
}

static ssize_t call(void *p, const void *req, size_t size_bytes, void *rep, size_t rep_max_bytes)
{
	struct caller *caller = p;
	int n;

	check(zmq_send(caller->s, req, size_bytes, 0), "send");
	n = zmq_recv(caller->s, rep, rep_max_bytes, 0);
	check(n, "receive");
	return n;
}

static void receive(const struct bench_env *env, unsigned index, struct bench_sink *sink)
{
	void *s = socket_new(env->n_receivers > 1 ? ZMQ_SUB : env->n_senders > 1 ? ZMQ_PULL : ZMQ_PAIR);
	bool last = false;
	char u[256];

	url(env, u, sizeof(u), "flow");
	if (env->n_receivers > 1) {
		check(zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0), "subscribe");
		check(zmq_connect(s, u), u); /* the connect may come before the bind */
	} else {
		check(zmq_bind(s, u), u);
	}
	bench_ready(env);
	while (!last) {
		zmq_msg_t msg;

		zmq_msg_init(&msg);
		check(zmq_msg_recv(&msg, s, 0), "receive");
		last = bench_sink_feed(sink, zmq_msg_data(&msg), zmq_msg_size(&msg));
		zmq_msg_close(&msg);
	}
}

static void *sender_new(const struct bench_env *env, unsigned index)
{
	void *s = socket_new(env->n_receivers > 1 ? ZMQ_XPUB : env->n_senders > 1 ? ZMQ_PUSH : ZMQ_PAIR);
	int one = 1;
	char u[256];

	url(env, u, sizeof(u), "flow");
	if (env->n_receivers == 1) {
		check(zmq_connect(s, u), u);
		return s;
	}
	check(zmq_setsockopt(s, ZMQ_XPUB_NODROP, &one, sizeof(one)), "nodrop");
	check(zmq_setsockopt(s, ZMQ_XPUB_VERBOSE, &one, sizeof(one)), "verbose");
	check(zmq_bind(s, u), u);
	for (unsigned i = 0; i < env->n_receivers; i++) { /* waits for each receiver's subscription */
		char event[8];

		check(zmq_recv(s, event, sizeof(event), 0), "subscription");
	}
	return s;
}

static int send_one(void *s, const void *data, size_t size_bytes)
{
	while (zmq_send(s, data, size_bytes, 0) < 0) {
		if (errno != EAGAIN) /* NODROP: a subscriber is at its high-water mark */
			return -errno;
		usleep(20);
	}
	return 0;
}

static void *watcher_new(const struct bench_env *env, pid_t pid)
{
	struct caller *caller = caller_new(env);
	char req[16] = {0}, rep[16];

	return call(caller, req, sizeof(req), rep, sizeof(rep)) == sizeof(req) ? caller : NULL;
}

static int watch(void *p)
{
	struct caller *caller = p;
	char event[64];

	check(zmq_recv(caller->monitor, event, sizeof(event), 0), "monitor");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_ops ops = {
		.name = "zeromq",
		.serve = serve,
		.caller_new = caller_new,
		.call = call,
		.caller_free = caller_free,
		.receive = receive,
		.sender_new = sender_new,
		.send = send_one,
		.watcher_new = watcher_new,
		.watch = watch,
		.watcher_free = caller_free,
	};

	return bench_main(argc, argv, &ops);
}
