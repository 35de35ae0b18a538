/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/transport/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int address_init(struct address *address, const char *path)
{
	const char *base;
	char *dir;
	int n;

	address->dir_fd = -1;
	if (!path || !*path)
		return -EINVAL;

	if (strlen(path) <= ADDRESS_PATH_MAX_BYTES) {
		snprintf(address->url, sizeof(address->url), "ipc://%s", path);
		return 0;
	}

	base = strrchr(path, '/');
	if (!base)
		return -ENAMETOOLONG;
	dir = strndup(path, base == path ? 1 : (size_t)(base - path));
	if (!dir)
		return -ENOMEM;
	address->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (address->dir_fd < 0)
		return -errno;

	n = snprintf(address->url, sizeof(address->url), "ipc:///proc/self/fd/%d%s", address->dir_fd, base);
	if (n < 0 || (size_t)n >= sizeof(address->url)) {
		address_deinit(address);
		return -ENAMETOOLONG;
	}
	return 0;
}

void address_deinit(struct address *address)
{
	if (address->dir_fd >= 0)
		close(address->dir_fd);
	address->dir_fd = -1;
}

const char *address_path(const struct address *address)
{
	return address->url + strlen("ipc://");
}

/*
 * nng does not tell a non-blocking dialer that its connect failed, and a blocking dialer waits up to 10 s for
 * a stopped peer. A trial connect with a stream socket would be accepted; when such a connection closes
 * without a word, nng's listener pauses for 100 ms. So this code connects a datagram socket. The kernel looks
 * up the path in the same way, with the same permissions, and says EPROTOTYPE if the socket there is alive.
 * The owner of that socket notices nothing.
 */
int address_probe(const struct address *address)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, r;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", address_path(address));
	r = connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno : -EPROTONOSUPPORT;
	close(fd);
	return r == -EPROTOTYPE ? 0 : r;
}

int address_clear(const struct address *address)
{
	struct stat st;
	int r;

	r = address_probe(address);
	if (r == 0 || r == -EPROTONOSUPPORT)
		return -EADDRINUSE;
	if (r != -ECONNREFUSED)
		return r == -ENOENT ? 0 : r;
	if (lstat(address_path(address), &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (unlink(address_path(address)) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}
