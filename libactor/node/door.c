/* SPDX-License-Identifier: Apache-2.0 */
/* Our door: the socket g/ID/door.ipc that introduced groups dial (knocks.c lets them in). */
#include "libactor/node/door.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libactor/base/base.h"
#include "libactor/protocol/mp.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

/* Closes the door and drops all knocks. */
static void door_drop(actor_group *group)
{
	group->door = door_free(group->door);
	while (!list_is_empty(&group->knocks))
		free(container_of(list_pop(&group->knocks), struct knock, link));
}

int door_own_path(const actor_group *group, char *ret, size_t size)
{
	return group_path(group, ret, size, "g/%llu/door.ipc", (unsigned long long)group->door_id);
}

void door_open_own(actor_group *group)
{
	char path[4096];
	int r;

	if (group->mode != ACTOR_JOIN_DIRECT || (group->door && group->door_id == group->id))
		return;
	door_drop(group);
	group->door_id = group->id;
	r = door_own_path(group, path, sizeof(path));
	if (r == 0) {
		socket_make_directory(path);
		r = door_listen(group->transport, path, group, &group->door);
	}
	if (r < 0 && r != -EOPNOTSUPP)
		group_log(group, "cannot listen at %s: %s; others have to wait for us to be introduced", path,
			strerror(-r));
}

void door_close_own(actor_group *group)
{
	char path[4096];

	if (!group->door)
		return;
	door_drop(group);
	/* the directory of a supervised group belongs to its supervisor */
	if (!group->supervised && door_own_path(group, path, sizeof(path)) == 0) {
		*strrchr(path, '/') = 0;
		(void)rmdir(path);
	}
}

void door_put_path(const actor_group *group, struct buf *out)
{
	char path[4096];

	if (group->door && door_own_path(group, path, sizeof(path)) == 0)
		mp_put_cstr(out, path);
	else
		mp_put_nil(out);
}
