/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-place: keeps the files by which the node is found
 *
 * Whoever looks for a node looks for its directory and the lock file in it, and a cleaner of /tmp may remove
 * both. The keeper makes both anew. Whoever listens on a socket makes that socket anew. The directories of
 * groups are made anew by the supervisor and by the groups. What somebody else put there meanwhile is left
 * alone. What was written into the lock file is written over. A directory above may be moved away as well.
 *
 * Somebody who tidies up logs may remove the log directory, or the file in it that says which node has the
 * directory. The keeper claims the directory anew, so that no second node writes into the same logs.
 *
 * A new runtime directory has a new lock, and the running supervisor holds only the old one. So if the keeper
 * dies, the next node does not wait until this supervisor has killed the processes of the old node. The two
 * do each other no harm: a sweep kills only processes with the marks of its node, and a node gives up a
 * directory whose lock file has the id of another node.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawner/keeper/keeper.h"

#define PLACE_AGAIN_NS (1000000000ull)     /* between two tries */
#define PLACE_LOOK_NS  (5 * 1000000000ull) /* between two looks, if there is no inotify */
/* long enough for somebody who removes a whole directory to finish */
#define CLAIM_AGAIN_NS (200 * 1000000ull)

/* A directory that is moved or removed takes with it what lies in it, and only that one is told of it. */
static void place_watch_above(struct keeper *keeper, const char *path)
{
	char above[RUNTIME_DIR_PATH_SIZE];
	char *slash;

	snprintf(above, sizeof(above), "%s", path);
	while ((slash = strrchr(above, '/')) && slash != above) {
		*slash = 0;
		inotify_add_watch(
			keeper->place_fd, above, IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD);
	}
}

static bool place_watch(struct keeper *keeper)
{
	if (keeper->place_fd < 0)
		return false;
	place_watch_above(keeper, keeper->dir);
	return inotify_add_watch(keeper->place_fd, keeper->dir,
		       IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) >=
	       0;
}

void keeper_place_watch(struct keeper *keeper)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = keeper_source(KEEPER_SOURCE_PLACE, 0, 0)};

	keeper->place_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (!place_watch(keeper) ||
		epoll_ctl(keeper->epoll_fd, EPOLL_CTL_ADD, keeper->place_fd, &event) < 0) {
		if (keeper->place_fd >= 0)
			close(keeper->place_fd);
		keeper->place_fd = -1;
		keeper->place_ns = keeper_now_ns() + PLACE_LOOK_NS;
		return;
	}
	keeper_place_look(keeper); /* from now on the log directory is watched as well */
}

static bool same_file(int fd, int dir_fd, const char *name)
{
	struct stat here, named;

	return fstat(fd, &here) == 0 && fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       here.st_ino == named.st_ino && here.st_dev == named.st_dev;
}

static struct runtime_dir_owner owner_of(const struct keeper *keeper)
{
	return (struct runtime_dir_owner){
		.pid = keeper->pid, .node_id = keeper->node_id, .made = keeper->dir_made};
}

/* Somebody has written into the file, or emptied it: then nobody finds the keeper. */
static int lock_look(struct keeper *keeper)
{
	struct runtime_dir_owner owner = owner_of(keeper);
	int r;

	if (!same_file(keeper->lock_fd, keeper->dir_fd, "lock") ||
		runtime_dir_is_owned(keeper->lock_fd, &owner))
		return 0;
	r = runtime_dir_own(keeper->lock_fd, &owner);
	if (r == 0)
		keeper_log("%s/lock was overwritten, it says again whose it is", keeper->dir);
	return r;
}

static int lock_again(struct keeper *keeper, int dir_fd)
{
	struct runtime_dir_owner owner;
	int lock_fd, r;

	r = runtime_dir_lock(dir_fd, &lock_fd, &owner);
	if (r < 0)
		return r;
	owner = owner_of(keeper);
	r = runtime_dir_own(lock_fd, &owner);
	if (r < 0) {
		close(lock_fd);
		return r;
	}
	close(keeper->lock_fd);
	keeper->lock_fd = lock_fd;
	return 0;
}

static int directory_again(struct keeper *keeper)
{
	char path[RUNTIME_DIR_PATH_SIZE], why[RUNTIME_DIR_WHY_SIZE];
	bool made = false;
	int fd, r;

	memcpy(path, keeper->dir, sizeof(path));
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0755); /* those above may have been taken away as well */
		*slash = '/';
	}
	r = runtime_dir_open(path, &fd, &made, why);
	if (r == 0) {
		keeper->dir_made = keeper->dir_made || made;
		r = runtime_dir_check(fd, keeper->dir, why);
		if (r == 0) {
			r = lock_again(keeper, fd);
			if (r < 0)
				snprintf(why, sizeof(why), "%.300s cannot be locked: %s", keeper->dir,
					strerror(-r));
		}
		if (r < 0)
			close(fd);
	}
	if (r < 0) {
		if (!keeper->place_said)
			keeper_log("this node cannot be reached, its directory was taken away: %s", why);
		keeper->place_said = true;
		return r;
	}
	close(keeper->dir_fd);
	keeper->dir_fd = fd;
	keeper->place_said = false;
	keeper_log("%s was taken away, it is made anew", keeper->dir);
	return 0;
}

/*
 * Claims the log directory anew if its claim was removed. Returns when to look again; 0 = the claim is in
 * place.
 */
static uint64_t claim_again(struct keeper *keeper)
{
	char path[RUNTIME_DIR_PATH_SIZE + 8], why[RUNTIME_DIR_WHY_SIZE];
	bool lost;
	int fd;

	if (keeper->log_dir_fd < 0)
		return 0;
	snprintf(path, sizeof(path), "%s/.node", keeper->log_dir);
	lost = keeper->claim_lost;
	keeper->claim_lost = !same_file(keeper->log_dir_fd, AT_FDCWD, path);
	if (keeper->claim_lost && lost) {
		fd = log_dir_claim(keeper->log_dir, keeper->dir, why);
		if (fd < 0) {
			if (fd == -EBUSY && !keeper->claim_said)
				keeper_log("our log directory was taken away: %s", why);
			keeper->claim_said = true;
			return keeper_now_ns() + PLACE_LOOK_NS;
		}
		close(keeper->log_dir_fd);
		keeper->log_dir_fd = fd;
		keeper->claim_lost = keeper->claim_said = false;
	}
	if (keeper->place_fd >= 0) {
		place_watch_above(keeper, keeper->log_dir);
		inotify_add_watch(keeper->place_fd, keeper->log_dir,
			IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD);
	}
	return keeper->claim_lost ? keeper_now_ns() + CLAIM_AGAIN_NS : 0;
}

void keeper_place_look(struct keeper *keeper)
{
	uint64_t claim_ns;
	_Alignas(struct inotify_event) char events[4096];
	int r = 0;

	while (keeper->place_fd >= 0 && read(keeper->place_fd, events, sizeof(events)) > 0)
		;
	keeper->place_ns = 0;
	if (keeper->phase == KEEPER_STOPS)
		return;
	if (!same_file(keeper->dir_fd, AT_FDCWD, keeper->dir))
		r = directory_again(keeper);
	else if (faccessat(keeper->dir_fd, "lock", F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		r = lock_again(keeper, keeper->dir_fd);
	else
		r = lock_look(keeper);
	claim_ns = claim_again(keeper);
	if (r < 0 || !place_watch(keeper))
		keeper->place_ns = keeper_now_ns() + (keeper->place_fd < 0 ? PLACE_LOOK_NS : PLACE_AGAIN_NS);
	if (claim_ns && (!keeper->place_ns || claim_ns < keeper->place_ns))
		keeper->place_ns = claim_ns;
}
