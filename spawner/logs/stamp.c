/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/logs/stamp.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libactor/protocol/cause.h"

char *stamp_event_text(const struct stamp *stamp, char ret[STAMP_EVENT_SIZE])
{
	char scratch[16];

	if (stamp->kind == STAMP_STARTED)
		snprintf(ret, STAMP_EVENT_SIZE, "started pid %d", (int)stamp->pid);
	else if (stamp->kind == STAMP_FAILED)
		snprintf(ret, STAMP_EVENT_SIZE, "could not be started: %s", strerror((int)stamp->number));
	else if (stamp->kind == STAMP_LOST)
		snprintf(ret, STAMP_EVENT_SIZE, "%lld bytes are lost: they could not be written here",
			(long long)stamp->number);
	else if (stamp->kind == STAMP_ENDED && stamp->code == CLD_EXITED)
		snprintf(ret, STAMP_EVENT_SIZE, "ended: exit %d", (int)stamp->number);
	else if (stamp->kind == STAMP_ENDED)
		snprintf(ret, STAMP_EVENT_SIZE, "ended: %s%s", cause_signal_name((int)stamp->number, scratch),
			stamp->code == CLD_DUMPED ? " (core dumped)" : "");
	else
		snprintf(ret, STAMP_EVENT_SIZE, "(of a newer version)");
	return ret;
}

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
