/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe: one PAIR0 socket with a single nng pipe.
 *
 * Admission: nng shows every new nng pipe to on_nng_pipe() before it reads a frame from it. The first nng
 * pipe with the expected kernel credentials is admitted; on_nng_pipe() closes all others. An admitted nng
 * pipe counts once it has started or brought data. An nng pipe with another SP protocol does neither, and
 * then the next one may be admitted. nng's dialers dial again when their nng pipe ends (in half of the cases
 * at once, whatever the reconnect time). So our dialer is closed in REM_POST; the loop closes the socket.
 *
 * Receiving: one aio is always armed, unless too much lies unread. A message is put into the inbox before the
 * aio is armed again, so messages keep their order although nng runs callbacks on several threads. When the
 * nng pipe ends, a callback with data may still be running. So the loop stops the aio, which waits for that
 * callback, and reports PIPE_DOWN only when the inbox is empty.
 *
 * Sending: an idle pipe sends at once from the loop's thread, without an aio and without waking a thread. If
 * nng is not ready, the frames become the message of send_aio. Frames that are flushed until nng accepts that
 * message gather in batches. The callback of the aio sends the next batch, without the loop.
 *
 * Drained: nng completes a send when its nng pipe has taken the message, that is, when the kernel has taken
 * all earlier ones. So we send an empty message: when nng accepts that, the kernel has everything before it.
 * Empty messages carry no frames, and a receiver drops them. (NNG_OPT_SENDFD would tell the same without a
 * message, but nng 1.5 leaks its descriptors.)
 *
 * With the lock held, only nng_recv_aio is called of nng. When an nng pipe is removed while its last message
 * is handed over, pair0 (1.5.2) keeps a message of no nng pipe, and the next receive crashes on that.
 * REM_POST comes before the removal and takes the lock. So a thread that holds the lock and sees that the
 * pipe has not ended may receive. The callbacks of nng pipes call only nng_pipe_get_* and nng_pipe_close, and
 * in REM_POST nng_dialer_close, where nng 1.5 to 1.11 holds no lock.
 */
#include <errno.h>
#include <limits.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libactor/protocol/wire.h"
#include "libactor/transport/nng/internal.h"

#define RECEIVE_MAX_BYTES      (WIRE_MESSAGE_MAX_BYTES + 4096u)
#define MESSAGE_OVERHEAD_BYTES 256u /* the cost of an unread message in addition to its bytes */
#define BUFFER_KEEP_BYTES      (64u << 10)
#define CLOSE_BUFFER_N         64

struct inbox {
	nng_msg **slots; /* a ring */
	size_t capacity; /* 0 or a power of two */
	size_t first;
	size_t n;
};

struct batch {
	struct list node; /* in pipe->batches */
	struct buf buf;   /* empty: the mark of pipe_notify_drained */
	bool closed;      /* a message of its own: nothing is added */
};

struct pipe {
	struct source source;
	struct address address;
	nng_socket socket;
	nng_dialer dialer; /* not set if the pipe listens */
	nng_aio *receive_aio;
	nng_aio *send_aio;
	nng_aio *timer_aio;
	bool listens;
	struct transport_peer expect;

	/* loop only */
	void *user;
	struct buf out;
	bool has_socket;
	bool up; /* PIPE_UP was reported, PIPE_DOWN was not */
	bool up_told;
	bool down_told;

	/* under the lock */
	int their;    /* the id of the admitted nng pipe; 0: none */
	bool started; /* the admitted nng pipe counts */
	bool refused; /* another process tried */
	bool ended;
	int error; /* why it has ended */
	struct transport_peer peer;
	struct inbox inbox;
	size_t inbox_bytes;
	bool paused;  /* receive_aio is not armed because of inbox_bytes */
	bool sending; /* send_aio is at work */
	size_t sending_bytes;
	struct list batches;
	size_t batches_bytes;
	struct batch *spare;
	bool marking; /* send_aio's message is the empty one */
	bool drained;
};

static struct pipe *pipe_of_source(struct source *source)
{
	return container_of(source, struct pipe, source);
}

static const struct source_ops pipe_source;

static void pipe_lock(struct pipe *pipe)
{
	pthread_mutex_lock(&pipe->source.transport->lock);
}

static void pipe_unlock(struct pipe *pipe)
{
	pthread_mutex_unlock(&pipe->source.transport->lock);
}

/* ---- inbox and batches (lock held) ---- */

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

static struct batch *batch_new(struct pipe *pipe)
{
	struct batch *batch = pipe->spare;

	if (batch)
		pipe->spare = NULL;
	else
		batch = calloc(1, sizeof(*batch));
	return batch;
}

/* Takes the frames out of pipe->out, which is empty afterwards. */
static int batches_take_out(struct pipe *pipe)
{
	struct buf *out = &pipe->out;
	struct batch *last = NULL;

	if (!list_is_empty(&pipe->batches))
		last = container_of(pipe->batches.prev, struct batch, node);

	pipe->batches_bytes += out->size_bytes;
	if (last && last->buf.size_bytes > 0 && !last->closed &&
		last->buf.size_bytes + out->size_bytes <= TRANSPORT_BATCH_BYTES) {
		buf_append(&last->buf, out->data, out->size_bytes);
		buf_reset(out, BUFFER_KEEP_BYTES);
		return buf_error(&last->buf);
	}

	last = batch_new(pipe);
	if (!last)
		return -ENOMEM;
	struct buf empty = last->buf;

	last->buf = *out;
	*out = empty;
	list_append(&pipe->batches, &last->node);
	return 0;
}

static struct batch *batches_pop(struct pipe *pipe)
{
	struct list *first = list_pop(&pipe->batches);
	struct batch *batch;

	if (!first)
		return NULL;
	batch = container_of(first, struct batch, node);
	pipe->batches_bytes -= batch->buf.size_bytes;
	return batch;
}

/* Frees @batch, or keeps it for reuse if none is kept yet. */
static void batch_done(struct pipe *pipe, struct batch *batch)
{
	buf_reset(&batch->buf, 2 * TRANSPORT_BATCH_BYTES);
	batch->closed = false;
	if (pipe->spare)
		batch_free(batch);
	else
		pipe->spare = batch;
}

static void batches_clear(struct pipe *pipe)
{
	struct batch *batch;

	while ((batch = batches_pop(pipe)))
		batch_free(batch);
}

/* ---- the end ---- */

/* Called with the lock held. Only the first error counts. */
static void pipe_end(struct pipe *pipe, int error)
{
	if (pipe->ended)
		return;
	pipe->ended = true;
	pipe->error = error;
	source_ready(&pipe->source);
}

static void pipe_fail(struct pipe *pipe, int error)
{
	pipe_lock(pipe);
	pipe_end(pipe, error);
	pipe_unlock(pipe);
}

static void pipe_unlink(struct pipe *pipe)
{
	if (pipe->listens)
		unlink(address_path(&pipe->address));
}

/* Loop only. When this returns, no callback of this pipe runs or will run. */
static void pipe_close(struct pipe *pipe)
{
	/*
	 * A message that comes when nothing receives any more needs a place in this buffer, which nng_close()
	 * frees. Without a place pair0 leaks the message.
	 */
	if (pipe->has_socket)
		nng_socket_set_int(pipe->socket, NNG_OPT_RECVBUF, CLOSE_BUFFER_N);
	transport_aio_free(pipe->receive_aio);
	transport_aio_free(pipe->send_aio);
	transport_aio_free(pipe->timer_aio);
	pipe->receive_aio = pipe->send_aio = pipe->timer_aio = NULL;
	if (pipe->has_socket)
		nng_close(pipe->socket);
	pipe->has_socket = false;
	address_deinit(&pipe->address);
}

/* ---- on nng's threads ---- */

static bool peer_is_expected(const struct transport_peer *peer, const struct transport_peer *expect)
{
	if (peer->uid != expect->uid)
		return false;
	return expect->pid == 0 || peer->pid == 0 || peer->pid == expect->pid;
}

static void on_nng_pipe(nng_pipe their, nng_pipe_ev event, void *arg)
{
	struct pipe *pipe = arg;
	struct transport_peer peer;
	bool known = false, refuse = false;

	if (event == NNG_PIPE_EV_ADD_PRE)
		known = transport_peer_of_pipe(their, &peer) == 0;

	pipe_lock(pipe);
	switch (event) {
	case NNG_PIPE_EV_ADD_PRE:
		if (!pipe->their && !pipe->ended && known && peer_is_expected(&peer, &pipe->expect)) {
			pipe->their = nng_pipe_id(their);
			pipe->peer = peer;
			break;
		}
		refuse = true;
		pipe->refused = true;
		if (!pipe->listens && !pipe->their)
			pipe_end(pipe, -EACCES);
		break;
	case NNG_PIPE_EV_ADD_POST:
		if (pipe->their == nng_pipe_id(their) && !pipe->started && !pipe->ended) {
			pipe->started = true;
			source_ready(&pipe->source);
		}
		break;
	case NNG_PIPE_EV_REM_POST:
		if (pipe->their != nng_pipe_id(their))
			break;
		if (pipe->started || !pipe->listens)
			pipe_end(pipe, -ECONNRESET);
		else
			pipe->their = 0;
		break;
	default:
		break;
	}
	pipe_unlock(pipe);

	if (refuse)
		nng_pipe_close(their);
	if (event == NNG_PIPE_EV_REM_POST && !pipe->listens)
		nng_dialer_close(pipe->dialer);
}

static void receive_done(void *arg)
{
	struct pipe *pipe = arg;
	bool again = true;
	nng_msg *msg;

	if (nng_aio_result(pipe->receive_aio) != 0)
		return; /* stopped or closed by the loop */
	msg = nng_aio_get_msg(pipe->receive_aio);
	nng_aio_set_msg(pipe->receive_aio, NULL);

	pipe_lock(pipe);
	if (nng_pipe_id(nng_msg_get_pipe(msg)) == pipe->their && nng_msg_len(msg) > 0) {
		size_t cost = message_cost(msg);

		if (inbox_push(&pipe->inbox, msg) == 0) {
			msg = NULL;
			pipe->inbox_bytes += cost;
			pipe->started = true;
			source_ready(&pipe->source);
			again = pipe->inbox_bytes <= TRANSPORT_INBOUND_MAX_BYTES;
			pipe->paused = !again;
		} else {
			pipe_end(pipe, -ENOMEM);
			again = false;
		}
	}
	if (again && !pipe->ended)
		nng_recv_aio(pipe->socket, pipe->receive_aio);
	pipe_unlock(pipe);

	nng_msg_free(msg);
}

/* Makes the batch the message of send_aio. pipe->sending is set already. */
static void send_batch(struct pipe *pipe, struct batch *batch)
{
	nng_msg *msg = NULL;
	int r;

	r = transport_message(batch->buf.data, batch->buf.size_bytes, &msg);
	pipe_lock(pipe);
	batch_done(pipe, batch);
	if (r < 0) {
		pipe->sending = false;
		pipe_end(pipe, r);
	}
	pipe_unlock(pipe);
	if (r < 0)
		return;
	nng_aio_set_msg(pipe->send_aio, msg);
	nng_send_aio(pipe->socket, pipe->send_aio);
}

/* Called with the lock held. Returns the next batch to send, or NULL, and sets or clears pipe->sending. */
static struct batch *send_next(struct pipe *pipe)
{
	struct batch *batch = pipe->ended ? NULL : batches_pop(pipe);

	pipe->sending = batch != NULL;
	pipe->marking = batch && batch->buf.size_bytes == 0;
	pipe->sending_bytes = batch ? batch->buf.size_bytes : 0;
	return batch;
}

static void send_done(void *arg)
{
	struct pipe *pipe = arg;
	struct batch *batch = NULL;

	if (nng_aio_result(pipe->send_aio) != 0) {
		/* The loop has stopped or closed the pipe. The message is freed with the aio. */
		pipe_lock(pipe);
		pipe->sending = false;
		pipe_unlock(pipe);
		return;
	}
	pipe_lock(pipe);
	if (pipe->marking) {
		pipe->drained = true;
		source_ready(&pipe->source);
	}
	batch = send_next(pipe);
	pipe_unlock(pipe);
	if (batch)
		send_batch(pipe, batch);
}

static void timer_done(void *arg)
{
	struct pipe *pipe = arg;

	if (nng_aio_result(pipe->timer_aio) != 0)
		return;
	pipe_lock(pipe);
	if (!pipe->started)
		pipe_end(pipe, pipe->refused ? -EACCES : -ETIMEDOUT);
	pipe_unlock(pipe);
}

/* ---- on the loop ---- */

static int pipe_open(struct transport *transport, const char *path, struct transport_peer expect,
	bool listens, void *user, struct pipe **ret)
{
	struct pipe *pipe;
	int r;

	pipe = calloc(1, sizeof(*pipe));
	if (!pipe)
		return -ENOMEM;
	source_init(&pipe->source, transport, &pipe_source);
	list_init(&pipe->batches);
	pipe->address.dir_fd = -1;
	pipe->expect = expect;
	pipe->listens = listens;
	pipe->user = user;

	r = address_init(&pipe->address, path);
	if (r < 0)
		goto fail;

	r = nng_pair0_open(&pipe->socket);
	if (r != 0)
		goto fail_nng;
	pipe->has_socket = true;
	if ((r = nng_socket_set_size(pipe->socket, NNG_OPT_RECVMAXSZ, RECEIVE_MAX_BYTES)) != 0 ||
		(r = nng_socket_set_ms(pipe->socket, NNG_OPT_RECONNMINT, INT_MAX)) != 0 ||
		(r = nng_socket_set_ms(pipe->socket, NNG_OPT_RECONNMAXT, INT_MAX)) != 0 ||
		(r = nng_pipe_notify(pipe->socket, NNG_PIPE_EV_ADD_PRE, on_nng_pipe, pipe)) != 0 ||
		(r = nng_pipe_notify(pipe->socket, NNG_PIPE_EV_ADD_POST, on_nng_pipe, pipe)) != 0 ||
		(r = nng_pipe_notify(pipe->socket, NNG_PIPE_EV_REM_POST, on_nng_pipe, pipe)) != 0 ||
		(r = nng_aio_alloc(&pipe->receive_aio, receive_done, pipe)) != 0 ||
		(r = nng_aio_alloc(&pipe->send_aio, send_done, pipe)) != 0 ||
		(r = nng_aio_alloc(&pipe->timer_aio, timer_done, pipe)) != 0)
		goto fail_nng;
	nng_aio_set_timeout(pipe->receive_aio, NNG_DURATION_INFINITE);
	nng_aio_set_timeout(pipe->send_aio, NNG_DURATION_INFINITE);
	nng_recv_aio(pipe->socket, pipe->receive_aio);

	*ret = pipe;
	return 0;

fail_nng:
	r = transport_error(r);
fail:
	pipe_free(pipe);
	return r;
}

static void pipe_start_timer(struct pipe *pipe, int64_t timeout_ms)
{
	if (timeout_ms >= 0)
		nng_sleep_aio(transport_duration(timeout_ms), pipe->timer_aio);
}

int pipe_listen(struct transport *transport, const char *path, struct transport_peer expect,
	int64_t timeout_ms, void *user, struct pipe **ret)
{
	nng_listener listener;
	struct pipe *pipe;
	int r;

	r = pipe_open(transport, path, expect, true, user, &pipe);
	if (r < 0)
		return r;

	/* on_nng_pipe() decides who comes in. The mode only has to let the expected peer through. */
	if ((r = nng_listener_create(&listener, pipe->socket, pipe->address.url)) != 0 ||
		(r = nng_listener_set_int(
			 listener, NNG_OPT_IPC_PERMISSIONS, expect.uid == geteuid() ? 0600 : 0666)) != 0 ||
		(r = nng_listener_start(listener, 0)) != 0) {
		pipe_free(pipe);
		return transport_error(r);
	}
	pipe_start_timer(pipe, timeout_ms);
	*ret = pipe;
	return 0;
}

int pipe_dial(struct transport *transport, const char *path, struct transport_peer expect, int64_t timeout_ms,
	void *user, struct pipe **ret)
{
	struct pipe *pipe;
	int r;

	r = pipe_open(transport, path, expect, false, user, &pipe);
	if (r < 0)
		return r;

	r = address_probe(&pipe->address);
	if (r < 0) {
		pipe_fail(pipe, r);
	} else {
		/* The dialer is made in two steps, because on_nng_pipe() has to know it. */
		if ((r = nng_dialer_create(&pipe->dialer, pipe->socket, pipe->address.url)) != 0 ||
			(r = nng_dialer_start(pipe->dialer, NNG_FLAG_NONBLOCK)) != 0) {
			pipe_free(pipe);
			return transport_error(r);
		}
		pipe_start_timer(pipe, timeout_ms);
	}
	*ret = pipe;
	return 0;
}

int pipe_join(struct transport *transport, const char *path, struct transport_peer expect, const void *first,
	size_t first_bytes, void *user, struct pipe **ret)
{
	struct batch *batch;
	struct pipe *pipe;
	int r;

	r = pipe_dial(transport, path, expect, -1, user, ret);
	if (r < 0)
		return r;
	pipe = *ret;
	pipe_lock(pipe);
	batch = pipe->ended ? NULL : batch_new(pipe);
	if (batch) {
		buf_append(&batch->buf, first, first_bytes);
		batch->closed = true;
		pipe->batches_bytes += first_bytes;
		list_append(&pipe->batches, &batch->node);
	}
	r = pipe->ended || (batch && buf_error(&batch->buf) == 0) ? 0 : -ENOMEM;
	pipe_unlock(pipe);
	if (r < 0)
		pipe_fail(pipe, r);
	return 0;
}

struct pipe *pipe_free(struct pipe *pipe)
{
	nng_msg *msg;

	if (!pipe)
		return NULL;
	pipe_close(pipe);
	source_deinit(&pipe->source);
	while ((msg = inbox_pop(&pipe->inbox)))
		nng_msg_free(msg);
	free(pipe->inbox.slots);
	batches_clear(pipe);
	batch_free(pipe->spare);
	buf_deinit(&pipe->out);
	free(pipe);
	return NULL;
}

void pipe_set_user(struct pipe *pipe, void *user)
{
	pipe->user = user;
}

bool pipe_is_up(const struct pipe *pipe)
{
	return pipe->up;
}

bool pipe_has_unread(const struct pipe *pipe)
{
	struct pipe *mutable = (struct pipe *)pipe;
	bool unread;

	pipe_lock(mutable);
	unread = !pipe->down_told && (pipe->inbox.n > 0 || pipe->ended || (pipe->started && !pipe->up_told));
	pipe_unlock(mutable);
	return unread;
}

struct buf *pipe_out(struct pipe *pipe)
{
	return &pipe->out;
}

void pipe_flush(struct pipe *pipe)
{
	struct buf *out = &pipe->out;
	bool gone, idle;
	nng_msg *msg;
	int r;

	if (out->size_bytes == 0 && !out->failed)
		return;
	if (out->failed || out->size_bytes > WIRE_MESSAGE_MAX_BYTES) {
		pipe_fail(pipe, out->failed ? -ENOMEM : -EMSGSIZE);
		buf_reset(out, 0);
		return;
	}

	pipe_lock(pipe);
	gone = pipe->ended;
	idle = pipe->up && !pipe->sending;
	r = gone || idle ? 0 : batches_take_out(pipe);
	pipe_unlock(pipe);

	if (gone) {
		buf_reset(out, 0);
	} else if (r < 0) {
		pipe_fail(pipe, r);
	} else if (idle) {
		r = transport_message(out->data, out->size_bytes, &msg);
		if (r == 0)
			r = transport_error(nng_sendmsg(pipe->socket, msg, NNG_FLAG_NONBLOCK));
		else
			msg = NULL;
		if (r == -EAGAIN) {
			pipe_lock(pipe);
			pipe->sending = true;
			pipe->sending_bytes = out->size_bytes;
			pipe_unlock(pipe);
			nng_aio_set_msg(pipe->send_aio, msg);
			nng_send_aio(pipe->socket, pipe->send_aio);
		} else if (r < 0) {
			nng_msg_free(msg);
			pipe_fail(pipe, r);
		}
		buf_reset(out, BUFFER_KEEP_BYTES);
	}
}

void pipe_mark(struct pipe *pipe)
{
	if (pipe->out.size_bytes >= TRANSPORT_BATCH_BYTES)
		pipe_flush(pipe);
}

size_t pipe_backlog_bytes(const struct pipe *pipe)
{
	struct pipe *mutable = (struct pipe *)pipe;
	size_t n;

	pipe_lock(mutable);
	n = pipe->ended ? 0 : pipe->sending_bytes + pipe->batches_bytes;
	pipe_unlock(mutable);
	return n + pipe->out.size_bytes;
}

void pipe_say_why(struct pipe *pipe)
{
}

void pipe_notify_drained(struct pipe *pipe)
{
	struct batch *mark, *batch = NULL;

	pipe_flush(pipe);
	pipe_lock(pipe);
	mark = pipe->ended ? NULL : batch_new(pipe);
	if (mark) {
		list_append(&pipe->batches, &mark->node);
		if (pipe->up && !pipe->sending)
			batch = send_next(pipe);
	}
	pipe_unlock(pipe);
	if (batch)
		send_batch(pipe, batch);
	else if (!mark)
		pipe_fail(pipe, -ENOMEM); /* does nothing if the pipe has ended already */
}

static bool pipe_has_more(const struct pipe *pipe)
{
	return pipe->inbox.n > 0 || pipe->drained || (pipe->ended && !pipe->down_told);
}

static int pipe_next_event(struct source *source, struct transport_event *ret)
{
	struct pipe *pipe = pipe_of_source(source);
	struct batch *batch = NULL;
	nng_msg *msg = NULL;
	bool resume = false;

	ret->pipe = pipe;
	ret->user = pipe->user;
	ret->peer = pipe->peer;

	if (pipe->started && !pipe->up_told) {
		ret->type = TRANSPORT_PIPE_UP;
		pipe->up = pipe->up_told = true;
		if (!pipe->sending)
			batch = send_next(pipe);
	} else if (pipe->inbox.n > 0) {
		ret->type = TRANSPORT_PIPE_DATA;
		msg = inbox_pop(&pipe->inbox);
		pipe->inbox_bytes -= message_cost(msg);
		resume = pipe->paused && !pipe->ended && pipe->inbox_bytes <= TRANSPORT_INBOUND_MAX_BYTES / 2;
		if (resume) {
			pipe->paused = false;
			nng_recv_aio(pipe->socket, pipe->receive_aio);
		}
	} else if (pipe->drained) {
		ret->type = TRANSPORT_PIPE_DRAINED;
		pipe->drained = false;
	} else if (pipe->ended && pipe->has_socket) {
		pipe_unlock(pipe);
		pipe_close(pipe); /* may bring the last data */
		pipe_lock(pipe);
		source_ready(source);
		pipe_unlock(pipe);
		return 0;
	} else if (pipe->ended && !pipe->down_told) {
		ret->type = TRANSPORT_PIPE_DOWN;
		ret->error = pipe->error;
		pipe->down_told = true;
		pipe->up = false;
	} else {
		pipe_unlock(pipe);
		return 0;
	}
	if (pipe_has_more(pipe))
		source_ready(source);
	pipe_unlock(pipe);

	if (ret->type == TRANSPORT_PIPE_UP && pipe->has_socket) {
		nng_aio_cancel(pipe->timer_aio);
		pipe_unlink(pipe);
		if (batch)
			send_batch(pipe, batch);
	}
	if (msg) {
		pipe->source.transport->current = msg;
		ret->data = nng_msg_body(msg);
		ret->size_bytes = nng_msg_len(msg);
	}
	return 1;
}

static void pipe_source_free(struct source *source)
{
	pipe_free(pipe_of_source(source));
}

static const struct source_ops pipe_source = {pipe_next_event, pipe_source_free};
