/* SPDX-License-Identifier: Apache-2.0 */
/* The path of a Unix socket. A long path is reached through /proc/self/fd/N, where N is its directory. */
#pragma once

#define ADDRESS_PATH_MAX_BYTES 107 /* fits into struct sockaddr_un with its NUL */

struct address {
	char url[sizeof("ipc://") + ADDRESS_PATH_MAX_BYTES];
	int dir_fd; /* keeps /proc/self/fd/N of a long path valid; -1 for a short path */
};

int address_init(struct address *address, const char *path);
void address_deinit(struct address *address);
const char *address_path(const struct address *address);
/*
 * Returns 0 when a process listens there; else -ENOENT, -ECONNREFUSED (a socket file without a process),
 * -EACCES … The listener notices nothing.
 */
int address_probe(const struct address *address);
/*
 * Removes a socket file on which no process listens. Returns 0; -EADDRINUSE when a process listens; -EEXIST
 * when the file is no socket.
 */
int address_clear(const struct address *address);
