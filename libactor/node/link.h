/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

/* the word of an exit came: how often to look whether the last that was sent has been read */
#define LAST_WORDS_MS 1000

struct actor_cause;
struct loop;
struct peer;
struct timer;

void peer_link_up(struct peer *peer, pid_t pid); /* @pid: the kernel's word; 0: not known */
void peer_let_in(struct peer *peer);             /* its first bytes on a link to its door: it has let us in */
void peer_link_down(struct peer *peer, int error);
void peer_cut(struct peer *peer, const char *why); /* ends the link from our side; @peer may be over then */
void peer_decide(struct peer *peer);               /* the peer is gone; it is over after this */
void peer_timeout(struct loop *loop, struct timer *timer);
