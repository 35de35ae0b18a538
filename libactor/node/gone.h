/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

struct peer;

/*
 * Ends all that hangs on a peer: names, pauses, senders, watchers, calls (with @call_error) and monitors
 * (with @cause).
 */
void peer_fail_all(struct peer *peer, const struct actor_cause *cause, int call_error);
/*
 * The kernel says that the process of @peer has exited. Monitors wait until the broker says how it exited.
 * All else that hangs on the peer ends now.
 */
void peer_fail_exited(struct peer *peer);
/*
 * The link to the broker ended, and with it our way to groups with one link. Calls to them and monitors of
 * them end with noconnection. What is sent to them from now on waits for the next broker.
 */
void peers_routed_lost(actor_group *group);
/* @peer is over: it is unlinked now, and peers_free_over() frees it. A second call does nothing. */
void peer_forget(struct peer *peer);
