/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

struct knock {             /* waits for the broker's word */
	struct list link;  /* group->knocks */
	uint64_t id;       /* the door's, from one on at each door */
	uint64_t ask_id;   /* the group's, never used twice: an answer that comes late finds nobody else */
	uint64_t group_id; /* who it says to be */
	struct transport_peer from;
};

/* once our id is known; without one others are still introduced, but slower */
void door_open_own(actor_group *group);
void door_close_own(actor_group *group);
void door_put_path(const actor_group *group, struct buf *out); /* a str, or nil */
int door_own_path(const actor_group *group, char *ret, size_t size);
