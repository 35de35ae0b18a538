/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to the daemon to which this group said hello: the broker, or for control tools the supervisor.
 *
 * The link is made in the background, and again whenever it is lost: hello → link → announce what a new
 * broker must know (announce.c) → `announced`. Open requests of the runtime itself are idempotent and are
 * sent again. Open calls of actors are not idempotent and end with noconnection. Direct links to other groups
 * go on meanwhile.
 */
#include "libactor/node/uplink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/node/announce.h"
#include "libactor/node/door.h"
#include "libactor/actor/taps.h"
#include "libactor/node/gone.h"
#include "libactor/node/process-monitors.h"
#include "libactor/peer/name-cache.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/hello.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"

#define HELLO_TIMEOUT_MS 2000
#define LINK_TIMEOUT_MS  2000
#define BACKOFF_MIN_MS   10
#define BACKOFF_SOON_MS  40 /* the longest pause in the first SOON_MS: a broker is mostly back within 0.1 s */
#define BACKOFF_MAX_MS   500
#define SOON_MS          2000
#define IN_USE_MAX       3 /* a refusal may be caused by an old link whose end the broker has not seen yet */
/* How long to try a socket without a listener: the broker may be restarting, or the node may be gone. */
#define REFUSED_PATIENCE_MS 1000

static void uplink_hello(actor_group *group);

/*
 * There is another node now, or the broker has given us up. All others take our refs for dead, so this group
 * ends.
 */
static void uplink_end(actor_group *group)
{
	group->uplink.state = UPLINK_NONE;
	group->uplink.gone = true;
	group->stop_begun = true;
	requests_give_up(group); /* no broker will answer them */
	tasks_wake(&group->loop, &group->uplink.waiting, -ENOTCONN);
	actors_stop_all(group, ERROR_NOCONNECTION);
}

static void uplink_retry(actor_group *group, int error)
{
	struct uplink *uplink = &group->uplink;
	int64_t max_ms;

	uplink->last_error = error;
	if (uplink->state == UPLINK_NONE)
		return;
	if ((error == -ESTALE || error == -EACCES) && uplink->ever_up && !group->is_service) {
		uplink_end(group);
		return;
	}
	if (error == -EBUSY && !uplink->ever_up && group->token_bytes && !group->is_service &&
		++uplink->n_in_use >= IN_USE_MAX) {
		/*
		 * A shell that is the supervised child may have started two programs, or one of them may have
		 * started the other. Both have its token then, and only one can be the child.
		 */
		group_log(group,
			"another process is the supervised child already: this one joins as a client of its own, and is not restarted");
		group->token_bytes = 0;
		group->supervised = false;
	}
	if (uplink->state == UPLINK_UP || !uplink->lost_ns)
		uplink->lost_ns = clock_now_ns();
	max_ms = clock_now_ns() - uplink->lost_ns < SOON_MS * MS_NS ? BACKOFF_SOON_MS : BACKOFF_MAX_MS;
	uplink->state = UPLINK_WAITING;
	uplink->backoff_ms = uplink->backoff_ms ? uplink->backoff_ms * 2 : BACKOFF_MIN_MS;
	if (uplink->backoff_ms > max_ms)
		uplink->backoff_ms = max_ms;
	timer_arm(&group->loop, &uplink->timer, deadline_after_ms(clock_now_ns(), uplink->backoff_ms));
}

static void uplink_timer(struct loop *loop, struct timer *timer)
{
	uplink_hello(container_of(timer, struct actor_group, uplink.timer));
}

static void uplink_hello(actor_group *group)
{
	struct uplink *uplink = &group->uplink;
	struct hello hello = {
		.version_min = WIRE_VERSION,
		.version_max = WIRE_VERSION,
		.name = wire_cstr(group->name),
		.pid = (uint64_t)getpid(),
		.token = group->token_bytes ? group->token : NULL,
		.token_bytes = group->token_bytes,
		.single = group->mode != ACTOR_JOIN_DIRECT,
	};
	struct buf out = BUF_INIT;
	char path[4096];
	int r;

	hello_put(&out, &hello);
	r = buf_error(&out);
	if (r == 0)
		r = group_path(group, path, sizeof(path), "%s",
			group->mode == ACTOR_JOIN_SPAWNER ? "spawner.ipc" : "broker.ipc");
	if (r == 0)
		r = request_send(group->transport, path, out.data, out.size_bytes, HELLO_TIMEOUT_MS, NULL,
			&uplink->request);
	buf_deinit(&out);
	if (r < 0)
		uplink_retry(group, r);
	else
		uplink->state = UPLINK_HELLO;
}

/* The errno of a refusal. By it uplink_retry() and uplink_is_hopeless() decide whether to go on. */
static int uplink_refusal(const struct hello_answer *answer)
{
	if (mp_str_is(answer->error.s, answer->error.len, ERROR_PERMISSION) ||
		mp_str_is(answer->error.s, answer->error.len, "bad_token"))
		return -EACCES;
	if (mp_str_is(answer->error.s, answer->error.len, "version"))
		return -EPROTONOSUPPORT;
	if (mp_str_is(answer->error.s, answer->error.len, ERROR_IN_USE))
		return -EBUSY;
	if (mp_str_is(answer->error.s, answer->error.len, ERROR_OVERLOADED))
		return -ENOBUFS;
	return -EPROTO;
}

static int uplink_accept(actor_group *group, const struct transport_event *event)
{
	struct transport_peer expect = {.uid = group->runtime_uid};
	struct uplink *uplink = &group->uplink;
	struct hello_answer answer;
	char path[4096];
	int r;

	if (event->error)
		return event->error;
	r = hello_answer_parse(event->data, event->size_bytes, &answer);
	if (r < 0)
		return r;
	if (answer.error.s) {
		r = uplink_refusal(&answer);
		if (r == uplink->last_error)
			return r; /* logged already */
		group_log(group, "the node refused the hello: %.*s %.*s", (int)answer.error.len,
			answer.error.s, (int)answer.text.len, answer.text.s ? answer.text.s : "");
		return r;
	}
	if (answer.url.len < 7 || memcmp(answer.url.s, "ipc://", 6) || answer.url.len - 6 >= sizeof(path) ||
		answer.resume_bytes > sizeof(group->token) || !answer.node || !answer.group)
		return -EPROTO;
	/* Before we had a link the ids may change: no group learnt them from a daemon that has died since. */
	if (uplink->ever_up &&
		(group->node != answer.node || (group->id != answer.group && !group->is_service))) {
		group_log(group,
			group->node != answer.node
				? "the node this process belonged to is gone: another has its place"
				: "the node has given this process up, and would take it for a new one");
		return -ESTALE;
	}
	group->node = answer.node;
	group->id = answer.group;
	uplink->restarted = answer.restarted;
	door_open_own(group); /* before any other group can hear of us */
	uplink->resume_bytes = answer.resume ? answer.resume_bytes : 0;
	if (answer.resume)
		memcpy(uplink->resume, answer.resume, answer.resume_bytes);
	uplink->service = answer.self;
	uplink->peer = peer_new(group, answer.self.group, PEER_LINKING);
	if (!uplink->peer)
		return -ENOMEM;
	uplink->peer->kind = PEER_UPLINK;
	snprintf(uplink->peer->name, sizeof(uplink->peer->name), "%s",
		group->mode == ACTOR_JOIN_SPAWNER ? NAME_SPAWNER : NAME_BROKER);
	snprintf(path, sizeof(path), "%.*s", (int)answer.url.len - 6, answer.url.s + 6);
	r = pipe_dial(group->transport, path, expect, LINK_TIMEOUT_MS, uplink->peer, &uplink->peer->pipe);
	if (r < 0) {
		peer_forget(uplink->peer);
		uplink->peer = NULL;
		return r;
	}
	uplink->state = UPLINK_LINKING;
	return 0;
}

void uplink_answer(actor_group *group, const struct transport_event *event)
{
	int r;

	r = uplink_accept(group, event);
	group->uplink.request = request_free(group->uplink.request);
	if (r < 0)
		uplink_retry(group, r);
}

void uplink_link_up(actor_group *group)
{
	struct uplink *uplink = &group->uplink;
	struct actor *service = group->is_service ? actor_find(group, 1) : NULL;
	actor_msg *msg;

	uplink->state = UPLINK_UP;
	tasks_wake(&group->loop, &uplink->waiting, 0);
	uplink->last_error = 0;
	uplink->backoff_ms = 0;
	uplink->ever_up = true;
	if (uplink->resume_bytes) {
		memcpy(group->token, uplink->resume, uplink->resume_bytes);
		group->token_bytes = uplink->resume_bytes;
	}
	uplink->announced = false;
	uplink->n_connects++;
	if (service && group->broker_up_method[0] &&
		msg_new_received(&msg, group_ref(group, 0), wire_cstr(group->broker_up_method), NULL, 0) ==
			0) {
		msg->kind = MSG_CAST;
		mailbox_push(service, msg);
	}
}

void uplink_link_down(actor_group *group, int error)
{
	struct uplink *uplink = &group->uplink;
	struct peer *peer = uplink->peer;
	struct actor_cause cause = cause_make(ERROR_NOCONNECTION);
	struct actor *service = group->is_service ? actor_find(group, 1) : NULL;
	bool was_up = uplink->state == UPLINK_UP;
	actor_msg *msg;

	uplink->peer = NULL;
	uplink->announced = false;
	if (peer) {
		peer_fail_all(peer, &cause, -ECONNRESET);
		peer_forget(peer);
	}
	peers_routed_lost(group);
	if (group->mode != ACTOR_JOIN_DIRECT)
		names_forget_all(group);
	if (was_up && service && group->broker_down_method[0] &&
		msg_new_received(&msg, group_ref(group, 0), wire_cstr(group->broker_down_method), NULL, 0) ==
			0) {
		msg->kind = MSG_CAST;
		mailbox_push(service, msg);
	}
	uplink_retry(group, error);
}

void uplink_turn(actor_group *group)
{
	struct actor *service;

	if (group->uplink.state != UPLINK_UP || group->uplink.announced)
		return;
	if (group->is_service) {
		/* The service actor is the first to speak to a new broker: it tells which processes live. */
		service = actor_find(group, 1);
		if (!service || service->status == ACTOR_STARTING || service->task.stack ||
			!list_is_empty(&service->mailbox.messages))
			return;
	}
	announce_group(group);
}

int uplink_init(actor_group *group)
{
	int r = timer_init(&group->loop, &group->uplink.timer, uplink_timer);

	if (r == 0)
		r = requests_init(group);
	return r < 0 ? r : process_monitors_init(group);
}

void uplink_start(actor_group *group)
{
	group->uplink.state = UPLINK_HELLO;
	group->uplink.started_ns = clock_now_ns();
	uplink_hello(group);
}

/*
 * Whether the keeper lives, whose pid is in the lock file. If it does, the node lives, and a daemon that is
 * away comes back; its socket may be dead, or removed and not made anew yet. Also false when this cannot be
 * known: the file belongs to another user, or the pid is of another namespace.
 */
static bool node_lives(const actor_group *group)
{
	char path[sizeof(group->runtime_dir) + sizeof("/lock")], text[16], *end;
	ssize_t n;
	long pid;
	int fd;

	snprintf(path, sizeof(path), "%s/lock", group->runtime_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	pid = strtol(text, &end, 10);
	return *end == '\n' && pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

bool uplink_may_tell(const actor_group *group)
{
	return group->uplink.state == UPLINK_UP || (group->uplink.state != UPLINK_NONE && node_lives(group));
}

bool uplink_is_hopeless(const actor_group *group)
{
	const struct uplink *uplink = &group->uplink;

	if (uplink->ever_up || !uplink->last_error)
		return false;
	switch (uplink->last_error) {
	case -EBUSY:
	case -ENOBUFS:
	case -ETIMEDOUT:
	case -ECONNRESET:
		return false;
	case -ENOENT:
	case -ECONNREFUSED:
		/*
		 * The broker may be restarting. A supervised group waits for it in any case, another group
		 * only if the keeper lives.
		 */
		if (group->supervised || node_lives(group))
			return false;
		return uplink->last_error == -ENOENT ||
		       clock_now_ns() - uplink->started_ns > REFUSED_PATIENCE_MS * MS_NS;
	default:
		return true;
	}
}

void uplink_stop(actor_group *group)
{
	struct uplink *uplink = &group->uplink;

	uplink->state = UPLINK_NONE;
	uplink->request = request_free(uplink->request);
	requests_deinit(group);
	tasks_wake(&group->loop, &uplink->waiting, -ENOTCONN);
	taps_drop(group);
	process_monitors_deinit(group);
	timer_deinit(&group->loop, &uplink->timer);
}
