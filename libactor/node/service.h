/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that only the supervisor needs of the group runtime, beyond the public API. The supervisor is a
 * group like any other, with these differences: it knows its node without asking a broker, it starts before
 * there is a broker, clients reach it at its own rendezvous, and it speaks for processes that cannot speak.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/token.h"

struct service_options {
	/* "$spawner": the name is registered again each time the link to a broker comes up. */
	const char *name;
	const char *runtime_dir;
	uint64_t node;
	uint64_t group; /* this incarnation's id */
	uint8_t key[TOKEN_KEY_BYTES];
	const char *listen_path; /* rendezvous socket, "<runtime dir>/spawner.ipc" */
	/*
	 * Cast to the first actor (serial 1), without arguments, each time the link to a broker is up, before
	 * anything else is sent on that link.
	 */
	const char *broker_up_method;
	const char *broker_down_method;
	/* Cast to the first actor when a client of our own rendezvous is gone. Argument: its group id. */
	const char *client_gone_method;
	/*
	 * Cast to the first actor once for each service_hand_over(). Arguments: group id, number, ok (bool),
	 * routed (bool).
	 */
	const char *handed_over_method;
	void (*log)(const char *line, void *arg);
	void *log_arg;
};

/*
 * Never waits for the broker: the link to a broker is made, and made again, in the background. The first
 * actor that is spawned is the service actor.
 */
int service_group_new(actor_group **ret, const struct service_options *options);

/*
 * Sends a `down` frame for @who (a process: serial 0) to @watcher's group. The frame comes once, if that
 * group is there.
 */
int service_send_down(
	actor *self, actor_ref watcher, actor_ref who, uint64_t id, const struct actor_cause *cause);

/*
 * Asks the broker for a sign of life. When the sign comes, @answered (which must live as long as the group)
 * is cast to the service actor. Without a sign within @timeout_ms no cast comes. Returns 0, -ENOTCONN or
 * -ENOMEM.
 */
int service_ping_broker(actor *self, const char *answered, int64_t timeout_ms);

/*
 * True when there is no link, and the broker did not answer the last hello or did not listen. A refusal is an
 * answer.
 */
bool service_broker_is_silent(const actor *self);

/*
 * Asks for a cast of handed_over_method when our death can lose nothing of what was sent so far to the group
 * @to (0: the broker). *ok*: the kernel has all of it, on the direct link or, for a group that the broker
 * routes for (*routed*), on the broker's link with that group. Not ok: the way broke, and a part may be lost.
 * The casts for one group come in the order of the questions.
 */
void service_hand_over(actor *self, uint64_t to, uint64_t number);

/*
 * Casts to the broker's service actor. Without a link to the broker the cast is dropped, and the result is
 * -ENOTCONN.
 */
int service_cast_broker(actor *self, const char *method, const char *format, ...);

/* Gives the kernel at once what was written to the broker, and not only at the end of the turn. */
void service_flush_broker(actor *self);

/*
 * The node stops, its broker has ended, and no other one comes: what waits for an introduction is given up,
 * so that our own end need not wait for it.
 */
void service_without_broker(actor *self);

/* ---- for the rooms of the library ---- */

struct peer;

void service_client_gone(actor_group *group, uint64_t client);
void handovers_linked(struct peer *peer);  /* the peer's link is up */
void handovers_drained(struct peer *peer); /* the kernel has what was written to the peer */
void handovers_pong(struct peer *peer, uint64_t ping);
void handovers_route(
	struct peer *peer, struct peer *uplink); /* frames for the peer go through the broker from now on */
void handovers_fail(struct peer *peer);
