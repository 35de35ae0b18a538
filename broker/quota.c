/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/quota.h"

#include <assert.h>

#include "broker/member.h"
#include "broker/state.h"

static const struct {
	const char *word, *what;
	size_t max;
} kinds[QUOTA_N] = {
	[QUOTA_NAMES] = {"names", "names", (1u << 20) + 4096},
	[QUOTA_WATCHES] = {"watches", "watched names and process groups", 1u << 18},
	[QUOTA_PATTERNS] = {"patterns", "watches of names by a pattern", 64},
	[QUOTA_CALLS] = {"calls", "open calls through the broker", 1u << 16},
	[QUOTA_MONITORS] = {"monitors", "monitors through the broker", 1u << 16},
	[QUOTA_PAIRS] = {"links", "links and monitored groups", 1u << 14},
	[QUOTA_MEMBERSHIPS] = {"memberships", "memberships in process groups", 100000},
	[QUOTA_META] = {"metadata_bytes", "bytes of metadata of memberships", 4u << 20},
	[QUOTA_WAITING] = {"waiting_bytes", "bytes of waiting frames", 32u << 20},
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
	}
	if (!limits->unread_bytes)
		limits->unread_bytes = 16u << 20;
	if (!limits->groups)
		limits->groups = 1u << 16;
	if (!limits->spawner_links)
		limits->spawner_links = 64;
	if (!limits->farewells)
		limits->farewells = 256;
}

bool quota_take(struct member *member, enum quota_kind kind, size_t n)
{
	struct quota *quota = &member->quota;
	size_t max = member->broker->limits.max[kind];
	char who[MEMBER_WHO_MAX];

	if (n <= max && quota->used[kind] <= max - n) {
		quota->used[kind] += n;
		return true;
	}
	member->count.over++;
	member->broker->count.over_quota++;
	if (!quota->told[kind]) {
		quota->told[kind] = true;
		broker_complain(member->broker, member->pid, member->uid,
			"%s is at its limit of %zu %s; what it asks beyond is refused",
			member_who(member, who), max, kinds[kind].what);
	}
	return false;
}

void quota_give(struct member *member, enum quota_kind kind, size_t n)
{
	struct quota *quota = &member->quota;

	assert(quota->used[kind] >= n);
	quota->used[kind] -= n;
	if (quota->told[kind] && quota->used[kind] < member->broker->limits.max[kind] / 2)
		quota->told[kind] = false;
}
