/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd-bus over a private dbus-broker. A call is a method call with a byte array. One way is a method call
 * without a reply. Fan-out is a signal for which the receivers have a match. Death is NameOwnerChanged.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "broker.h"

#define IN_FLIGHT_BYTES (8u << 20)

static int check(int r, const char *what)
{
	if (r < 0)
		bench_die("sd-bus: %s: %s", what, strerror(-r));
	return r;
}

static sd_bus *bus_new(const struct bench_env *env)
{
	char path[224], address[256];
	sd_bus *bus;

	bench_path(env, path, sizeof(path), "bus");
	snprintf(address, sizeof(address), "unix:path=%s", path);
	check(sd_bus_new(&bus), "new");
	check(sd_bus_set_address(bus, address), "address");
	check(sd_bus_set_bus_client(bus, 1), "client");
	check(sd_bus_start(bus), "start");
	return bus;
}

static int daemon_start(const struct bench_env *env)
{
	char path[224];

	bench_path(env, path, sizeof(path), "bus");
	return broker_start(path);
}

static void run(sd_bus *bus)
{
	for (;;) {
		int r = check(sd_bus_process(bus, NULL), "process");

		if (!r)
			check(sd_bus_wait(bus, UINT64_MAX), "wait");
	}
}

static int on_echo(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	sd_bus_message *reply = NULL;
	const void *data;
	size_t n;

	check(sd_bus_message_read_array(m, 'y', &data, &n), "read");
	check(sd_bus_message_new_method_return(m, &reply), "reply");
	check(sd_bus_message_append_array(reply, 'y', data, n), "append");
	check(sd_bus_send(NULL, reply, NULL), "send");
	sd_bus_message_unref(reply);
	return 1;
}

static const sd_bus_vtable echo_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Echo", "ay", "ay", on_echo, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static void serve(const struct bench_env *env)
{
	sd_bus *bus = bus_new(env);

	check(sd_bus_add_object_vtable(bus, NULL, "/bench", "bench.Echo", echo_table, NULL), "vtable");
	check(sd_bus_request_name(bus, "bench.Echo", SD_BUS_NAME_REPLACE_EXISTING), "name");
	bench_ready(env);
	run(bus);
}

static void *caller_new(const struct bench_env *env)
{
	return bus_new(env);
}

static void caller_free(void *bus)
{
	sd_bus_close_unref(bus);
}

static ssize_t call(void *p, const void *req, size_t size_bytes, void *rep, size_t rep_max_bytes)
{
	sd_bus_message *m = NULL, *reply = NULL;
	const void *data;
	size_t n;
	int r;

	check(sd_bus_message_new_method_call(p, &m, "bench.Echo", "/bench", "bench.Echo", "Echo"), "call");
	check(sd_bus_message_append_array(m, 'y', req, size_bytes), "append");
	r = sd_bus_call(p, m, 0, NULL, &reply);
	sd_bus_message_unref(m);
	if (r < 0)
		return r;
	check(sd_bus_message_read_array(reply, 'y', &data, &n), "read");
	memcpy(rep, data, n < rep_max_bytes ? n : rep_max_bytes);
	sd_bus_message_unref(reply);
	return (ssize_t)n;
}

static bool received_all;

static int feed(sd_bus_message *m, void *sink)
{
	const void *data;
	size_t n;

	check(sd_bus_message_read_array(m, 'y', &data, &n), "read");
	if (bench_sink_feed(sink, data, n))
		received_all = true;
	return 1;
}

static int on_put(sd_bus_message *m, void *sink, sd_bus_error *ret_error)
{
	return feed(m, sink);
}

static const sd_bus_vtable put_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Put", "ay", "", on_put, SD_BUS_VTABLE_UNPRIVILEGED | SD_BUS_VTABLE_METHOD_NO_REPLY),
	SD_BUS_VTABLE_END,
};

static void receive(const struct bench_env *env, unsigned index, struct bench_sink *sink)
{
	sd_bus *bus = bus_new(env);

	if (env->n_receivers > 1) {
		check(sd_bus_match_signal(bus, NULL, NULL, "/bench", "bench.Flow", "Put", on_put, sink),
			"match");
	} else {
		check(sd_bus_add_object_vtable(bus, NULL, "/bench", "bench.Flow", put_table, sink), "vtable");
		check(sd_bus_request_name(bus, "bench.Flow", 0), "name");
	}
	bench_ready(env);
	while (!received_all) {
		if (!check(sd_bus_process(bus, NULL), "process"))
			check(sd_bus_wait(bus, UINT64_MAX), "wait");
	}
}

struct sender {
	const struct bench_env *env;
	sd_bus *bus;
	uint64_t n, window;
};

static void *sender_new(const struct bench_env *env, unsigned index)
{
	struct sender *s = calloc(1, sizeof(*s));
	uint64_t window = IN_FLIGHT_BYTES / env->size_bytes;

	s->env = env;
	s->bus = bus_new(env);
	s->window = window > 4096 ? 4096 : window;
	check(sd_bus_flush(s->bus), "flush");
	return s;
}

static int send_one(void *p, const void *data, size_t size_bytes)
{
	struct sender *s = p;
	sd_bus_message *m = NULL;
	int r;

	if (s->env->n_receivers > 1) {
		check(sd_bus_message_new_signal(s->bus, &m, "/bench", "bench.Flow", "Put"), "signal");
	} else {
		check(sd_bus_message_new_method_call(s->bus, &m, "bench.Flow", "/bench", "bench.Flow", "Put"),
			"call");
		check(sd_bus_message_set_expect_reply(m, 0), "no reply");
	}
	check(sd_bus_message_append_array(m, 'y', data, size_bytes), "append");
	r = sd_bus_send(s->bus, m, NULL);
	sd_bus_message_unref(m);
	if (r < 0)
		return r;
	/* Without the flush the library keeps what the socket did not take until it is called again. */
	check(sd_bus_flush(s->bus), "flush");
	bench_pace(s->env, ++s->n, s->window);
	return 0;
}

static bool gone;

static int on_owner(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
	const char *name, *before, *now;

	check(sd_bus_message_read(m, "sss", &name, &before, &now), "read");
	gone = gone || !*now;
	return 0;
}

static void *watcher_new(const struct bench_env *env, pid_t pid)
{
	char req[16] = {0}, rep[16];
	sd_bus *bus = bus_new(env);

	gone = false;
	check(sd_bus_add_match(bus, NULL,
		      "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='bench.Echo'",
		      on_owner, NULL),
		"match");
	return call(bus, req, sizeof(req), rep, sizeof(rep)) == sizeof(req) ? bus : NULL;
}

static int watch(void *bus)
{
	while (!gone) {
		if (!check(sd_bus_process(bus, NULL), "process"))
			check(sd_bus_wait(bus, UINT64_MAX), "wait");
	}
	return 0;
}

/* ---- names and groups: the time of one request to the broker ---- */

static int name_lookup(const struct bench_env *env)
{
	uint64_t end_ns = bench_now_ns() + env->window_ns, n = 0;
	struct bench_samples samples;
	sd_bus *bus = bus_new(env);

	bench_samples_init(&samples, 1 << 18);
	check(sd_bus_request_name(bus, "bench.Name", 0), "name");
	while (bench_now_ns() < end_ns) {
		uint64_t start_ns = bench_now_ns();

		sd_bus_creds *creds = NULL;

		check(sd_bus_get_name_creds(bus, "bench.Name", SD_BUS_CREDS_UNIQUE_NAME, &creds), "lookup");
		bench_samples_add(&samples, bench_now_ns() - start_ns);
		sd_bus_creds_unref(creds);
		n++;
	}
	bench_report_latency(env, &samples, n, n);
	return 0;
}

static int name_register(const struct bench_env *env)
{
	uint64_t end_ns = bench_now_ns() + env->window_ns, n = 0;
	struct bench_samples samples;
	sd_bus *bus = bus_new(env);
	char name[64];

	bench_samples_init(&samples, 1 << 18);
	while (bench_now_ns() < end_ns) {
		uint64_t start_ns;

		snprintf(name, sizeof(name), "bench.name.n%llu", (unsigned long long)n);
		start_ns = bench_now_ns();
		check(sd_bus_request_name(bus, name, 0), "name");
		bench_samples_add(&samples, bench_now_ns() - start_ns);
		n++;
	}
	bench_report_latency(env, &samples, n, n);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_extra extras[] = {
		{"name_lookup", name_lookup},
		{"name_register", name_register},
		{0},
	};
	static const struct bench_ops ops = {
		.name = "sd-bus",
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
		.watcher_free = caller_free,
	};

	return bench_main(argc, argv, &ops);
}
