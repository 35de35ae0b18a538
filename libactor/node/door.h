/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

struct knock {             /* somebody came to our door and waits until the broker says who it is */
	struct list link;  /* group->knocks */
	uint64_t id;       /* the door's number for it; each door begins with 1 */
	uint64_t ask_id;   /* of our question to the broker: never used twice */
	uint64_t group_id; /* the group that it says it is */
	struct transport_peer from;
};

/* when our id is known. Without a door others can still get a link with us, but slower. */
void door_open_own(actor_group *group);
void door_close_own(actor_group *group);
void door_put_path(const actor_group *group, struct buf *out); /* a str, or nil */
int door_own_path(const actor_group *group, char *ret, size_t size);
