/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DEAD_MAX 65536 /* ids of ended groups that are remembered */

struct dead {
	struct hash_node node; /* broker.dead */
	struct list age;
	uint64_t group;
};

/* ---- graves ---- */

static struct dead *dead_find(const struct broker *broker, uint64_t group)
{
	struct hash_node *node = hash_first(&broker->dead, hash_of_u64(&broker->dead, group));

	for (; node; node = hash_next(node)) {
		if (container_of(node, struct dead, node)->group == group)
			return container_of(node, struct dead, node);
	}
	return NULL;
}

bool broker_is_buried(const struct broker *broker, uint64_t group)
{
	return dead_find(broker, group);
}

void broker_bury(struct broker *broker, uint64_t group)
{
	struct dead *dead;

	if (dead_find(broker, group))
		return;
	if (broker->dead.n_items < DEAD_MAX) {
		dead = malloc(sizeof(*dead));
	} else {
		dead = container_of(list_pop(&broker->dead_by_age), struct dead, age);
		hash_remove(&broker->dead, &dead->node);
	}
	if (!dead)
		return;
	*dead = (struct dead){.group = group};
	if (hash_insert(&broker->dead, &dead->node, hash_of_u64(&broker->dead, group)) < 0) {
		free(dead);
		return;
	}
	list_append(&broker->dead_by_age, &dead->age);
}

void broker_forget_graves(struct broker *broker)
{
	struct list *it;

	while ((it = list_pop(&broker->dead_by_age))) {
		hash_remove(&broker->dead, &container_of(it, struct dead, age)->node);
		free(container_of(it, struct dead, age));
	}
}

/* ---- its log ---- */

void broker_log(struct broker *broker, enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	broker->ops.log(broker->arg, level, line);
}

void broker_complain(struct broker *broker, pid_t pid, uid_t uid, const char *format, ...)
{
	char line[1024];
	uint64_t n_missed;
	va_list args;

	if (!throttle_take(&broker->complaints, throttle_key((uint64_t)uid << 32 | (uint32_t)pid, format),
		    broker->now_ns, &n_missed))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n_missed)
		broker_log(broker, LOG_WARNING, "%s (%" PRIu64 " more lines like this were not written)",
			line, n_missed);
	else
		broker_log(broker, LOG_WARNING, "%s", line);
}

struct broker_stats broker_stats(const struct broker *broker)
{
	struct broker_stats stats = broker->count;

	stats.groups = broker->members.n_items;
	stats.names = broker->registry.n_registered;
	stats.watches = broker->registry.watches.n_items + broker->registry.by_pattern.by_literal.n_items +
			broker->pgs.watches.n_items;
	stats.memberships = broker->pgs.n_memberships;
	stats.calls = broker->routes.n_calls;
	stats.monitors = broker->routes.n_monitors;
	stats.pairs = broker->introductions.pairs.n_items;
	stats.waiting = broker->waits.n;
	return stats;
}
