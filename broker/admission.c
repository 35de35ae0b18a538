/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/admission.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/life.h"
#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/hello.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/token.h"

#define PATH_BYTES 4352

struct admission {
	struct broker *broker;
	uint64_t hello_id;
	uid_t uid;
	pid_t pid;
	struct hello hello;
	char name[WIRE_NAME_MAX_BYTES + 1];
	uint64_t group; /* the id in its token, 0 without a token; later the id that it gets */
	bool newcomer;
};

static void refuse(struct admission *a, const char *error, const char *text)
{
	struct broker *broker = a->broker;
	struct hello_answer answer = {.error = wire_cstr(error), .text = wire_cstr(text)};
	struct buf *b = broker_body(broker);

	broker->count.refused++;
	broker_complain(broker, a->pid, a->uid, "refused the hello of '%s' (pid %d, uid %u): %s: %s", a->name,
		(int)a->pid, (unsigned)a->uid, error, text);
	hello_answer_put(b, &answer);
	if (buf_error(b) == 0)
		broker->ops.hello_answer(broker->arg, a->hello_id, b->data, b->size_bytes);
}

/* 0, or -EACCES after a refusal. */
static int check(struct admission *a, const void *data, size_t size_bytes)
{
	struct broker *broker = a->broker;
	struct hello *hello = &a->hello;
	char name[256];

	if (hello_parse(data, size_bytes, hello) < 0) {
		refuse(a, "bad_hello", "not a hello; see docs/protocol.md section 2");
		return -EACCES;
	}
	if (hello->name.len && !wire_name_is_valid(hello->name.s, hello->name.len)) {
		refuse(a, "bad_hello", "the name is not 1 to 255 bytes of UTF-8 without control characters");
		return -EACCES;
	}
	snprintf(
		a->name, sizeof(a->name), "%.*s", (int)hello->name.len, hello->name.len ? hello->name.s : "");
	if (hello->version_min > WIRE_VERSION || hello->version_max < WIRE_VERSION) {
		refuse(a, "version", "this broker speaks version 1 only");
		return -EACCES;
	}
	if (hello->token) {
		if (token_check(hello->token, hello->token_bytes, broker->key, &a->group, name) < 0 ||
			!a->group || a->group == broker->group) {
			refuse(a, "bad_token", "the token is not of this node");
			return -EACCES;
		}
		snprintf(a->name, sizeof(a->name), "%s", name);
	}
	/* A child may run as another user; its token says that the supervisor started it. */
	if (a->uid != broker->uid && a->uid != 0 && (!a->group || group_is_client(a->group))) {
		refuse(a, ERROR_PERMISSION, "another user's node");
		return -EACCES;
	}
	return 0;
}

struct census {
	pid_t pid;
	size_t n_clients, n_of_pid;
};

static void count(struct hash_node *node, void *arg)
{
	const struct member *member = container_of(node, struct member, node);
	struct census *census = arg;

	if (member_is_supervised(member))
		return;
	census->n_clients++;
	census->n_of_pid += member->pid == census->pid;
}

#define CLIENTS_SHARE 8 /* supervised groups leave one place in so many to clients */
#define CLIENTS_MIN   2

/*
 * Is there a place for one supervised group more? Some places stay free for clients, so that actorctl can
 * still get in.
 */
static bool supervised_fits(const struct admission *a)
{
	const struct broker *broker = a->broker;
	const size_t kept = broker->limits.groups / CLIENTS_SHARE > CLIENTS_MIN
				    ? broker->limits.groups / CLIENTS_SHARE
				    : CLIENTS_MIN;
	struct census census = {0};

	if (broker->members.n_items + kept < broker->limits.groups)
		return true;
	hash_each(&a->broker->members, count, &census);
	return broker->members.n_items - census.n_clients + kept < broker->limits.groups;
}

/*
 * Is there a place for one client more? Clients have at most half of all places. The others are for
 * supervised groups, since a supervised group that is refused ends. The clients of one process have at most a
 * quarter, so that one process cannot keep all others out. While fewer than a quarter of the places are
 * taken, no count is needed.
 */
static bool client_fits(const struct admission *a)
{
	const struct broker *broker = a->broker;
	const size_t max = (broker->limits.groups + 1) / 2, max_of_pid = (broker->limits.groups + 3) / 4;
	struct census census = {.pid = a->pid};

	if (broker->members.n_items < max_of_pid)
		return true;
	hash_each(&a->broker->members, count, &census);
	return census.n_clients < max && census.n_of_pid < max_of_pid;
}

/* The member that said this hello; NULL after a refusal. */
static struct member *find_or_make(struct admission *a)
{
	struct broker *broker = a->broker;
	struct member *member = a->group ? member_find(broker, a->group) : NULL;

	/*
	 * Other groups were told that this group is over. If its process lives on, the process gets a new id.
	 */
	if (a->group && (broker_is_buried(broker, a->group) || (member && member->exited)))
		a->group = 0;
	a->newcomer = !a->group;
	if (a->newcomer) {
		uint64_t incarnation = broker->group & 0x3fffffff;

		if (broker->n_clients == UINT32_MAX) {
			refuse(a, ERROR_OVERLOADED, "this broker has no ids left");
			return NULL;
		}
		if (!client_fits(a)) {
			refuse(a, ERROR_OVERLOADED,
				"too many clients, or too many of this process; supervised groups have places of their own");
			return NULL;
		}
		a->group = GROUP_CLIENT | incarnation << 32 | ++broker->n_clients;
		member = NULL;
	}
	if (member && member->pipe) {
		if (member->state == MEMBER_UP || !member->pid || member->pid != a->pid) {
			refuse(a, ERROR_IN_USE, "a link for this token is open");
			return NULL;
		}
		/* the group says hello again, since the first answer did not reach it */
		broker_pipe_close(member->pipe);
	}
	if (!member && !a->newcomer && !supervised_fits(a)) {
		refuse(a, ERROR_OVERLOADED,
			"too many supervised groups for the limit of open files (ulimit -Hn) of this node");
		return NULL;
	}
	if (!member)
		member = member_new(broker, a->group);
	if (!member)
		refuse(a, ERROR_OVERLOADED, "too many groups, or out of memory");
	return member;
}

/* The hello led to no pipe. @member has its earlier state again, or is forgotten if nothing else needs it. */
static void undo(struct member *member)
{
	if (!member->was_up && !member->listed && list_is_empty(&member->pairs) &&
		list_is_empty(&member->owed) && !member_lives_by_kernel(member)) {
		member_forget(member);
		return;
	}
	member->state =
		member->was_up || !window_is_open(&member->broker->window) ? MEMBER_LOST : MEMBER_ABSENT;
	if (member->state != MEMBER_LOST)
		return;
	if (!member->was_up) /* a member that was up has its cause since its pipe ended */
		member->cause = cause_make(ERROR_NOCONNECTION);
	member_arm(member);
}

void admission_undo(struct member *member)
{
	if (member->pipe)
		broker_pipe_close(member->pipe);
	/*
	 * A group makes its directory when it has the answer, and then dials. In between it may have been
	 * killed, or only stopped, and then it comes back. So its directory is removed only if the kernel
	 * says that the group is dead.
	 */
	if (!member_is_supervised(member) && !member->was_up && !member_lives_by_kernel(member))
		member->broker->ops.group_gone(member->broker->arg, member->group);
	undo(member);
}

void admission_hello(
	struct broker *broker, uint64_t hello_id, uid_t uid, pid_t pid, const void *data, size_t size_bytes)
{
	struct admission a = {.broker = broker, .hello_id = hello_id, .uid = uid, .pid = pid, .name = ""};
	struct hello_answer answer = {.version = WIRE_VERSION, .node = broker->node, .self = broker->self};
	struct token resume;
	struct member *member;
	struct broker_pipe *pipe;
	char url[PATH_BYTES] = "ipc://";
	struct buf *b;
	int r;

	broker->count.hellos++;
	if (check(&a, data, size_bytes) < 0)
		return;
	member = find_or_make(&a);
	if (!member)
		return;
	member->uid = uid;
	member->pid = pid;
	member->single = a.hello.single;
	memcpy(member->name, a.name, sizeof(member->name));
	member->is_spawner = member_is_supervised(member) && !strcmp(a.name, NAME_SPAWNER);

	snprintf(url + 6, sizeof(url) - 6, "%s/b/%" PRIu64 ".%" PRIu64 ".ipc", broker->runtime_dir,
		broker->group, ++broker->n_pipes);
	pipe = broker_pipe_new(member);
	if (!pipe) {
		refuse(&a, ERROR_OVERLOADED, "out of memory");
		undo(member);
		return;
	}
	r = token_make(&resume, broker->key, member->group, member->name);
	if (r == 0)
		r = broker->ops.pipe_listen(broker->arg, pipe, url + 6, uid, pid, &pipe->handle);
	if (r < 0) {
		pipe->member = NULL;
		broker_pipe_close(pipe);
		refuse(&a, ERROR_OVERLOADED,
			r == -EMFILE || r == -ENFILE ? "the broker has no file descriptors left"
						     : strerror(-r));
		undo(member);
		return;
	}
	member->pipe = pipe;
	member->state = MEMBER_JOINING;
	member_disarm(member);
	if (member->single && !member_is_supervised(member))
		broker->ops.client_note(broker->arg, member->group, pid);
	answer.restarted = !a.newcomer && !member->was_up;
	if (answer.restarted && !member->is_spawner)
		window_await(member);
	member->unannounced = answer.restarted && !member->single;

	answer.url = wire_cstr(url);
	answer.group = member->group;
	answer.resume = resume.bytes;
	answer.resume_bytes = resume.size_bytes;
	b = broker_body(broker);
	hello_answer_put(b, &answer);
	if (buf_error(b) < 0) {
		refuse(&a, ERROR_OVERLOADED, "out of memory");
		admission_undo(member);
		return;
	}
	broker->ops.hello_answer(broker->arg, hello_id, b->data, b->size_bytes);
}
