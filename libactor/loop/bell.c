/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/loop/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

struct bell {
	atomic_uint n_refs;
	atomic_bool ringing;
	int fd;
};

_Static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "a signal handler may ring");

struct bell *bell_new(int wake_fd)
{
	struct bell *bell = calloc(1, sizeof(*bell));

	if (!bell)
		return NULL;
	bell->fd = fcntl(wake_fd, F_DUPFD_CLOEXEC, 0);
	if (bell->fd < 0) {
		free(bell);
		return NULL;
	}
	atomic_init(&bell->n_refs, 1);
	return bell;
}

struct bell *bell_keep(struct bell *bell)
{
	atomic_fetch_add(&bell->n_refs, 1);
	return bell;
}

struct bell *bell_free(struct bell *bell)
{
	if (!bell || atomic_fetch_sub(&bell->n_refs, 1) > 1)
		return NULL;
	close(bell->fd);
	free(bell);
	return NULL;
}

void bell_ring(struct bell *bell)
{
	uint64_t one = 1;
	int saved_errno = errno;

	if (!atomic_exchange(&bell->ringing, true))
		(void)!write(bell->fd, &one, sizeof(one));
	errno = saved_errno;
}

bool bell_is_ringing(struct bell *bell)
{
	return atomic_load_explicit(&bell->ringing, memory_order_relaxed);
}

bool bell_rang(struct bell *bell)
{
	return bell_is_ringing(bell) && atomic_exchange(&bell->ringing, false);
}
