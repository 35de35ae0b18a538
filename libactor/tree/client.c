/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of actor/supervisor.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/base/base.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/tree/tree.h"
#include "libactor/util/clock.h"
#include "libactor/util/sized.h"
#include "libactor/util/utf8.h"

/* ---- starting ---- */

static void explain(struct actor_cause *ret_failure, const char *text)
{
	*ret_failure = cause_make("bad_args");
	snprintf(ret_failure->text, sizeof(ret_failure->text), "%s", text ? text : "");
}

static int spawn(actor *self, actor_group *group, bool link, const struct actor_supervisor_options *options,
	size_t options_bytes, actor_ref *ret, struct actor_cause *ret_failure)
{
	struct actor_cause failure = {0};
	struct supervisor_arg arg = {.ret_failure = &failure};
	const char *text;
	int r = tree_spec_new(group, options, options_bytes, &arg.spec, &text);

	if (r < 0) {
		explain(&failure, text);
	} else {
		if (link)
			arg.parent = actor_self(self);
		r = !self  ? actor_group_spawn(group, &tree_behavior, &arg, NULL, ret)
		    : link ? actor_spawn_link(self, &tree_behavior, &arg, ret)
			   : actor_spawn(self, &tree_behavior, &arg, ret);
		tree_spec_drop(arg.spec);
	}
	if (r < 0 && ret_failure) {
		*ret_failure = failure;
		if (!failure.reason[0])
			*ret_failure = cause_make(actor_strerror(r));
	}
	return r;
}

int actor_supervisor_spawn_sized(actor *self, const struct actor_supervisor_options *options,
	size_t options_bytes, actor_ref *ret, struct actor_cause *ret_failure)
{
	return self ? spawn(self, self->group, false, options, options_bytes, ret, ret_failure) : -EINVAL;
}

int actor_supervisor_spawn_link_sized(actor *self, const struct actor_supervisor_options *options,
	size_t options_bytes, actor_ref *ret, struct actor_cause *ret_failure)
{
	return self ? spawn(self, self->group, true, options, options_bytes, ret, ret_failure) : -EINVAL;
}

int actor_supervisor_group_spawn_sized(actor_group *group, const struct actor_supervisor_options *options,
	size_t options_bytes, actor_ref *ret, struct actor_cause *ret_failure)
{
	return group ? spawn(NULL, group, false, options, options_bytes, ret, ret_failure) : -EINVAL;
}

const char *actor_supervisor_check_sized(const struct actor_supervisor_options *options, size_t options_bytes)
{
	struct tree_spec *spec = NULL;
	const char *text;
	int r = tree_spec_new(NULL, options, options_bytes, &spec, &text);

	if (r == 0)
		tree_spec_drop(spec);
	return r == 0 ? NULL : text ? text : actor_strerror(r);
}

/* ---- commands ---- */

/* Reads the errno and the cause of a failed start from the text of the error (waiters.c wrote it). */
static int start_failed(const char *text, struct actor_cause *ret_failure)
{
	int error = 0, at = 0;
	const char *end;

	if (sscanf(text, "errno=%d; %n", &error, &at) < 1 || error <= 0)
		return -ECONNRESET;
	text += at;
	end = strstr(text, "; ");
	if (ret_failure && end) {
		*ret_failure = (struct actor_cause){0};
		utf8_copy_plain(ret_failure->reason, sizeof(ret_failure->reason), text, (size_t)(end - text));
		utf8_copy_plain(ret_failure->text, sizeof(ret_failure->text), end + 2, strlen(end + 2));
	}
	return -error;
}

static int command_result(int r, const actor_msg *reply, actor_ref *ret, struct actor_cause *ret_failure)
{
	static const struct {
		const char *name;
		int r;
	} errors[] = {
		{"running", -EALREADY},
		{"not_down", -EBUSY},
		{ERROR_IN_USE, -EEXIST},
		{"stopping", -ECANCELED},
		{ERROR_OVERLOADED, -ENOMEM},
		{ERROR_BAD_ARGS, -EINVAL},
	};
	const char *name = r == -EREMOTEIO ? actor_msg_error(reply) : NULL;

	if (r == 0 && ret) {
		*ret = ACTOR_NOBODY;
		(void)actor_msg_unpack(reply, "r?", ret);
	}
	if (!name)
		return r;
	if (!strcmp(name, "start_failed"))
		return start_failed(actor_msg_error_text(reply), ret_failure);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (!strcmp(name, errors[i].name))
			return errors[i].r;
	return r;
}

static int command(actor *self, actor_ref supervisor, const char *method, const char *name,
	int64_t timeout_ms, actor_ref *ret)
{
	actor_msg *reply = NULL;
	int r;

	if (!self || !name)
		return -EINVAL;
	r = actor_call(self, actor_to(supervisor), method, timeout_ms, &reply, "s", name);
	r = command_result(r, reply, ret, NULL);
	actor_msg_free(reply);
	return r;
}

int actor_supervisor_stop_child(actor *self, actor_ref supervisor, const char *name, int64_t timeout_ms)
{
	return command(self, supervisor, "stop", name, timeout_ms, NULL);
}

int actor_supervisor_start_again(
	actor *self, actor_ref supervisor, const char *name, int64_t timeout_ms, actor_ref *ret)
{
	return command(self, supervisor, "start", name, timeout_ms, ret);
}

int actor_supervisor_restart_child(
	actor *self, actor_ref supervisor, const char *name, int64_t timeout_ms, actor_ref *ret)
{
	return command(self, supervisor, "restart", name, timeout_ms, ret);
}

int actor_supervisor_delete_child(actor *self, actor_ref supervisor, const char *name, int64_t timeout_ms)
{
	return command(self, supervisor, "delete", name, timeout_ms, NULL);
}

/* Checks and copies @spec. The supervisor keeps the child, which is not added yet, under a number. */
static int child_stage(struct supervisor *supervisor, const struct actor_child_spec *spec, size_t spec_bytes,
	uint64_t *ret_number, actor_ref *ret, struct actor_cause *ret_failure)
{
	struct child_spec_copy *copy;
	struct child *child;
	const char *text;
	int r = child_spec_copy_new(
		supervisor->self->group, supervisor->spec, spec, spec_bytes, &copy, &text);

	if (r < 0) {
		if (ret_failure)
			explain(ret_failure, text);
		return r;
	}
	child = copy->name ? tree_child_find(supervisor, copy->name) : NULL;
	if (child) {
		child_spec_copy_drop(copy);
		if (ret)
			*ret = child->who;
		return child->engine->state == SUPERVISION_DOWN ? -EEXIST : -EALREADY;
	}
	r = tree_child_new(supervisor, copy, &child);
	if (r < 0) {
		child_spec_copy_drop(copy);
		return r;
	}
	list_append(&supervisor->staged, &child->staged);
	*ret_number = child->number;
	return 0;
}

static void child_unstage(actor_group *group, actor_ref ref, uint64_t number)
{
	const struct supervisor *supervisor = supervisor_find(group, ref);

	if (!supervisor)
		return;
	list_for_each_safe(it, &supervisor->staged) {
		struct child *child = container_of(it, struct child, staged);

		if (child->number == number)
			tree_child_free(child);
	}
}

int actor_supervisor_start_child_sized(actor *self, actor_ref ref, const struct actor_child_spec *spec,
	size_t spec_bytes, int64_t timeout_ms, actor_ref *ret, struct actor_cause *ret_failure)
{
	struct supervisor *supervisor = self ? supervisor_find(self->group, ref) : NULL;
	actor_msg *reply = NULL;
	uint64_t number;
	int r;

	if (!self)
		return -EINVAL;
	if (!supervisor)
		return -ESRCH;
	if (supervisor->over || supervisor->ending)
		return -ECANCELED;
	r = child_stage(supervisor, spec, spec_bytes, &number, ret, ret_failure);
	if (r < 0)
		return r;
	r = actor_call(self, actor_to(ref), "$start_new", timeout_ms, &reply, "U", number);
	child_unstage(self->group, ref, number); /* in case the message has not been handled */
	r = command_result(r, reply, ret, ret_failure);
	actor_msg_free(reply);
	return r;
}

/* ---- questions ---- */

static enum actor_child_state state_of(const struct child *child)
{
	switch (child->engine->state) {
	case SUPERVISION_WAITING:
		return ACTOR_CHILD_WAITS;
	case SUPERVISION_BACKOFF:
		return ACTOR_CHILD_BACKS_OFF;
	case SUPERVISION_STARTING:
	case SUPERVISION_UP:
		return ACTOR_CHILD_STARTS;
	case SUPERVISION_READY:
		return ACTOR_CHILD_RUNS;
	case SUPERVISION_STOPPING:
		return ACTOR_CHILD_STOPS;
	default:
		return ACTOR_CHILD_IS_DOWN;
	}
}

static void info_of(const struct child *child, struct actor_child_info *info)
{
	const struct supervision_child *engine = child->engine;
	uint64_t deadline_ns = supervision_child_deadline(engine), now_ns = (uint64_t)clock_now_ns();

	*info = (struct actor_child_info){
		.name = child->name,
		.state = state_of(child),
		.restart = (enum actor_restart)engine->spec.restart,
		.is_supervisor = child->spec->kind == CHILD_SUPERVISOR,
		.is_process = child->spec->kind == CHILD_PROCESS,
		.significant = engine->spec.significant,
		.who = child->who,
		.pid = child->pid,
		.n_starts = engine->n_starts,
		.n_restarts = engine->n_restarts,
		.cause = child->cause,
	};
	if (engine->state == SUPERVISION_BACKOFF && deadline_ns > now_ns)
		info->wait_ms = (int64_t)((deadline_ns - now_ns + MS_NS - 1) / MS_NS);
}

int actor_supervisor_each_child(
	actor *self, actor_ref ref, bool (*each)(const struct actor_child_info *info, void *arg), void *arg)
{
	const struct supervisor *supervisor = self && each ? supervisor_find(self->group, ref) : NULL;
	struct actor_child_info info;
	struct supervision_child *it;
	int n = 0;

	if (!supervisor)
		return -ESRCH;
	for (it = supervision_first_child(supervisor->engine); it; it = supervision_child_next(it)) {
		info_of(it->spec.data, &info);
		n++;
		if (!each(&info, arg))
			break;
	}
	return n;
}

int actor_supervisor_child_sized(
	actor *self, actor_ref ref, const char *name, struct actor_child_info *ret, size_t ret_bytes)
{
	const struct supervisor *supervisor = self && name ? supervisor_find(self->group, ref) : NULL;
	const struct child *child = supervisor ? tree_child_find(supervisor, name) : NULL;
	struct actor_child_info info;

	if (!child)
		return -ESRCH;
	info_of(child, &info);
	sized_write(ret, ret_bytes, &info, sizeof(info));
	return 0;
}

int actor_supervisor_count_sized(actor *self, actor_ref ref, struct actor_child_counts *ret, size_t ret_bytes)
{
	const struct supervisor *supervisor = self ? supervisor_find(self->group, ref) : NULL;
	struct actor_child_counts counts = {0};
	struct supervision_child *it;

	if (!supervisor)
		return -ESRCH;
	for (it = supervision_first_child(supervisor->engine); it; it = supervision_child_next(it)) {
		const struct child *child = it->spec.data;

		counts.specs++;
		counts.active += it->state == SUPERVISION_READY || it->state == SUPERVISION_STOPPING;
		counts.supervisors += child->spec->kind == CHILD_SUPERVISOR;
	}
	counts.workers = counts.specs - counts.supervisors;
	sized_write(ret, ret_bytes, &counts, sizeof(counts));
	return 0;
}
