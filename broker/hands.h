/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hands of the core: those of its operations and events that need a transport. The program (main.c) and
 * the simulation use them, and add the other fields of struct broker_ops themselves.
 */
#pragma once

#include "broker/core.h"
#include "libactor/transport/transport.h"

#define JOIN_TIMEOUT_MS 2000
#define WINDOW_MS       1000
/* after so many events the core's frames are sent and its deadlines are checked */
#define EVENTS_PER_TURN 256

/* The @arg that is passed to broker_new() must begin with it. */
struct hands {
	struct transport *transport;
	struct server *server;
	struct broker *broker;
};

/* clang-format off */
#define HANDS_OPS                                                                                            \
	.pipe_close = hands_pipe_close,                                                                      \
	.pipe_out = hands_pipe_out,                                                                          \
	.pipe_flush = hands_pipe_flush,                                                                      \
	.pipe_backlog = hands_pipe_backlog,                                                                  \
	.pipe_notify_drained = hands_pipe_notify_drained,                                                    \
	.hello_answer = hands_hello_answer
/* clang-format on */

/* Does the work of broker_ops.pipe_listen, and returns a struct pipe as the handle. */
int hands_pipe_listen(struct hands *hands, struct broker_pipe *pipe, const char *path, uid_t uid, pid_t pid,
	struct pipe **ret);
void hands_pipe_close(void *arg, void *handle);
struct buf *hands_pipe_out(void *arg, void *handle);
void hands_pipe_flush(void *arg, void *handle);
size_t hands_pipe_backlog(void *arg, void *handle);
void hands_pipe_notify_drained(void *arg, void *handle);
void hands_hello_answer(void *arg, uint64_t hello_id, const void *data, size_t size_bytes);

/* Gives the core an event of the transport. */
void hands_event(struct hands *hands, const struct transport_event *event);
/*
 * Ends a turn: handles the core's deadlines and sends what the core wrote. Returns the time that was used for
 * the deadlines.
 */
int64_t hands_end_turn(struct hands *hands);
