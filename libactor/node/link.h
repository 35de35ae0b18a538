/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* a link's end and the exit told are awaited together, that long after the first */
#define DEATH_DECISION_MS 1000

struct actor_cause;
struct loop;
struct peer;
struct timer;

void peer_link_up(struct peer *peer);
void peer_let_in(struct peer *peer); /* KNOCKING: the first it says is that */
void peer_link_down(struct peer *peer, int error);
void peer_cut(struct peer *peer, const char *why); /* ends the link; our side. The peer may be over then */
void peer_decide(struct peer *peer);               /* it is over after this */
void peer_timeout(struct loop *loop, struct timer *timer);
