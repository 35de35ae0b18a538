/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/aftermath.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "libactor/util/clock.h"
#include "libactor/util/log.h"
#include "spawner/shared/runtime-dir.h"
#include "spawner/shared/sweep.h"

/* time for the supervisor to end the node with this broker; it needs far less */
#define SUPERVISOR_LIMIT_MS 10000
#define SWEEP_LIMIT_MS      5000
#define NAP_MS              20

/* True: the broker has the lock now. Whoever ends a node holds the lock, so nobody else ends this node. */
static bool wait_for_lock(int dir_fd, struct runtime_dir_owner *ret_owner)
{
	int64_t until_ns = clock_now_ns() + SUPERVISOR_LIMIT_MS * INT64_C(1000000);
	int lock_fd, r;

	while ((r = runtime_dir_lock(dir_fd, &lock_fd, ret_owner)) == -EBUSY && clock_now_ns() < until_ns)
		poll(NULL, 0, NAP_MS);
	return r == 0;
}

void aftermath_run(const char *runtime_dir, uint64_t node_id)
{
	int dir_fd = open(runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	struct sweep_denied denied = {0};
	struct runtime_dir_owner owner;
	bool locked = dir_fd >= 0 && wait_for_lock(dir_fd, &owner);

	log_error("keeper and supervisor are gone: everything of this node is ended");
	r = sweep_kill(node_id, NULL, 0, NULL, 0, SWEEP_LIMIT_MS, &denied);
	if (denied.n)
		log_error("%u processes run as another user and go on, one is %d (uid %d)", denied.n,
			(int)denied.pid, (int)denied.uid);
	if (r < 0)
		log_error("not all processes could be ended: %s", strerror(-r));
	if (locked && owner.node_id == node_id)
		runtime_dir_leave(dir_fd, runtime_dir, node_id);
	if (dir_fd >= 0)
		close(dir_fd);
}
