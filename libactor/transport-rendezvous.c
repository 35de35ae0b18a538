/*
 * The two ends of hello: a server (REP0) and a request (REQ0).
 *
 * REP0 has one open request per context, so a server has many contexts, each with an aio that goes round: receive a hello, lie with the
 * user until it is answered, send the answer, receive again. Further hellos wait in nng.
 */
#include "transport-private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include "util/clock.h"

#define HELLO_MAX_BYTES (64u << 10)
#define HELLO_SLOT_BITS 5
#define HELLO_SLOTS_N (1u << HELLO_SLOT_BITS)
#define ANSWER_TIMEOUT_MS 1000 /* a client that does not read its answer must not keep the slot */

enum hello_state { HELLO_RECEIVING, HELLO_WAITING /* in server->hellos */, HELLO_ASKED /* with the user */, HELLO_ANSWERING };

struct hello {
	struct server *server;
	struct list node;
	nng_ctx context;
	bool has_context;
	nng_aio *aio;
	nng_msg *msg;
	enum hello_state state;
	uint64_t id; /* sequence << HELLO_SLOT_BITS | slot; 0 = none */
	struct transport_peer peer;
};

struct server {
	struct source source;
	struct address address;
	nng_socket socket;
	bool has_socket;
	void *user;
	uint64_t sequence;
	struct list hellos; /* under the lock */
	struct hello slots[HELLO_SLOTS_N];
};

struct server *server_of_source(struct source *source)
{
	return container_of(source, struct server, source);
}

static void hello_receive(struct hello *hello)
{
	hello->state = HELLO_RECEIVING;
	nng_aio_set_timeout(hello->aio, NNG_DURATION_INFINITE);
	nng_ctx_recv(hello->context, hello->aio);
}

static void hello_received(struct hello *hello)
{
	struct server *server = hello->server;
	nng_msg *msg;
	bool ring;

	msg = nng_aio_get_msg(hello->aio);
	nng_aio_set_msg(hello->aio, NULL);
	if (transport_peer_of_pipe(nng_msg_get_pipe(msg), &hello->peer) < 0) {
		nng_msg_free(msg); /* gone already */
		hello_receive(hello);
		return;
	}

	pthread_mutex_lock(&server->source.transport->lock);
	hello->msg = msg;
	hello->state = HELLO_WAITING;
	list_append(&server->hellos, &hello->node);
	ring = source_ready(&server->source);
	pthread_mutex_unlock(&server->source.transport->lock);
	if (ring)
		transport_ring(server->source.transport);
}

static void hello_done(void *arg)
{
	struct hello *hello = arg;
	int r = nng_aio_result(hello->aio);

	if (hello->state == HELLO_RECEIVING) {
		if (r == 0)
			hello_received(hello);
		return; /* else stopped or closed by the loop */
	}
	if (r == NNG_ECLOSED || r == NNG_ECANCELED)
		return;
	if (r != 0) {
		nng_msg_free(nng_aio_get_msg(hello->aio));
		nng_aio_set_msg(hello->aio, NULL);
	}
	hello_receive(hello);
}

int server_listen(struct transport *transport, const char *path, void *user, struct server **ret)
{
	struct server *server;
	nng_listener listener;
	int r;

	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	source_init(&server->source, transport, SOURCE_SERVER);
	list_init(&server->hellos);
	server->user = user;
	server->address.dir_fd = -1;

	r = address_init(&server->address, path);
	if (r < 0)
		goto fail;
	r = address_clear(&server->address);
	if (r < 0)
		goto fail;

	r = nng_rep0_open(&server->socket);
	if (r != 0)
		goto fail_nng;
	server->has_socket = true;
	/* 0600 because all clients have our uid now. Children of other users will need 0666 here: then the directory's mode says who may
	 * try, and who somebody is the kernel says. */
	if ((r = nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, HELLO_MAX_BYTES)) != 0 ||
		(r = nng_listener_create(&listener, server->socket, server->address.url)) != 0 ||
		(r = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600)) != 0 ||
		(r = nng_listener_start(listener, 0)) != 0)
		goto fail_nng;

	for (unsigned i = 0; i < HELLO_SLOTS_N; i++) {
		struct hello *hello = &server->slots[i];

		hello->server = server;
		if ((r = nng_ctx_open(&hello->context, server->socket)) != 0)
			goto fail_nng;
		hello->has_context = true;
		if ((r = nng_aio_alloc(&hello->aio, hello_done, hello)) != 0)
			goto fail_nng;
		hello_receive(hello);
	}
	*ret = server;
	return 0;

fail_nng:
	r = transport_error(r);
fail:
	server_free(server);
	return r;
}

struct server *server_free(struct server *server)
{
	if (!server)
		return NULL;
	for (unsigned i = 0; i < HELLO_SLOTS_N; i++) {
		struct hello *hello = &server->slots[i];

		transport_aio_free(hello->aio);
		if (hello->has_context)
			nng_ctx_close(hello->context);
		nng_msg_free(hello->msg);
	}
	if (server->has_socket)
		nng_close(server->socket);
	address_deinit(&server->address);
	source_deinit(&server->source);
	free(server);
	return NULL;
}

int server_next(struct source *source, struct transport_event *ret)
{
	struct server *server = server_of_source(source);
	struct list *first = list_pop(&server->hellos);
	struct hello *hello;

	if (!list_is_empty(&server->hellos))
		source_ready(source);
	pthread_mutex_unlock(&source->transport->lock);
	if (!first)
		return 0;

	hello = container_of(first, struct hello, node);
	hello->state = HELLO_ASKED;
	hello->id = ++server->sequence << HELLO_SLOT_BITS | (uint64_t)(hello - server->slots);
	source->transport->current = hello->msg;
	hello->msg = NULL;

	ret->type = TRANSPORT_HELLO;
	ret->server = server;
	ret->user = server->user;
	ret->hello_id = hello->id;
	ret->peer = hello->peer;
	ret->data = nng_msg_body(source->transport->current);
	ret->size_bytes = nng_msg_len(source->transport->current);
	return 1;
}

void server_answer(struct server *server, uint64_t hello_id, const void *data, size_t size_bytes)
{
	struct hello *hello = &server->slots[hello_id & (HELLO_SLOTS_N - 1)];
	nng_msg *msg;

	if (hello_id == 0 || hello->id != hello_id)
		return;
	hello->id = 0;
	if (transport_message(data, size_bytes, &msg) < 0) {
		hello_receive(hello); /* the client's time-out will tell it */
		return;
	}
	hello->state = HELLO_ANSWERING;
	nng_aio_set_timeout(hello->aio, ANSWER_TIMEOUT_MS);
	nng_aio_set_msg(hello->aio, msg);
	nng_ctx_send(hello->context, hello->aio);
}

/* --- request ---------------------------------------------------------------------------------------------------- */

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

struct request *request_of_source(struct source *source)
{
	return container_of(source, struct request, source);
}

static void request_end(struct request *request, int error, nng_msg *answer)
{
	bool ring;

	pthread_mutex_lock(&request->source.transport->lock);
	request->done = true;
	request->error = error;
	request->answer = answer;
	ring = source_ready(&request->source);
	pthread_mutex_unlock(&request->source.transport->lock);
	if (ring)
		transport_ring(request->source.transport);
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

int request_send(struct transport *transport, const char *path, const void *data, size_t size_bytes, int64_t timeout_ms, void *user,
	struct request **ret)
{
	struct request *request;
	nng_msg *msg;
	int r;

	request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;
	source_init(&request->source, transport, SOURCE_REQUEST);
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
		(r = nng_socket_set_ms(request->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE)) != 0 ||
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

int request_next(struct source *source, struct transport_event *ret)
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
