/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NATS core over loopback TCP, since the C client has no Unix sockets, with one nats-server for the run. A
 * call is a request. One way is a publish. Fan-out is many subscribers of one subject. Death is the server's
 * $SYS event. Clients that wait for an answer send at once (SendAsap), since otherwise the time of the
 * client's flusher thread would be in the figure. The other clients have their default options.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../driver/bench.h"

#define IN_FLIGHT_MAX   16384u
#define IN_FLIGHT_BYTES (16u << 20) /* the server disconnects a client at 64 MiB */
#define MEMBERS         1000

static void check(natsStatus s, const char *what)
{
	if (s != NATS_OK)
		bench_die("nats: %s: %s", what, natsStatus_GetText(s));
}

/* Finds a free port, which the server is then told to use. */
static int port_free(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
		getsockname(fd, (struct sockaddr *)&addr, &size))
		return -errno;
	close(fd);
	return ntohs(addr.sin_port);
}

static int port_of(const struct bench_env *env)
{
	char path[256];
	int port = 0;
	FILE *f;

	bench_path(env, path, sizeof(path), "port");
	f = fopen(path, "re");
	if (!f || fscanf(f, "%d", &port) != 1)
		bench_die("nats: no port in %s", path);
	fclose(f);
	return port;
}

static natsConnection *connection_new(const struct bench_env *env, const char *user, bool asap)
{
	natsConnection *nc = NULL;
	natsOptions *options;
	char url[64];
	natsStatus s = NATS_ERR;

	snprintf(url, sizeof(url), "nats://%s:x@127.0.0.1:%d", user, port_of(env));
	check(natsOptions_Create(&options), "options");
	check(natsOptions_SetURL(options, url), "url");
	check(natsOptions_SetSendAsap(options, asap), "send asap");
	for (int i = 0; i < 500 && s != NATS_OK; i++) {
		s = natsConnection_Connect(&nc, options);
		if (s != NATS_OK)
			usleep(10000);
	}
	check(s, url);
	natsOptions_Destroy(options);
	return nc;
}

static int daemon_start(const struct bench_env *env)
{
	char path[256], log[256];
	char *argv[] = {"/usr/sbin/nats-server", "-c", path, "-l", log, NULL};
	int port = port_free();
	FILE *f;

	if (port < 0)
		return port;
	bench_path(env, path, sizeof(path), "port");
	f = fopen(path, "we");
	if (!f)
		return -errno;
	fprintf(f, "%d\n", port);
	fclose(f);
	bench_path(env, log, sizeof(log), "log");
	bench_path(env, path, sizeof(path), "conf");
	f = fopen(path, "we");
	if (!f)
		return -errno;
	fprintf(f,
		"listen: 127.0.0.1:%d\n"
		"accounts { A { users: [ { user: a, password: x } ] }, $SYS { users: [ { user: sys, password: x } ] } }\n",
		port);
	fclose(f);
	bench_daemon_exec(argv, -1);
	natsConnection_Destroy(connection_new(env, "a", false));
	return 0;
}

static void on_call(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
	check(natsConnection_Publish(
		      nc, natsMsg_GetReply(msg), natsMsg_GetData(msg), natsMsg_GetDataLength(msg)),
		"reply");
	natsMsg_Destroy(msg);
}

static void serve(const struct bench_env *env)
{
	natsConnection *nc = connection_new(env, "a", true);
	natsSubscription *sub;

	check(natsConnection_Subscribe(&sub, nc, "call", on_call, NULL), "subscribe");
	check(natsConnection_Flush(nc), "flush");
	bench_ready(env);
	pause();
}

static void *caller_new(const struct bench_env *env)
{
	return connection_new(env, "a", true);
}

static void caller_free(void *nc)
{
	natsConnection_Destroy(nc);
}

static ssize_t call(void *nc, const void *req, size_t size_bytes, void *rep, size_t rep_max_bytes)
{
	natsMsg *msg = NULL;
	natsStatus s = natsConnection_Request(&msg, nc, "call", req, (int)size_bytes, 5000);
	size_t n;

	if (s != NATS_OK)
		return s == NATS_TIMEOUT ? -ETIMEDOUT : -EIO;
	n = (size_t)natsMsg_GetDataLength(msg);
	memcpy(rep, natsMsg_GetData(msg), n < rep_max_bytes ? n : rep_max_bytes);
	natsMsg_Destroy(msg);
	return (ssize_t)n;
}

static void receive(const struct bench_env *env, unsigned index, struct bench_sink *sink)
{
	natsConnection *nc = connection_new(env, "a", false);
	natsSubscription *sub;
	bool last = false;
	natsMsg *msg;

	check(natsConnection_SubscribeSync(&sub, nc, "flow"), "subscribe");
	check(natsSubscription_SetPendingLimits(sub, -1, -1), "limits");
	check(natsConnection_Flush(nc), "flush");
	bench_ready(env);
	while (!last) {
		check(natsSubscription_NextMsg(&msg, sub, 60000), "next");
		last = bench_sink_feed(sink, natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
		natsMsg_Destroy(msg);
	}
}

struct sender {
	const struct bench_env *env;
	natsConnection *nc;
	uint64_t n, window;
};

static void *sender_new(const struct bench_env *env, unsigned index)
{
	struct sender *s = calloc(1, sizeof(*s));
	uint64_t window = IN_FLIGHT_BYTES / env->size_bytes;

	s->env = env;
	s->nc = connection_new(env, "a", false);
	s->window = window < IN_FLIGHT_MAX ? window : IN_FLIGHT_MAX;
	return s;
}

static int send_one(void *p, const void *data, size_t size_bytes)
{
	struct sender *s = p;

	if (natsConnection_Publish(s->nc, "flow", data, (int)size_bytes) != NATS_OK)
		return -EIO;
	bench_pace(s->env, ++s->n, s->window);
	return 0;
}

struct watcher {
	natsConnection *sys, *nc;
	natsSubscription *sub;
};

static void *watcher_new(const struct bench_env *env, pid_t pid)
{
	struct watcher *w = calloc(1, sizeof(*w));
	char req[16] = {0}, rep[16];

	w->nc = caller_new(env);
	w->sys = connection_new(env, "sys", true);
	check(natsConnection_SubscribeSync(&w->sub, w->sys, "$SYS.ACCOUNT.A.DISCONNECT"), "subscribe");
	check(natsConnection_Flush(w->sys), "flush");
	return call(w->nc, req, sizeof(req), rep, sizeof(rep)) == sizeof(req) ? w : NULL;
}

static int watch(void *p)
{
	struct watcher *w = p;
	natsMsg *msg;

	check(natsSubscription_NextMsg(&msg, w->sub, 10000), "disconnect event");
	natsMsg_Destroy(msg);
	return 0;
}

static void watcher_free(void *p)
{
	struct watcher *w = p;

	natsSubscription_Destroy(w->sub);
	natsConnection_Destroy(w->sys);
	natsConnection_Destroy(w->nc);
	free(w);
	usleep(5000); /* closing this connection is an event too, which the next watcher must not see */
}

/* ---- groups: subscriptions to one subject ---- */

static _Atomic uint64_t delivered;

static void on_group(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
	atomic_fetch_add(&delivered, 1);
	natsMsg_Destroy(msg);
}

static natsConnection *pooled_connection(const struct bench_env *env)
{
	natsConnection *nc = NULL;
	natsOptions *options;
	char url[64];

	snprintf(url, sizeof(url), "nats://a:x@127.0.0.1:%d", port_of(env));
	check(nats_SetMessageDeliveryPoolSize(1), "pool");
	check(natsOptions_Create(&options), "options");
	check(natsOptions_SetURL(options, url), "url");
	check(natsOptions_UseGlobalMessageDelivery(options, true), "pool");
	check(natsConnection_Connect(&nc, options), url);
	natsOptions_Destroy(options);
	return nc;
}

static int group_join(const struct bench_env *env)
{
	natsConnection *nc = pooled_connection(env);
	uint64_t end_ns = bench_now_ns() + env->window_ns, n = 0;
	struct bench_samples samples;
	natsSubscription *sub;

	bench_samples_init(&samples, MEMBERS);
	while (bench_now_ns() < end_ns && n < MEMBERS) {
		uint64_t start_ns = bench_now_ns();

		check(natsConnection_Subscribe(&sub, nc, "group", on_group, NULL), "subscribe");
		check(natsConnection_Flush(nc), "flush");
		bench_samples_add(&samples, bench_now_ns() - start_ns);
		n++;
	}
	bench_report_latency(env, &samples, n, n);
	return 0;
}

/* The members and the sender are two connections of this process. */
static int group_cast(const struct bench_env *env)
{
	natsConnection *members = pooled_connection(env), *nc = connection_new(env, "a", true);
	uint64_t start_ns, end_ns, cpu_ns, n = 0;
	natsSubscription *sub;
	char data[64] = {0};

	for (int i = 0; i < MEMBERS; i++)
		check(natsConnection_Subscribe(&sub, members, "group", on_group, NULL), "subscribe");
	check(natsConnection_Flush(members), "flush");
	start_ns = bench_now_ns();
	cpu_ns = bench_cpu_all_ns();
	end_ns = start_ns + env->window_ns;
	while (bench_now_ns() < end_ns) {
		check(natsConnection_Publish(nc, "group", data, sizeof(data)), "publish");
		n += MEMBERS;
		while (n > atomic_load(&delivered) + 4 * MEMBERS)
			usleep(50);
	}
	while (n > atomic_load(&delivered) && bench_now_ns() < end_ns + 10000000000u)
		usleep(50);
	cpu_ns = bench_cpu_all_ns() - cpu_ns;
	bench_report_rate(env, (double)n * 1e9 / (double)(bench_now_ns() - start_ns),
		(double)cpu_ns * 1e-3 / (double)n, n, false, n, atomic_load(&delivered), 0);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_extra extras[] = {
		{"group_join", group_join},
		{"group_cast", group_cast},
		{0},
	};
	static const struct bench_ops ops = {
		.name = "NATS",
		.daemon_start = daemon_start,
		.extras = extras,
		.serve = serve,
		.caller_new = caller_new,
		.call = call,
		.caller_free = caller_free,
		.receive = receive,
		.sender_new = sender_new,
		.send = send_one,
		.watcher_new = watcher_new,
		.watch = watch,
		.watcher_free = watcher_free,
	};

	return bench_main(argc, argv, &ops);
}
