/*
 * A link: one PAIR0 socket, one pipe, ever.
 *
 * Who may in: nng shows every new pipe to pipe_event() before it reads a frame from it. The first whose kernel credentials are
 * the expected ones is admitted; all others are closed there. An admitted pipe counts once it has started (or brought data): one
 * that speaks another SP protocol gives the slot back.
 * nng's dialers dial again when their pipe is gone (at once, in half of the cases, however long the reconnect
 * time), so ours is closed in REM_POST; the socket is closed by the loop.
 *
 * Receiving: one aio is always armed, unless too much lies unread. A message is put into the inbox before the aio is armed again, so
 * their order holds although nng runs callbacks on several threads. When the pipe ends, a callback with data may still be on its way:
 * the loop stops the aio, which waits for it, and says LINK_DOWN after what then lies in the inbox.
 *
 * Sending: an idle link sends from the loop's thread at once (no aio, no thread is woken for us). If nng is not ready, the frames become
 * the message of send_aio, and whatever is flushed until that is accepted gathers in batches; the aio's callback sends the next one
 * itself, so the loop is not needed for it.
 *
 * Drained: nng completes a send when its pipe has taken the message, which is when the kernel has taken all earlier ones. So the
 * question is asked with an empty message: once that is accepted, everything before it is the kernel's. Empty messages carry no
 * frames; we drop those we get. (NNG_OPT_SENDFD would tell without one, but nng 1.5 leaks its descriptors.)
 *
 * Nothing of nng is called with the lock held, but for nng_recv_aio: when a pipe is taken away while its last message is handed
 * over, pair0 remembers a message of no pipe, and the next receive crashes on it (1.5.2). REM_POST comes before that and wants the
 * lock, so whoever sees under it that the link has not ended may receive. From pipe callbacks only nng_pipe_get_* and
 * nng_pipe_close are called, and nng_dialer_close in REM_POST, where nng 1.5 to 1.11 holds no lock.
 */
#include "libactor/transport/nng/internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nng/protocol/pair0/pair.h>

#include "libactor/protocol/wire.h"

#define RECEIVE_MAX_BYTES (WIRE_MESSAGE_MAX_BYTES + 4096u)
#define MESSAGE_OVERHEAD_BYTES 256u /* what an unread message costs besides its bytes */
#define BUFFER_KEEP_BYTES (64u << 10)
#define CLOSE_BUFFER_N 64

struct inbox {
	nng_msg **slots; /* a ring */
	size_t capacity; /* 0 or a power of two */
	size_t first;
	size_t n;
};

struct batch {
	struct list node; /* in link->batches */
	struct buf buf;   /* empty: the mark of link_notify_drained */
	bool closed;      /* a message of its own: nothing is added */
};

struct link {
	struct source source;
	struct address address;
	nng_socket socket;
	nng_dialer dialer; /* unless it listens */
	nng_aio *receive_aio;
	nng_aio *send_aio;
	nng_aio *timer_aio;
	bool listens;
	struct transport_peer expect;

	/* loop only */
	void *user;
	struct buf out;
	bool has_socket;
	bool up;         /* LINK_UP was said, LINK_DOWN was not */
	bool up_told;
	bool down_told;

	/* under the lock */
	int pipe;        /* the admitted one's id, 0 = none */
	bool started;    /* … and it counts */
	bool refused;    /* somebody else tried */
	bool ended;
	int error;       /* … why */
	struct transport_peer peer;
	struct inbox inbox;
	size_t inbox_bytes;
	bool paused;     /* receive_aio is not armed because of inbox_bytes */
	bool sending;    /* send_aio is at work */
	size_t sending_bytes;
	struct list batches;
	size_t batches_bytes;
	struct batch *spare;
	bool marking;    /* send_aio's message is the empty one */
	bool drained;
};

static struct link *link_of_source(struct source *source)
{
	return container_of(source, struct link, source);
}

static const struct source_ops link_source;

static void link_lock(struct link *link)
{
	pthread_mutex_lock(&link->source.transport->lock);
}

static void link_unlock(struct link *link)
{
	pthread_mutex_unlock(&link->source.transport->lock);
}

/* --- inbox and batches (lock held) ------------------------------------------------------------------------------ */

static int inbox_push(struct inbox *inbox, nng_msg *msg)
{
	if (inbox->n == inbox->capacity) {
		size_t capacity = inbox->capacity ? inbox->capacity * 2 : 8;
		nng_msg **slots = calloc(capacity, sizeof(*slots));

		if (!slots)
			return -ENOMEM;
		for (size_t i = 0; i < inbox->n; i++)
			slots[i] = inbox->slots[(inbox->first + i) & (inbox->capacity - 1)];
		free(inbox->slots);
		*inbox = (struct inbox){.slots = slots, .capacity = capacity, .n = inbox->n};
	}
	inbox->slots[(inbox->first + inbox->n++) & (inbox->capacity - 1)] = msg;
	return 0;
}

static nng_msg *inbox_pop(struct inbox *inbox)
{
	nng_msg *msg;

	if (inbox->n == 0)
		return NULL;
	msg = inbox->slots[inbox->first];
	inbox->first = (inbox->first + 1) & (inbox->capacity - 1);
	inbox->n--;
	return msg;
}

static size_t message_cost(nng_msg *msg)
{
	return nng_msg_len(msg) + MESSAGE_OVERHEAD_BYTES;
}

static void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	buf_deinit(&batch->buf);
	free(batch);
}

static struct batch *batch_new(struct link *link)
{
	struct batch *batch = link->spare;

	if (batch)
		link->spare = NULL;
	else
		batch = calloc(1, sizeof(*batch));
	return batch;
}

/* Takes the frames out of link->out and leaves it empty. */
static int batches_take_out(struct link *link)
{
	struct buf *out = &link->out;
	struct batch *last = NULL;

	if (!list_is_empty(&link->batches))
		last = container_of(link->batches.prev, struct batch, node);

	link->batches_bytes += out->size_bytes;
	if (last && last->buf.size_bytes > 0 && !last->closed && last->buf.size_bytes + out->size_bytes <= TRANSPORT_BATCH_BYTES) {
		buf_append(&last->buf, out->data, out->size_bytes);
		buf_reset(out, BUFFER_KEEP_BYTES);
		return buf_error(&last->buf);
	}

	last = batch_new(link);
	if (!last)
		return -ENOMEM;
	struct buf empty = last->buf;

	last->buf = *out;
	*out = empty;
	list_append(&link->batches, &last->node);
	return 0;
}

static struct batch *batches_pop(struct link *link)
{
	struct list *first = list_pop(&link->batches);
	struct batch *batch;

	if (!first)
		return NULL;
	batch = container_of(first, struct batch, node);
	link->batches_bytes -= batch->buf.size_bytes;
	return batch;
}

/* Keeps one for reuse. */
static void batch_done(struct link *link, struct batch *batch)
{
	buf_reset(&batch->buf, 2 * TRANSPORT_BATCH_BYTES);
	batch->closed = false;
	if (link->spare)
		batch_free(batch);
	else
		link->spare = batch;
}

static void batches_clear(struct link *link)
{
	struct batch *batch;

	while ((batch = batches_pop(link)))
		batch_free(batch);
}

/* --- the end ---------------------------------------------------------------------------------------------------- */

/* Lock held; true: ring. The first reason stays. */
static bool link_end(struct link *link, int error)
{
	if (link->ended)
		return false;
	link->ended = true;
	link->error = error;
	return source_ready(&link->source);
}

static void link_fail(struct link *link, int error)
{
	bool ring;

	link_lock(link);
	ring = link_end(link, error);
	link_unlock(link);
	if (ring)
		transport_ring(link->source.transport);
}

static void link_unlink(struct link *link)
{
	if (link->listens)
		unlink(address_path(&link->address));
}

/* Loop only. Afterwards no callback of this link runs or will. */
static void link_close(struct link *link)
{
	/* What comes once nobody receives must have a place that nng_close() frees: pair0 forgets it otherwise. */
	if (link->has_socket)
		nng_socket_set_int(link->socket, NNG_OPT_RECVBUF, CLOSE_BUFFER_N);
	transport_aio_free(link->receive_aio);
	transport_aio_free(link->send_aio);
	transport_aio_free(link->timer_aio);
	link->receive_aio = link->send_aio = link->timer_aio = NULL;
	if (link->has_socket)
		nng_close(link->socket);
	link->has_socket = false;
	address_deinit(&link->address);
}

/* --- on nng's threads ------------------------------------------------------------------------------------------- */

static bool peer_is_expected(const struct transport_peer *peer, const struct transport_peer *expect)
{
	if (peer->uid != expect->uid)
		return false;
	return expect->pid == 0 || peer->pid == 0 || peer->pid == expect->pid;
}

static void pipe_event(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct link *link = arg;
	struct transport_peer peer;
	bool known = false, refuse = false, ring = false;

	if (event == NNG_PIPE_EV_ADD_PRE)
		known = transport_peer_of_pipe(pipe, &peer) == 0;

	link_lock(link);
	switch (event) {
	case NNG_PIPE_EV_ADD_PRE:
		if (!link->pipe && !link->ended && known && peer_is_expected(&peer, &link->expect)) {
			link->pipe = nng_pipe_id(pipe);
			link->peer = peer;
			break;
		}
		refuse = true;
		link->refused = true;
		if (!link->listens && !link->pipe)
			ring = link_end(link, -EACCES);
		break;
	case NNG_PIPE_EV_ADD_POST:
		if (link->pipe == nng_pipe_id(pipe) && !link->started && !link->ended) {
			link->started = true;
			ring = source_ready(&link->source);
		}
		break;
	case NNG_PIPE_EV_REM_POST:
		if (link->pipe != nng_pipe_id(pipe))
			break;
		if (link->started || !link->listens)
			ring = link_end(link, -ECONNRESET);
		else
			link->pipe = 0;
		break;
	default:
		break;
	}
	link_unlock(link);

	if (refuse)
		nng_pipe_close(pipe);
	if (event == NNG_PIPE_EV_REM_POST && !link->listens)
		nng_dialer_close(link->dialer);
	if (ring)
		transport_ring(link->source.transport);
}

static void receive_done(void *arg)
{
	struct link *link = arg;
	bool ring = false, again = true;
	nng_msg *msg;

	if (nng_aio_result(link->receive_aio) != 0)
		return; /* stopped or closed by the loop */
	msg = nng_aio_get_msg(link->receive_aio);
	nng_aio_set_msg(link->receive_aio, NULL);

	link_lock(link);
	if (nng_pipe_id(nng_msg_get_pipe(msg)) == link->pipe && nng_msg_len(msg) > 0) {
		size_t cost = message_cost(msg);

		if (inbox_push(&link->inbox, msg) == 0) {
			msg = NULL;
			link->inbox_bytes += cost;
			link->started = true;
			ring = source_ready(&link->source);
			again = link->inbox_bytes <= TRANSPORT_INBOUND_MAX_BYTES;
			link->paused = !again;
		} else {
			ring = link_end(link, -ENOMEM);
			again = false;
		}
	}
	if (again && !link->ended)
		nng_recv_aio(link->socket, link->receive_aio);
	link_unlock(link);

	nng_msg_free(msg);
	if (ring)
		transport_ring(link->source.transport);
}

/* The batch becomes send_aio's message; link->sending is set. */
static void send_batch(struct link *link, struct batch *batch)
{
	nng_msg *msg = NULL;
	bool ring = false;
	int r;

	r = transport_message(batch->buf.data, batch->buf.size_bytes, &msg);
	link_lock(link);
	batch_done(link, batch);
	if (r < 0) {
		link->sending = false;
		ring = link_end(link, r);
	}
	link_unlock(link);
	if (ring)
		transport_ring(link->source.transport);
	if (r < 0)
		return;
	nng_aio_set_msg(link->send_aio, msg);
	nng_send_aio(link->socket, link->send_aio);
}

/* Lock held. The next batch to send, if any; sets or clears link->sending. */
static struct batch *send_next(struct link *link)
{
	struct batch *batch = link->ended ? NULL : batches_pop(link);

	link->sending = batch != NULL;
	link->marking = batch && batch->buf.size_bytes == 0;
	link->sending_bytes = batch ? batch->buf.size_bytes : 0;
	return batch;
}

static void send_done(void *arg)
{
	struct link *link = arg;
	struct batch *batch = NULL;
	bool ring = false;

	if (nng_aio_result(link->send_aio) != 0) {
		/* Stopped or closed by the loop; the message goes with the aio. */
		link_lock(link);
		link->sending = false;
		link_unlock(link);
		return;
	}
	link_lock(link);
	if (link->marking) {
		link->drained = true;
		ring = source_ready(&link->source);
	}
	batch = send_next(link);
	link_unlock(link);
	if (batch)
		send_batch(link, batch);
	if (ring)
		transport_ring(link->source.transport);
}

static void timer_done(void *arg)
{
	struct link *link = arg;
	bool ring = false;

	if (nng_aio_result(link->timer_aio) != 0)
		return;
	link_lock(link);
	if (!link->started)
		ring = link_end(link, link->refused ? -EACCES : -ETIMEDOUT);
	link_unlock(link);
	if (ring)
		transport_ring(link->source.transport);
}

/* --- on the loop ------------------------------------------------------------------------------------------------ */

static int link_open(struct transport *transport, const char *path, struct transport_peer expect, bool listens, void *user,
	struct link **ret)
{
	struct link *link;
	int r;

	link = calloc(1, sizeof(*link));
	if (!link)
		return -ENOMEM;
	source_init(&link->source, transport, &link_source);
	list_init(&link->batches);
	link->address.dir_fd = -1;
	link->expect = expect;
	link->listens = listens;
	link->user = user;

	r = address_init(&link->address, path);
	if (r < 0)
		goto fail;

	r = nng_pair0_open(&link->socket);
	if (r != 0)
		goto fail_nng;
	link->has_socket = true;
	if ((r = nng_socket_set_size(link->socket, NNG_OPT_RECVMAXSZ, RECEIVE_MAX_BYTES)) != 0 ||
		(r = nng_socket_set_ms(link->socket, NNG_OPT_RECONNMINT, INT_MAX)) != 0 ||
		(r = nng_socket_set_ms(link->socket, NNG_OPT_RECONNMAXT, INT_MAX)) != 0 ||
		(r = nng_pipe_notify(link->socket, NNG_PIPE_EV_ADD_PRE, pipe_event, link)) != 0 ||
		(r = nng_pipe_notify(link->socket, NNG_PIPE_EV_ADD_POST, pipe_event, link)) != 0 ||
		(r = nng_pipe_notify(link->socket, NNG_PIPE_EV_REM_POST, pipe_event, link)) != 0 ||
		(r = nng_aio_alloc(&link->receive_aio, receive_done, link)) != 0 ||
		(r = nng_aio_alloc(&link->send_aio, send_done, link)) != 0 ||
		(r = nng_aio_alloc(&link->timer_aio, timer_done, link)) != 0)
		goto fail_nng;
	nng_aio_set_timeout(link->receive_aio, NNG_DURATION_INFINITE);
	nng_aio_set_timeout(link->send_aio, NNG_DURATION_INFINITE);
	nng_recv_aio(link->socket, link->receive_aio);

	*ret = link;
	return 0;

fail_nng:
	r = transport_error(r);
fail:
	link_free(link);
	return r;
}

static void link_start_timer(struct link *link, int64_t timeout_ms)
{
	if (timeout_ms >= 0)
		nng_sleep_aio(transport_duration(timeout_ms), link->timer_aio);
}

int link_listen(struct transport *transport, const char *path, struct transport_peer expect, int64_t timeout_ms, void *user,
	struct link **ret)
{
	nng_listener listener;
	struct link *link;
	int r;

	r = link_open(transport, path, expect, true, user, &link);
	if (r < 0)
		return r;

	/* Who may in is decided by pipe_event(); the mode only has to let the expected peer through. */
	if ((r = nng_listener_create(&listener, link->socket, link->address.url)) != 0 ||
		(r = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, expect.uid == geteuid() ? 0600 : 0666)) != 0 ||
		(r = nng_listener_start(listener, 0)) != 0) {
		link_free(link);
		return transport_error(r);
	}
	link_start_timer(link, timeout_ms);
	*ret = link;
	return 0;
}

int link_dial(struct transport *transport, const char *path, struct transport_peer expect, int64_t timeout_ms, void *user, struct link **ret)
{
	struct link *link;
	int r;

	r = link_open(transport, path, expect, false, user, &link);
	if (r < 0)
		return r;

	r = address_probe(&link->address);
	if (r < 0) {
		link_fail(link, r);
	} else {
		/* In two steps: pipe_event() has to know the dialer. */
		if ((r = nng_dialer_create(&link->dialer, link->socket, link->address.url)) != 0 ||
			(r = nng_dialer_start(link->dialer, NNG_FLAG_NONBLOCK)) != 0) {
			link_free(link);
			return transport_error(r);
		}
		link_start_timer(link, timeout_ms);
	}
	*ret = link;
	return 0;
}

int link_join(struct transport *transport, const char *path, struct transport_peer expect, const void *first, size_t first_bytes,
	void *user, struct link **ret)
{
	struct batch *batch;
	struct link *link;
	int r;

	r = link_dial(transport, path, expect, -1, user, ret);
	if (r < 0)
		return r;
	link = *ret;
	link_lock(link);
	batch = link->ended ? NULL : batch_new(link);
	if (batch) {
		buf_append(&batch->buf, first, first_bytes);
		batch->closed = true;
		link->batches_bytes += first_bytes;
		list_append(&link->batches, &batch->node);
	}
	r = link->ended || (batch && buf_error(&batch->buf) == 0) ? 0 : -ENOMEM;
	link_unlock(link);
	if (r < 0)
		link_fail(link, r);
	return 0;
}

struct link *link_free(struct link *link)
{
	nng_msg *msg;

	if (!link)
		return NULL;
	link_close(link);
	source_deinit(&link->source);
	while ((msg = inbox_pop(&link->inbox)))
		nng_msg_free(msg);
	free(link->inbox.slots);
	batches_clear(link);
	batch_free(link->spare);
	buf_deinit(&link->out);
	free(link);
	return NULL;
}

void link_set_user(struct link *link, void *user)
{
	link->user = user;
}

bool link_is_up(const struct link *link)
{
	return link->up;
}

bool link_has_unread(const struct link *link)
{
	struct link *mutable = (struct link *)link;
	bool unread;

	link_lock(mutable);
	unread = !link->down_told && (link->inbox.n > 0 || link->ended || (link->started && !link->up_told));
	link_unlock(mutable);
	return unread;
}

struct buf *link_out(struct link *link)
{
	return &link->out;
}

void link_flush(struct link *link)
{
	struct buf *out = &link->out;
	bool gone, idle;
	nng_msg *msg;
	int r;

	if (out->size_bytes == 0 && !out->failed)
		return;
	if (out->failed || out->size_bytes > WIRE_MESSAGE_MAX_BYTES) {
		link_fail(link, out->failed ? -ENOMEM : -EMSGSIZE);
		buf_reset(out, 0);
		return;
	}

	link_lock(link);
	gone = link->ended;
	idle = link->up && !link->sending;
	r = gone || idle ? 0 : batches_take_out(link);
	link_unlock(link);

	if (gone) {
		buf_reset(out, 0);
	} else if (r < 0) {
		link_fail(link, r);
	} else if (idle) {
		r = transport_message(out->data, out->size_bytes, &msg);
		if (r == 0)
			r = transport_error(nng_sendmsg(link->socket, msg, NNG_FLAG_NONBLOCK));
		else
			msg = NULL;
		if (r == -EAGAIN) {
			link_lock(link);
			link->sending = true;
			link->sending_bytes = out->size_bytes;
			link_unlock(link);
			nng_aio_set_msg(link->send_aio, msg);
			nng_send_aio(link->socket, link->send_aio);
		} else if (r < 0) {
			nng_msg_free(msg);
			link_fail(link, r);
		}
		buf_reset(out, BUFFER_KEEP_BYTES);
	}
}

void link_mark(struct link *link)
{
	if (link->out.size_bytes >= TRANSPORT_BATCH_BYTES)
		link_flush(link);
}

size_t link_backlog_bytes(const struct link *link)
{
	struct link *mutable = (struct link *)link;
	size_t n;

	link_lock(mutable);
	n = link->ended ? 0 : link->sending_bytes + link->batches_bytes;
	link_unlock(mutable);
	return n + link->out.size_bytes;
}

void link_say_why(struct link *link)
{
}

void link_notify_drained(struct link *link)
{
	struct batch *mark, *batch = NULL;

	link_flush(link);
	link_lock(link);
	mark = link->ended ? NULL : batch_new(link);
	if (mark) {
		list_append(&link->batches, &mark->node);
		if (link->up && !link->sending)
			batch = send_next(link);
	}
	link_unlock(link);
	if (batch)
		send_batch(link, batch);
	else if (!mark)
		link_fail(link, -ENOMEM); /* or it has ended already */
}

static bool link_has_more(const struct link *link)
{
	return link->inbox.n > 0 || link->drained || (link->ended && !link->down_told);
}

static int link_next_event(struct source *source, struct transport_event *ret)
{
	struct link *link = link_of_source(source);
	struct batch *batch = NULL;
	nng_msg *msg = NULL;
	bool resume = false;

	ret->link = link;
	ret->user = link->user;
	ret->peer = link->peer;

	if (link->started && !link->up_told) {
		ret->type = TRANSPORT_LINK_UP;
		link->up = link->up_told = true;
		if (!link->sending)
			batch = send_next(link);
	} else if (link->inbox.n > 0) {
		ret->type = TRANSPORT_LINK_DATA;
		msg = inbox_pop(&link->inbox);
		link->inbox_bytes -= message_cost(msg);
		resume = link->paused && !link->ended && link->inbox_bytes <= TRANSPORT_INBOUND_MAX_BYTES / 2;
		if (resume) {
			link->paused = false;
			nng_recv_aio(link->socket, link->receive_aio);
		}
	} else if (link->drained) {
		ret->type = TRANSPORT_LINK_DRAINED;
		link->drained = false;
	} else if (link->ended && link->has_socket) {
		link_unlock(link);
		link_close(link); /* may bring last data */
		link_lock(link);
		source_ready(source);
		link_unlock(link);
		return 0;
	} else if (link->ended && !link->down_told) {
		ret->type = TRANSPORT_LINK_DOWN;
		ret->error = link->error;
		link->down_told = true;
		link->up = false;
	} else {
		link_unlock(link);
		return 0;
	}
	if (link_has_more(link))
		source_ready(source);
	link_unlock(link);

	if (ret->type == TRANSPORT_LINK_UP && link->has_socket) {
		nng_aio_cancel(link->timer_aio);
		link_unlink(link);
		if (batch)
			send_batch(link, batch);
	}
	if (msg) {
		link->source.transport->current = msg;
		ret->data = nng_msg_body(msg);
		ret->size_bytes = nng_msg_len(msg);
	}
	return 1;
}

static void link_source_free(struct source *source)
{
	link_free(link_of_source(source));
}

static const struct source_ops link_source = {link_next_event, link_source_free};
