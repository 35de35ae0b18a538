/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nng over ipc. Variant "pair": PAIR0; fan-in is PUSH/PULL; fan-out is one PAIR0 for each receiver, since
 * PUB0 drops messages for a slow receiver. Variant "reqrep": REQ0/REP0. All options are the defaults with two
 * exceptions: REQ does not resend, and RECVMAXSZ is raised for messages of 1 MiB. Neither changes a figure of
 * smaller messages.
 */
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../driver/bench.h"

static void check(int r, const char *what)
{
	if (r)
		bench_die("nng: %s: %s", what, nng_strerror(r));
}

static bool is_pair(const struct bench_env *env)
{
	return !strcmp(env->variant, "pair");
}

static void url(const struct bench_env *env, char *ret_url, size_t size_bytes, const char *name, unsigned i)
{
	char path[224];

	bench_path(env, path, sizeof(path), "%s%u", name, i);
	snprintf(ret_url, size_bytes, "ipc://%s", path);
}

static void serve(const struct bench_env *env)
{
	nng_socket s;
	nng_msg *msg;
	char u[256];

	check(is_pair(env) ? nng_pair0_open(&s) : nng_rep0_open(&s), "open");
	check(nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, BENCH_SIZE_MAX), "recvmaxsz");
	url(env, u, sizeof(u), "call", 0);
	check(nng_listen(s, u, NULL, 0), u);
	bench_ready(env);
	for (;;) {
		check(nng_recvmsg(s, &msg, 0), "receive");
		check(nng_sendmsg(s, msg, 0), "send");
	}
}

struct caller {
	nng_socket s;
	sem_t gone;
};

static void pipe_gone(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
	struct caller *caller = arg;

	sem_post(&caller->gone);
}

static void *caller_new(const struct bench_env *env)
{
	struct caller *caller = calloc(1, sizeof(*caller));
	char u[256];

	sem_init(&caller->gone, 0, 0);
	if (is_pair(env)) {
		check(nng_pair0_open(&caller->s), "open");
	} else {
		check(nng_req0_open(&caller->s), "open");
		check(nng_socket_set_ms(caller->s, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE),
			"resend time");
	}
	check(nng_socket_set_size(caller->s, NNG_OPT_RECVMAXSZ, BENCH_SIZE_MAX), "recvmaxsz");
	check(nng_pipe_notify(caller->s, NNG_PIPE_EV_REM_POST, pipe_gone, caller), "notify");
	url(env, u, sizeof(u), "call", 0);
	check(nng_dial(caller->s, u, NULL, 0), u);
	return caller;
}

static void caller_free(void *p)
{
	struct caller *caller = p;

	nng_close(caller->s);
	sem_destroy(&caller->gone);
	free(caller);
}

static ssize_t call(void *p, const void *req, size_t size_bytes, void *rep, size_t rep_max_bytes)
{
	struct caller *caller = p;
	nng_msg *msg;
	size_t n;

	check(nng_msg_alloc(&msg, size_bytes), "alloc");
	memcpy(nng_msg_body(msg), req, size_bytes);
	check(nng_sendmsg(caller->s, msg, 0), "send");
	check(nng_recvmsg(caller->s, &msg, 0), "receive");
	n = nng_msg_len(msg);
	memcpy(rep, nng_msg_body(msg), n < rep_max_bytes ? n : rep_max_bytes);
	nng_msg_free(msg);
	return (ssize_t)n;
}

static void receive(const struct bench_env *env, unsigned index, struct bench_sink *sink)
{
	bool last = false;
	nng_socket s;
	nng_msg *msg;
	char u[256];

	check(env->n_senders > 1 ? nng_pull0_open(&s) : nng_pair0_open(&s), "open");
	check(nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, BENCH_SIZE_MAX), "recvmaxsz");
	url(env, u, sizeof(u), "r", index);
	check(nng_listen(s, u, NULL, 0), u);
	bench_ready(env);
	while (!last) {
		check(nng_recvmsg(s, &msg, 0), "receive");
		last = bench_sink_feed(sink, nng_msg_body(msg), nng_msg_len(msg));
		nng_msg_free(msg);
	}
}

struct sender {
	unsigned n;
	nng_socket s[BENCH_PEERS_MAX];
};

static void *sender_new(const struct bench_env *env, unsigned index)
{
	struct sender *s = calloc(1, sizeof(*s));
	char u[256];

	for (s->n = 0; s->n < env->n_receivers; s->n++) {
		check(env->n_senders > 1 ? nng_push0_open(&s->s[s->n]) : nng_pair0_open(&s->s[s->n]), "open");
		url(env, u, sizeof(u), "r", s->n);
		check(nng_dial(s->s[s->n], u, NULL, 0), u);
	}
	return s;
}

static int send_all(void *p, const void *data, size_t size_bytes)
{
	struct sender *s = p;
	nng_msg *msg, *copy;

	check(nng_msg_alloc(&msg, size_bytes), "alloc");
	memcpy(nng_msg_body(msg), data, size_bytes);
	for (unsigned i = 0; i < s->n; i++) {
		copy = msg;
		if (i + 1 < s->n)
			check(nng_msg_dup(&copy, msg), "dup");
		check(nng_sendmsg(s->s[i], copy, 0), "send");
	}
	return 0;
}

static void *watcher_new(const struct bench_env *env, pid_t pid)
{
	struct caller *caller = caller_new(env);
	char req[16] = {0}, rep[16];

	return call(caller, req, sizeof(req), rep, sizeof(rep)) == sizeof(req) ? caller : NULL;
}

/*
 * The notice is the end of the pipe. nng notices it only while it reads, so a receive is under way, as in any
 * program that waits for messages.
 */
static int watch(void *p)
{
	struct caller *caller = p;
	nng_aio *aio;

	check(nng_aio_alloc(&aio, NULL, NULL), "aio");
	nng_recv_aio(caller->s, aio);
	while (sem_wait(&caller->gone) && errno == EINTR)
		;
	nng_aio_cancel(aio);
	nng_aio_wait(aio);
	nng_aio_free(aio);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_ops ops = {
		.name = "nng",
		.serve = serve,
		.caller_new = caller_new,
		.call = call,
		.caller_free = caller_free,
		.receive = receive,
		.sender_new = sender_new,
		.send = send_all,
		.watcher_new = watcher_new,
		.watch = watch,
		.watcher_free = caller_free,
	};

	return bench_main(argc, argv, &ops);
}
