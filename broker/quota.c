/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/quota.h"

#include <assert.h>

#include "broker/member.h"
#include "broker/state.h"

static const struct {
	const char *word, *what;
	size_t max, own, pool;
} kinds[QUOTA_N] = {
	[QUOTA_NAMES] = {"names", "names", (1u << 20) + 4096, 4096, 1u << 22},
	[QUOTA_WATCHES] = {"watches", "watched names and process groups", 1u << 18, 4096, 1u << 20},
	[QUOTA_PATTERNS] = {"patterns", "watches of names by a pattern", 64, 64, 64},
	[QUOTA_CALLS] = {"calls", "open calls through the broker", 1u << 16, 1024, 1u << 18},
	[QUOTA_MONITORS] = {"monitors", "monitors through the broker", 1u << 16, 1024, 1u << 18},
	[QUOTA_PAIRS] = {"links", "links and monitored groups", 1u << 14, 1024, 1u << 18},
	[QUOTA_MEMBERSHIPS] = {"memberships", "memberships in process groups", 100000, 1024, 1u << 21},
	[QUOTA_META] = {"metadata_bytes", "bytes of metadata of memberships", 4u << 20, 64u << 10, 64u << 20},
	[QUOTA_WAITING] = {"waiting_bytes", "bytes of waiting frames", 32u << 20, 1u << 20, 256u << 20},
};

const char *quota_word(enum quota_kind kind)
{
	return kinds[kind].word;
}

void quota_limits_default(struct quota_limits *limits)
{
	for (int i = 0; i < QUOTA_N; i++) {
		if (!limits->max[i])
			limits->max[i] = kinds[i].max;
		if (!limits->own[i])
			limits->own[i] = kinds[i].own;
		if (!limits->pool[i])
			limits->pool[i] = kinds[i].pool;
	}
	if (!limits->unread_bytes)
		limits->unread_bytes = 16u << 20;
	if (!limits->answers_bytes)
		limits->answers_bytes = 4 * limits->unread_bytes;
	if (!limits->answers_pool)
		limits->answers_pool = 16 * limits->unread_bytes;
	if (!limits->groups)
		limits->groups = 1u << 16;
	if (!limits->spawner_links)
		limits->spawner_links = 64;
	if (!limits->farewells)
		limits->farewells = 256;
}

/* How much a group that has @used takes from the pool. */
static size_t shared(const struct broker *broker, enum quota_kind kind, size_t used)
{
	size_t own = broker->limits.own[kind];

	return used > own ? used - own : 0;
}

size_t quota_limit(const struct member *member, enum quota_kind kind)
{
	const struct broker *broker = member->broker;
	const struct quota_pool *pool = &broker->pools[kind];
	size_t mine = shared(broker, kind, member->quota.used[kind]);
	size_t own = broker->limits.own[kind], max = broker->limits.max[kind];
	size_t share = quota_share(broker->limits.pool[kind], pool->used - mine, pool->n_users - (mine > 0));

	return own >= max || share >= max - own ? max : own + share;
}

static void quota_set(struct member *member, enum quota_kind kind, size_t used)
{
	struct broker *broker = member->broker;
	struct quota_pool *pool = &broker->pools[kind];
	size_t before = shared(broker, kind, member->quota.used[kind]), after = shared(broker, kind, used);

	pool->used += after - before;
	pool->n_users += (size_t)(after > 0) - (size_t)(before > 0);
	member->quota.used[kind] = used;
}

static bool is_over(const struct member *member, enum quota_kind kind, size_t n)
{
	bool is_shared = kind != QUOTA_WAITING && !member->unannounced;
	size_t limit = is_shared ? quota_limit(member, kind) : member->broker->limits.max[kind];
	size_t used = member->quota.used[kind];

	return used > limit || n > limit - used;
}

static void quota_tell(struct member *member, enum quota_kind kind)
{
	struct broker *broker = member->broker;
	struct quota *quota = &member->quota;
	size_t limit = quota_limit(member, kind), max = broker->limits.max[kind];
	char who[MEMBER_WHO_MAX];

	if (quota->told[kind])
		return;
	quota->told[kind] = true;
	quota->told_at[kind] = quota->used[kind];
	member_who(member, who);
	if (limit >= max || kind == QUOTA_WAITING)
		broker_complain(broker, member->pid, member->uid,
			"%s is at its limit of %zu %s; what it asks beyond is refused", who, max,
			kinds[kind].what);
	else
		broker_complain(broker, member->pid, member->uid,
			"%s is at its share of %zu %s: %zu groups have more than %zu, %zu more in all; what it "
			"asks beyond is refused",
			who, limit, kinds[kind].what, broker->pools[kind].n_users, broker->limits.own[kind],
			broker->pools[kind].used);
}

bool quota_is_unused(const struct quota *quota)
{
	for (int i = 0; i < QUOTA_N; i++) {
		if (quota->used[i])
			return false;
	}
	return true;
}

bool quota_take(struct member *member, enum quota_kind kind, size_t n)
{
	if (is_over(member, kind, n)) {
		member->count.over++;
		member->broker->count.over_quota++;
		quota_tell(member, kind);
		return false;
	}
	quota_set(member, kind, member->quota.used[kind] + n);
	return true;
}

void quota_take_granted(struct member *member, enum quota_kind kind, size_t n)
{
	quota_set(member, kind, member->quota.used[kind] + n);
}

bool quota_has_room(const struct member *member, enum quota_kind kind, size_t n)
{
	return !is_over(member, kind, n);
}

void quota_give(struct member *member, enum quota_kind kind, size_t n)
{
	struct quota *quota = &member->quota;

	assert(quota->used[kind] >= n);
	quota_set(member, kind, quota->used[kind] - n);
	if (quota->told[kind] && quota->used[kind] <= quota->told_at[kind] / 2)
		quota->told[kind] = false;
}
