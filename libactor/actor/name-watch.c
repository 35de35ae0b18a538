/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/name-watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/pattern.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

#define PART_MAX     16384 /* names in one answer; the broker has the same limit */
#define METHOD_WATCH "names_watch"

/* A name that fits, and its owner as the watcher knows it. */
struct watched_name {
	struct hash_node node; /* watch->names */
	actor_ref who;
	uint64_t round; /* the last round in which the broker told it */
	uint32_t length;
	char name[];
};

struct name_watch {
	uint64_t id;
	struct actor *watcher;
	struct list by_group; /* group->name_watches */
	struct hash names;
	uint64_t round; /* how often the broker was asked for all names */
	bool whole;     /* the broker has told all names in this round */
	bool telling;   /* the watcher gets events; before, the table is filled for its snapshot */
	bool waiting;   /* the watcher is parked until the table is whole */
	int r;          /* the error for which the broker tells the watch nothing */
	uint32_t length;
	char pattern[];
};

void name_watchers_init(actor_group *group)
{
	list_init(&group->name_watches);
}

void name_watchers_deinit(actor_group *group)
{
	slots_deinit(&group->name_watch_ids);
}

/* ---- the table ---- */

static struct watched_name *watched_find(const struct name_watch *watch, struct wire_str name)
{
	uint64_t hash = hash_of_bytes(&watch->names, name.s, name.len);

	for (struct hash_node *node = hash_first(&watch->names, hash); node; node = hash_next(node)) {
		struct watched_name *watched = container_of(node, struct watched_name, node);

		if (watched->length == name.len && !memcmp(watched->name, name.s, name.len))
			return watched;
	}
	return NULL;
}

/* Returns NULL when out of memory. */
static struct watched_name *watched_new(struct name_watch *watch, struct wire_str name)
{
	struct watched_name *watched = malloc(sizeof(*watched) + name.len);

	if (!watched || hash_insert(&watch->names, &watched->node,
				hash_of_bytes(&watch->names, name.s, name.len)) < 0) {
		free(watched);
		return NULL;
	}
	watched->length = (uint32_t)name.len;
	memcpy(watched->name, name.s, name.len);
	return watched;
}

static void watched_free(struct hash_node *node, void *arg)
{
	struct name_watch *watch = arg;

	hash_remove(&watch->names, node);
	free(container_of(node, struct watched_name, node));
}

/* ---- telling ---- */

/* Sends the event [change, name, who, was], which actor_name_handle() reads. */
static void watch_tell(const struct name_watch *watch, enum actor_name_change change, struct wire_str name,
	actor_ref who, actor_ref was)
{
	struct buf event = BUF_INIT;
	actor_msg *msg;

	if (!watch->telling || watch->watcher->status == ACTOR_ENDING)
		return;
	mp_put_array(&event, 4);
	mp_put_uint(&event, change);
	mp_put_str(&event, name.s, name.len);
	mp_put_ref(&event, who);
	mp_put_ref(&event, was);
	if (buf_error(&event) == 0 &&
		msg_new_received(&msg, who, wire_cstr("on_name"), event.data, event.size_bytes) == 0) {
		msg->kind = MSG_NAME;
		msg->id = watch->id;
		mailbox_push(watch->watcher, msg);
	} else {
		actor_starve(watch->watcher, "of a change of a name");
	}
	buf_deinit(&event);
}

int actor_name_handle(struct actor *self, const actor_msg *msg)
{
	struct mp_reader r = mp_reader(msg->body, msg->body_bytes);
	struct actor_name_event event;
	char name[WIRE_NAME_MAX_BYTES + 1];
	struct wire_str s;
	uint64_t change;
	uint32_t n;

	if (!self->behavior->on_name || mp_read_array(&r, &n) < 0 || mp_read_uint(&r, &change) < 0 ||
		mp_read_str(&r, &s.s, &s.len) < 0 || mp_read_ref(&r, &event.who) < 0 ||
		mp_read_ref(&r, &event.was) < 0)
		return 0;
	memcpy(name, s.s, s.len);
	name[s.len] = 0;
	event.change = (enum actor_name_change)change;
	event.name = name;
	return self->behavior->on_name(self, msg->id, &event);
}

/* ---- what the broker says ---- */

static void watch_lost(struct name_watch *watch, struct watched_name *watched)
{
	watch_tell(watch, ACTOR_NAME_UNREGISTERED, wire_str(watched->name, watched->length), watched->who,
		ACTOR_NOBODY);
	watched_free(&watched->node, watch);
}

/* @name leads to @who now. If the table says so already, there is no event. */
static void watch_is(struct name_watch *watch, struct wire_str name, actor_ref who)
{
	struct watched_name *watched = watched_find(watch, name);

	if (!watched) {
		watched = watched_new(watch, name);
		watch_tell(watch, ACTOR_NAME_REGISTERED, name, who, ACTOR_NOBODY);
	} else if (!actor_ref_equal(watched->who, who)) {
		watch_tell(watch, ACTOR_NAME_REPLACED, name, who, watched->who);
	}
	if (!watched)
		return; /* out of memory: the end of the name will not be told */
	watched->who = who;
	watched->round = watch->round;
}

void name_watches_told(actor_group *group, struct mp_reader *args, uint32_t n)
{
	struct name_watch *watch;
	struct watched_name *watched;
	struct wire_str name;
	actor_ref who;
	uint64_t id;

	if (n < 3 || mp_read_uint(args, &id) < 0 || mp_read_str(args, &name.s, &name.len) < 0 ||
		!wire_name_is_valid(name.s, name.len))
		return;
	watch = slots_get(&group->name_watch_ids, id);
	if (!watch)
		return; /* the watch has ended, and the broker has not read that yet */
	if (mp_read_ref(args, &who) == 0) {
		watch_is(watch, name, who);
	} else {
		watched = watched_find(watch, name);
		if (watched)
			watch_lost(watch, watched);
	}
}

/* ---- asking ---- */

static void watch_answered(struct broker_request *request, int error, actor_msg *reply);

/* Asks for the names after @after. "": asks for events, and for the first names. */
static int watch_ask(struct name_watch *watch, struct wire_str after)
{
	actor_group *group = watch->watcher->group;
	struct buf args = BUF_INIT;
	int r;

	mp_put_array(&args, 3);
	if (!after.len)
		mp_put_uint(&args, watch->id);
	mp_put_str(&args, watch->pattern, watch->length);
	mp_put_uint(&args, PART_MAX);
	if (after.len)
		mp_put_str(&args, after.s, after.len);
	r = broker_ask(
		group, after.len ? "names" : METHOD_WATCH, &args, ACTOR_FOREVER, watch_answered, watch);
	buf_deinit(&args);
	return r;
}

static void lose_unsaid(struct hash_node *node, void *arg)
{
	struct watched_name *watched = container_of(node, struct watched_name, node);
	struct name_watch *watch = arg;

	if (watched->round != watch->round)
		watch_lost(watch, watched);
}

/* The broker has told everything, or will tell nothing. */
static void watch_settle(struct name_watch *watch, int r)
{
	watch->whole = r == 0;
	watch->r = r;
	if (r == 0)
		hash_each(&watch->names, lose_unsaid, watch);
	else if (!watch->waiting && r != -ENOTCONN)
		group_log(watch->watcher->group, "changes of the names '%.*s' are not told any more: %s",
			(int)watch->length, watch->pattern, strerror(-r));
	if (watch->waiting)
		actor_wake(watch->watcher, 0);
}

static void watch_answered(struct broker_request *request, int error, actor_msg *reply)
{
	struct name_watch *watch = request->arg;
	struct wire_str name = wire_str("", 0);
	struct mp_reader r;
	actor_ref who;
	uint32_t n = 0, n_pair;

	if (!watch)
		return; /* the watch has ended, or has asked again */
	if (error == -EREMOTEIO && reply && reply->error && !strcmp(reply->error, ERROR_OVERLOADED))
		error = -EDQUOT;
	r = mp_reader(reply ? reply->body : NULL, reply ? reply->body_bytes : 0);
	if (error == 0 && mp_read_array(&r, &n) < 0)
		error = -EPROTO;
	for (; error == 0 && n && mp_peek(&r) == MP_ARRAY; n--) {
		if (mp_read_array(&r, &n_pair) < 0 || n_pair != 2 ||
			mp_read_str(&r, &name.s, &name.len) < 0 || !wire_name_is_valid(name.s, name.len) ||
			mp_read_ref(&r, &who) < 0)
			error = -EPROTO;
		else
			watch_is(watch, name, who);
	}
	if (error == 0 && n) {
		/* The broker cut the list short. The last element is the name after which to go on. */
		error = mp_read_str(&r, &name.s, &name.len) < 0 || !name.len ? -EPROTO
									     : watch_ask(watch, name);
		if (error == 0)
			return;
	}
	watch_settle(watch, error);
}

static int watch_begin_round(struct name_watch *watch)
{
	requests_drop(watch->watcher->group, watch);
	watch->round++;
	watch->whole = false;
	return watch_ask(watch, wire_str("", 0));
}

void name_watches_refresh(actor_group *group)
{
	list_for_each(it, &group->name_watches) {
		struct name_watch *watch = container_of(it, struct name_watch, by_group);
		bool asked = false;

		/* A watch whose first question was not answered was asked again with the other requests. */
		list_for_each(open, &group->uplink.requests) {
			const struct broker_request *request =
				container_of(open, struct broker_request, link);

			asked |= request->arg == watch && !strcmp(request->method, METHOD_WATCH);
		}
		if (!asked && watch_begin_round(watch) < 0)
			watch_settle(watch, -ENOMEM);
	}
}

/* ---- the watcher ---- */

static struct name_watch *watch_new(struct actor *self, struct wire_str pattern)
{
	struct name_watch *watch = calloc(1, sizeof(*watch) + pattern.len);

	if (!watch || slots_take(&self->group->name_watch_ids, watch, &watch->id) < 0) {
		free(watch);
		return NULL;
	}
	watch->watcher = self;
	watch->length = (uint32_t)pattern.len;
	memcpy(watch->pattern, pattern.s, pattern.len);
	hash_init(&watch->names);
	list_append(&self->group->name_watches, &watch->by_group);
	return watch;
}

static void watch_end(struct name_watch **at)
{
	struct name_watch *watch = *at;
	actor_group *group = watch->watcher->group;

	requests_drop(group, watch);
	/* Sent even if the broker may not have the watch: the broker handles our requests in order. */
	if (!group->closing)
		broker_tell_surely(group, "names_unwatch", "U", watch->id);
	slots_give(&group->name_watch_ids, watch->id);
	list_remove(&watch->by_group);
	hash_each(&watch->names, watched_free, watch);
	hash_deinit(&watch->names);
	free(watch);
	*at = NULL;
}

void name_watchers_end(struct actor *self)
{
	list_for_each_safe(it, &self->group->name_watches) {
		struct name_watch *watch = container_of(it, struct name_watch, by_group);

		if (watch->watcher == self)
			watch_end(&watch);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct watched_name *x = *(struct watched_name *const *)a,
				  *y = *(struct watched_name *const *)b;
	int c = memcmp(x->name, y->name, x->length < y->length ? x->length : y->length);

	return c ? c : (x->length > y->length) - (x->length < y->length);
}

struct gathering {
	struct watched_name **names;
	size_t n;
};

static void gather(struct hash_node *node, void *arg)
{
	struct gathering *gathering = arg;

	gathering->names[gathering->n++] = container_of(node, struct watched_name, node);
}

static int snapshot_make(struct name_watch *watch, actor_msg **ret)
{
	size_t n = watch->names.n_items;
	struct gathering all = {calloc(n ? n : 1, sizeof(struct watched_name *)), 0};
	struct buf body = BUF_INIT;
	int r;

	if (!all.names)
		return -ENOMEM;
	hash_each(&watch->names, gather, &all);
	qsort(all.names, all.n, sizeof(*all.names), by_name);
	mp_put_array(&body, (uint32_t)all.n);
	for (size_t i = 0; i < all.n; i++) {
		mp_put_array(&body, 2);
		mp_put_str(&body, all.names[i]->name, all.names[i]->length);
		mp_put_ref(&body, all.names[i]->who);
	}
	r = buf_error(&body);
	if (r == 0)
		r = msg_new_received(ret, ACTOR_NOBODY, wire_cstr(""), body.data, body.size_bytes);
	buf_deinit(&body);
	free(all.names);
	return r;
}

/* Parks the watcher until the broker has told all names. */
static int watch_wait(struct name_watch *watch)
{
	actor_group *group = watch->watcher->group;
	int64_t deadline_ns = deadline_after_ms(clock_now_ns(), CALL_TIMEOUT_DEFAULT_MS);
	int r = watch_begin_round(watch);

	watch->waiting = true;
	while (r == 0 && !watch->whole && !watch->r)
		r = actor_park(watch->watcher, deadline_ns);
	watch->waiting = false;
	if (watch->whole || watch->r)
		return watch->r;
	return r == -ETIMEDOUT && group->uplink.state != UPLINK_UP ? -ENOTCONN : r;
}

int actor_names_watch(actor *self, const char *pattern, uint64_t *ret_watch, actor_msg **ret_snapshot)
{
	struct name_watch *watch;
	struct pattern parsed;
	int r;

	if (ret_snapshot)
		*ret_snapshot = NULL;
	if (!actor_is_current(self) || !ret_watch ||
		pattern_parse(wire_cstr(pattern ? pattern : ""), &parsed) < 0)
		return -EINVAL;
	if (self->group->mode != ACTOR_JOIN_DIRECT && self->group->mode != ACTOR_JOIN_BROKER)
		return -ENOTCONN; /* without a broker the watch would get no events */
	watch = watch_new(self, parsed.text);
	if (!watch)
		return -ENOMEM;
	watch->telling = !ret_snapshot;
	r = watch_wait(watch);
	if (r == 0 && ret_snapshot)
		r = snapshot_make(watch, ret_snapshot);
	if (r < 0) {
		uint64_t id = watch->id;

		watch_end(&watch);
		mailbox_drop(self, MSG_NAME, id);
		return r;
	}
	watch->telling = true;
	*ret_watch = watch->id;
	return 0;
}

bool actor_names_unwatch(actor *self, uint64_t id)
{
	struct name_watch *watch = slots_get(&self->group->name_watch_ids, id);
	bool was = watch && watch->watcher == self;

	if (was)
		watch_end(&watch);
	mailbox_drop(self, MSG_NAME, id);
	return was;
}
