/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection of one command to the node. It goes to the supervisor, for verbs about the node and its
 * processes, which work while the broker is down; or to the broker, for names and messages. Answers are JSON.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/buf.h"
#include "tools/view/ctl.h"

#define SESSION_NAME_MAX_BYTES 255

struct session;

/* 0, or the exit status after the failure was reported. */
int session_open(const struct ctl *ctl, enum actor_join_mode mode, struct session **ret);
/* The same for many questions to actors at the same time. */
int session_open_many(const struct ctl *ctl, struct session **ret);
/* Joins an actor group that the caller runs itself and frees by actor_group_free(). */
int session_join(const struct ctl *ctl, enum actor_join_mode mode, actor_group **ret);
/* Opens a session and prints nothing. 0, or negative errno. */
int session_try_open(
	const struct ctl *ctl, enum actor_join_mode mode, int64_t timeout_ms, struct session **ret);
struct session *session_close(struct session *session);

/* Reports why a node cannot be reached. @error: positive errno. Returns the exit status. */
int session_fail_open(const struct ctl *ctl, enum actor_join_mode mode, int error);
/* Reports that the lock file of a node that runs is hidden (node_lock_is_hidden()). Returns @status. */
int session_fail_lock(const struct ctl *ctl, enum ctl_exit status);

/* The error that the other end answered; empty strings if it answered none. */
struct session_error {
	char name[128];
	char text[512];
};

/* Makes the result of session_call() from @r and @reply of a call. Takes @reply. */
int session_answer(int r, actor_msg *reply, json_t **ret, struct session_error *ret_error);

/* Makes a body of the array @args, which it takes. If memory runs out, buf_error() of the body says so. */
struct buf session_args(json_t *args);

/*
 * session_call() - calls and waits for the answer
 * @args: the body, an array; it is taken
 *
 * Return: 0, and *ret is the result (maybe a JSON null); or a negative errno of actor_call(). With -EREMOTEIO
 * @ret_error is filled.
 */
int session_call(struct session *session, const actor_dest *to, const char *method, struct buf args,
	int64_t timeout_ms, json_t **ret, struct session_error *ret_error);
/*
 * The same for a stream: @item gets each item, which it does not free, and *ret is the value of the end. Not
 * for sessions of session_open_many().
 */
int session_stream(struct session *session, const actor_dest *to, const char *method, struct buf args,
	int64_t timeout_ms, void (*item)(const struct ctl *ctl, const json_t *value), json_t **ret,
	struct session_error *ret_error);
/* session_call() with session_args(@args). */
int session_ask(struct session *session, const actor_dest *to, const char *method, json_t *args,
	int64_t timeout_ms, json_t **ret, struct session_error *ret_error);

/* One of several requests that are under way at the same time. */
struct question {
	const char *name; /* the name of its object, for people */
	actor_dest to;
	const char *method;
	struct buf args; /* as for session_call() */
	/* used instead of args, if several questions have the same; must outlive the question */
	const struct buf *same_args;
	int64_t timeout_ms;

	/* the rest is set when the question is answered */
	bool answered;
	int r;       /* the result as of session_call() */
	json_t *ret; /* the asker frees it */
	struct session_error error;
};

/* What is written and called while answers are waited for. */
struct vigil {
	/* on a terminal after a second: "waiting for a, b <goal>"; NULL: nothing is written */
	const char *goal;
	const char *goes_on; /* after an interrupt: "a, b: <goes_on>"; NULL: nothing is written */
	/* Called after that note, while questions are open. May be NULL. May ask, and answers may come. */
	void (*late)(const struct question *questions, size_t n, void *arg);
	/* Called for each question when this and all earlier questions are answered. May be NULL. */
	void (*answered)(struct question *question, void *arg);
	/* Called after an interrupt, in place of writing goes_on. May be NULL. */
	void (*interrupted)(void *arg);
	void *arg;
};

/*
 * session_ask_all() - asks all questions at once, then waits for all answers
 * @session: a session with the supervisor, or of session_open_many()
 *
 * At INT and TERM it writes that the requests go on without actorctl, and ends the program by that signal.
 */
void session_ask_all(
	struct session *session, struct question *questions, size_t n, const struct vigil *vigil);

int session_send(struct session *session, const actor_dest *to, const char *method, struct buf args);
/* Asks for the actor that has a name. -ESRCH: no actor has it. */
int session_whereis(struct session *session, const char *name, int64_t timeout_ms, actor_ref *ret,
	struct session_error *ret_error);
/*
 * The same, but waits until an actor has the name. @timeout_ms may be ACTOR_FOREVER. -ETIMEDOUT: no actor had
 * it in time.
 */
int session_whereis_wait(struct session *session, const char *name, int64_t timeout_ms, actor_ref *ret);

/* 0, or the exit status after the report that no process can have this name. */
int session_check_name(const struct ctl *ctl, const char *name);
/*
 * session_ask_spawner() - asks the supervisor; a refusal is reported as "cannot <verb> '<name>': …"
 * @name: the child that the question is about, or NULL
 * @args: the arguments; they are taken
 *
 * Return: 0, or the exit status after the failure was reported.
 */
int session_ask_spawner(struct session *session, const char *verb, const char *name, const char *method,
	json_t *args, int64_t timeout_ms, json_t **ret);
/* Reports only such a refusal, for a verb that asked by session_ask(). */
int session_fail_spawner(const struct ctl *ctl, const char *verb, const char *name, int r,
	const struct session_error *error, int64_t timeout_ms);
/* The same for one of many questions. */
int session_fail_answer(struct session *session, const char *verb, const struct question *question);
