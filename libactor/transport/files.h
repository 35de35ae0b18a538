/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a process divides its descriptors. The parts add up to less than the limit, so no other process can use
 * up what this one needs for its own work. docs/architecture.md, *Descriptors*, has the sum for each daemon.
 *
 * Guests are connections of processes that are not vouched for yet. A process accepts at most guests_max() of
 * them at one place. Further ones wait in the kernel's backlog, or the guest that has been silent longest
 * makes room.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

#include "libactor/transport/address.h"

#define GUESTS_MAX         256
#define GUESTS_MIN         4
#define GUESTS_FILES_SHARE 16 /* the part of the descriptors for each place */

#define OUTSIDERS_FILES_SHARE 64
#define OUTSIDERS_MAX         64

/* For all clients of a service together. */
#define CLIENTS_FILES_SHARE 8
#define CLIENTS_FILES_MIN   16
#define CLIENTS_FILES_MAX   3000

/* The limit of descriptors; 0: it is not known. It is read each time, because a program may change it. */
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

/* The number of descriptors for the links of a service's clients. */
static inline size_t clients_files_max(void)
{
	return files_share(CLIENTS_FILES_SHARE, CLIENTS_FILES_MIN, CLIENTS_FILES_MAX);
}

/*
 * The number of direct links that the supervisor has with groups that it did not start. Further ones go
 * through the broker.
 */
static inline size_t outsiders_max(void)
{
	return files_share(OUTSIDERS_FILES_SHARE, 1, OUTSIDERS_MAX);
}

/*
 * The number of descriptors that a listening pipe needs until its peer is in, if its path has @path_bytes:
 * the listener, one connection that has not greeted, and the directory of a long path. A pipe that is up
 * needs one.
 */
static inline size_t pipe_files_max(size_t path_bytes)
{
	return path_bytes > ADDRESS_PATH_MAX_BYTES ? 3 : 2;
}

/* Whether accept() failed for lack of a resource that a leaving guest gives back. */
static inline bool guests_should_make_room(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}
