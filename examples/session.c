/* SPDX-License-Identifier: Apache-2.0 */
/* session [--name NAME]: an actor with all kinds of timers. It ends when no message has come for a while. */
#include <actor/actor.h>
#include <stdio.h>
#include <string.h>

#define TICK_MS 50
#define IDLE_MS 300000

struct session {
	uint64_t tick; /* the timer of the interval */
	uint64_t n_ticks;
	uint64_t limit; /* the timer of the limit; 0: none */
};

static int session_init(actor *self, const void *arg)
{
	struct session *session = actor_state(self);

	return actor_send_interval(self, TICK_MS, "tick", &session->tick, "");
}

/* Whatever this actor does, its k-th tick is due at k * TICK_MS. */
static int session_tick(actor *self, const actor_msg *msg)
{
	((struct session *)actor_state(self))->n_ticks++;
	return 0;
}

/* Answers the number of ticks, and how many ticks were merged with others while the actor was busy. */
static int session_ticks(actor *self, const actor_msg *msg, actor_from *from)
{
	struct session *session = actor_state(self);

	return actor_reply(from, "[UU]", session->n_ticks, actor_timer_merged(self, session->tick));
}

/* The actor is busy for the given time. Its ticks wait like any message. */
static int session_busy(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t ms;

	if (actor_msg_unpack(msg, "I", &ms) < 0 || ms < 0 || actor_sleep(self, ms) < 0)
		return actor_reply_error(from, "bad_args", "busy wants milliseconds");
	return actor_reply(from, "n");
}

/* Limits the session to the given time. Answers what was left of the limit before. */
static int session_limit(actor *self, const actor_msg *msg, actor_from *from)
{
	struct session *session = actor_state(self);
	int64_t ms, left_ms;

	if (actor_msg_unpack(msg, "I", &ms) < 0)
		return actor_reply_error(from, "bad_args", "limit wants milliseconds");
	left_ms = actor_timer_cancel_left(self, session->limit);
	if (actor_exit_after(self, actor_self(self), ms, "its time is over", &session->limit) < 0)
		return actor_reply_error(from, "bad_args", "that is no time");
	return left_ms < 0 ? actor_reply(from, "n") : actor_reply(from, "I", left_ms);
}

/*
 * From now on the session ends when no message comes for the given time. Its own ticks are messages, so they
 * are stopped.
 */
static int session_idle(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t ms = IDLE_MS;

	if (actor_msg_unpack(msg, "I?", &ms) < 0 || actor_idle_after(self, ms, "idle") < 0)
		return actor_reply_error(from, "bad_args", "idle wants milliseconds");
	actor_timer_cancel(self, ((struct session *)actor_state(self))->tick);
	return actor_reply(from, "n");
}

static int session_idle_now(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), "nobody asks");
}

static const struct actor_method session_methods[] = {
	{.name = "ticks", .on_call = session_ticks, .doc = "answers ticks, and how many were merged"},
	{.name = "busy", .on_call = session_busy, .args = "ms:int", .doc = "is busy for so long"},
	{.name = "limit", .on_call = session_limit, .args = "ms:int", .doc = "ends after so long"},
	{.name = "idle", .on_call = session_idle, .on_cast = session_idle_now, .args = "ms:int"},
	{.name = "tick", .on_cast = session_tick},
	{0},
};

static const struct actor_behavior session = {
	.name = "session",
	.state_size = sizeof(struct session),
	.methods = session_methods,
	.init = session_init,
};

int main(int argc, char **argv)
{
	const char *name = argc == 3 && !strcmp(argv[1], "--name") ? argv[2] : "session";

	if (argc != 1 && name != argv[2])
		return fprintf(stderr, "usage: session [--name NAME]\n"), 2;
	return actor_main(&session, NULL, name);
}
