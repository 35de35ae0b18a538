/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests: connections of processes that nobody vouches for yet. A process accepts at most guests_max() of
 * them at one place, so that whoever connects and says nothing never takes the descriptors that it needs for
 * its own work. More wait in the kernel's backlog, or the one that has been silent longest makes room.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>

#define GUESTS_MAX         256
#define GUESTS_MIN         4
#define GUESTS_FILES_SHARE 8 /* an eighth of the descriptors */

/* Asked each time: a program may change its limit. */
static inline unsigned guests_max(void)
{
	struct rlimit limit;
	rlim_t share;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return GUESTS_MIN;
	share = limit.rlim_cur / GUESTS_FILES_SHARE;
	return share > GUESTS_MAX ? GUESTS_MAX : share < GUESTS_MIN ? GUESTS_MIN : (unsigned)share;
}

/* Whether accept() failed for want of what a guest that goes gives back. */
static inline bool guests_should_make_room(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}
