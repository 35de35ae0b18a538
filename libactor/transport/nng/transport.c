/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libactor/transport/nng/internal.h"

/* ---- nng's ways ---- */

int transport_error(int nng_error)
{
	if (nng_error == 0)
		return 0;
	if (nng_error & NNG_ESYSERR)
		return -(nng_error & ~NNG_ESYSERR);

	switch (nng_error) {
	case NNG_EINTR:
		return -EINTR;
	case NNG_ENOMEM:
		return -ENOMEM;
	case NNG_EINVAL:
		return -EINVAL;
	case NNG_EBUSY:
		return -EBUSY;
	case NNG_ETIMEDOUT:
		return -ETIMEDOUT;
	case NNG_ECONNREFUSED:
		return -ECONNREFUSED;
	case NNG_EAGAIN:
		return -EAGAIN;
	case NNG_ENOTSUP:
		return -EOPNOTSUPP;
	case NNG_EADDRINUSE:
	case NNG_EEXIST:
		return -EADDRINUSE;
	case NNG_ENOENT:
		return -ENOENT;
	case NNG_ESTATE:
	case NNG_EPROTO:
		return -EPROTO;
	case NNG_EUNREACHABLE:
		return -EHOSTUNREACH;
	case NNG_EADDRINVAL:
		return -EADDRNOTAVAIL;
	case NNG_EPERM:
	case NNG_EPEERAUTH:
		return -EACCES;
	case NNG_EMSGSIZE:
		return -EMSGSIZE;
	case NNG_ECLOSED:
	case NNG_ECONNABORTED:
	case NNG_ECONNRESET:
	case NNG_ECONNSHUT:
		return -ECONNRESET;
	case NNG_ECANCELED:
		return -ECANCELED;
	case NNG_ENOFILES:
		return -EMFILE;
	case NNG_ENOSPC:
		return -ENOSPC;
	default:
		return -EIO;
	}
}

nng_duration transport_duration(int64_t timeout_ms)
{
	if (timeout_ms < 0)
		return NNG_DURATION_INFINITE;
	return timeout_ms > INT_MAX ? INT_MAX : (nng_duration)timeout_ms;
}

int transport_peer_of_pipe(nng_pipe pipe, struct transport_peer *ret)
{
	uint64_t uid, pid;
	int r;

	r = transport_error(nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid));
	if (r < 0)
		return r;
	r = transport_error(nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid));
	if (r < 0)
		return r;

	*ret = (struct transport_peer){.uid = (uid_t)uid, .pid = (pid_t)pid};
	return 0;
}

int transport_message(const void *data, size_t size_bytes, nng_msg **ret)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, size_bytes) != 0)
		return -ENOMEM;
	if (size_bytes > 0)
		memcpy(nng_msg_body(msg), data, size_bytes);
	*ret = msg;
	return 0;
}

void transport_aio_free(nng_aio *aio)
{
	if (!aio)
		return;
	nng_aio_stop(aio);
	nng_msg_free(nng_aio_get_msg(aio));
	nng_aio_free(aio);
}

/*
 * nng's threads start with nng's first call and inherit its signal mask. Signals are for the program's own
 * threads.
 */
static int nng_start(void)
{
	sigset_t all, old;
	nng_aio *aio;
	int r;

	r = transport_stream_init();
	if (r < 0)
		return r;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = nng_aio_alloc(&aio, NULL, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return transport_error(r);
	nng_aio_free(aio);
	return 0;
}

const char *transport_name(void)
{
	static char name[32];

	if (!*name)
		snprintf(name, sizeof(name), "nng %s", nng_version());
	return name;
}

/* ---- events ---- */

void source_init(struct source *source, struct transport *transport, const struct source_ops *ops)
{
	source->transport = transport;
	source->ops = ops;
	list_append(&transport->sources, &source->all);
}

void source_deinit(struct source *source)
{
	if (!source->transport)
		return;
	pthread_mutex_lock(&source->transport->lock);
	list_remove(&source->ready);
	pthread_mutex_unlock(&source->transport->lock);
	list_remove(&source->all);
}

static void transport_ring(struct transport *transport)
{
	/* Cannot fail: the counter is 0 or 1. */
	if (eventfd_write(transport->event_fd, 1) < 0)
		abort();
}

/*
 * Rings under the lock. Suppose a thread rang later, after transport_next() had already taken its event. The
 * descriptor would then be readable without an event, until the next event.
 */
void source_ready(struct source *source)
{
	struct transport *transport = source->transport;

	if (!list_is_linked(&source->ready))
		list_append(&transport->ready, &source->ready);
	if (!transport->rung)
		transport_ring(transport);
	transport->rung = true;
}

int transport_fd(struct transport *transport)
{
	return transport->event_fd;
}

static int source_next(struct source *source, struct transport_event *ret)
{
	memset(ret, 0, sizeof(*ret));
	return source->ops->next(source, ret);
}

int transport_next(struct transport *transport, struct transport_event *ret)
{
	struct list *first;
	eventfd_t count;

	nng_msg_free(transport->current);
	transport->current = NULL;

	pthread_mutex_lock(&transport->lock);
	for (;;) {
		while ((first = list_pop(&transport->ready))) {
			if (source_next(container_of(first, struct source, ready), ret) > 0)
				return 1;
			pthread_mutex_lock(&transport->lock);
		}
		if (!transport->rung)
			break;

		/*
		 * While rung is set, no thread rings. So this looks again for sources that became ready
		 * meanwhile.
		 */
		pthread_mutex_unlock(&transport->lock);
		eventfd_read(transport->event_fd, &count);
		pthread_mutex_lock(&transport->lock);
		if (list_is_empty(&transport->ready)) {
			transport->rung = false;
			break;
		}
		transport_ring(transport); /* rare: the caller may stop before the list is empty */
	}
	pthread_mutex_unlock(&transport->lock);
	return 0;
}

int transport_attend(struct transport *transport, int fd)
{
	transport->attended_fd = fd;
	return 0;
}

int transport_wait(struct transport *transport, int64_t timeout_ns)
{
	struct pollfd fds[2] = {
		{.fd = transport->event_fd, .events = POLLIN},
		{.fd = transport->attended_fd, .events = POLLIN}, /* poll ignores a negative descriptor */
	};
	struct timespec timeout = {timeout_ns / 1000000000, timeout_ns % 1000000000};

	if (ppoll(fds, 2, timeout_ns < 0 ? NULL : &timeout, NULL) < 0)
		return -errno;
	return fds[1].revents != 0;
}

int transport_new(struct transport **ret)
{
	struct transport *transport;
	int r;

	r = nng_start();
	if (r < 0)
		return r;
	transport = calloc(1, sizeof(*transport));
	if (!transport)
		return -ENOMEM;
	transport->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (transport->event_fd < 0) {
		r = -errno;
		free(transport);
		return r;
	}
	transport->attended_fd = -1;
	pthread_mutex_init(&transport->lock, NULL);
	list_init(&transport->ready);
	list_init(&transport->sources);
	*ret = transport;
	return 0;
}

struct transport *transport_free(struct transport *transport)
{
	if (!transport)
		return NULL;
	while (!list_is_empty(&transport->sources)) {
		struct source *source = container_of(transport->sources.next, struct source, all);

		source->ops->free(source);
	}
	nng_msg_free(transport->current);
	close(transport->event_fd);
	pthread_mutex_destroy(&transport->lock);
	free(transport);
	return NULL;
}
