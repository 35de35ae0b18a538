/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of hello: one REQ0 exchange. The daemon's end is transport/nng/server.c. */
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>

#include "libactor/transport/nng/internal.h"
#include "libactor/util/clock.h"

struct request {
	struct source source;
	struct address address;
	nng_socket socket;
	bool has_socket;
	nng_aio *aio;
	void *user;
	int64_t deadline_ms; /* negative: none */
	bool sent;
	/* under the lock */
	bool done;
	int error;
	nng_msg *answer;
};

static struct request *request_of_source(struct source *source)
{
	return container_of(source, struct request, source);
}

static const struct source_ops request_source;

static void request_end(struct request *request, int error, nng_msg *answer)
{
	pthread_mutex_lock(&request->source.transport->lock);
	request->done = true;
	request->error = error;
	request->answer = answer;
	source_ready(&request->source);
	pthread_mutex_unlock(&request->source.transport->lock);
}

static void request_step(void *arg)
{
	struct request *request = arg;
	int r = nng_aio_result(request->aio);
	nng_msg *answer;

	if (r != 0) {
		nng_msg_free(nng_aio_get_msg(request->aio));
		nng_aio_set_msg(request->aio, NULL);
		request_end(request, transport_error(r), NULL);
	} else if (!request->sent) {
		int64_t left_ms = -1;

		request->sent = true;
		if (request->deadline_ms >= 0) {
			left_ms = request->deadline_ms - clock_now_ms();
			if (left_ms < 1)
				left_ms = 1;
		}
		nng_aio_set_timeout(request->aio, transport_duration(left_ms));
		nng_recv_aio(request->socket, request->aio);
	} else {
		answer = nng_aio_get_msg(request->aio);
		nng_aio_set_msg(request->aio, NULL);
		request_end(request, 0, answer);
	}
}

int request_send(struct transport *transport, const char *path, const void *data, size_t size_bytes,
	int64_t timeout_ms, void *user, struct request **ret)
{
	struct request *request;
	nng_msg *msg;
	int r;

	request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;
	source_init(&request->source, transport, &request_source);
	request->user = user;
	request->deadline_ms = -1;
	if (timeout_ms >= 0 && __builtin_add_overflow(clock_now_ms(), timeout_ms, &request->deadline_ms))
		request->deadline_ms = -1;

	r = address_init(&request->address, path);
	if (r < 0)
		goto fail;
	r = address_probe(&request->address);
	if (r < 0) {
		request_end(request, r, NULL);
		*ret = request;
		return 0;
	}

	r = nng_req0_open(&request->socket);
	if (r != 0)
		goto fail_nng;
	request->has_socket = true;
	if ((r = nng_socket_set_size(request->socket, NNG_OPT_RECVMAXSZ, HELLO_MAX_BYTES)) != 0 ||
		(r = nng_socket_set_ms(request->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE)) !=
			0 ||
		(r = nng_aio_alloc(&request->aio, request_step, request)) != 0 ||
		(r = nng_dial(request->socket, request->address.url, NULL, NNG_FLAG_NONBLOCK)) != 0)
		goto fail_nng;

	r = transport_message(data, size_bytes, &msg);
	if (r < 0)
		goto fail;
	nng_aio_set_timeout(request->aio, transport_duration(timeout_ms));
	nng_aio_set_msg(request->aio, msg);
	nng_send_aio(request->socket, request->aio);
	*ret = request;
	return 0;

fail_nng:
	r = transport_error(r);
fail:
	request_free(request);
	return r;
}

struct request *request_free(struct request *request)
{
	if (!request)
		return NULL;
	transport_aio_free(request->aio);
	if (request->has_socket)
		nng_close(request->socket);
	address_deinit(&request->address);
	source_deinit(&request->source);
	nng_msg_free(request->answer);
	free(request);
	return NULL;
}

static int request_next_event(struct source *source, struct transport_event *ret)
{
	struct request *request = request_of_source(source);

	ret->type = TRANSPORT_ANSWER;
	ret->request = request;
	ret->user = request->user;
	ret->error = request->error;
	source->transport->current = request->answer;
	request->answer = NULL;
	pthread_mutex_unlock(&source->transport->lock);

	if (source->transport->current) {
		ret->data = nng_msg_body(source->transport->current);
		ret->size_bytes = nng_msg_len(source->transport->current);
	}
	return 1;
}

static void request_source_free(struct source *source)
{
	request_free(request_of_source(source));
}

static const struct source_ops request_source = {request_next_event, request_source_free};
