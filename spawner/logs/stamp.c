/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/logs/stamp.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const char *stamp_no_log(mode_t mode)
{
	return S_ISLNK(mode)    ? "a symlink"
	       : S_ISFIFO(mode) ? "a FIFO"
	       : S_ISDIR(mode)  ? "a directory"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

bool stamp_header_is_right(const struct stamp_header *header, uint64_t ino)
{
	return !memcmp(header->magic, STAMP_MAGIC, sizeof(header->magic)) &&
	       header->version == STAMP_VERSION && header->record_bytes == sizeof(struct stamp) &&
	       header->ino == ino;
}

void stamp_file_name(char *ret, size_t size_bytes, const char *log_name, unsigned number)
{
	size_t n = strlen(log_name);
	int r = -1;

	ret[0] = 0;
	if (n <= 4 || strcmp(log_name + n - 4, ".log"))
		return;
	if (number)
		r = snprintf(ret, size_bytes, "%.*s.times.%u", (int)n - 4, log_name, number);
	else
		r = snprintf(ret, size_bytes, "%.*s.times", (int)n - 4, log_name);
	if (r < 0 || (size_t)r >= size_bytes)
		ret[0] = 0;
}
