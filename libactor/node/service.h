/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor needs of the group runtime beyond the public API: it is a group like any other, but it
 * knows its node without asking a broker, starts before there is one, is reachable on its own rendezvous, and
 * speaks for processes that cannot speak.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/token.h"

struct service_options {
	/* "$spawner": registered with the broker under this name each time a link to one comes up */
	const char *name;
	const char *runtime_dir;
	uint64_t node;
	uint64_t group; /* this incarnation's id */
	uint8_t key[TOKEN_KEY_BYTES];
	const char *listen_path; /* rendezvous socket, "<runtime dir>/spawner.ipc" */
	/*
	 * Cast to the first actor (serial 1) each time the link to a broker is up, before anything else is
	 * sent on it. Args: none.
	 */
	const char *broker_up_method;
	const char *broker_down_method;
	/* Cast to the first actor when a client of our own rendezvous is gone. Args: its group id. */
	const char *client_gone_method;
	/*
	 * Cast to the first actor, once for each service_hand_over(). Args: group id, number, ok (bool),
	 * routed (bool).
	 */
	const char *handed_over_method;
	void (*log)(const char *line, void *arg);
	void *log_arg;
};

/*
 * Never waits for the broker: its link is made, and made again, in the background. The first actor spawned is
 * the service actor.
 */
int service_group_new(actor_group **ret, const struct service_options *options);

/*
 * Sends a `down` frame for @who (a process: serial 0) to @watcher's group. Delivered once if that group is
 * there.
 */
int service_send_down(
	actor *self, actor_ref watcher, actor_ref who, uint64_t id, const struct actor_cause *cause);

/*
 * Asks the broker for a sign of life; when it comes, @answered (which must live as long as the group) is cast
 * to the service actor. Nothing comes if there is none within @timeout_ms. 0, -ENOTCONN, -ENOMEM.
 */
int service_ping_broker(actor *self, const char *answered, int64_t timeout_ms);

/*
 * True: there is no link, and the broker did not answer the last hello or did not listen. A refusal is an
 * answer.
 */
bool service_broker_is_silent(const actor *self);

/*
 * Asks for a cast of handed_over_method when our death can lose nothing of what was sent to the group @to (0:
 * the broker) until now. *ok*: the kernel has all of it, on the direct link or, for a group that the broker
 * routes for (*routed*), on the broker's link with that group. Not ok: the way broke, and some of it may be
 * lost. The answers for one group come in the order of the questions.
 */
void service_hand_over(actor *self, uint64_t to, uint64_t number);

/* Cast to the broker's service actor; dropped with -ENOTCONN when there is no link to it now. */
int service_cast_broker(actor *self, const char *method, const char *format, ...);

/* The kernel gets what was written to the broker until now, not only at the end of the turn. */
void service_flush_broker(actor *self);

/* ---- for the rooms of the library ---- */

struct peer;

void service_client_gone(actor_group *group, uint64_t client);
void handovers_linked(struct peer *peer);  /* its link is up */
void handovers_drained(struct peer *peer); /* the kernel has what was written to it */
void handovers_pong(struct peer *peer, uint64_t ping);
void handovers_route(struct peer *peer, struct peer *uplink); /* frames for it go by the broker from now on */
void handovers_fail(struct peer *peer);
