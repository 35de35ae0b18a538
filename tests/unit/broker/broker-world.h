/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's core with hands that only pretend: a pipe is a buffer, the time is a number. A client is the
 * far end of a pipe, and a test sees what that client would read.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/core.h"
#include "libactor/protocol/hello.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/token.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"

#define WORLD_NODE   UINT64_C(0xabc)
#define WORLD_BROKER UINT64_C(2)
#define WORLD_UID    1000
#define MS           INT64_C(1000000)

struct world;

struct client {
	struct world *world;
	struct list node;
	struct broker_pipe *pipe; /* the broker's end */
	char path[512];
	uid_t uid;
	pid_t pid;
	uint64_t group;
	bool restarted;
	struct token resume;
	bool up;
	bool closed;   /* the broker has closed the pipe */
	struct buf in; /* the bytes that came */
	size_t in_taken;
	struct buf out;    /* the client writes here */
	struct buf unsent; /* the broker appends here */
	bool notify;       /* the broker wants to know when the pipe is drained */
	uint64_t ids;
};

struct world {
	struct broker *broker;
	int64_t now_ns;
	uint8_t key[TOKEN_KEY_BYTES];
	struct list clients;
	struct client *listening; /* the one that was made by the last hello */
	int listen_error;         /* what pipe_listen() returns */
	bool answered;
	char error[64], url[512];
	struct hello_answer answer; /* its strings and tokens must not be used */
	struct token answer_resume;
	size_t n_open;  /* handles that were not given back */
	uint64_t gone;  /* the last group whose directory may be removed */
	uint64_t noted; /* the last group whose process the next broker is to know */
	uint64_t lives; /* the group whose door is open */
	char log[1024]; /* the last line of level warning or worse */
	size_t n_logged;
	pid_t pids;
	struct buf args;
};

void world_init(struct world *w, int64_t window_ms, const struct quota_limits *limits);
void world_deinit(struct world *w); /* all handles must have been given back */
/* Starts the next broker. All pipes break; the clients stay, and may say hello again. */
void world_restart_broker(struct world *w, uint64_t group, int64_t window_ms);
void world_advance(struct world *w, int64_t ns); /* runs all ticks on the way */

struct token world_token(struct world *w, uint64_t group, const char *name);
/* NULL: the hello was refused, see world.error. */
struct client *world_hello(struct world *w, const char *name, const struct token *token);
struct client *world_hello_as(
	struct world *w, const char *name, const struct token *token, uid_t uid, pid_t pid);
void client_up(struct client *c);
struct client *world_connect(struct world *w, const char *name, const struct token *token); /* hello and up */
struct client *world_newcomer(struct world *w, const char *name);
struct client *world_supervised(struct world *w, uint64_t group, const char *name);
void client_break(struct client *c); /* the pipe ends */
void client_break_for(struct client *c, int error);
void client_bye(struct client *c);

actor_ref client_ref(const struct client *c, uint64_t serial);
/* Packs a body into world.args: a2 is an array of 2, m3 a map of 3; s, u, r, b and n are single values. */
struct buf *pack(struct world *w, const char *format, ...);
/* All that was appended to client.out is sent as one message. */
void client_send(struct client *c);
void client_send_bytes(struct client *c, const void *data, size_t size_bytes);
uint64_t client_call(
	struct client *c, const struct wire_dest *to, const char *method, const struct buf *args);
void client_cast(struct client *c, const struct wire_dest *to, const char *method, const struct buf *args);
/* Calls $broker. Returns the id of the call. */
uint64_t client_ask(struct client *c, const char *method, const struct buf *args);
void client_tell(struct client *c, const char *method, const struct buf *args);
struct wire_dest to_name(const char *name);
struct wire_dest to_ref(actor_ref ref);

bool client_next(struct client *c, struct wire_frame *ret); /* false: nothing has come */
struct wire_frame client_expect(struct client *c, enum wire_type type);
void client_expect_nothing(struct client *c);
void client_expect_nil(struct client *c, uint64_t id);
void client_expect_error(struct client *c, uint64_t id, const char *name);
actor_ref client_expect_ref(struct client *c, uint64_t id);
/* Expects a cast of $broker. The reader stands behind the head of the array of arguments. */
struct mp_reader client_expect_cast(struct client *c, const char *method);
uint64_t client_expect_group_down(struct client *c, struct actor_cause *ret);
bool str_is(struct wire_str s, const char *text);
