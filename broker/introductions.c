/*
 * A pair is two groups that have to do with each other. Each end says for itself whether it has the link: `up` is set when the
 * broker told that end to make it (or that end announced it), and cleared when that end says it is gone. Only when both
 * are clear a new link is begun, so no end ever holds two links with the same group, and no frame of an old link comes after one
 * of a new.
 */
#include "introductions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker.h"
#include "member.h"
#include "service.h"
#include "util/mp.h"

#define INTRODUCTION_NS 2000000000 /* docs/protocol.md: void after 2 s at both ends */
#define PATH_BYTES 4352

struct pair_end {
	struct list by_member; /* member.pairs */
	struct pair *pair;
	struct member *member;
	bool up;
	bool monitors; /* wants to hear of the other's end */
	bool asks;     /* its `introduce` waits until the other end's old link is gone; answer to: */
	actor_ref ask_from;
	uint64_t ask_id;
};

struct pair {
	struct hash_node node; /* introductions.pairs */
	struct hash_node open; /* introductions.open, while id is not 0 */
	struct list timer;     /* introductions.timers, while the listener has not answered */
	struct pair_end end[2]; /* lower group id first */
	struct member *charged;
	uint64_t id;	     /* of the introduction; stays after it was made until one end says otherwise */
	int listener;	     /* which end */
	bool listening;	     /* it answered, the other was told to dial */
	int64_t deadline_ns; /* until then nothing an end asks can mean that it wants another one */
};

void introductions_init(struct introductions *introductions, uint64_t incarnation)
{
	*introductions = (struct introductions){.n = incarnation << 32};
	hash_init(&introductions->pairs);
	hash_init(&introductions->open);
	list_init(&introductions->timers);
}

void introductions_deinit(struct introductions *introductions)
{
	hash_deinit(&introductions->pairs);
	hash_deinit(&introductions->open);
}

/* ---- pairs ------------------------------------------------------------------------------------------------------ */

static uint64_t pair_hash(const struct introductions *introductions, uint64_t a, uint64_t b)
{
	uint64_t key[2] = {a < b ? a : b, a < b ? b : a};

	return hash_of_bytes(&introductions->pairs, key, sizeof(key));
}

static struct pair *pair_find(const struct member *a, const struct member *b)
{
	const struct introductions *introductions = &a->broker->introductions;
	struct hash_node *node = hash_first(&introductions->pairs, pair_hash(introductions, a->group, b->group));

	for (; node; node = hash_next(node)) {
		struct pair *pair = container_of(node, struct pair, node);

		if ((pair->end[0].member == a && pair->end[1].member == b) || (pair->end[0].member == b && pair->end[1].member == a))
			return pair;
	}
	return NULL;
}

static struct pair_end *pair_end_of(struct pair *pair, const struct member *member)
{
	return &pair->end[pair->end[1].member == member];
}

static struct pair_end *pair_other_end(struct pair *pair, const struct member *member)
{
	return &pair->end[pair->end[0].member == member];
}

static struct pair *pair_of_end(struct list *by_member)
{
	return container_of(by_member, struct pair_end, by_member)->pair;
}

static struct pair *pair_new(struct member *member, struct member *other)
{
	struct introductions *introductions = &member->broker->introductions;
	struct pair *pair;

	if (!quota_take(member, QUOTA_PAIRS, 1))
		return NULL;
	pair = calloc(1, sizeof(*pair));
	if (!pair || hash_insert(&introductions->pairs, &pair->node, pair_hash(introductions, member->group, other->group)) < 0) {
		free(pair);
		quota_give(member, QUOTA_PAIRS, 1);
		return NULL;
	}
	pair->charged = member;
	pair->end[0].member = member->group < other->group ? member : other;
	pair->end[1].member = member->group < other->group ? other : member;
	for (int i = 0; i < 2; i++) {
		pair->end[i].pair = pair;
		list_append(&pair->end[i].member->pairs, &pair->end[i].by_member);
	}
	return pair;
}

static void pair_close(struct introductions *introductions, struct pair *pair)
{
	list_remove(&pair->timer);
	if (pair->id)
		hash_remove(&introductions->open, &pair->open);
	pair->id = 0;
	pair->listening = false;
}

static void pair_free(struct introductions *introductions, struct pair *pair)
{
	pair_close(introductions, pair);
	hash_remove(&introductions->pairs, &pair->node);
	for (int i = 0; i < 2; i++)
		list_remove(&pair->end[i].by_member);
	quota_give(pair->charged, QUOTA_PAIRS, 1);
	free(pair);
}

static struct pair *pair_find_open(const struct member *member, uint64_t id)
{
	const struct introductions *introductions = &member->broker->introductions;
	struct hash_node *node = hash_first(&introductions->open, hash_of_u64(&introductions->open, id));

	for (; node; node = hash_next(node)) {
		struct pair *pair = container_of(node, struct pair, open);

		if (pair->id == id && (pair->end[0].member == member || pair->end[1].member == member))
			return pair;
	}
	return NULL;
}

/* ---- an introduction -------------------------------------------------------------------------------------------- */

static void cast_introduce(struct pair *pair, struct member *to, struct member *other)
{
	struct broker *broker = to->broker;
	bool listens = pair->end[pair->listener].member == to;
	char path[PATH_BYTES];
	struct buf *body = broker_body(broker);

	snprintf(path, sizeof(path), "%s/g/%" PRIu64 "/%" PRIu64 ".%" PRIu64 ".ipc", broker->runtime_dir,
		listens ? to->group : other->group, listens ? other->group : to->group, pair->id);
	mp_put_array(body, 7);
	mp_put_uint(body, pair->id);
	mp_put_cstr(body, listens ? "listen" : "dial");
	mp_put_uint(body, other->group);
	mp_put_cstr(body, path);
	mp_put_uint(body, other->uid);
	mp_put_uint(body, (uint64_t)other->pid);
	mp_put_cstr(body, other->name);
	member_cast(to, "introduce", body);
}

/* @end dials, the other listens. */
static bool pair_begin(struct pair *pair, struct pair_end *end)
{
	struct broker *broker = end->member->broker;
	struct introductions *introductions = &broker->introductions;
	uint64_t id = introductions->n + 1;

	pair_close(introductions, pair);
	if (hash_insert(&introductions->open, &pair->open, hash_of_u64(&introductions->open, id)) < 0)
		return false;
	introductions->n = pair->id = id;
	pair->listener = end == &pair->end[0];
	pair->deadline_ns = broker->now_ns + INTRODUCTION_NS;
	list_append(&introductions->timers, &pair->timer);
	cast_introduce(pair, pair->end[pair->listener].member, end->member);
	return true;
}

static void tell_failed(struct member *member, const struct member *other, uint64_t id, struct wire_str text)
{
	struct buf *body = broker_body(member->broker);

	mp_put_array(body, 3);
	mp_put_uint(body, id);
	mp_put_uint(body, other->group);
	mp_put_str(body, text.s, text.len);
	member_cast(member, "introduce_failed", body);
}

/* An end changed: begin what waits for it, or forget the pair when nothing is left of it. */
static void pair_settle(struct pair *pair)
{
	struct introductions *introductions = &pair->charged->broker->introductions;

	if (pair->end[0].up || pair->end[1].up || list_is_linked(&pair->timer))
		return;
	for (int i = 0; i < 2; i++) {
		struct pair_end *end = &pair->end[i];
		bool begun;

		if (!end->asks)
			continue;
		begun = list_is_linked(&pair->timer) || pair_begin(pair, end);
		end->asks = false;
		if (begun) {
			service_nil(end->member, end->ask_from, end->ask_id);
		} else {
			struct wire_frame call = {.from = end->ask_from, .id = end->ask_id, .type = WIRE_CALL};

			service_error(end->member, &call, "overloaded", "out of memory for an introduction");
		}
	}
	if (list_is_linked(&pair->timer))
		return;
	pair_close(introductions, pair);
	if (!pair->end[0].monitors && !pair->end[1].monitors)
		pair_free(introductions, pair);
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

void introductions_ask(struct member *asker, uint64_t group, const struct wire_frame *call)
{
	struct broker *broker = asker->broker;
	struct member *other = member_find(broker, group);
	struct pair *pair;
	struct pair_end *mine, *theirs;

	if (other == asker || group == broker->group) {
		service_error(asker, call, "bad_args", "a group needs no link with itself, nor another one with the broker");
		return;
	}
	if (!other || other->state == MEMBER_ABSENT || other->left || other->exited) {
		service_error(asker, call, "noproc", "no such group");
		return;
	}
	if (other->state == MEMBER_LOST) {
		service_error(asker, call, "noconnection", "that group has no link to the broker now");
		return;
	}
	if (other->single || asker->single) {
		service_error(asker, call, "single", "that group has one link only: send to it by the broker");
		return;
	}
	pair = pair_find(asker, other);
	if (!pair)
		pair = pair_new(asker, other);
	if (!pair) {
		service_error(asker, call, "overloaded", "too many links of this group");
		return;
	}
	mine = pair_end_of(pair, asker);
	theirs = pair_other_end(pair, asker);

	/* Asked from both sides, or twice: one is under way, or was made so lately that this request crossed it. */
	if (list_is_linked(&pair->timer) || (mine->up && pair->id && broker->now_ns < pair->deadline_ns)) {
		service_nil(asker, call->from, call->id);
		return;
	}
	mine->up = false;
	if (theirs->up) {
		if (mine->asks)
			service_nil(asker, mine->ask_from, mine->ask_id);
		mine->asks = true;
		mine->ask_from = call->from;
		mine->ask_id = call->id;
		return;
	}
	if (!pair_begin(pair, mine)) {
		service_error(asker, call, "overloaded", "out of memory for an introduction");
		pair_settle(pair);
		return;
	}
	service_nil(asker, call->from, call->id);
}

void introductions_listening(struct member *listener, uint64_t id)
{
	struct pair *pair = pair_find_open(listener, id);

	if (!pair || pair->listening || pair->end[pair->listener].member != listener || !list_is_linked(&pair->timer))
		return; /* too late: it is void */
	list_remove(&pair->timer);
	pair->listening = true;
	pair->deadline_ns = listener->broker->now_ns + INTRODUCTION_NS;
	pair->end[0].up = pair->end[1].up = true;
	cast_introduce(pair, pair->end[!pair->listener].member, listener);
}

void introductions_failed(struct member *member, uint64_t id, struct wire_str text)
{
	struct pair *pair = pair_find_open(member, id);
	struct member *other;
	char who[MEMBER_WHO_MAX], who_other[MEMBER_WHO_MAX];

	if (!pair)
		return;
	other = pair_other_end(pair, member)->member;
	broker_log(member->broker, LOG_WARNING, "no link between %s and %s: %.*s", member_who(member, who),
		member_who(other, who_other), (int)(text.len < 200 ? text.len : 200), text.s);
	if (pair_end_of(pair, member)->up || list_is_linked(&pair->timer))
		tell_failed(other, member, id, text);
	list_remove(&pair->timer);
	pair_end_of(pair, member)->up = false;
	pair_settle(pair);
}

void introductions_link_down(struct member *member, uint64_t group)
{
	struct member *other = member_find(member->broker, group);
	struct pair *pair = other ? pair_find(member, other) : NULL;

	if (!pair)
		return;
	pair_end_of(pair, member)->up = false;
	pair_settle(pair);
}

int introductions_announce(struct member *member, struct member *other, bool has_link, bool monitors)
{
	struct pair *pair = pair_find(member, other);

	if (!pair)
		pair = pair_new(member, other);
	if (!pair)
		return -EDQUOT;
	pair_end_of(pair, member)->up |= has_link;
	pair_end_of(pair, member)->monitors |= monitors;
	return 0;
}

/* ---- ends ------------------------------------------------------------------------------------------------------- */

bool introductions_is_monitored(const struct member *member)
{
	list_for_each(it, &member->pairs) {
		const struct pair_end *other = pair_other_end(pair_of_end(it), member);

		if (other->monitors && !other->up)
			return true;
	}
	return false;
}

void introductions_end(struct member *member, const struct buf *group_down)
{
	struct broker *broker = member->broker;

	list_for_each_safe(it, &member->pairs) {
		struct pair *pair = pair_of_end(it);
		struct pair_end *other = pair_other_end(pair, member);

		if (other->asks) {
			struct wire_frame call = {.type = WIRE_CALL, .from = other->ask_from, .id = other->ask_id};

			service_error(other->member, &call, "noproc", "that group ended");
		}
		if (group_down && other->member->mark != member->mark) {
			other->member->mark = member->mark;
			member_cast(other->member, "group_down", group_down);
		}
		pair_free(&broker->introductions, pair);
	}
}

void introductions_tick(struct broker *broker)
{
	struct list *timers = &broker->introductions.timers;

	while (!list_is_empty(timers)) {
		struct pair *pair = container_of(timers->next, struct pair, timer);
		struct member *listener = pair->end[pair->listener].member;
		struct member *dialer = pair->end[!pair->listener].member;
		char who[MEMBER_WHO_MAX], who_dialer[MEMBER_WHO_MAX];

		if (pair->deadline_ns > broker->now_ns)
			return;
		broker_log(broker, LOG_WARNING, "no link between %s and %s: the first did not listen within 2 s",
			member_who(listener, who), member_who(dialer, who_dialer));
		tell_failed(dialer, listener, pair->id, wire_cstr("the other group did not listen within 2 s"));
		list_remove(&pair->timer);
		pair_settle(pair);
	}
}

int64_t introductions_deadline_ns(const struct broker *broker)
{
	const struct list *timers = &broker->introductions.timers;

	return list_is_empty(timers) ? INT64_MAX : container_of(timers->next, struct pair, timer)->deadline_ns;
}
