/* SPDX-License-Identifier: Apache-2.0 */
/* A Unix socket's path, long ones too: those are reached through /proc/self/fd/N, N being their directory. */
#pragma once

#define ADDRESS_PATH_MAX_BYTES 107 /* fits struct sockaddr_un with its NUL */

struct address {
	char url[sizeof("ipc://") + ADDRESS_PATH_MAX_BYTES];
	int dir_fd; /* keeps /proc/self/fd/N of a long path alive; -1 for a short one */
};

int address_init(struct address *address, const char *path);
void address_deinit(struct address *address);
const char *address_path(const struct address *address);
/* 0: somebody listens there; else -ENOENT, -ECONNREFUSED (a socket file without a process), -EACCES …
 * The listener notices nothing. */
int address_probe(const struct address *address);
/* Removes a socket file nobody listens on. 0, or -EADDRINUSE when somebody does, -EEXIST when it is no
 * socket. */
int address_clear(const struct address *address);
