/* SPDX-License-Identifier: Apache-2.0 */
/* The two marks of the processes that descend from a node's child (marks.h). */
#include "spawner/shared/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libactor/protocol/variables.h"

/*
 * Bit 62, 38 bits of the node id, 24 of the group id. Of a node within a node bit 61 and 37 bits of the node
 * id: less than any number with bit 62, so it is allowed as the soft limit below it.
 */
#define LIMIT_SET        (1ull << 62)
#define LIMIT_GROUP_BITS 24
#define LIMIT_NODE_MASK  ((1ull << 38) - 1)
#define LIMIT_INNER_SET  (1ull << 61)
#define LIMIT_INNER_MASK ((1ull << 37) - 1)

void sweep_marker_format(char text[SWEEP_MARKER_SIZE], const struct sweep_marker *marker)
{
	snprintf(text, SWEEP_MARKER_SIZE, ENV_GROUP "=%016llx.%llu", (unsigned long long)marker->node_id,
		(unsigned long long)marker->group_id);
}

bool sweep_marker_parse(const char *value, struct sweep_marker *ret_marker)
{
	struct sweep_marker marker = {0};
	int i;

	for (i = 0; i < 16; i++) {
		char c = value[i];

		if (c >= '0' && c <= '9')
			marker.node_id = marker.node_id << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			marker.node_id = marker.node_id << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	if (value[16] != '.' || !value[17])
		return false;
	for (i = 17; value[i]; i++) {
		if (value[i] < '0' || value[i] > '9')
			return false;
		if (__builtin_mul_overflow(marker.group_id, (uint64_t)10, &marker.group_id) ||
			__builtin_add_overflow(marker.group_id, (uint64_t)(value[i] - '0'), &marker.group_id))
			return false;
	}
	*ret_marker = marker;
	return true;
}

int sweep_environ_scan(int fd, struct sweep_marker *ret_marker)
{
	static const char key[] = ENV_GROUP "=";
	char buffer[4096], value[SWEEP_MARKER_SIZE];
	size_t matched = 0,
	       /*
	        * bytes of the key and of the value so far; matched > length of the key: this variable is
	        * another one
	        */
		length = 0;
	ssize_t n, i;

	for (;;) {
		n = read(fd, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ESRCH ? 0 : -errno;
		if (!n)
			return 0;
		for (i = 0; i < n; i++) {
			char c = buffer[i];

			if (matched == sizeof(key) - 1) {
				if (length < sizeof(value))
					value[length++] = c;
				if (!c) {
					value[sizeof(value) - 1] = 0;
					return sweep_marker_parse(value, ret_marker);
				}
			} else if (!c) {
				matched = 0;
			} else if (matched < sizeof(key) - 1 && key[matched] == c) {
				matched++;
			} else {
				matched = sizeof(key);
			}
		}
	}
}

int sweep_marker_read(pid_t pid, struct sweep_marker *ret_marker)
{
	char path[48];
	int fd, r;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	r = sweep_environ_scan(fd, ret_marker);
	close(fd);
	return r;
}

static uint64_t limit_of(uint64_t node_id, uint64_t group_id)
{
	return LIMIT_SET | (node_id & LIMIT_NODE_MASK) << LIMIT_GROUP_BITS | group_id % SWEEP_GROUP_LOW;
}

static uint64_t inner_limit_of(uint64_t node_id, uint64_t group_id)
{
	return LIMIT_INNER_SET | (node_id & LIMIT_INNER_MASK) << LIMIT_GROUP_BITS |
	       group_id % SWEEP_GROUP_LOW;
}

bool sweep_limit_set(const struct sweep_marker *marker)
{
	struct rlimit limit;

	if (sizeof(unsigned long) < 8 || getrlimit(RLIMIT_RTTIME, &limit) < 0)
		return false;
	if (limit.rlim_cur == RLIM_INFINITY && limit.rlim_max == RLIM_INFINITY)
		limit.rlim_cur = limit.rlim_max = limit_of(marker->node_id, marker->group_id);
	else if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max >= LIMIT_SET)
		limit.rlim_cur = inner_limit_of(marker->node_id, marker->group_id);
	else
		return false;
	return setrlimit(RLIMIT_RTTIME, &limit) == 0;
}

/* prlimit() is refused for a process of another user, but /proc/PID/limits can be read. 0: none. */
static struct rlimit limit_read(pid_t pid)
{
	static const char name[] = "Max realtime timeout";
	struct rlimit limit, none = {0};
	char path[48], text[4096], *at;
	ssize_t n;
	int fd;

	if (prlimit(pid, RLIMIT_RTTIME, NULL, &limit) == 0)
		return limit;
	if (errno != EPERM)
		return none;
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return none;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	at = strstr(text, name);
	if (!at)
		return none;
	at += sizeof(name) - 1;
	limit.rlim_cur = strtoull(at, &at, 10); /* "unlimited" is no number */
	limit.rlim_max = strtoull(at, NULL, 10);
	return limit;
}

bool sweep_limit_read(pid_t pid, uint64_t node_id, uint32_t *ret_group_low)
{
	struct rlimit limit = limit_read(pid);

	*ret_group_low = (uint32_t)(limit.rlim_max % SWEEP_GROUP_LOW);
	if (limit.rlim_max == limit_of(node_id, *ret_group_low))
		return true;
	*ret_group_low = (uint32_t)(limit.rlim_cur % SWEEP_GROUP_LOW);
	return limit.rlim_max >= LIMIT_SET && limit.rlim_cur == inner_limit_of(node_id, *ret_group_low);
}
