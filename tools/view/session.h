/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to the node for one command: to the supervisor (node and process verbs; works while the broker
 * is down) or to the broker (names and messages). Answers come out as JSON.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/buf.h"
#include "tools/view/ctl.h"

#define SESSION_NAME_MAX_BYTES 255

struct session;

/* 0, or the exit status after the failure was told. */
int session_open(const struct ctl *ctl, enum actor_join_mode mode, struct session **ret);
/* The same, for many questions to actors at once. */
int session_open_many(const struct ctl *ctl, struct session **ret);
/* An actor group that the caller runs itself, and ends with actor_group_free(). */
int session_join(const struct ctl *ctl, enum actor_join_mode mode, actor_group **ret);
/* Prints nothing. 0, or negative errno. */
int session_try_open(
	const struct ctl *ctl, enum actor_join_mode mode, int64_t timeout_ms, struct session **ret);
struct session *session_close(struct session *session);

/* Says why a node cannot be reached. @error: positive errno. Returns the exit status. */
int session_fail_open(const struct ctl *ctl, enum actor_join_mode mode, int error);

/* What the other end said when it said no; empty strings when it said nothing. */
struct session_error {
	char name[128];
	char text[512];
};

/* What @r and @reply of a call come to, as of session_call(). Takes @reply. */
int session_answer(int r, actor_msg *reply, json_t **ret, struct session_error *ret_error);

/* A body of @args, an array, taken. Out of memory: it has failed, as buf_error() says. */
struct buf session_args(json_t *args);

/*
 * session_call() - call, and wait for the answer
 * @args: a body, an array; taken
 *
 * Return: 0 and *ret (may be a JSON null), or a negative errno as of actor_call(); -EREMOTEIO fills
 * @ret_error.
 */
int session_call(struct session *session, const actor_dest *to, const char *method, struct buf args,
	int64_t timeout_ms, json_t **ret, struct session_error *ret_error);
/* The same, with session_args(@args). */
int session_ask(struct session *session, const actor_dest *to, const char *method, json_t *args,
	int64_t timeout_ms, json_t **ret, struct session_error *ret_error);

/* One of several requests that are under way at the same time. */
struct question {
	const char *name; /* what it is about, for people */
	actor_dest to;
	const char *method;
	struct buf args;             /* as of session_call() */
	const struct buf *same_args; /* instead, of several alike; borrowed */
	int64_t timeout_ms;

	/* set when it is answered */
	bool answered;
	int r;       /* as of session_call() */
	json_t *ret; /* for the asker to free */
	struct session_error error;
};

/* What is said, and done, while answers are waited for. */
struct vigil {
	/* after a second, on a terminal: "waiting for a, b <goal>". NULL: nothing is said */
	const char *goal;
	const char *goes_on; /* when we are interrupted: "a, b: <goes_on>". NULL: nothing is */
	/* Each question when it and all before it are answered; may be NULL. */
	void (*answered)(struct question *question, void *arg);
	/* Instead of saying @goes_on; may be NULL. */
	void (*interrupted)(void *arg);
	void *arg;
};

/*
 * session_ask_all() - ask everything at once, then wait for all the answers
 * @session: with the supervisor, or of session_open_many()
 * INT and TERM: it is said that what was asked for goes on without us, and the program ends by that signal.
 */
void session_ask_all(
	struct session *session, struct question *questions, size_t n, const struct vigil *vigil);

int session_send(struct session *session, const actor_dest *to, const char *method, struct buf args);
/* -ESRCH: nobody has it. */
int session_whereis(struct session *session, const char *name, int64_t timeout_ms, actor_ref *ret,
	struct session_error *ret_error);
/* Waits until somebody has it. @timeout_ms: or ACTOR_FOREVER. -ETIMEDOUT: nobody had it. */
int session_whereis_wait(struct session *session, const char *name, int64_t timeout_ms, actor_ref *ret);

/* 0, or the exit status after it was told that no process can have this name. */
int session_check_name(const struct ctl *ctl, const char *name);
/*
 * session_ask_spawner() - ask the supervisor; a refusal is told as "cannot <verb> '<name>': …"
 * @name: the child it is about, or NULL
 * @args: taken
 *
 * Return: 0, or the exit status after the failure was told.
 */
int session_ask_spawner(struct session *session, const char *verb, const char *name, const char *method,
	json_t *args, int64_t timeout_ms, json_t **ret);
/* The message of such a refusal alone, for a verb that asked with session_ask(). */
int session_fail_spawner(const struct ctl *ctl, const char *verb, const char *name, int r,
	const struct session_error *error, int64_t timeout_ms);
/* The same for one of many. */
int session_fail_answer(struct session *session, const char *verb, const struct question *question);
