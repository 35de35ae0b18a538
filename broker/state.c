/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/member.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

#define DEAD_MAX 65536 /* so many ids of ended groups are remembered */

struct dead {
	struct hash_node node; /* broker.dead */
	struct list age;
	uint64_t group;
	uid_t uid; /* who it was by the kernel's word, or by that of the supervisor */
	pid_t pid;
	bool is_known;
	size_t cause_bytes, name_bytes;
	uint8_t bytes[]; /* its cause as on the wire, most have a few dozen bytes; then its name */
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

static void dead_free(struct broker *broker, struct dead *dead)
{
	hash_remove(&broker->dead, &dead->node);
	list_remove(&dead->age);
	free(dead);
}

bool broker_knew(const struct broker *broker, uint64_t group, uid_t uid, pid_t pid, struct wire_str *ret_name)
{
	const struct dead *dead = dead_find(broker, group);

	if (!dead || !dead->is_known || dead->uid != uid || (dead->pid && pid && dead->pid != pid))
		return false;
	*ret_name = wire_str((const char *)dead->bytes + dead->cause_bytes, dead->name_bytes);
	return true;
}

/* What a grave says of who it was. */
struct identity {
	bool is_known;
	uid_t uid;
	pid_t pid;
	struct wire_str name;
};

static void bury(struct broker *broker, uint64_t group, const struct actor_cause *cause, struct identity who)
{
	struct dead *old = dead_find(broker, group), *dead;
	struct buf body = BUF_INIT;

	cause_put(&body, cause);
	if (body.failed) {
		buf_deinit(&body);
		body = (struct buf)BUF_INIT;
	}
	if (!who.is_known && old)
		who = (struct identity){old->is_known, old->uid, old->pid,
			wire_str((const char *)old->bytes + old->cause_bytes, old->name_bytes)};
	dead = malloc(sizeof(*dead) + body.size_bytes + who.name.len);
	if (dead) {
		*dead = (struct dead){.group = group,
			.uid = who.uid,
			.pid = who.pid,
			.is_known = who.is_known,
			.cause_bytes = body.size_bytes,
			.name_bytes = who.name.len};
		if (body.size_bytes)
			memcpy(dead->bytes, body.data, body.size_bytes);
		if (who.name.len)
			memcpy(dead->bytes + dead->cause_bytes, who.name.s, who.name.len);
	}
	buf_deinit(&body);
	if (old) /* what is said later is known better: the supervisor has the exit status */
		dead_free(broker, old);
	else if (broker->dead.n_items >= DEAD_MAX)
		dead_free(broker, container_of(broker->dead_by_age.next, struct dead, age));
	if (!dead)
		return;
	if (hash_insert(&broker->dead, &dead->node, hash_of_u64(&broker->dead, group)) < 0) {
		free(dead);
		return;
	}
	list_append(&broker->dead_by_age, &dead->age);
}

void broker_bury(struct broker *broker, const struct member *member, const struct actor_cause *cause)
{
	struct identity who = {0};

	if (member->was_up)
		who = (struct identity){true, member->uid, member->pid, wire_cstr(member->name)};
	bury(broker, member->group, cause, who);
}

void broker_bury_process(struct broker *broker, uint64_t group, const struct actor_cause *cause, pid_t pid,
	struct wire_str name)
{
	struct identity who = {0};

	if (pid > 0)
		who = (struct identity){true, broker->uid, pid, name};
	bury(broker, group, cause, who);
}

void broker_put_cause_of(const struct broker *broker, uint64_t group, struct buf *out)
{
	const struct dead *dead = dead_find(broker, group);
	struct actor_cause unknown = cause_make(ERROR_NOCONNECTION);

	if (dead && dead->cause_bytes)
		mp_put_raw(out, dead->bytes, dead->cause_bytes);
	else
		cause_put(out, &unknown);
}

void broker_forget_graves(struct broker *broker)
{
	while (!list_is_empty(&broker->dead_by_age))
		dead_free(broker, container_of(broker->dead_by_age.next, struct dead, age));
}

/* ---- the broker's log ---- */

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
