/* SPDX-License-Identifier: Apache-2.0 */
/* Owners: actors whose end also ends a child. The supervisor monitors them as any actor monitors another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/util/log.h"
#include "spawner/supervisor/supervisor.h"

void supervisor_owner_forget(struct supervisor *supervisor, uint64_t number)
{
	struct hash_node *n =
		hash_first(&supervisor->owners_by_number, hash_of_u64(&supervisor->owners_by_number, number));

	for (; n; n = hash_next(n)) {
		struct owner_watch *watch = container_of(n, struct owner_watch, by_number);

		if (watch->number != number)
			continue;
		if (watch->monitor) {
			actor_demonitor(supervisor->self, watch->monitor);
			hash_remove(&supervisor->owners_by_monitor, &watch->by_monitor);
		}
		hash_remove(&supervisor->owners_by_number, &watch->by_number);
		free(watch);
		return;
	}
}

void supervisor_watch_owner(struct supervisor *supervisor, uint64_t number, actor_ref owner)
{
	struct owner_watch *watch = NULL;
	struct hash_node *n =
		hash_first(&supervisor->owners_by_number, hash_of_u64(&supervisor->owners_by_number, number));

	for (; n && !watch; n = hash_next(n))
		if (container_of(n, struct owner_watch, by_number)->number == number)
			watch = container_of(n, struct owner_watch, by_number);
	if (!watch) {
		if (!node_child_by_number(supervisor->node, number))
			return;
		watch = calloc(1, sizeof(*watch));
		if (!watch)
			abort();
		watch->number = number;
		watch->owner = owner;
		if (hash_insert(&supervisor->owners_by_number, &watch->by_number,
			    hash_of_u64(&supervisor->owners_by_number, number)) < 0)
			abort();
	}
	if (watch->monitor)
		return;
	if (actor_monitor(supervisor->self, watch->owner, &watch->monitor) < 0) {
		watch->monitor = 0;
		actor_send_after(supervisor->self, 1000, "watch_owner", NULL, "Ur", number, watch->owner);
		return;
	}
	if (hash_insert(&supervisor->owners_by_monitor, &watch->by_monitor,
		    hash_of_u64(&supervisor->owners_by_monitor, watch->monitor)) < 0)
		abort();
}
