/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods for the people who look after the node: what happens in the broker, and how much of each limited
 * thing a group has. The answers are numbers, which the asker turns into text. The path of a frame only
 * increments counters. A figure that needs a walk over all groups is made when somebody asks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/answer.h"
#include "broker/member.h"
#include "broker/service.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

#define GROUPS_DEFAULT 1000
#define GROUPS_MAX     4096 /* groups in one answer, which is then under 4 MiB */

struct entry {
	const char *key;
	uint64_t value;
};

#define N_OF(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

static void put_entries(struct buf *b, const struct entry *entries, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		mp_put_cstr(b, entries[i].key);
		mp_put_uint(b, entries[i].value);
	}
}

/* ---- the whole broker ---- */

static void put_stats(struct buf *b, const struct broker *broker)
{
	struct broker_stats stats = broker_stats(broker);
	const struct entry entries[] = {
		{"groups", stats.groups},
		{"names", stats.names},
		{"memberships", stats.memberships},
		{"watches", stats.watches},
		{"calls", stats.calls},
		{"monitors", stats.monitors},
		{"pairs", stats.pairs},
		{"waiting", stats.waiting},
		{"hellos", stats.hellos},
		{"refused", stats.refused},
		{"frames", stats.frames},
		{"routed", stats.routed},
		{"dropped", stats.dropped},
		{"refused_calls", stats.refused_calls},
		{"over_quota", stats.over_quota},
		{"stalls", stats.stalls},
		{"cut", stats.cut},
		{"ended", stats.ended},
	};

	mp_put_map(b, N_OF(entries));
	put_entries(b, entries, N_OF(entries));
}

static void put_latency(struct buf *b, const struct latency *latency)
{
	mp_put_map(b, 3);
	mp_put_cstr(b, "bounds_us");
	mp_put_array(b, LATENCY_N - 1);
	for (int i = 0; i < LATENCY_N - 1; i++)
		mp_put_uint(b, latency_bounds_us[i]);
	mp_put_cstr(b, "counts");
	mp_put_array(b, LATENCY_N);
	for (int i = 0; i < LATENCY_N; i++)
		mp_put_uint(b, latency->n[i]);
	mp_put_cstr(b, "sum_us");
	mp_put_uint(b, latency->sum_us);
}

static void put_limits(struct buf *b, const struct broker *broker)
{
	const struct quota_limits *limits = &broker->limits;
	const struct entry others[] = {
		{"unread_bytes", limits->unread_bytes},
		{"congested_bytes", PAUSES_CONGESTED_BYTES},
	};

	mp_put_map(b, QUOTA_N + N_OF(others));
	for (int i = 0; i < QUOTA_N; i++)
		put_entries(b, &(struct entry){quota_word(i), limits->max[i]}, 1);
	put_entries(b, others, N_OF(others));
}

static void put_pools(struct buf *b, const struct broker *broker)
{
	mp_put_map(b, QUOTA_N);
	for (int i = 0; i < QUOTA_N; i++) {
		const struct entry entries[] = {
			{"own", broker->limits.own[i]},
			{"size", broker->limits.pool[i]},
			{"used", broker->pools[i].used},
			{"groups", broker->pools[i].n_users},
		};

		mp_put_cstr(b, quota_word(i));
		mp_put_map(b, N_OF(entries));
		put_entries(b, entries, N_OF(entries));
	}
}

/* ---- a group ---- */

static const char *state_word(enum member_state state)
{
	static const char *const words[] = {
		[MEMBER_ABSENT] = "absent",
		[MEMBER_JOINING] = "joining",
		[MEMBER_UP] = "up",
		[MEMBER_LOST] = "lost",
	};

	return words[state];
}

static uint64_t list_count(const struct list *list)
{
	uint64_t n = 0;

	for (const struct list *it = list->next; it != list; it = it->next)
		n++;
	return n;
}

static void put_top_sender(struct buf *b, const struct member *member)
{
	const struct member *top = member->top_bytes && (member_unread_bytes(member) || member->held_bytes)
					   ? member_find(member->broker, member->top_sender)
					   : NULL;

	mp_put_cstr(b, "top_sender");
	if (!top) {
		mp_put_nil(b);
		return;
	}
	mp_put_array(b, 3);
	mp_put_uint(b, top->group);
	mp_put_cstr(b, top->name);
	mp_put_uint(b, (uint64_t)top->pid);
}

static void put_group(struct buf *b, const struct member *member)
{
	const struct member_count *count = &member->count;
	const struct entry entries[] = {
		{"group", member->group},
		{"pid", (uint64_t)member->pid},
		{"uid", member->uid},
		{"paused", list_count(&member->holds)},
		{"waits_for", list_count(&member->pauses)},
		{"unread_bytes", member_unread_bytes(member)},
		{"held_bytes", member->held_bytes},
		{"held_frames", member->n_held},
		{"frames_in", count->frames_in},
		{"bytes_in", count->bytes_in},
		{"frames_out", count->frames_out},
		{"bytes_out", count->bytes_out},
		{"dropped", count->dropped},
		{"refused", count->refused},
		{"over_quota", count->over},
		{"stalls", count->stalls},
		{"answers", count->answers},
		{"answers_us", count->answers_us},
	};

	mp_put_map(b, N_OF(entries) + 8);
	put_entries(b, entries, N_OF(entries));
	mp_put_cstr(b, "name");
	mp_put_cstr(b, member->name);
	mp_put_cstr(b, "state");
	mp_put_cstr(b, state_word(member->state));
	mp_put_cstr(b, "late");
	mp_put_bool(b, member->awaited || member->state == MEMBER_LOST);
	mp_put_cstr(b, "congested");
	mp_put_bool(b, member->congested);
	mp_put_cstr(b, "stalled");
	mp_put_bool(b, member->stalled);
	put_top_sender(b, member);
	mp_put_cstr(b, "used");
	mp_put_map(b, QUOTA_N);
	for (int i = 0; i < QUOTA_N; i++)
		put_entries(b, &(struct entry){quota_word(i), member->quota.used[i]}, 1);
	mp_put_cstr(b, "may");
	mp_put_map(b, QUOTA_N);
	for (int i = 0; i < QUOTA_N; i++)
		put_entries(b, &(struct entry){quota_word(i), quota_limit(member, i)}, 1);
}

/* ---- many of them ---- */

struct choice {
	const struct member *member;
	uint64_t weight;
};

struct choices {
	const char *name; /* groups with this name are chosen; NULL: all groups */
	const struct member *except;
	uint64_t (*weight)(const struct member *member);
	struct choice *items;
	size_t n;
};

static uint64_t weight_of_waiting(const struct member *member)
{
	return member_unread_bytes(member) + member->held_bytes + member->quota.used[QUOTA_WAITING];
}

static uint64_t weight_of_traffic(const struct member *member)
{
	return member->count.bytes_in + member->count.bytes_out;
}

static void choose(struct hash_node *node, void *arg)
{
	struct choices *choices = arg;
	const struct member *member = container_of(node, struct member, node);

	if (member != choices->except && (!choices->name || !strcmp(member->name, choices->name)))
		choices->items[choices->n++] = (struct choice){member, choices->weight(member)};
}

/* The heaviest first; of equally heavy groups the older first. */
static int compare(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return (x->member->group > y->member->group) - (x->member->group < y->member->group);
}

static void put_choices(struct buf *b, const struct broker *broker, const struct choices *choices, size_t max)
{
	size_t n = choices->n < max ? choices->n : max;

	mp_put_cstr(b, "n");
	mp_put_uint(b, choices->n);
	mp_put_cstr(b, "limits");
	put_limits(b, broker);
	mp_put_cstr(b, "pools");
	put_pools(b, broker);
	mp_put_cstr(b, "groups");
	mp_put_array(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		put_group(b, choices->items[i].member);
}

/* Fills and sorts choices.items, which the caller frees. 0 or -ENOMEM. */
static int choose_all(struct broker *broker, struct choices *choices)
{
	choices->items = calloc(broker->members.n_items + 1, sizeof(*choices->items));
	if (!choices->items)
		return -ENOMEM;
	hash_each(&broker->members, choose, choices);
	qsort(choices->items, choices->n, sizeof(*choices->items), compare);
	return 0;
}

static int read_max(struct mp_reader *args, bool given, size_t *ret)
{
	uint64_t max = GROUPS_DEFAULT;

	if (given && mp_read_nil(args) < 0 && mp_read_uint(args, &max) < 0)
		return -EPROTO;
	*ret = max < GROUPS_MAX ? max : GROUPS_MAX;
	return 0;
}

/* ---- the methods ---- */

int method_stats(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct buf *result = broker_body(member->broker);

	put_stats(result, member->broker);
	answer_result(member, call, result);
	return 0;
}

int method_metrics(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	/* not the asker: a client that asks each minute is a new group each time */
	struct choices choices = {.weight = weight_of_traffic, .except = member};
	struct broker *broker = member->broker;
	struct buf *result;
	size_t max;

	if (read_max(args, n > 0, &max) < 0)
		return -EPROTO;
	if (choose_all(broker, &choices) < 0) {
		answer_refuse(member, call, ERROR_OVERLOADED, "out of memory");
		return 0;
	}
	result = broker_body(broker);
	mp_put_map(result, 6);
	put_choices(result, broker, &choices, max);
	mp_put_cstr(result, "broker");
	put_stats(result, broker);
	mp_put_cstr(result, "latency");
	put_latency(result, &broker->latency);
	free(choices.items);
	answer_result(member, call, result);
	return 0;
}

static int choose_one(struct choices *choices, const struct member *member)
{
	choices->items = calloc(1, sizeof(*choices->items));
	if (!choices->items)
		return -ENOMEM;
	choices->items[choices->n++] = (struct choice){.member = member};
	return 0;
}

static void answer_quota(
	struct member *member, const struct wire_frame *call, const struct choices *choices, size_t max)
{
	struct buf *result = broker_body(member->broker);

	mp_put_map(result, 4);
	put_choices(result, member->broker, choices, max);
	answer_result(member, call, result);
}

int method_quota(struct member *member, const struct wire_frame *call, struct mp_reader *args, uint32_t n)
{
	struct choices choices = {.weight = weight_of_waiting};
	struct broker *broker = member->broker;
	struct wire_str text = wire_str(NULL, 0);
	char name[WIRE_NAME_MAX_BYTES + 1];
	const struct member *one = NULL;
	bool by_id = false;
	uint64_t group;
	actor_ref ref;
	size_t max;
	int r = 0;

	if (n > 0 && mp_read_nil(args) < 0) {
		by_id = mp_read_uint(args, &group) == 0;
		if (!by_id && service_read_name(args, &text) < 0)
			return -EPROTO;
		if (by_id)
			one = member_find(broker, group);
		else if (registry_find(broker, text, &ref))
			one = member_find(broker, ref.group);
		if (!by_id) {
			snprintf(name, sizeof(name), "%.*s", (int)text.len, text.s);
			choices.name = name;
		}
	}
	if (read_max(args, n > 1, &max) < 0)
		return -EPROTO;
	if (one)
		r = choose_one(&choices, one);
	else if (!by_id)
		r = choose_all(broker, &choices);
	if (r < 0)
		answer_refuse(member, call, ERROR_OVERLOADED, "out of memory");
	else if (!choices.n && (by_id || choices.name))
		answer_refuse(member, call, ERROR_NOPROC, "no such group or name");
	else
		answer_quota(member, call, &choices, max);
	free(choices.items);
	return 0;
}
