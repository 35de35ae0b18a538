/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime-dir: the directory of a node's sockets, and which node owns it
 *
 * Only things that a node makes are ever removed: sockets and their directories, each by its name. A user may
 * choose any directory as runtime directory, so everything else in it may be somebody's data.
 *
 * The lock is on the directory itself, so a cleaner that removes files cannot take it away (systemd-tmpfiles
 * even leaves a locked directory alone). The lock file says which node has the directory. The file is locked
 * too, for programs that only look. It is removed at a node's end like everything else, so a process may get
 * the lock of a file that is no longer in the directory. So after locking it is checked whether the name
 * still means the locked file; if not, locking starts over.
 */
#include "spawner/shared/runtime-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libactor/protocol/variables.h"

#define LOG_DIR_PATIENCE     50 /* tries, 10 ms apart */
#define LOG_DIR_PATIENCE_OWN 500

/* What is to become the runtime directory DIR has the name DIR.new- and six letters or digits. */
#define BESIDE_INFIX  ".new-"
#define BESIDE_RANDOM 6

#define MAKE_TRIES 10

struct clear_dirent {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

int log_dir_make(const char *path)
{
	char above[RUNTIME_DIR_PATH_SIZE];
	int fd;

	if (snprintf(above, sizeof(above), "%s", path) >= (int)sizeof(above))
		return -ENAMETOOLONG;
	for (char *s = above + 1; *s; s++)
		if (*s == '/') {
			*s = 0;
			mkdir(above, 0755);
			*s = '/';
		}
	mkdir(above, 0750);
	fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * Locks the claim of a log directory. A process that ends closes its descriptors one after the other. So a
 * node that has given up its runtime directory may hold its log directory for a moment more, and this
 * function waits for it. 0, -EBUSY, or another error.
 */
static int log_dir_lock(int fd, const char *runtime_dir, char owner[RUNTIME_DIR_WHY_SIZE])
{
	const struct timespec pause = {.tv_nsec = 10000000};
	ssize_t n;

	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK)
			return -errno;
		n = pread(fd, owner, RUNTIME_DIR_WHY_SIZE - 1, 0);
		owner[n > 0 ? n : 0] = 0;
		owner[strcspn(owner, "\n")] = 0;
		/*
		 * If the holder has the same runtime directory, it is ending, since the caller has that
		 * directory locked by now. Such a node gets more time.
		 */
		if (i >= (strcmp(owner, runtime_dir) ? LOG_DIR_PATIENCE : LOG_DIR_PATIENCE_OWN))
			return -EBUSY;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int log_dir_claim(const char *path, const char *runtime_dir, char why[RUNTIME_DIR_WHY_SIZE])
{
	char owner[RUNTIME_DIR_WHY_SIZE] = "";
	int dir_fd, fd, r;
	ssize_t n;

	dir_fd = log_dir_make(path);
	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, ".node", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	r = fd < 0 ? -errno : 0;
	close(dir_fd);
	if (r < 0)
		return r;
	r = log_dir_lock(fd, runtime_dir, owner);
	if (r < 0) {
		snprintf(why, RUNTIME_DIR_WHY_SIZE,
			"log directory %.150s is in use by the node in %.150s; give this node another one: --log-dir or " ENV_LOG_DIR,
			path, *owner ? owner : "another directory");
		close(fd);
		return r;
	}
	n = snprintf(owner, sizeof(owner), "%.400s\n", runtime_dir);
	if (pwrite(fd, owner, (size_t)n, 0) != n || ftruncate(fd, n) < 0)
		return fd; /* the disk may be full; then only the lock says that a node has the directory */
	return fd;
}

void runtime_dir_no_room(int error, const char *path, const char *how, char ret[RUNTIME_DIR_WHY_SIZE])
{
	char parent[RUNTIME_DIR_PATH_SIZE], *slash;
	struct statvfs st;
	bool files = false;

	snprintf(ret, RUNTIME_DIR_WHY_SIZE, "%s", strerror(error));
	if (error != ENOSPC && error != EDQUOT)
		return;
	snprintf(parent, sizeof(parent), "%s", path);
	while (statvfs(parent, &st) < 0 && (slash = strrchr(parent, '/')) && slash > parent)
		*slash = 0; /* it is not there: what is above it has the file system that is full */
	if (error == ENOSPC && statvfs(parent, &st) == 0)
		files = st.f_files && !st.f_favail;
	snprintf(ret, RUNTIME_DIR_WHY_SIZE,
		"%s; remove files from the file system of %.200s (see %s), or choose another place with %s",
		error == EDQUOT ? "the disk quota of this user is used up"
		: files         ? "no inode is left, so no file can be made"
				: "no space is left on the device",
		parent, files ? "df -i" : "df", how);
}

int runtime_dir_room(int dir_fd, const char *path, char why[RUNTIME_DIR_WHY_SIZE])
{
	struct statvfs st;
	unsigned long long left;

	if (fstatvfs(dir_fd, &st) < 0)
		return 0;
	left = st.f_favail;
	if (st.f_files && left < RUNTIME_DIR_FILES_MIN) {
		snprintf(why, RUNTIME_DIR_WHY_SIZE,
			"runtime directory %.200s: a node needs room for %d files, and its file system has %llu inodes left; "
			"remove files there (see df -i), or choose another place with --runtime-dir",
			path, RUNTIME_DIR_FILES_MIN, left);
		return -ENOSPC;
	}
	return 0;
}

/*
 * Whoever makes the directory has its lock before others see it: it is made under another name, and renamed.
 * A second node that starts at the same time would else be the owner of a directory of which nobody knows
 * that a node made it, so that it would stay at its end. 1 made; 0 it is there; negative errno.
 */
static int runtime_dir_try_make(const char *path, int *ret_fd)
{
	char beside[RUNTIME_DIR_PATH_SIZE + 32];
	int fd, r;

	snprintf(beside, sizeof(beside), "%s" BESIDE_INFIX "XXXXXX", path);
	if (!mkdtemp(beside))
		return -errno;
	fd = open(beside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
		syscall(SYS_renameat2, AT_FDCWD, beside, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
		*ret_fd = fd;
		return 1;
	}
	r = -errno;
	if (fd >= 0)
		close(fd);
	/* A node that has @path by now takes ours for a leftover: it holds the lock, or has removed it. */
	if (rmdir(beside) < 0 && errno == ENOENT)
		return -EAGAIN;
	if (r == -EEXIST)
		return 0;
	if (r != -EINVAL && r != -ENOSYS)
		return r;
	return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno; /* a file system that cannot do that */
}

static int runtime_dir_make(const char *path, int *ret_fd)
{
	int r = -EAGAIN;

	for (int i = 0; i < MAKE_TRIES && r == -EAGAIN; i++)
		r = runtime_dir_try_make(path, ret_fd);
	return r;
}

int runtime_dir_open(
	char path[RUNTIME_DIR_PATH_SIZE], int *ret_dir_fd, bool *ret_made, char why[RUNTIME_DIR_WHY_SIZE])
{
	char link[48], text[RUNTIME_DIR_WHY_SIZE];
	struct stat st;
	bool made = false;
	ssize_t n;
	int fd = -1, r;

	if (lstat(path, &st) < 0) {
		r = errno == ENOENT ? runtime_dir_make(path, &fd) : -errno;
		if (r < 0) {
			runtime_dir_no_room(-r, path, "--runtime-dir", text);
			snprintf(why, RUNTIME_DIR_WHY_SIZE, "runtime directory %.120s cannot be made: %.320s",
				path, text);
			return r;
		}
		made = r > 0;
	}
	if (fd < 0)
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
			(unsigned)st.st_uid, (unsigned)geteuid());
		goto fail;
	}
	if ((st.st_mode & 07777 & ~0011u) != 0700) {
		r = -EPERM;
		snprintf(why, RUNTIME_DIR_WHY_SIZE,
			"runtime directory %.300s is refused: its mode is %04o; make it 0700 (chmod 700), or choose another if others use it",
			path, (unsigned)(st.st_mode & 07777));
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

/* ---- the entries of the directory ---- */

typedef int name_visit(int dir_fd, const char *name, void *arg);
typedef int entry_visit(int dir_fd, const char *name, mode_t mode, void *arg);

/* Visits each name in the directory. Stops when a visit returns non-zero, and returns that. */
static int each_name(int dir_fd, name_visit *visit, void *arg)
{
	_Alignas(struct clear_dirent) char buffer[2048];
	int r = 0;
	long n, at;

	if (lseek(dir_fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, dir_fd, buffer, sizeof(buffer))) > 0) {
		for (at = 0; at < n;) {
			const struct clear_dirent *entry = (const struct clear_dirent *)(buffer + at);

			at += entry->reclen;
			r = visit(dir_fd, entry->name, arg);
			if (r)
				return r;
		}
	}
	return n < 0 ? -errno : 0;
}

struct entry_visitor {
	entry_visit *visit;
	void *arg;
};

static int visit_entry(int dir_fd, const char *name, void *arg)
{
	const struct entry_visitor *visitor = arg;
	struct stat st;

	if (!strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "lock"))
		return 0;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return visitor->visit(dir_fd, name, st.st_mode, visitor->arg);
}

/* Visits each entry but the lock file. Stops when a visit returns non-zero, and returns that. */
static int each_entry(int dir_fd, entry_visit *visit, void *arg)
{
	struct entry_visitor visitor = {visit, arg};

	return each_name(dir_fd, visit_entry, &visitor);
}

static bool name_is_number(const char *name)
{
	return *name && !name[strspn(name, "0123456789")];
}

static bool entry_is_ours(const char *name, mode_t mode)
{
	/* a socket with ~ is bound, but not renamed to its final name yet */
	static const char *const sockets[] = {"broker.ipc", "spawner.ipc", "broker.ipc~", "spawner.ipc~"};
	size_t i;

	for (i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		if (!strcmp(name, sockets[i]))
			return S_ISSOCK(mode);
	return (!strcmp(name, "b") || !strcmp(name, "g")) && S_ISDIR(mode);
}

static int entry_find_other(int dir_fd, const char *name, mode_t mode, void *arg)
{
	(void)dir_fd;
	if (entry_is_ours(name, mode))
		return 0;
	snprintf(arg, 64, "%.60s", name);
	return 1;
}

static void owner_read(int lock_fd, struct runtime_dir_owner *ret_owner)
{
	unsigned long long node_id = 0;
	char text[64], made[8] = "";
	ssize_t n;
	int pid = 0;

	n = pread(lock_fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = 0;
	if (sscanf(text, "%9d\n%16llx\n%7s", &pid, &node_id, made) < 1 || pid < 0)
		pid = 0;
	*ret_owner =
		(struct runtime_dir_owner){.pid = pid, .node_id = node_id, .made = !strcmp(made, "made")};
}

/* True: the lock file was written by a node, since it has a pid and 16 digits of a node id. */
static bool lock_is_of_a_node(int dir_fd)
{
	char text[64];
	struct stat st;
	ssize_t n = -1;
	size_t digits;
	int fd;

	fd = openat(dir_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid())
		n = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	digits = strspn(text, "0123456789");
	return digits && text[digits] == '\n' && strspn(text + digits + 1, "0123456789abcdef") == 16 &&
	       text[digits + 17] == '\n';
}

/*
 * True: there is no lock file, or an empty one. It is empty if a node died, or another starts, between making
 * it and writing to it.
 */
static bool lock_is_empty(int dir_fd)
{
	struct stat st;

	if (fstatat(dir_fd, "lock", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	return S_ISREG(st.st_mode) && st.st_size == 0;
}

int runtime_dir_check(int dir_fd, const char *path, char why[RUNTIME_DIR_WHY_SIZE])
{
	char other[64] = "lock";
	int r = 0;

	if (lock_is_of_a_node(dir_fd))
		return 0;
	if (lock_is_empty(dir_fd)) {
		r = each_entry(dir_fd, entry_find_other, other);
		if (r == 0)
			return 0;
	}
	if (r < 0) {
		snprintf(why, RUNTIME_DIR_WHY_SIZE, "runtime directory %.300s cannot be read: %s", path,
			strerror(-r));
		return r;
	}
	snprintf(why, RUNTIME_DIR_WHY_SIZE,
		"runtime directory %.300s is refused: no node made it and it is not empty (it has '%s'); "
		"choose an empty directory",
		path, other);
	return -ENOTEMPTY;
}

/* ---- the lock ---- */

int runtime_dir_lock(int dir_fd, int *ret_lock_fd, struct runtime_dir_owner *ret_owner)
{
	struct stat here, named;
	int fd, r;

	*ret_owner = (struct runtime_dir_owner){0};
	if (flock(dir_fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		fd = openat(dir_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd >= 0) {
			owner_read(fd, ret_owner);
			close(fd);
		}
		return r;
	}
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

static int owner_format(char text[64], const struct runtime_dir_owner *owner)
{
	return snprintf(text, 64, "%d\n%016llx\n%s\n", owner->pid, (unsigned long long)owner->node_id,
		owner->made ? "made" : "given");
}

bool runtime_dir_is_owned(int lock_fd, const struct runtime_dir_owner *owner)
{
	char text[64], found[64];
	int n = owner_format(text, owner);

	return pread(lock_fd, found, sizeof(found), 0) == n && !memcmp(found, text, (size_t)n);
}

int runtime_dir_own(int lock_fd, const struct runtime_dir_owner *owner)
{
	char text[64];
	int n = owner_format(text, owner);

	if (pwrite(lock_fd, text, (size_t)n, 0) != n || ftruncate(lock_fd, n) < 0)
		return errno ? -errno : -EIO;
	return 0;
}

/* ---- removing ---- */

static int remove_entry(int dir_fd, const char *name, int flags)
{
	if (unlinkat(dir_fd, name, flags) == 0 || errno == ENOENT)
		return 0;
	return errno == EEXIST ? -ENOTEMPTY : -errno;
}

static void first_error(int *r, int next)
{
	if (next < 0 && *r == 0)
		*r = next;
}

static int remove_socket(int dir_fd, const char *name, mode_t mode, void *arg)
{
	first_error(arg, S_ISSOCK(mode) ? remove_entry(dir_fd, name, 0) : -ENOTEMPTY);
	return 0;
}

static int remove_group(int dir_fd, const char *name, mode_t mode, void *arg)
{
	first_error(
		arg, S_ISDIR(mode) && name_is_number(name) ? runtime_dir_remove(dir_fd, name) : -ENOTEMPTY);
	return 0;
}

/* Visits the entries of the directory @name, then removes the directory if it is empty. */
static int remove_directory(int dir_fd, const char *name, entry_visit *visit)
{
	int fd, r, result = 0;

	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = each_entry(fd, visit, &result);
	close(fd);
	first_error(&result, r);
	first_error(&result, remove_entry(dir_fd, name, AT_REMOVEDIR));
	return result;
}

int runtime_dir_remove(int dir_fd, const char *name)
{
	return remove_directory(dir_fd, name, remove_socket);
}

static int remove_top(int dir_fd, const char *name, mode_t mode, void *arg)
{
	if (!entry_is_ours(name, mode))
		first_error(arg, -ENOTEMPTY);
	else if (S_ISSOCK(mode))
		first_error(arg, remove_entry(dir_fd, name, 0));
	else
		first_error(arg, remove_directory(dir_fd, name, *name == 'g' ? remove_group : remove_socket));
	return 0;
}

int runtime_dir_clear(int dir_fd)
{
	int r, result = 0;

	r = each_entry(dir_fd, remove_top, &result);
	first_error(&result, r);
	return result;
}

/*
 * Only the name is looked at first: what else is above the runtime directory may be a file system that does
 * not answer. The lock tells a leftover from a directory that is about to be renamed.
 */
static int remove_beside(int above_fd, const char *name, void *arg)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	const char *beginning = arg;
	size_t n = strlen(beginning);
	struct stat st;
	int fd;

	if (strncmp(name, beginning, n) != 0 || strspn(name + n, letters) != BESIDE_RANDOM ||
		name[n + BESIDE_RANDOM])
		return 0;
	fd = openat(above_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 07777) == 0700 &&
		flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(above_fd, name, AT_REMOVEDIR); /* refused unless it is empty */
	close(fd);
	return 0;
}

void runtime_dir_clear_beside(const char *path)
{
	char above[RUNTIME_DIR_PATH_SIZE], beginning[RUNTIME_DIR_PATH_SIZE + sizeof(BESIDE_INFIX)];
	char *name;
	int fd;

	snprintf(above, sizeof(above), "%s", path);
	name = strrchr(above, '/');
	if (!name)
		return;
	snprintf(beginning, sizeof(beginning), "%s" BESIDE_INFIX, name + 1);
	name[name == above] = 0;
	fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	each_name(fd, remove_beside, beginning);
	close(fd);
}

int runtime_dir_leave(int dir_fd, const char *path, uint64_t node_id)
{
	struct runtime_dir_owner owner = {0}, nobody = {0};
	int fd, r;

	fd = openat(dir_fd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0)
		owner_read(fd, &owner);
	if (owner.node_id && owner.node_id != node_id) {
		close(fd);
		return -ESTALE;
	}
	nobody.made = owner.made;
	r = runtime_dir_clear(dir_fd);
	if (r == 0)
		r = remove_entry(dir_fd, "lock", 0);
	else if (fd >= 0)
		runtime_dir_own(fd, &nobody);
	if (fd >= 0)
		close(fd);
	if (r == 0 && owner.made)
		rmdir(path);
	return r;
}
