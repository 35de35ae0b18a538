/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/shared-slots.h"

int shared_slots_take(struct shared_slots *shared, void *item, uint64_t *ret_id)
{
	int r;

	pthread_mutex_lock(&shared->lock);
	r = slots_take(&shared->slots, item, ret_id);
	pthread_mutex_unlock(&shared->lock);
	return r;
}

void *shared_slots_get(struct shared_slots *shared, uint64_t id)
{
	void *item;

	pthread_mutex_lock(&shared->lock);
	item = slots_get(&shared->slots, id);
	pthread_mutex_unlock(&shared->lock);
	return item;
}

void shared_slots_give(struct shared_slots *shared, uint64_t id)
{
	pthread_mutex_lock(&shared->lock);
	slots_give(&shared->slots, id);
	pthread_mutex_unlock(&shared->lock);
}

void *shared_slots_find(
	struct shared_slots *shared, bool (*matches)(const void *item, const void *arg), const void *arg)
{
	uint32_t at = 0;
	void *item;

	pthread_mutex_lock(&shared->lock);
	do
		item = slots_walk(&shared->slots, &at);
	while (item && !matches(item, arg));
	pthread_mutex_unlock(&shared->lock);
	return item;
}
