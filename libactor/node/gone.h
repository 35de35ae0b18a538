/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

struct peer;

/* Names, pauses, senders, watchers, calls (with @call_error) and monitors (with @cause) of a peer end. */
void peer_fail_all(struct peer *peer, const struct actor_cause *cause, int call_error);
/*
 * The kernel says that the process of @peer has exited. How, the broker will say: monitors wait for that. All
 * else of it ends now.
 */
void peer_fail_exited(struct peer *peer);
/*
 * The broker is gone that carried what is between us and groups with one link: calls to them and monitors of
 * them end with noconnection. What is sent to them from now on waits for the next broker.
 */
void peers_routed_lost(actor_group *group);
/* @peer is over: unlinked now, freed by peers_free_over(). A second call does nothing. */
void peer_forget(struct peer *peer);
