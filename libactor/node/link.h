/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

/*
 * After the broker has told a peer's exit: the pause between two looks at whether all that the peer sent was
 * read.
 */
#define LAST_WORDS_MS 1000

struct actor_cause;
struct loop;
struct peer;
struct timer;

void peer_link_up(struct peer *peer, pid_t pid); /* @pid: from the kernel; 0: not known */
void peer_let_in(struct peer *peer); /* the first bytes came on a link to the peer's door: it has let us in */
void peer_link_down(struct peer *peer, int error);
void peer_cut(
	struct peer *peer, const char *why); /* ends the link from our side; @peer may be over afterwards */
void peer_decide(struct peer *peer);         /* the peer is gone; it is over afterwards */
void peer_timeout(struct loop *loop, struct timer *timer);
