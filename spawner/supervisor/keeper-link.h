/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's end of the keeper's socket: what cannot be sent now waits, in order, with its descriptors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "libactor/util/list.h"
#include "spawner/shared/client.h"

struct keeper_link {
	int fd;
	struct list queue;
};

void keeper_link_init(struct keeper_link *link, int fd);
void keeper_link_deinit(struct keeper_link *link);
/* @fd: -1 or one descriptor, taken. 0; -EPIPE: the keeper is gone; -ENOMEM. */
int keeper_link_send(struct keeper_link *link, const union keeper_record *record, int fd);
/* Sends what waits. 0, -EPIPE. */
int keeper_link_flush(struct keeper_link *link);
bool keeper_link_is_waiting(const struct keeper_link *link); /* then call flush when the socket is writable */
