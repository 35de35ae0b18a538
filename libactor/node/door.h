/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

struct knock {             /* a connection to our door that waits until the broker says which group it is */
	struct list link;  /* group->knocks */
	uint64_t id;       /* the door's number of the connection; each door begins with 1 */
	uint64_t ask_id;   /* the number of our question to the broker; never used twice */
	uint64_t group_id; /* the group that the dialer says it is */
	struct transport_peer from;
};

/* Called when our id is known. Without a door other groups can still get a link with us, but slower. */
void door_open_own(actor_group *group);
void door_close_own(actor_group *group);
void door_put_path(const actor_group *group, struct buf *out); /* writes a str, or nil */
int door_own_path(const actor_group *group, char *ret, size_t size);
