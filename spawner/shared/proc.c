/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what /proc says of processes. */
#include "spawner/shared/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROCESS_EXITING 4u /* PF_EXITING of the kernel's sched.h */

static ssize_t file_read(const char *path, char *text, size_t size_bytes)
{
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, size_bytes - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return n;
}

bool process_stat_read(pid_t pid, struct process_stat *ret)
{
	char path[48], text[1024], *at;
	unsigned long flags;
	int parent, session, field;

	*ret = (struct process_stat){0};
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(path, text, sizeof(text)) <= 0)
		return false;
	at = strrchr(text, ')'); /* the name in the parentheses may contain any characters */
	if (!at || sscanf(at + 1, " %c %d %*d %d %*d %*d %lu", &ret->state, &parent, &session, &flags) != 4)
		return false;
	ret->parent = parent;
	ret->session = session;
	ret->exiting = flags & PROCESS_EXITING;
	for (field = 2; at && field < 22; field++) {
		at = strchr(at + 1, ' ');
		if (at && field == 19)
			ret->n_threads = (unsigned)strtoul(at + 1, NULL, 10);
	}
	ret->start_ticks = at ? strtoull(at + 1, NULL, 10) : 0;
	return true;
}

bool process_uid_read(pid_t pid, uid_t *ret)
{
	char path[48], text[2048], *at;
	unsigned uid;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(path, text, sizeof(text)) <= 0)
		return false;
	at = strstr(text, "\nUid:");
	if (!at || sscanf(at + 5, "%*u %u", &uid) != 1)
		return false;
	*ret = uid;
	return true;
}

pid_t process_tracer(pid_t pid)
{
	char path[48], text[2048], *at;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(path, text, sizeof(text)) <= 0)
		return 0;
	at = strstr(text, "\nTracerPid:");
	return at ? (pid_t)strtol(at + 11, NULL, 10) : 0;
}

void process_name_read(pid_t pid, char ret[PROCESS_NAME_SIZE])
{
	char path[48], *at;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (file_read(path, ret, PROCESS_NAME_SIZE) <= 0)
		strcpy(ret, "?");
	ret[strcspn(ret, "\n")] = 0;
	for (at = ret; *at; at++)
		if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e)
			*at = '?';
}

struct sweep_dirent {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

int proc_each_number(const char *path, bool (*visit)(pid_t pid, void *data), void *data)
{
	_Alignas(struct sweep_dirent) char buffer[16384];
	int fd, r = 0;
	long n, at;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;;) {
		n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer));
		if (n <= 0) {
			r = n < 0 ? -errno : 0;
			break;
		}
		for (at = 0; at < n;) {
			const struct sweep_dirent *entry = (const struct sweep_dirent *)(buffer + at);

			at += entry->reclen;
			if (entry->name[0] >= '1' && entry->name[0] <= '9' &&
				!visit((pid_t)atol(entry->name), data))
				goto out;
		}
	}
out:
	close(fd);
	return r;
}

int proc_each_process(bool (*visit)(pid_t pid, void *data), void *data)
{
	return proc_each_number("/proc", visit, data);
}
