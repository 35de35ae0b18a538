/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By a bell other threads and signal handlers tell a loop that there is work for it. A bell outlives its loop
 * while a reference is kept; ringing it does nothing then. A bell has a descriptor of its own, so it never
 * writes to a descriptor that was closed with the loop.
 */
#pragma once

#include <stdbool.h>

struct bell;

struct bell *bell_new(
	int wake_fd); /* @wake_fd: the loop's; it is duplicated. NULL: out of memory or descriptors */
struct bell *bell_keep(struct bell *bell); /* another reference */
struct bell *bell_free(struct bell *bell); /* gives one reference up; NULL is allowed; returns NULL */
/*
 * May be called in any thread and in a signal handler. A thread that sees that the bell rang also sees what
 * was written before.
 */
void bell_ring(struct bell *bell);
bool bell_is_ringing(struct bell *bell);
/* Returns true when the bell rang, and makes it quiet. */
bool bell_rang(struct bell *bell);
