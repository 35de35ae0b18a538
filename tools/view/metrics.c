/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "libactor/protocol/names.h"
#include "tools/lib/json.h"
#include "tools/lib/openmetrics.h"
#include "tools/view/session.h"

#define BOUNDS_MAX 64

/* ---- asking ---- */

static int ask(struct session *session, const char *name, const char *method, json_t *args,
	int64_t timeout_ms, json_t **ret)
{
	const actor_dest to = actor_named(name);
	struct session_error error;

	return session_ask(session, &to, method, args, timeout_ms, ret, &error);
}

int metrics_ask(const struct ctl *ctl, uint64_t max, int64_t timeout_ms, struct metrics *ret)
{
	struct session *session;
	int r;

	*ret = (struct metrics){0};
	r = session_try_open(ctl, ACTOR_JOIN_BROKER, timeout_ms, &session);
	if (!r) {
		r = ask(session, NAME_BROKER, "metrics", json_pack("[I]", (json_int_t)max), timeout_ms,
			&ret->broker);
		session_close(session);
	}
	if (!session_try_open(ctl, ACTOR_JOIN_SPAWNER, timeout_ms, &session)) {
		if (!ask(session, NAME_SPAWNER, "status", json_array(), timeout_ms, &ret->node))
			(void)ask(session, NAME_SPAWNER, "ls", json_array(), timeout_ms, &ret->children);
		session_close(session);
	}
	return ret->broker || ret->node ? 0 : r ? r : -ENOTCONN;
}

void metrics_deinit(struct metrics *metrics)
{
	json_decref(metrics->broker);
	json_decref(metrics->node);
	json_decref(metrics->children);
	*metrics = (struct metrics){0};
}

/* ---- one number, one family ---- */

struct family {
	const char *key;  /* its key in the answer's map */
	const char *name; /* its name as a metric */
	enum openmetrics_type type;
	const char *help;
};

static const char *suffix_of(enum openmetrics_type type)
{
	return type == OPENMETRICS_COUNTER ? "_total" : "";
}

static uint64_t number_of(const json_t *map, const char *key)
{
	const json_t *value = json_object_get(map, key);

	return json_is_true(value) ? 1 : json_to_uint(value);
}

static void put_map(struct buf *b, const json_t *map, const struct family *families)
{
	for (const struct family *f = families; f->key; f++) {
		openmetrics_family(b, f->name, f->type, f->help);
		openmetrics_sample(b, f->name, suffix_of(f->type), NULL, 0, number_of(map, f->key));
	}
}

/* ---- the broker ---- */

static const struct family broker_families[] = {
	{"groups", "actor_groups", OPENMETRICS_GAUGE, "Groups that the broker knows."},
	{"names", "actor_names", OPENMETRICS_GAUGE, "Registered names."},
	{"memberships", "actor_memberships", OPENMETRICS_GAUGE, "Memberships in process groups."},
	{"watches", "actor_watches", OPENMETRICS_GAUGE, "Watched names and process groups."},
	{"calls", "actor_open_calls", OPENMETRICS_GAUGE, "Routed calls without an answer yet."},
	{"monitors", "actor_open_monitors", OPENMETRICS_GAUGE, "Routed monitors."},
	{"pairs", "actor_links", OPENMETRICS_GAUGE, "Pairs of groups with a link, or with one on its way."},
	{"waiting", "actor_waiting_requests", OPENMETRICS_GAUGE,
		"Requests that wait for the recovery, or for the owner of a name."},
	{"hellos", "actor_hellos", OPENMETRICS_COUNTER, "Hellos, refused ones included."},
	{"refused", "actor_hellos_refused", OPENMETRICS_COUNTER, "Hellos that were refused."},
	{"frames", "actor_frames", OPENMETRICS_COUNTER, "Frames that the broker handled."},
	{"routed", "actor_frames_routed", OPENMETRICS_COUNTER, "Frames given on to another group."},
	{"dropped", "actor_frames_dropped", OPENMETRICS_COUNTER, "Casts and late answers that were dropped."},
	{"refused_calls", "actor_calls_refused", OPENMETRICS_COUNTER,
		"Calls and monitors refused because their group did not keep up."},
	{"over_quota", "actor_over_quota", OPENMETRICS_COUNTER, "Requests beyond the quota of their group."},
	{"stalls", "actor_stalls", OPENMETRICS_COUNTER,
		"Times that a group read nothing for the stall time-out."},
	{"cut", "actor_links_cut", OPENMETRICS_COUNTER, "Links that the broker ended."},
	{"ended", "actor_groups_ended", OPENMETRICS_COUNTER, "Groups that ended."},
	{0},
};

static const struct family group_families[] = {
	{"unread_bytes", "actor_group_unread_bytes", OPENMETRICS_GAUGE, "Written for it and not read by it."},
	{"held_bytes", "actor_group_held_bytes", OPENMETRICS_GAUGE, "Sent to its paused actors, and kept."},
	{"held_frames", "actor_group_held_frames", OPENMETRICS_GAUGE, "Frames kept for its paused actors."},
	{"paused", "actor_group_paused_actors", OPENMETRICS_GAUGE, "Its actors that take nothing now."},
	{"congested", "actor_group_congested", OPENMETRICS_GAUGE, "1: its senders wait until it reads."},
	{"stalled", "actor_group_stalled", OPENMETRICS_GAUGE,
		"1: it reads nothing, and what is sent to it is refused."},
	{"late", "actor_group_late", OPENMETRICS_GAUGE, "1: its link ended, or it has not come back yet."},
	{"frames_in", "actor_group_frames_in", OPENMETRICS_COUNTER, "Frames that it sent to the broker."},
	{"bytes_in", "actor_group_in_bytes", OPENMETRICS_COUNTER, "Bytes that it sent to the broker."},
	{"frames_out", "actor_group_frames_out", OPENMETRICS_COUNTER, "Frames written for it."},
	{"bytes_out", "actor_group_out_bytes", OPENMETRICS_COUNTER, "Bytes given to its link."},
	{"dropped", "actor_group_dropped", OPENMETRICS_COUNTER,
		"Casts for it dropped because it did not keep up."},
	{"refused", "actor_group_refused", OPENMETRICS_COUNTER,
		"Calls and monitors for it refused because it did not keep up."},
	{"over_quota", "actor_group_over_quota", OPENMETRICS_COUNTER, "Its requests beyond its quota."},
	{"stalls", "actor_group_stalls", OPENMETRICS_COUNTER,
		"Times that it read nothing for the stall time-out."},
	{"answers", "actor_group_answers", OPENMETRICS_COUNTER, "Routed calls that it answered."},
	{0},
};

static void put_latency(struct buf *b, const json_t *latency)
{
	const json_t *bounds = json_object_get(latency, "bounds_us"),
		     *counts = json_object_get(latency, "counts");
	uint64_t bounds_us[BOUNDS_MAX], n[BOUNDS_MAX + 1];
	size_t n_bounds = json_array_size(bounds);

	if (n_bounds > BOUNDS_MAX || json_array_size(counts) != n_bounds + 1)
		return;
	for (size_t i = 0; i < n_bounds; i++)
		bounds_us[i] = json_to_uint(json_array_get(bounds, i));
	for (size_t i = 0; i <= n_bounds; i++)
		n[i] = json_to_uint(json_array_get(counts, i));
	openmetrics_family(b, "actor_call_seconds", OPENMETRICS_HISTOGRAM,
		"How long routed calls took until their answer came to the broker.");
	openmetrics_histogram_us(b, "actor_call_seconds", bounds_us, n, n_bounds,
		json_to_uint(json_object_get(latency, "sum_us")));
}

struct group_labels {
	char id[24];
	struct openmetrics_label labels[3]; /* the third is for the caller */
};

/* Labels a line with id and name of a group, since the same name comes with many ids. */
static void label_group(const json_t *group, struct group_labels *ret)
{
	const char *name = json_string_value(json_object_get(group, "name"));

	snprintf(ret->id, sizeof(ret->id), "%" PRIu64, json_to_uint(json_object_get(group, "group")));
	ret->labels[0] = (struct openmetrics_label){"group", ret->id};
	ret->labels[1] = (struct openmetrics_label){"name", name ? name : "?"};
}

static void put_groups(struct buf *b, const json_t *groups)
{
	struct group_labels labels;
	const json_t *group;
	size_t i;

	for (const struct family *f = group_families; f->key; f++) {
		openmetrics_family(b, f->name, f->type, f->help);
		json_array_foreach(groups, i, group) {
			label_group(group, &labels);
			openmetrics_sample(
				b, f->name, suffix_of(f->type), labels.labels, 2, number_of(group, f->key));
		}
	}
	openmetrics_family(b, "actor_group_answer_seconds", OPENMETRICS_COUNTER,
		"How long the calls that it answered took together.");
	json_array_foreach(groups, i, group) {
		label_group(group, &labels);
		openmetrics_sample_us(b, "actor_group_answer_seconds", "_total", labels.labels, 2,
			number_of(group, "answers_us"));
	}
}

static void put_quotas(struct buf *b, const json_t *groups, const json_t *limits)
{
	struct group_labels labels;
	const json_t *group;
	json_t *value;
	const char *kind;
	size_t i;

	openmetrics_family(b, "actor_group_quota_used", OPENMETRICS_GAUGE, "What it has of what is limited.");
	json_array_foreach(groups, i, group) {
		label_group(group, &labels);
		json_object_foreach(json_object_get(group, "used"), kind, value) {
			labels.labels[2] = (struct openmetrics_label){"kind", kind};
			openmetrics_sample(
				b, "actor_group_quota_used", "", labels.labels, 3, json_to_uint(value));
		}
	}
	openmetrics_family(b, "actor_group_quota_limit", OPENMETRICS_GAUGE, "What each group may have.");
	json_object_foreach((json_t *)limits, kind, value) {
		struct openmetrics_label label = {"kind", kind};

		openmetrics_sample(b, "actor_group_quota_limit", "", &label, 1, json_to_uint(value));
	}
}

/* Writes how much all groups together have beyond their own. */
static void put_pools(struct buf *b, const json_t *pools)
{
	static const struct {
		const char *key, *family, *help;
	} families[] = {
		{"used", "actor_quota_pool_used", "What groups have together beyond what is each one's own."},
		{"size", "actor_quota_pool_size", "How large that may be."},
		{"groups", "actor_quota_pool_groups", "How many groups share it."},
	};
	json_t *pool;
	const char *kind;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		openmetrics_family(b, families[i].family, OPENMETRICS_GAUGE, families[i].help);
		json_object_foreach((json_t *)pools, kind, pool) {
			struct openmetrics_label label = {"kind", kind};

			openmetrics_sample(b, families[i].family, "", &label, 1,
				json_to_uint(json_object_get(pool, families[i].key)));
		}
	}
}

static void put_left_out(struct buf *b, const char *family, const char *help, uint64_t n, uint64_t n_shown)
{
	openmetrics_family(b, family, OPENMETRICS_GAUGE, help);
	openmetrics_sample(b, family, "", NULL, 0, n > n_shown ? n - n_shown : 0);
}

static void put_broker(struct buf *b, const json_t *broker)
{
	const json_t *groups = json_object_get(broker, "groups");

	put_map(b, json_object_get(broker, "broker"), broker_families);
	put_latency(b, json_object_get(broker, "latency"));
	put_left_out(b, "actor_groups_left_out",
		"Groups without lines of their own: those that moved least bytes.",
		json_to_uint(json_object_get(broker, "n")), json_array_size(groups));
	put_groups(b, groups);
	put_quotas(b, groups, json_object_get(broker, "limits"));
	put_pools(b, json_object_get(broker, "pools"));
}

/* ---- the supervisor ---- */

static void put_daemons(struct buf *b, const json_t *node)
{
	static const char *const daemons[] = {"keeper", "supervisor", "broker"};

	openmetrics_family(
		b, "actor_daemon_uptime_seconds", OPENMETRICS_GAUGE, "Since when a daemon of the node runs.");
	for (int i = 0; i < 3; i++) {
		struct openmetrics_label label = {"daemon", daemons[i]};

		openmetrics_sample_us(b, "actor_daemon_uptime_seconds", "", &label, 1,
			number_of(json_object_get(node, daemons[i]), "uptime_ms") * 1000);
	}
	openmetrics_family(
		b, "actor_daemon_restarts", OPENMETRICS_COUNTER, "Times that a daemon was started again.");
	for (int i = 1; i < 3; i++) {
		struct openmetrics_label label = {"daemon", daemons[i]};

		openmetrics_sample(b, "actor_daemon_restarts", "_total", &label, 1,
			number_of(json_object_get(node, daemons[i]), "restarts"));
	}
}

static void put_states(struct buf *b, const json_t *states)
{
	const char *state;
	json_t *n;

	openmetrics_family(b, "actor_children", OPENMETRICS_GAUGE, "Supervised processes by state.");
	json_object_foreach((json_t *)states, state, n) {
		struct openmetrics_label label = {"state", state};

		openmetrics_sample(b, "actor_children", "", &label, 1, json_to_uint(n));
	}
}

static struct openmetrics_label label_child(const json_t *child)
{
	const char *name = json_string_value(json_object_get(child, "name"));

	return (struct openmetrics_label){"child", name ? name : "?"};
}

static void put_children(struct buf *b, const json_t *children, uint64_t max)
{
	size_t n = json_array_size(children) < max ? json_array_size(children) : (size_t)max;

	openmetrics_family(
		b, "actor_child_restarts", OPENMETRICS_COUNTER, "Times that it was started again.");
	for (size_t i = 0; i < n; i++) {
		const json_t *child = json_array_get(children, i);
		struct openmetrics_label label = label_child(child);

		openmetrics_sample(
			b, "actor_child_restarts", "_total", &label, 1, number_of(child, "restarts"));
	}
	openmetrics_family(b, "actor_child_up", OPENMETRICS_GAUGE, "1: it has a process.");
	for (size_t i = 0; i < n; i++) {
		const json_t *child = json_array_get(children, i);
		struct openmetrics_label label = label_child(child);

		openmetrics_sample(b, "actor_child_up", "", &label, 1, number_of(child, "pid") != 0);
	}
	put_left_out(b, "actor_children_left_out", "Supervised processes without lines of their own.",
		json_array_size(children), n);
}

void metrics_text(const struct metrics *metrics, uint64_t max, struct buf *ret)
{
	static const struct openmetrics_label daemons[] = {{"daemon", "broker"}, {"daemon", "supervisor"}};

	openmetrics_family(ret, "actor_up", OPENMETRICS_GAUGE, "1: the daemon answered.");
	openmetrics_sample(ret, "actor_up", "", &daemons[0], 1, metrics->broker != NULL);
	openmetrics_sample(ret, "actor_up", "", &daemons[1], 1, metrics->node != NULL);
	if (metrics->broker)
		put_broker(ret, metrics->broker);
	if (metrics->node) {
		put_daemons(ret, metrics->node);
		put_states(ret, json_object_get(metrics->node, "children"));
		put_children(ret, metrics->children, max);
	}
	openmetrics_end(ret);
}
