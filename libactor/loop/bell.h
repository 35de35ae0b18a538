/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How other threads and signal handlers tell a loop that there is something for it. A bell outlives its loop
 * while somebody keeps it: then ringing does nothing. It has a descriptor of its own, so none that is closed
 * with the loop is ever written to.
 */
#pragma once

#include <stdbool.h>

struct bell;

struct bell *bell_new(int wake_fd);        /* the loop's; duplicated. NULL: out of memory or descriptors */
struct bell *bell_keep(struct bell *bell); /* another reference */
struct bell *bell_free(struct bell *bell); /* gives one up; NULL is fine; returns NULL */
/* Any thread; async-signal-safe. What was written before is seen by whoever finds that it rang. */
void bell_ring(struct bell *bell);
bool bell_is_ringing(struct bell *bell);
/* True: it rang, and is quiet now. */
bool bell_rang(struct bell *bell);
