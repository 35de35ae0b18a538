/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of slots (util/slots.h) that all threads of the process share. It is for handles that programs
 * hold: a handle is an id, so a program may hold it longer than the item lives. The table is therefore never
 * freed, even when it is empty: a new table would begin with the same ids again.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "libactor/util/slots.h"

struct shared_slots {
	pthread_mutex_t lock;
	struct slots slots;
};

#define SHARED_SLOTS_INIT                                                                                    \
	{                                                                                                    \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                            \
	}

/* As slots_take(), slots_get() and slots_give(). The lock guards the table, and not the items. */
int shared_slots_take(struct shared_slots *shared, void *item, uint64_t *ret_id);
void *shared_slots_get(struct shared_slots *shared, uint64_t id);
void shared_slots_give(struct shared_slots *shared, uint64_t id);
/* The first item for which @matches says true, or NULL. @matches runs with the lock held. */
void *shared_slots_find(
	struct shared_slots *shared, bool (*matches)(const void *item, const void *arg), const void *arg);
