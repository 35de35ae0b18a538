/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's end of the keeper's socket. Records that cannot be sent now wait in order, with their
 * descriptors.
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
/*
 * Sends a record, or lets it wait. @fd: -1, or one descriptor, which is closed here. 0; -EPIPE: the keeper is
 * gone; -ENOMEM.
 */
int keeper_link_send(struct keeper_link *link, const union keeper_record *record, int fd);
/* Sends the records that wait. 0, -EPIPE. */
int keeper_link_flush(struct keeper_link *link);
/* if true, the caller calls keeper_link_flush() when the socket is writable */
bool keeper_link_is_waiting(const struct keeper_link *link);
