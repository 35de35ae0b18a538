/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes for actors: requests to `$spawner`, which runs, watches and restarts processes (docs/protocol.md
 * §5).
 */
#include "libactor/process.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/child-spec.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/send.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/sized.h"
#include "libactor/util/slots.h"

#define START_TIMEOUT_MS 5000
#define SPAWNER_AGAIN_MS 20
/* so that the spawner's answer `timeout` comes before the call's own time-out */
#define ANSWER_SLACK_MS 2000

/*
 * Makes a number for a request to start a process. A request that is repeated after the death of a supervisor
 * has the same cookie, so it starts no second process.
 */
static uint64_t cookie_new(void)
{
	uint64_t cookie = 0;

	while (!cookie)
		if (getrandom(&cookie, sizeof(cookie), 0) < 0)
			cookie = (uint64_t)clock_now_ns();
	return cookie;
}

/* @ms 0 means the default, a negative @ms means 0. The spawner refuses values that are too large. */
static uint64_t ms_or(int64_t ms, uint64_t default_ms)
{
	return ms < 0 ? 0 : ms ? (uint64_t)ms : default_ms;
}

static int spec_put(struct buf *out, const struct actor_process_spec *spec, uint64_t monitor)
{
	struct child_spec process = CHILD_SPEC_DEFAULT;

	for (const char *const *variable = spec->env; variable && *variable; variable++)
		if (!child_variable_is_valid(*variable))
			return -EINVAL;
	process.name = spec->name;
	process.argv = spec->argv;
	process.env = spec->env;
	process.cwd = spec->cwd;
	process.restart = spec->restart;
	process.backoff_min_ms = ms_or(spec->backoff_min_ms, CHILD_BACKOFF_MIN_DEFAULT_MS);
	process.backoff_max_ms = ms_or(spec->backoff_max_ms, CHILD_BACKOFF_MAX_DEFAULT_MS);
	process.stop_timeout_ms = ms_or(spec->stop_timeout_ms, CHILD_STOP_TIMEOUT_DEFAULT_MS);
	process.ready_actor = spec->wait_ready;
	process.cookie = cookie_new();
	process.owned = !spec->detached;
	process.monitor = monitor != 0;
	process.monitor_id = monitor;
	child_spec_put(out, &process);
	return buf_error(out);
}

static void child_read_str(struct mp_reader *r, char *ret, size_t size)
{
	const char *s;
	size_t length;

	if (mp_read_str(r, &s, &length) == 0)
		snprintf(ret, size, "%.*s", (int)(length < size ? length : size - 1), s);
	else
		(void)mp_skip(r);
}

/* Reads the fields that are needed from the child map of docs/protocol.md §5. */
static int child_parse(const actor_msg *reply, uint64_t node, struct actor_process *ret)
{
	struct mp_reader r = mp_reader(reply->body, reply->body_bytes);
	struct actor_process process = {0};
	const char *key;
	size_t length;
	uint64_t u;
	uint32_t n;

	if (mp_read_map(&r, &n) < 0)
		return -EPROTO;
	while (n--) {
		if (mp_read_str(&r, &key, &length) < 0)
			return -EPROTO;
		if (mp_str_is(key, length, "name")) {
			child_read_str(&r, process.name, sizeof(process.name));
		} else if (mp_str_is(key, length, "pid") && mp_read_uint(&r, &u) == 0) {
			process.pid = (int64_t)u;
		} else if (mp_str_is(key, length, "group") && mp_read_uint(&r, &u) == 0) {
			process.group = (actor_ref){node, u, 0};
			process.main = (actor_ref){node, u, 1};
		} else if (mp_skip(&r) < 0) {
			return -EPROTO;
		}
	}
	*ret = process;
	return 0;
}

/* Turns the spawner's named errors into errnos of this API; other errors stay -EREMOTEIO. */
static int spawner_error(int r, const actor_msg *reply)
{
	const char *name = r == -EREMOTEIO ? actor_msg_error(reply) : NULL;
	int error = name ? error_errno_of_supervisor(name) : 0;

	return error ? error : r;
}

int spawner_ask(struct actor *self, const char *method, int64_t timeout_ms, actor_msg **ret_msg,
	const char *format, ...)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms), again_ns;
	struct actor *parked = actor_is_current(self) ? self : NULL; /* NULL: a client, which runs the loop */
	struct wire_dest to;
	va_list args;
	int r;

	for (;;) {
		if (ret_msg)
			*ret_msg = NULL;
		r = send_dest_of_name(self->group, parked, NAME_SPAWNER, deadline_left_ms(deadline_ns), &to);
		if (r == 0) {
			va_start(args, format);
			r = send_vcall(self->group, parked, &to, method, deadline_ns, ret_msg, format, args);
			va_end(args);
		}
		if (r == -ENXIO)
			r = -ESRCH;
		if (r != -ESRCH && r != -ENOTCONN && r != -ECONNRESET)
			return r;
		again_ns = deadline_after_ms(clock_now_ns(), SPAWNER_AGAIN_MS);
		if (self->group->mode == ACTOR_JOIN_NONE || again_ns >= deadline_ns)
			return -ENOTCONN;
		r = parked ? actor_sleep(parked, SPAWNER_AGAIN_MS)
			   : loop_pump_until(&self->group->loop, again_ns);
		if (r < 0)
			return r;
	}
}

/* the size in version 0.1 */
#define SPEC_FIRST_BYTES sizeof(struct actor_process_spec)

/* Writes the reason for people. @r: the result of the call. */
static void process_explain(struct actor_process *process, int r, const actor_msg *reply,
	const struct actor_process_spec *spec, int64_t timeout_ms)
{
	if (r == -ENOTCONN)
		snprintf(process->error, sizeof(process->error),
			"the node's spawner is away; whether the process was started is not known if it was away for all of the time-out");
	else if (r == -ETIMEDOUT || (r == -EREMOTEIO && !strcmp(actor_msg_error(reply), ERROR_TIMEOUT)))
		snprintf(process->error, sizeof(process->error), "it is not %s after %lld ms",
			spec->wait_ready ? "ready" : "up", (long long)timeout_ms);
	else
		snprintf(process->error, sizeof(process->error), "%s",
			r == -EREMOTEIO ? actor_msg_error_text(reply) : actor_strerror(r));
}

static int process_start(actor *self, const struct actor_process_spec *spec, struct actor_process *process)
{
	actor_group *group = self->group;
	struct monitor *monitor = NULL;
	actor_msg *reply = NULL;
	struct buf out = BUF_INIT;
	uint64_t monitor_id = 0;
	int64_t timeout_ms;
	int r;

	if (!spec->argv || !spec->argv[0] || (unsigned)spec->restart > ACTOR_TEMPORARY ||
		!actor_is_current(self))
		return -EINVAL;
	if (spec->monitor) {
		/* The monitor is made before the process can die, so its end is never missed. */
		r = monitor_new(self, ACTOR_NOBODY, &monitor);
		if (r < 0)
			return r;
		monitor_id = monitor->id;
	}
	timeout_ms = spec->timeout_ms > 0 ? spec->timeout_ms : START_TIMEOUT_MS;
	r = spec_put(&out, spec, monitor_id);
	if (r == 0)
		r = spawner_ask(self, "spawn", timeout_ms + ANSWER_SLACK_MS, &reply, "msI",
			(const void *)out.data, out.size_bytes, spec->wait_ready ? "ready" : "up",
			timeout_ms);
	buf_deinit(&out);
	if (r == 0)
		r = child_parse(reply, group->node, process);
	if (r < 0) {
		process_explain(process, r, reply, spec, timeout_ms);
		r = spawner_error(r, reply);
	}
	actor_msg_free(reply);
	if (r < 0) {
		if (monitor_id)
			actor_demonitor(self, monitor_id); /* the DOWN may have come already */
		return r;
	}
	monitor = monitor_id ? slots_get(&group->monitors, monitor_id) : NULL;
	process->monitor = monitor_id;
	if (monitor)
		monitor_settle(group, monitor, process->group);
	return 0;
}

int actor_process_start_sized(actor *self, const struct actor_process_spec *given, size_t spec_bytes,
	struct actor_process *ret, size_t ret_bytes)
{
	struct actor_process process = {0};
	struct actor_process_spec spec;
	int r;

	r = given ? sized_read(&spec, sizeof(spec), given, spec_bytes, SPEC_FIRST_BYTES) : -EINVAL;
	if (r == 0)
		r = process_start(self, &spec, &process);
	if (r < 0 && !process.error[0])
		snprintf(process.error, sizeof(process.error), "%s", actor_strerror(r));
	if (ret)
		sized_write(ret, ret_bytes, &process, sizeof(process));
	return r;
}

int actor_process_stop(actor *self, const char *name, int64_t timeout_ms)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms);
	actor_msg *reply = NULL;
	int r;

	if (!name)
		return -EINVAL;
	if (!actor_is_current(self))
		return -EINVAL;
	r = spawner_ask(self, "stop", timeout_ms, &reply, "sb", name, 1);
	r = spawner_error(r, reply);
	actor_msg_free(reply);
	if (r < 0)
		return r;
	r = spawner_ask(self, "rm", deadline_left_ms(deadline_ns), &reply, "sb", name, 0);
	r = spawner_error(r, reply);
	actor_msg_free(reply);
	return r == -ESRCH ? 0 : r; /* -ESRCH: an owned process is forgotten at its end */
}
