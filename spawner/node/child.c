/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/node/child.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "libactor/protocol/cause.h"

const char *child_state_name(const struct child *child)
{
	switch (child->sup->state) {
	case SUPERVISION_BACKOFF:
		return "backoff";
	case SUPERVISION_WAITING:
	case SUPERVISION_STARTING:
		return "starting";
	case SUPERVISION_UP:
		return "up";
	case SUPERVISION_READY:
		return "ready";
	case SUPERVISION_STOPPING:
		return "stopping";
	case SUPERVISION_DOWN:
	case _SUPERVISION_STATE_N:
		break;
	}
	return child->given_up ? "failed" : "down";
}

bool child_is_up(const struct child *child)
{
	return child->sup->state == SUPERVISION_UP || child->sup->state == SUPERVISION_READY;
}

bool child_is_ready(const struct child *child)
{
	return child->sup->state == SUPERVISION_READY ||
	       (child->sup->state == SUPERVISION_UP && !child->spec.ready_actor && !child->spec.up_for_ms);
}

bool child_is_down(const struct child *child)
{
	return child->sup->state == SUPERVISION_DOWN;
}

bool child_is_denied(const struct child *child)
{
	return child->sup->state == SUPERVISION_STOPPING && child->denied_pid;
}

const char *child_outcome(const struct child *child)
{
	if (!child_is_down(child))
		return NULL;
	if (child->stopped || !child->last_exit.set)
		return "stopped";
	if (child->given_up)
		return "failed";
	return actor_cause_is_clean(&child->last_exit.cause) ||
			       child_exits_has(&child->spec.ok_exit, &child->last_exit.cause)
		       ? "done"
		       : "failed";
}

int child_stop_signal(const struct child *child)
{
	return child->spec.stop_signal ? child->spec.stop_signal : SIGTERM;
}

enum supervision_exit child_exit_of(const struct child *child, const struct actor_cause *cause, bool stopping)
{
	bool signalled = cause->kind == ACTOR_EXIT_SIGNAL;

	if (signalled && stopping && cause->code == child_stop_signal(child))
		return SUPERVISION_EXIT_SHUTDOWN;
	if (child_exits_has(&child->spec.fatal_on, cause))
		return SUPERVISION_EXIT_FATAL;
	if (child_exits_has(&child->spec.ok_exit, cause))
		return SUPERVISION_EXIT_NORMAL;
	if (signalled)
		return cause->code == SIGKILL ? SUPERVISION_EXIT_KILLED : SUPERVISION_EXIT_ABNORMAL;
	if (cause->code == 0)
		return SUPERVISION_EXIT_NORMAL;
	return cause->code == CHILD_EXIT_NEVER_AGAIN && !child->daemon ? SUPERVISION_EXIT_FATAL
								       : SUPERVISION_EXIT_ABNORMAL;
}

const char *child_denied_text(const struct child *child, char text[CHILD_DENIED_TEXT])
{
	char whom[40] = "another user";

	if (child->denied_uid != -1)
		snprintf(whom, sizeof(whom), "another user (uid %u)", (unsigned)child->denied_uid);
	snprintf(text, CHILD_DENIED_TEXT, "%d runs as %s; not stopped: %s; only that user or root can end it",
		child->denied_pid, whom,
		child->group ? "the node may not signal it" : "the process that started it has ended");
	return text;
}

const char *child_ended_text(const struct child *child, char text[CHILD_ENDED_TEXT])
{
	char scratch[16];
	const struct actor_cause *cause = &child->last_exit.cause;

	if (!child->last_exit.set)
		snprintf(text, CHILD_ENDED_TEXT, "it was stopped");
	else if (cause->kind == ACTOR_EXIT_SIGNAL)
		snprintf(text, CHILD_ENDED_TEXT, "%s%s%s", cause_signal_name(cause->code, scratch),
			cause->text[0] ? ": " : "", cause->text);
	else
		snprintf(text, CHILD_ENDED_TEXT, "exit %d%s%s", cause->code, cause->text[0] ? ": " : "",
			cause->text);
	return text;
}

static void put_rusage(struct buf *b, const struct keeper_rusage *u)
{
	const struct {
		const char *name;
		uint64_t value;
	} fields[] = {
		{"utime_us", u->utime_us},
		{"stime_us", u->stime_us},
		{"maxrss_kib", u->maxrss_kib},
		{"minflt", u->minflt},
		{"majflt", u->majflt},
		{"inblock", u->inblock},
		{"oublock", u->oublock},
		{"nvcsw", u->nvcsw},
		{"nivcsw", u->nivcsw},
	};

	mp_put_map(b, sizeof(fields) / sizeof(fields[0]));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		mp_put_cstr(b, fields[i].name);
		mp_put_uint(b, fields[i].value);
	}
}

static void put_last_exit(struct buf *b, const struct last_exit *e)
{
	static const char *const kinds[] = {
		[ACTOR_EXIT_STATUS] = "exit",
		[ACTOR_EXIT_SIGNAL] = "signal",
		[ACTOR_EXIT_EXEC] = "exec",
	};
	char scratch[16];

	if (!e->set) {
		mp_put_nil(b);
		return;
	}
	mp_put_map(b, 8 + e->left);
	mp_put_cstr(b, "kind");
	mp_put_cstr(b, kinds[e->cause.kind]);
	mp_put_cstr(b, "code");
	mp_put_int(b, e->cause.code);
	mp_put_cstr(b, "signal");
	mp_put_cstr(b, e->cause.kind == ACTOR_EXIT_SIGNAL ? cause_signal_name(e->cause.code, scratch) : NULL);
	mp_put_cstr(b, "core");
	mp_put_bool(b, e->cause.core);
	mp_put_cstr(b, "reason");
	mp_put_cstr(b, e->cause.reason);
	mp_put_cstr(b, "text");
	mp_put_cstr(b, e->cause.text);
	mp_put_cstr(b, "rusage");
	put_rusage(b, &e->rusage);
	mp_put_cstr(b, "at_us");
	mp_put_int(b, e->at_us);
	if (e->left) {
		mp_put_cstr(b, "left");
		mp_put_bool(b, true);
	}
}

static void put_argv(struct buf *b, const char *const *argv, size_t max_bytes)
{
	uint32_t n = 0, n_whole = 0;
	size_t used = 0;

	while (argv[n]) {
		used += strlen(argv[n]) + 5;
		if (used <= max_bytes)
			n_whole++;
		n++;
	}
	if (n_whole == n) {
		mp_put_array(b, n);
		for (uint32_t i = 0; i < n; i++)
			mp_put_cstr(b, argv[i]);
		return;
	}
	mp_put_array(b, n_whole + 1);
	for (uint32_t i = 0; i < n_whole; i++)
		mp_put_cstr(b, argv[i]);
	mp_put_cstr(b, "…");
}

void child_put_map(struct buf *b, const struct child *child, uint64_t node_id, const char *log_path,
	uint64_t now_ns, size_t argv_max_bytes)
{
	bool lives = child->group && child->pid;
	bool runs = lives && child->exec_ns;

	mp_put_map(b, 15 + !!child->n_lost_bytes + !!child->denied_pid);
	mp_put_cstr(b, "name");
	mp_put_cstr(b, child->name);
	mp_put_cstr(b, "state");
	mp_put_cstr(b, child_state_name(child));
	mp_put_cstr(b, "pid");
	if (lives)
		mp_put_int(b, child->pid);
	else
		mp_put_nil(b);
	mp_put_cstr(b, "group");
	if (child->group)
		mp_put_uint(b, child->group);
	else
		mp_put_nil(b);
	mp_put_cstr(b, "ref");
	if (child->group)
		mp_put_ref(b, (actor_ref){node_id, child->group, 1});
	else
		mp_put_nil(b);
	mp_put_cstr(b, "restart");
	mp_put_cstr(b, child_restart_name(child->spec.restart));
	mp_put_cstr(b, "restarts");
	mp_put_uint(b, child->sup->n_restarts);
	mp_put_cstr(b, "uptime_ms");
	mp_put_uint(b, runs && now_ns > child->exec_ns ? (now_ns - child->exec_ns) / 1000000 : 0);
	mp_put_cstr(b, "next_start_ms");
	if (child->sup->state == SUPERVISION_BACKOFF) {
		uint64_t deadline_ns = supervision_child_deadline(child->sup);

		mp_put_uint(b, deadline_ns > now_ns ? (deadline_ns - now_ns) / 1000000 : 0);
	} else {
		mp_put_nil(b);
	}
	mp_put_cstr(b, "last_exit");
	put_last_exit(b, &child->last_exit);
	mp_put_cstr(b, "argv");
	put_argv(b, child->spec.argv, argv_max_bytes);
	mp_put_cstr(b, "owner");
	if (actor_ref_is_nobody(child->owner))
		mp_put_nil(b);
	else
		mp_put_ref(b, child->owner);
	mp_put_cstr(b, "log");
	mp_put_cstr(b, log_path);
	mp_put_cstr(b, "outcome");
	mp_put_cstr(b, child_outcome(child));
	mp_put_cstr(b, "adopted");
	mp_put_bool(b, child->adopted);
	if (child->n_lost_bytes) {
		mp_put_cstr(b, "log_lost_bytes");
		mp_put_uint(b, child->n_lost_bytes);
	}
	if (child->denied_pid) {
		mp_put_cstr(b, "denied");
		mp_put_map(b, 2);
		mp_put_cstr(b, "pid");
		mp_put_int(b, child->denied_pid);
		mp_put_cstr(b, "uid");
		mp_put_int(b, child->denied_uid);
	}
}
