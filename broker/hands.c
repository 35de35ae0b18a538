/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/hands.h"

#include "libactor/util/clock.h"

int hands_pipe_listen(struct hands *hands, struct broker_pipe *pipe, const char *path, uid_t uid, pid_t pid,
	struct pipe **ret)
{
	struct transport_peer expect = {.uid = uid, .pid = pid};

	return pipe_listen(hands->transport, path, expect, JOIN_TIMEOUT_MS, pipe, ret);
}

void hands_pipe_close(void *arg, void *handle)
{
	pipe_free(handle);
}

struct buf *hands_pipe_out(void *arg, void *handle)
{
	return pipe_out(handle);
}

void hands_pipe_flush(void *arg, void *handle)
{
	pipe_flush(handle);
}

size_t hands_pipe_backlog(void *arg, void *handle)
{
	return pipe_backlog_bytes(handle);
}

void hands_pipe_notify_drained(void *arg, void *handle)
{
	pipe_notify_drained(handle);
}

void hands_hello_answer(void *arg, uint64_t hello_id, const void *data, size_t size_bytes)
{
	struct hands *hands = arg;

	server_answer(hands->server, hello_id, data, size_bytes);
}

void hands_event(struct hands *hands, const struct transport_event *event)
{
	struct broker *broker = hands->broker;
	int64_t now_ns = clock_now_ns();

	switch (event->type) {
	case TRANSPORT_HELLO:
		broker_hello(broker, event->hello_id, event->peer.uid, event->peer.pid, event->data,
			event->size_bytes, now_ns);
		break;
	case TRANSPORT_PIPE_UP:
		broker_pipe_up(broker, event->user, now_ns);
		break;
	case TRANSPORT_PIPE_DATA:
		broker_pipe_data(broker, event->user, event->data, event->size_bytes, now_ns);
		break;
	case TRANSPORT_PIPE_DRAINED:
		broker_pipe_drained(broker, event->user, now_ns);
		break;
	case TRANSPORT_PIPE_DOWN:
		broker_pipe_down(broker, event->user, event->error, now_ns);
		break;
	case TRANSPORT_ANSWER:
	case TRANSPORT_KNOCK: /* never comes: the broker has no door */
		break;
	}
}

int64_t hands_end_turn(struct hands *hands)
{
	int64_t now_ns = clock_now_ns();

	if (now_ns >= broker_deadline_ns(hands->broker))
		broker_tick(hands->broker, now_ns);
	broker_flush(hands->broker);
	return now_ns;
}
