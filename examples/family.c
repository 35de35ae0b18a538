/* SPDX-License-Identifier: Apache-2.0 */
/*
 * family [--name NAME]: a supervisor with three children, which come in this order
 *
 *   store    an actor that keeps a number. When it has crashed, those after it are restarted as well, since
 *            they rely on it (rest_for_one)
 *   reader   an actor that asks the store
 *   helper   a process: sleep(1)
 *
 *   actorctl call family read              what the reader gets from the store
 *   actorctl call family crash '"store"'   a child fails
 *   actorctl call family ls                restarts of each child, and the process's pid
 *
 * Each event is a line of stdout. More than three restarts in 5 s are too many: then the supervisor gives up,
 * this actor, which is linked with it, ends as well, and the node restarts the whole process.
 */
#include <actor/actor.h>
#include <actor/supervisor.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- the children ---- */

static int store_get(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", 42);
}

static int child_crash(actor *self, const actor_msg *msg)
{
	return -EIO; /* any failure of a handler ends its actor */
}

static const struct actor_method store_methods[] = {
	{.name = "get", .on_call = store_get},
	{.name = "crash", .on_cast = child_crash},
	{0},
};
static const struct actor_behavior store = {.name = "store", .methods = store_methods};

/* The reader is told where the supervisor is, and finds there who the store is now. */
static int reader_read(actor *self, const actor_msg *msg, actor_from *from)
{
	struct actor_child_info info;
	actor_ref family;
	int64_t n;
	int r;

	if (actor_msg_unpack(msg, "r", &family) < 0)
		return actor_reply_error(from, "bad_args", "read wants the family's ref");
	r = actor_supervisor_child(self, family, "store", &info);
	if (r == 0) {
		actor_msg *reply;

		r = actor_call(self, actor_to(info.who), "get", 1000, &reply, "");
		if (r == 0)
			r = actor_msg_unpack(reply, "I", &n);
		actor_msg_free(reply);
	}
	return r == 0 ? actor_reply(from, "I", n)
		      : actor_reply_error(from, "family.no_store", "%s", actor_strerror(r));
}

static const struct actor_method reader_methods[] = {
	{.name = "read", .on_call = reader_read},
	{.name = "crash", .on_cast = child_crash},
	{0},
};
static const struct actor_behavior reader = {.name = "reader", .methods = reader_methods};

static const char *const helper_argv[] = {"sleep", "100000", NULL};
static const struct actor_process_spec helper = {.argv = helper_argv};

static const struct actor_child_spec children[] = {
	{.name = "store", .behavior = &store, .behavior_bytes = sizeof(store)},
	{.name = "reader", .behavior = &reader, .behavior_bytes = sizeof(reader)},
	{.name = "helper", .process = &helper, .process_bytes = sizeof(helper), .shutdown_ms = 1000},
};

/* ---- their supervisor ---- */

static void on_event(actor *supervisor, const struct actor_supervisor_event *event, void *arg)
{
	static const char *const words[] = {
		[ACTOR_CHILD_STARTED] = "started",
		[ACTOR_CHILD_RESTARTED] = "restarted",
		[ACTOR_CHILD_ENDED] = "ended",
		[ACTOR_CHILD_DOWN] = "down",
		[ACTOR_SUPERVISOR_STARTED] = "all have started",
		[ACTOR_SUPERVISOR_GAVE_UP] = "too many restarts of",
		[ACTOR_SUPERVISOR_ENDS] = "all have ended",
	};

	printf("%s %s%s%s\n", words[event->kind], event->child, event->cause ? ": " : "",
		event->cause ? event->cause->reason : "");
	fflush(stdout);
}

struct family {
	actor_ref supervisor;
};

static int family_init(actor *self, const void *arg)
{
	struct family *family = actor_state(self);
	struct actor_supervisor_options options = {
		.strategy = ACTOR_REST_FOR_ONE,
		.intensity = 3,
		.children = children,
		.n_children = sizeof(children) / sizeof(children[0]),
		.child_bytes = sizeof(children[0]),
		.on_event = on_event,
	};
	struct actor_cause failure;
	int r = actor_supervisor_spawn_link(self, &options, &family->supervisor, &failure);

	if (r < 0)
		fprintf(stderr, "family: %s: %s\n", failure.reason, failure.text);
	return r;
}

/* ---- what others may ask ---- */

static int child_of(actor *self, const char *name, actor_ref *ret)
{
	struct family *family = actor_state(self);
	struct actor_child_info info;
	int r = actor_supervisor_child(self, family->supervisor, name, &info);

	*ret = r == 0 ? info.who : ACTOR_NOBODY;
	return actor_ref_is_nobody(*ret) ? -ESRCH : 0;
}

static int family_read(actor *self, const actor_msg *msg, actor_from *from)
{
	struct family *family = actor_state(self);
	actor_msg *reply = NULL;
	actor_ref who;
	int64_t n;
	int r = child_of(self, "reader", &who);

	if (r == 0)
		r = actor_call(self, actor_to(who), "read", 2000, &reply, "r", family->supervisor);
	if (r == 0)
		r = actor_msg_unpack(reply, "I", &n);
	actor_msg_free(reply);
	return r == 0 ? actor_reply(from, "I", n)
		      : actor_reply_error(from, "family.no_reader", "%s", actor_strerror(r));
}

static int family_crash(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;
	actor_ref who;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return actor_reply_error(from, "bad_args", "crash wants the name of a child");
	if (child_of(self, name, &who) < 0)
		return actor_reply_error(from, "family.no_child", "no child '%.100s' runs", name);
	(void)actor_cast(self, actor_to(who), "crash", "");
	return actor_reply(from, "");
}

struct listing {
	uint64_t restarts[3];
	int64_t pid;
	int n;
};

static bool list_child(const struct actor_child_info *info, void *arg)
{
	struct listing *listing = arg;

	listing->restarts[listing->n++] = info->n_restarts;
	listing->pid = info->pid;
	return listing->n < 3;
}

static int family_ls(actor *self, const actor_msg *msg, actor_from *from)
{
	struct family *family = actor_state(self);
	struct listing all = {0};

	(void)actor_supervisor_each_child(self, family->supervisor, list_child, &all);
	return actor_reply(from, "{s:U,s:U,s:U,s:I}", "store", all.restarts[0], "reader", all.restarts[1],
		"helper", all.restarts[2], "pid", all.pid);
}

static const struct actor_method family_methods[] = {
	{.name = "read", .on_call = family_read, .args = "", .doc = "what the reader gets from the store"},
	{.name = "crash", .on_call = family_crash, .args = "name:str", .doc = "a child fails"},
	{.name = "ls",
		.on_call = family_ls,
		.args = "",
		.doc = "restarts of each child, and the pid of the helper"},
	{0},
};

static const struct actor_behavior family = {
	.name = "family",
	.state_size = sizeof(struct family),
	.methods = family_methods,
	.init = family_init,
};

int main(int argc, char **argv)
{
	const char *name = "family";

	if (argc == 3 && !strcmp(argv[1], "--name"))
		name = argv[2];
	else if (argc != 1)
		return fprintf(stderr, "usage: family [--name NAME]\n"), 2;
	return actor_main(&family, NULL, name);
}
