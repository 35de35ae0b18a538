/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nng transport has no doors. A listening PAIR0 socket of nng takes one pipe at a time, and hands over
 * its messages before the user can say whose they are. A group of this build dials the doors of others
 * (pipe_join), and listens anew for each pipe.
 */
#include <errno.h>
#include <stddef.h>

#include "libactor/transport/transport.h"

int door_listen(struct transport *transport, const char *path, void *user, struct door **ret)
{
	*ret = NULL;
	return -EOPNOTSUPP;
}

struct door *door_free(struct door *door)
{
	return NULL;
}

int door_renew(struct door *door)
{
	return -EOPNOTSUPP;
}

int door_next(struct door *door, struct transport_event *ret)
{
	return 0;
}

int door_admit(struct door *door, uint64_t knock_id, void *user, struct pipe **ret)
{
	return -ENOENT;
}

void door_refuse(struct door *door, uint64_t knock_id)
{
}

bool door_is_open(const char *path)
{
	return false;
}
