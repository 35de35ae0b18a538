/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport.h between simulated processes: pipes, and the choice of the next event. Any that is due may come
 * next.
 */
#include "libactor/transport/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libactor/protocol/wire.h"
#include "tests/sim/net.h"

struct pipe {
	struct source source;
	struct transport_peer expect;
	struct sock *sock;
	struct file *file;  /* the file at which it listens, until its peer has come */
	struct list unsent; /* packets for which the kernel had no room */
	size_t unsent_bytes;
	struct buf out;
	bool refused, up, tell_up, drain_wanted, drained, ended, told;
	int error;
};

void source_init(struct source *source, enum source_kind kind, struct transport *transport, void *user)
{
	source->kind = kind;
	source->transport = transport;
	source->user = user;
	source->deadline_ns = SIM_NEVER;
	list_append(&transport->sources, &source->link);
}

static struct pipe *pipe_of(struct source *source)
{
	return container_of(source, struct pipe, source);
}

/* ---- pipes ---- */

static void pipe_end(struct pipe *pipe, int error)
{
	if (pipe->ended)
		return;
	pipe->ended = true;
	pipe->error = error;
}

static struct pipe *pipe_new(struct transport *transport, struct transport_peer expect, void *user)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));

	source_init(&pipe->source, SOURCE_PIPE, transport, user);
	list_init(&pipe->unsent);
	pipe->expect = expect;
	return pipe;
}

static void pipe_set_timeout(struct pipe *pipe, int64_t timeout_ms)
{
	pipe->source.deadline_ns = timeout_ms < 0 ? SIM_NEVER : sim.now_ns + timeout_ms * MS;
}

int pipe_listen(struct transport *transport, const char *path, struct transport_peer expect,
	int64_t timeout_ms, void *user, struct pipe **ret)
{
	struct file *file;
	int r = file_listen(path, FILE_PIPE, &file);

	if (r < 0)
		return r;
	*ret = pipe_new(transport, expect, user);
	(*ret)->file = file;
	pipe_set_timeout(*ret, timeout_ms);
	return 0;
}

static bool peer_is(struct transport_peer peer, struct transport_peer expect)
{
	return peer.uid == expect.uid && (!expect.pid || peer.pid == expect.pid);
}

static void pipe_connect(struct pipe *pipe, const char *path, enum file_kind kind)
{
	int r = file_connect(path, kind, &pipe->sock);

	if (r == 0 && !peer_is(pipe->sock->peer, pipe->expect)) {
		sock_close(pipe->sock);
		pipe->sock = NULL;
		r = -EACCES;
	}
	if (r < 0)
		pipe_end(pipe, r);
}

int pipe_dial(struct transport *transport, const char *path, struct transport_peer expect, int64_t timeout_ms,
	void *user, struct pipe **ret)
{
	*ret = pipe_new(transport, expect, user);
	pipe_connect(*ret, path, FILE_PIPE);
	pipe_set_timeout(*ret, timeout_ms);
	return 0;
}

int pipe_join(struct transport *transport, const char *path, struct transport_peer expect, const void *first,
	size_t first_bytes, void *user, struct pipe **ret)
{
	*ret = pipe_new(transport, expect, user);
	pipe_connect(*ret, path, FILE_DOOR);
	if (!(*ret)->sock)
		return 0;
	if (!process_may())
		return 0; /* the process died after the dial, before its first word */
	sock_send((*ret)->sock, first, first_bytes);
	(*ret)->up = (*ret)->tell_up = true;
	return 0;
}

struct pipe *pipe_adopt(struct transport *transport, struct sock *sock, void *user)
{
	struct pipe *pipe = pipe_new(transport, sock->peer, user);

	pipe->sock = sock;
	pipe->up = true;
	return pipe;
}

static void pipe_close(struct pipe *pipe)
{
	struct list *it;

	sock_close(pipe->sock);
	pipe->sock = NULL;
	file_free(pipe->file);
	pipe->file = NULL;
	while ((it = list_pop(&pipe->unsent)))
		free(container_of(it, struct packet, link));
	pipe->unsent_bytes = 0;
}

struct pipe *pipe_free(struct pipe *pipe)
{
	if (!pipe)
		return NULL;
	(void)process_may();
	pipe_close(pipe);
	list_remove(&pipe->source.link);
	buf_deinit(&pipe->out);
	free(pipe);
	return NULL;
}

enum transport_life transport_life(pid_t pid, int64_t seen_ns)
{
	(void)seen_ns; /* a pid is never used twice */
	list_for_each(it, &processes) {
		const struct process *process = container_of(it, struct process, link);

		if (process->pid == pid && process_lives(process))
			return LIFE_GOES_ON;
	}
	return pid ? LIFE_OVER : LIFE_UNKNOWN;
}

void pipe_set_user(struct pipe *pipe, void *user)
{
	pipe->source.user = user;
}

bool pipe_is_up(const struct pipe *pipe)
{
	return pipe->up;
}

bool pipe_has_unread(const struct pipe *pipe)
{
	if (pipe->told)
		return false;
	return pipe->ended || file_first(pipe->file) ||
	       (pipe->sock && (!list_is_empty(&pipe->sock->unread) || !pipe->sock->other));
}

struct buf *pipe_out(struct pipe *pipe)
{
	return &pipe->out;
}

/* Gives the kernel as much as it has room for. */
static void pipe_pump(struct pipe *pipe)
{
	while (pipe->up && pipe->sock && !list_is_empty(&pipe->unsent) && sock_has_room(pipe->sock)) {
		struct packet *packet = container_of(list_pop(&pipe->unsent), struct packet, link);

		pipe->unsent_bytes -= packet->size_bytes;
		if (process_may())
			sock_send(pipe->sock, packet->data, packet->size_bytes);
		free(packet);
	}
	if (pipe->drain_wanted && pipe->up && list_is_empty(&pipe->unsent)) {
		pipe->drain_wanted = false;
		pipe->drained = true;
	}
}

void pipe_flush(struct pipe *pipe)
{
	struct buf *out = &pipe->out;
	struct packet *packet;

	if (out->size_bytes == 0 && !out->failed)
		return;
	if (out->failed || out->size_bytes > WIRE_MESSAGE_MAX_BYTES)
		pipe_end(pipe, out->failed ? -ENOMEM : -EMSGSIZE);
	if (!pipe->ended && !process_is_dead()) {
		packet = malloc(sizeof(*packet) + out->size_bytes);
		packet->size_bytes = out->size_bytes;
		memcpy(packet->data, out->data, out->size_bytes);
		list_append(&pipe->unsent, &packet->link);
		pipe->unsent_bytes += packet->size_bytes;
		pipe_pump(pipe);
	}
	buf_reset(out, 64u << 10);
}

void pipe_mark(struct pipe *pipe)
{
	if (pipe->out.size_bytes >= TRANSPORT_BATCH_BYTES)
		pipe_flush(pipe);
}

size_t pipe_backlog_bytes(const struct pipe *pipe)
{
	return pipe->out.size_bytes + pipe->unsent_bytes;
}

void pipe_say_why(struct pipe *pipe)
{
	(void)pipe; /* no process sends anything malformed */
}

void pipe_notify_drained(struct pipe *pipe)
{
	pipe_flush(pipe);
	if (pipe->ended)
		return;
	pipe->drain_wanted = true;
	pipe_pump(pipe);
}

static int64_t pipe_due_ns(const struct pipe *pipe)
{
	int64_t due_ns = SIM_NEVER;

	if (pipe->told)
		return SIM_NEVER;
	if (pipe->ended || pipe->tell_up || pipe->drained)
		return sim.now_ns;
	if (pipe->up && !list_is_empty(&pipe->unsent) && sock_has_room(pipe->sock))
		return sim.now_ns;
	if (pipe->sock)
		due_ns = sock_due_ns(pipe->sock);
	if (pipe->file)
		due_ns = file_due_ns(pipe->file);
	return !pipe->up && pipe->source.deadline_ns < due_ns ? pipe->source.deadline_ns : due_ns;
}

/* Lets in the peer that the listener expects. True: it has come. */
static bool pipe_accept(struct pipe *pipe)
{
	struct sock *sock;

	while ((sock = file_first(pipe->file))) {
		list_remove(&sock->waiting);
		if (!peer_is(sock->peer, pipe->expect)) {
			pipe->refused = true;
			sock_close(sock);
			continue;
		}
		pipe->sock = sock;
		file_free(pipe->file);
		pipe->file = NULL;
		if (process_may())
			sock_send(sock, NULL, 0); /* the greeting, with which the dialer is up */
		return true;
	}
	return false;
}

static bool pipe_come_up(struct pipe *pipe)
{
	struct packet *greeting;

	if (pipe->file && file_due_ns(pipe->file) <= sim.now_ns) {
		if (!pipe_accept(pipe))
			return false;
	} else if (pipe->sock && sock_due_ns(pipe->sock) <= sim.now_ns) {
		greeting = sock_take(pipe->sock);
		if (!greeting) {
			pipe_end(pipe, -ECONNRESET);
			return false;
		}
		free(greeting);
	} else {
		if (pipe->source.deadline_ns <= sim.now_ns)
			pipe_end(pipe, pipe->refused ? -EACCES : -ETIMEDOUT);
		return false;
	}
	pipe->up = true;
	pipe->source.deadline_ns = SIM_NEVER;
	pipe_pump(pipe);
	return true;
}

static int pipe_next(struct pipe *pipe, struct transport_event *ret)
{
	struct packet *packet;

	ret->pipe = pipe;
	ret->user = pipe->source.user;
	if (pipe->told)
		return 0;
	pipe_pump(pipe);
	ret->type = TRANSPORT_PIPE_UP;
	if (!pipe->ended && (pipe->tell_up || (!pipe->up && pipe_come_up(pipe)))) {
		pipe->tell_up = false;
		ret->peer = pipe->sock ? pipe->sock->peer : (struct transport_peer){0};
		return 1;
	}
	if (pipe->up && pipe->sock && sock_due_ns(pipe->sock) <= sim.now_ns) {
		packet = sock_take(pipe->sock);
		if (packet) {
			ret->type = TRANSPORT_PIPE_DATA;
			ret->peer = pipe->sock->peer;
			ret->data = packet->data;
			ret->size_bytes = packet->size_bytes;
			pipe->source.transport->kept = packet;
			return 1;
		}
		if (!pipe->sock->other)
			pipe_end(pipe, -ECONNRESET);
	}
	if (pipe->drained) {
		pipe->drained = false;
		ret->type = TRANSPORT_PIPE_DRAINED;
		return 1;
	}
	if (!pipe->ended)
		return 0;
	ret->type = TRANSPORT_PIPE_DOWN;
	ret->error = pipe->error;
	pipe->told = true;
	pipe->up = false;
	pipe_close(pipe);
	return 1;
}

/* ---- the transport ---- */

const char *transport_name(void)
{
	return "simulated";
}

int transport_new(struct transport **ret)
{
	struct transport *transport = calloc(1, sizeof(*transport));

	list_init(&transport->sources);
	transport->fd = eventfd(0, EFD_CLOEXEC);
	process_current()->transport = transport;
	*ret = transport;
	return 0;
}

struct transport *transport_free(struct transport *transport)
{
	if (!transport)
		return NULL;
	while (!list_is_empty(&transport->sources)) {
		struct source *source = container_of(transport->sources.next, struct source, link);

		if (source->kind == SOURCE_PIPE)
			pipe_free(pipe_of(source));
		else
			rendezvous_free(source);
	}
	process_current()->transport = NULL;
	free(transport->kept);
	close(transport->fd);
	free(transport);
	return NULL;
}

int transport_fd(struct transport *transport)
{
	return transport->fd;
}

static int64_t source_due_ns(struct source *source)
{
	return source->kind == SOURCE_PIPE ? pipe_due_ns(pipe_of(source)) : rendezvous_due_ns(source);
}

/* Picks a source that has something; each of them has the same chance. */
static struct source *transport_pick(const struct transport *transport)
{
	struct source *picked = NULL;
	uint32_t n = 0;

	list_for_each(it, &transport->sources) {
		struct source *source = container_of(it, struct source, link);

		if (source_due_ns(source) <= sim.now_ns && sim_chance(++n))
			picked = source;
	}
	return picked;
}

/* With SIM_WIRE=1: writes what each process takes, frame by frame. */
static void event_say(const struct transport_event *event)
{
	static const char *const types[] = {"up", "data", "drained", "down", "knock", "hello", "answer"};
	struct wire_frame frame;
	size_t at = 0, used;

	sim_say("%s of pid %d, %zu bytes, error %d", types[event->type], (int)event->peer.pid,
		event->size_bytes, event->error);
	if (event->type != TRANSPORT_PIPE_DATA && event->type != TRANSPORT_KNOCK)
		return;
	while (at < event->size_bytes &&
		wire_parse(event->data + at, event->size_bytes - at, &frame, &used) > 0) {
		at += used;
		sim_say("    frame %d of <%llx.%llx> to <%llx.%llx>, id %llu, %.*s, %zu bytes",
			(int)frame.type, (unsigned long long)frame.from.group,
			(unsigned long long)frame.from.serial, (unsigned long long)frame.to.ref.group,
			(unsigned long long)frame.to.ref.serial, (unsigned long long)frame.id,
			(int)frame.method.len, frame.method.s ? frame.method.s : "", frame.raw_bytes);
	}
}

int transport_next(struct transport *transport, struct transport_event *ret)
{
	struct source *source;
	int r = 0;

	free(transport->kept);
	transport->kept = NULL;
	if (!process_is_dead() && sim_chance(8))
		return 0; /* the event seems to come a little later */
	while (r == 0 && (source = transport_pick(transport))) {
		memset(ret, 0, sizeof(*ret));
		r = source->kind == SOURCE_PIPE ? pipe_next(pipe_of(source), ret)
						: rendezvous_next(source, ret);
	}
	if (r > 0 && sim.shows_wire && !process_is_dead())
		event_say(ret);
	return r;
}

int64_t net_due_ns(const struct process *process)
{
	int64_t first_ns = SIM_NEVER;

	if (!process->transport)
		return SIM_NEVER;
	list_for_each(it, &process->transport->sources) {
		int64_t due_ns = source_due_ns(container_of(it, struct source, link));

		if (due_ns < first_ns)
			first_ns = due_ns;
	}
	return first_ns;
}

void net_process_died(struct process *process)
{
	if (!process->transport)
		return;
	list_for_each(it, &process->transport->sources) {
		struct source *source = container_of(it, struct source, link);
		struct pipe *pipe = pipe_of(source);

		if (source->kind != SOURCE_PIPE) {
			rendezvous_died(source);
			continue;
		}
		sock_close(pipe->sock);
		pipe->sock = NULL;
		file_leave(pipe->file);
		pipe->file = NULL;
		pipe_end(pipe, -ECONNRESET);
	}
}
