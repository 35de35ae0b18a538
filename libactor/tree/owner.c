/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process as a child. An actor, the owner, waits for the process, so that the supervisor need not wait. The
 * owner starts the process in its init. When the process ends, the owner ends with the same cause. When the
 * owner has to end, it stops the process first.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libactor/actor/ending.h"
#include "libactor/base/base.h"
#include "libactor/process.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/tree/tree.h"

#define SIGNAL_KILL   9
#define ASK_MS        5000
#define STOP_SLACK_MS 5000
#define STOP_MAX_MS   (INT64_C(24) * 3600 * 1000)

struct owner {
	char name[256];
	uint64_t monitor;
	int64_t stop_ms;
	bool runs; /* the process was started, and its end is still to come */
};

/* Ends the owner with @cause itself, so that the process's exit code or signal stay in the cause. */
static void owner_ends(actor *self, const struct actor_cause *cause)
{
	if (self->killed)
		return;
	ending_keep_cause(self, cause);
	self->ended_self = true;
}

static int owner_failed(actor *self, int r, const char *text)
{
	struct actor_cause cause = cause_make(r == -ENOEXEC ? "exec" : "start");

	cause.kind = r == -ENOEXEC ? ACTOR_EXIT_EXEC : ACTOR_EXIT_NONE;
	snprintf(cause.text, sizeof(cause.text), "%s", *text ? text : actor_strerror(r));
	owner_ends(self, &cause);
	return r;
}

static int owner_init(actor *self, const void *arg)
{
	struct child *child = (struct child *)(uintptr_t)arg; /* lives longer than this actor */
	struct owner *owner = actor_state(self);
	struct actor_process_spec spec = child->spec->process;
	int32_t shutdown_ms = child->spec->engine.shutdown_ms;
	struct actor_process process;
	int r;

	owner->stop_ms = shutdown_ms < 0 ? STOP_MAX_MS : shutdown_ms ? shutdown_ms : 1;
	snprintf(owner->name, sizeof(owner->name), "%s", spec.name ? spec.name : child->name);
	spec.name = owner->name;
	spec.restart = ACTOR_TEMPORARY; /* its supervisor here decides about restarts */
	spec.detached = false;
	spec.monitor = true;
	spec.stop_timeout_ms = owner->stop_ms;
	if (child->spec->engine.ready_timeout_ms)
		spec.timeout_ms = child->spec->engine.ready_timeout_ms;
	self->ends_in_order = true;
	r = actor_process_start(self, &spec, &process);
	/*
	 * After -ETIMEDOUT the process may run, so terminate stops it. After -ECANCELED the spawner stops it.
	 */
	owner->runs = r == -ETIMEDOUT;
	if (r < 0)
		return owner_failed(self, r, process.error);
	owner->runs = true;
	owner->monitor = process.monitor;
	snprintf(owner->name, sizeof(owner->name), "%s", process.name);
	child->pid = process.pid;
	child->who = spec.wait_ready ? process.main : process.group;
	return 0;
}

static int owner_on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct owner *owner = actor_state(self);

	if (monitor != owner->monitor)
		return 0;
	owner->runs = false;
	owner_ends(self, cause);
	return 0;
}

/* Stops the process and waits for its end. Returns -ECANCELED when @self was killed meanwhile. */
static int owner_stop(actor *self, bool kill)
{
	struct owner *owner = actor_state(self);
	int r = 0;

	self->task.cancelled = false;
	if (kill)
		r = spawner_ask(self, "kill", ASK_MS, NULL, "si", owner->name, SIGNAL_KILL);
	if (r != -ECANCELED)
		r = actor_process_stop(self, owner->name, kill ? ASK_MS : owner->stop_ms + STOP_SLACK_MS);
	return r;
}

/*
 * If the spawner does not say in time that the process is gone, the owner ends all the same. The spawner
 * stops a process whose owner has ended.
 */
static void owner_terminate(actor *self, const struct actor_cause *cause)
{
	const struct owner *owner = actor_state(self);
	bool killed = !strcmp(cause->reason, "killed");

	if (owner->runs && owner_stop(self, killed) == -ECANCELED)
		(void)owner_stop(self, true);
}

const struct actor_behavior tree_owner_behavior = {
	.name = "process owner",
	.state_size = sizeof(struct owner),
	.init = owner_init,
	.terminate = owner_terminate,
	.on_down = owner_on_down,
};
