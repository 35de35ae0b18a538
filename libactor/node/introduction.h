#pragma once

#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"

struct loop;
struct peer;
struct timer;

void peer_ask(struct peer *peer); /* the broker for an introduction */
void peer_timeout(struct loop *loop, struct timer *timer);
void peer_link_up(struct peer *peer);
void peer_link_down(struct peer *peer, int error);
void peer_exit_told(actor_group *group, uint64_t group_id, const struct actor_cause *cause);
/* @role: listen, dial (the place made for this link) or join (its door). */
void peer_introduce(actor_group *group, uint64_t intro_id, struct wire_str role, uint64_t group_id, struct wire_str path,
	struct transport_peer expect, struct wire_str name);
/* It will come by our door. NULL: out of memory. */
struct peer *peer_expect(actor_group *group, uint64_t intro_id, uint64_t group_id, struct transport_peer expect, struct wire_str name);
void peer_admit(struct peer *peer, uint64_t knock_id); /* it came; its link is up */
void peer_introduction_failed(actor_group *group, uint64_t intro_id, uint64_t group_id);
void peers_ask_again(actor_group *group); /* the broker is a new one: who has no link yet and needs one */
void peer_cut(struct peer *peer, const char *why); /* ends the link; our side. The peer may be over then */
/* A down frame came. */
void monitor_down_received(actor_group *group, uint64_t id, actor_ref who, const struct actor_cause *cause);
