/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a process divides its descriptors. The parts add up to less than the limit, so nobody outside can take
 * what a process needs for its own work. docs/architecture.md, *Descriptors*, has the sum for each daemon.
 *
 * Guests are connections of processes that nobody vouches for yet. A process accepts at most guests_max() of
 * them at one place; more wait in the kernel's backlog, or the one that has been silent longest makes room.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

#include "libactor/transport/address.h"

#define GUESTS_MAX         256
#define GUESTS_MIN         4
#define GUESTS_FILES_SHARE 16 /* of the descriptors, for each place */

#define OUTSIDERS_FILES_SHARE 64
#define OUTSIDERS_MAX         64

/* of a service's clients together */
#define CLIENTS_FILES_SHARE 8
#define CLIENTS_FILES_MIN   16
#define CLIENTS_FILES_MAX   3000

/* The limit; 0: it is not known. Asked each time: a program may change it. */
static inline rlim_t files_max(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 0 : limit.rlim_cur;
}

static inline size_t files_share(rlim_t share, size_t min, size_t max)
{
	const rlim_t part = files_max() / share;

	return part > max ? max : part < min ? min : (size_t)part;
}

static inline unsigned guests_max(void)
{
	return (unsigned)files_share(GUESTS_FILES_SHARE, GUESTS_MIN, GUESTS_MAX);
}

/* For the links of a service's clients. */
static inline size_t clients_files_max(void)
{
	return files_share(CLIENTS_FILES_SHARE, CLIENTS_FILES_MIN, CLIENTS_FILES_MAX);
}

/* Direct links of groups that are nobody's child here with the supervisor; more of them go by the broker. */
static inline size_t outsiders_max(void)
{
	return files_share(OUTSIDERS_FILES_SHARE, 1, OUTSIDERS_MAX);
}

/*
 * What a pipe that listens at a path of so many bytes takes until its peer is in: the listener, one
 * connection that has not greeted, and the directory of a long path. Once it is up it takes one.
 */
static inline size_t pipe_files_max(size_t path_bytes)
{
	return path_bytes > ADDRESS_PATH_MAX_BYTES ? 3 : 2;
}

/* Whether accept() failed for want of what a guest that goes gives back. */
static inline bool guests_should_make_room(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}
