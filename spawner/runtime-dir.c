/*
 * runtime-dir: where a node's sockets live, and who owns that place
 *
 * The lock file is removed at a node's end like everything else, so a lock may be won on a file that is no
 * longer in the directory. Whoever locks looks whether the name still means the file, and starts over if not.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "runtime-dir.h"

#define CLEAR_DEPTH_MAX 16

struct clear_dirent {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int path_print(char path[RUNTIME_DIR_PATH_SIZE], const char *head, const char *tail)
{
	int n = snprintf(path, RUNTIME_DIR_PATH_SIZE, "%s%s", head, tail);

	return n < 0 || n >= RUNTIME_DIR_PATH_SIZE ? -ENAMETOOLONG : 0;
}

int runtime_dir_resolve(const char *explicit_path, char ret_path[RUNTIME_DIR_PATH_SIZE])
{
	char uid[32];

	if (!explicit_path)
		explicit_path = environment("ACTOR_RUNTIME_DIR");
	if (explicit_path)
		return path_print(ret_path, explicit_path, "");
	if (environment("XDG_RUNTIME_DIR"))
		return path_print(ret_path, environment("XDG_RUNTIME_DIR"), "/actor");
	if (geteuid() == 0)
		return path_print(ret_path, "/run/actor", "");
	snprintf(uid, sizeof(uid), "%u", (unsigned int)geteuid());
	return path_print(ret_path, "/tmp/actor-", uid);
}

int log_dir_resolve(const char *explicit_path, char ret_path[RUNTIME_DIR_PATH_SIZE])
{
	if (!explicit_path)
		explicit_path = environment("ACTOR_LOG_DIR");
	if (explicit_path)
		return path_print(ret_path, explicit_path, "");
	if (environment("XDG_STATE_HOME"))
		return path_print(ret_path, environment("XDG_STATE_HOME"), "/actor");
	if (geteuid() == 0 || !environment("HOME"))
		return path_print(ret_path, "/var/log/actor", "");
	return path_print(ret_path, environment("HOME"), "/.local/state/actor");
}

int runtime_dir_open(
	char path[RUNTIME_DIR_PATH_SIZE], int *ret_dir_fd, bool *ret_made, char why[RUNTIME_DIR_WHY_SIZE])
{
	char link[48];
	struct stat st;
	bool made;
	ssize_t n;
	int fd, r;

	made = mkdir(path, 0700) == 0;
	if (!made && errno != EEXIST) {
		r = -errno;
		snprintf(why, RUNTIME_DIR_WHY_SIZE, "runtime directory %.300s cannot be made: %s", path,
			strerror(-r));
		return r;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		snprintf(why, RUNTIME_DIR_WHY_SIZE, "runtime directory %.300s is refused: %s", path,
			r == -ELOOP || r == -ENOTDIR ? "it is a symlink or no directory" : strerror(-r));
		return r;
	}
	if (fstat(fd, &st) < 0) {
		r = -errno;
		snprintf(why, RUNTIME_DIR_WHY_SIZE, "runtime directory %.300s is refused: %s", path,
			strerror(-r));
		goto fail;
	}
	if (st.st_uid != geteuid()) {
		r = -EPERM;
		snprintf(why, RUNTIME_DIR_WHY_SIZE,
			"runtime directory %.300s is refused: it belongs to uid %u, not to us (%u)", path,
			(unsigned int)st.st_uid, (unsigned int)geteuid());
		goto fail;
	}
	if ((st.st_mode & 07777 & ~0011u) != 0700) {
		r = -EPERM;
		snprintf(why, RUNTIME_DIR_WHY_SIZE,
			"runtime directory %.300s is refused: its mode is %04o; make it 0700 (chmod 700)",
			path, (unsigned int)(st.st_mode & 07777));
		goto fail;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, RUNTIME_DIR_PATH_SIZE - 1);
	if (n < 0) {
		r = -errno;
		snprintf(why, RUNTIME_DIR_WHY_SIZE, "/proc is needed and cannot be read: %s", strerror(-r));
		goto fail;
	}
	path[n] = 0;
	*ret_dir_fd = fd;
	*ret_made = made;
	return 0;
fail:
	close(fd);
	return r;
}

static void owner_read(int lock_fd, struct runtime_dir_owner *ret_owner)
{
	unsigned long long node_id = 0;
	char text[64];
	ssize_t n;
	int pid = 0;

	n = pread(lock_fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = 0;
	if (sscanf(text, "%9d\n%16llx", &pid, &node_id) < 1 || pid < 0)
		pid = 0;
	*ret_owner = (struct runtime_dir_owner){.pid = pid, .node_id = node_id};
}

int runtime_dir_lock(int dir_fd, int *ret_lock_fd, struct runtime_dir_owner *ret_owner)
{
	struct stat here, named;
	int fd, r;

	for (;;) {
		fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			r = errno == EWOULDBLOCK ? -EBUSY : -errno;
			owner_read(fd, ret_owner);
			close(fd);
			return r;
		}
		if (fstat(fd, &here) == 0 && fstatat(dir_fd, "lock", &named, AT_SYMLINK_NOFOLLOW) == 0 &&
			here.st_ino == named.st_ino && here.st_dev == named.st_dev)
			break;
		close(fd);
	}
	owner_read(fd, ret_owner);
	*ret_lock_fd = fd;
	return 0;
}

int runtime_dir_own(int lock_fd, const struct runtime_dir_owner *owner)
{
	char text[64];
	int n;

	n = snprintf(text, sizeof(text), "%d\n%016llx\n", owner->pid, (unsigned long long)owner->node_id);
	if (pwrite(lock_fd, text, (size_t)n, 0) != n || ftruncate(lock_fd, n) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

static int clear_level(int dir_fd, const char *keep, int depth)
{
	_Alignas(struct clear_dirent) char buffer[2048];
	int r = 0;
	long n, at;

	if (lseek(dir_fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, dir_fd, buffer, sizeof(buffer))) > 0) {
		for (at = 0; at < n;) {
			const struct clear_dirent *entry = (const struct clear_dirent *)(buffer + at);
			const char *name = entry->name;
			int flags = 0;

			at += entry->reclen;
			if (!strcmp(name, ".") || !strcmp(name, "..") || (keep && !strcmp(name, keep)))
				continue;
			if (unlinkat(dir_fd, name, 0) < 0) {
				int fd =
					openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

				if (fd >= 0) {
					if (depth < CLEAR_DEPTH_MAX)
						clear_level(fd, NULL, depth + 1);
					close(fd);
					flags = AT_REMOVEDIR;
				}
				if (unlinkat(dir_fd, name, flags) < 0 && errno != ENOENT && !r)
					r = -errno;
			}
		}
	}
	return n < 0 ? -errno : r;
}

int runtime_dir_clear(int dir_fd, bool keep_lock)
{
	return clear_level(dir_fd, keep_lock ? "lock" : NULL, 0);
}
