/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest is spawned by a call from elsewhere, and its spawner learns its ref from the answer. Then the
 * spawner asks for a monitor or a link by the ordinary frames, which the broker can follow. Two things close
 * the time between: The half of a link by which the guest watches its spawner is made before init. And a
 * guest that ends before its spawner's monitor has come leaves its cause here, so that the monitor goes off
 * with the true cause and not with noproc.
 */
#include "libactor/actor/guests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/exits.h"
#include "libactor/actor/links.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

#define GRAVES_MAX 1024u

struct known { /* a behavior that others may ask for */
	struct hash_node node;
	const struct actor_behavior *behavior;
	char name[];
};

struct guests {                        /* actor_group.guests */
	struct hash known;             /* struct known by name */
	struct hash by_ask, by_serial; /* struct guest */
	struct list graves;            /* struct guest.by_age: ended, and not yet watched */
	size_t n_graves;
	size_t n_alive;
};

/* A guest until its spawner watches it: until the answer, or until the announced monitors have come. */
struct guest {
	struct hash_node by_ask;    /* by the spawner and the id of its call */
	struct hash_node by_serial; /* by that of the guest */
	struct list by_age;
	struct spawn_wait wait;
	actor_group *group;
	actor_ref who;
	actor_msg *ask;  /* NULL: it is answered */
	actor_msg *args; /* for init */
	actor_ref spawner;
	uint64_t id;
	bool links;
	bool no_memory;      /* it could not be linked */
	unsigned n_expected; /* monitors and links of its spawner that have not come */
	struct actor_cause cause;
};

struct ask { /* the arguments of a `$spawn` */
	struct wire_str behavior;
	const uint8_t *args;
	size_t args_bytes;
	bool links, watches;
};

static const struct guest_hooks hooks;

/* ---- behaviors by name ---- */

static struct guests *guests_of(actor_group *group)
{
	struct guests *guests = group->guests;

	if (guests)
		return guests;
	guests = calloc(1, sizeof(*guests));
	if (!guests)
		return NULL;
	hash_init(&guests->known);
	hash_init(&guests->by_ask);
	hash_init(&guests->by_serial);
	list_init(&guests->graves);
	group->guests = guests;
	group->guest_hooks = &hooks;
	return guests;
}

static struct known *known_find(const struct guests *guests, struct wire_str name)
{
	struct hash_node *node;

	if (!guests)
		return NULL;
	for (node = hash_first(&guests->known, hash_of_bytes(&guests->known, name.s, name.len)); node;
		node = hash_next(node)) {
		struct known *known = container_of(node, struct known, node);

		if (strlen(known->name) == name.len && !memcmp(known->name, name.s, name.len))
			return known;
	}
	return NULL;
}

int guests_know(actor_group *group, const char *name, const struct actor_behavior *behavior)
{
	struct guests *guests = guests_of(group);
	size_t length = strlen(name);
	struct known *known;
	int r;

	if (!guests)
		return -ENOMEM;
	known = known_find(guests, wire_cstr(name));
	if (known) {
		known->behavior = behavior;
		return 0;
	}
	known = calloc(1, sizeof(*known) + length + 1);
	if (!known)
		return -ENOMEM;
	known->behavior = behavior;
	memcpy(known->name, name, length);
	r = hash_insert(&guests->known, &known->node, hash_of_bytes(&guests->known, name, length));
	if (r < 0)
		free(known);
	return r;
}

/* ---- guests ---- */

static uint64_t ask_hash(const struct guests *guests, actor_ref spawner, uint64_t id)
{
	uint64_t key[3] = {spawner.group, spawner.serial, id};

	return hash_of_bytes(&guests->by_ask, key, sizeof(key));
}

static struct guest *guest_of_ask(const struct guests *guests, actor_ref spawner, uint64_t id)
{
	struct hash_node *node = hash_first(&guests->by_ask, ask_hash(guests, spawner, id));

	for (; node; node = hash_next(node)) {
		struct guest *guest = container_of(node, struct guest, by_ask);

		if (guest->id == id && actor_ref_equal(guest->spawner, spawner))
			return guest;
	}
	return NULL;
}

static struct guest *guest_of_serial(const struct guests *guests, uint64_t serial)
{
	struct hash_node *node = hash_first(&guests->by_serial, hash_of_u64(&guests->by_serial, serial));

	for (; node; node = hash_next(node)) {
		struct guest *guest = container_of(node, struct guest, by_serial);

		if (guest->who.serial == serial)
			return guest;
	}
	return NULL;
}

static void guest_forget(struct guest *guest)
{
	struct guests *guests = guest->group->guests;

	hash_remove(&guests->by_ask, &guest->by_ask);
	hash_remove(&guests->by_serial, &guest->by_serial);
	if (list_is_linked(&guest->by_age)) {
		list_remove(&guest->by_age);
		guests->n_graves--;
	}
	actor_msg_free(guest->ask);
	actor_msg_free(guest->args);
	free(guest);
}

static struct answer_to answer_to_ask(const actor_msg *ask)
{
	return (struct answer_to){ask->sender, ask->id, ask->way, msg_trace(ask)};
}

static void refuse(actor_group *group, const actor_msg *ask, const char *error, const char *text)
{
	struct answer_to to = answer_to_ask(ask);

	call_refuse(group, &to, group_ref(group, 0), error, text);
}

/* The text begins with the name of the errno, so that its reader can tell the result of init. */
static void refuse_failed(struct guest *guest)
{
	const struct actor *self = actor_find(guest->group, guest->who.serial);
	const struct actor_cause *cause = self ? self->cause : NULL;
	const char *name = strerrorname_np(-guest->wait.result);
	char text[sizeof(cause->text) + 32];

	snprintf(text, sizeof(text), "%s: %s", name ? name : "?",
		!cause           ? ""
		: cause->text[0] ? cause->text
				 : cause->reason);
	refuse(guest->group, guest->ask, ERROR_INIT_FAILED, text);
}

/* The guest's init is over. If it failed, the guest is over, too. May free the guest. */
static void guest_started(struct spawn_wait *wait)
{
	struct guest *guest = container_of(wait, struct guest, wait);
	struct answer_to to = answer_to_ask(guest->ask);
	struct buf result = BUF_INIT;

	if (guest->no_memory) {
		refuse(guest->group, guest->ask, ERROR_OVERLOADED, "out of memory");
	} else if (wait->result < 0) {
		refuse_failed(guest);
	} else {
		mp_put_ref(&result, guest->who);
		if (buf_error(&result) == 0)
			call_answer(guest->group, &to, group_ref(guest->group, 0), result.data,
				result.size_bytes);
		else
			refuse(guest->group, guest->ask, ERROR_OVERLOADED, "out of memory");
		buf_deinit(&result);
	}
	guest->ask = actor_msg_free(guest->ask);
	guest->args = actor_msg_free(guest->args);
	if (wait->result < 0 || !guest->n_expected)
		guest_forget(guest);
}

static int ask_read(const actor_msg *msg, struct ask *ret)
{
	struct mp_reader r = mp_reader(msg->body, msg->body_bytes);
	uint32_t n;

	*ret = (struct ask){0};
	if (mp_read_array(&r, &n) < 0 || n < 2 || mp_read_str(&r, &ret->behavior.s, &ret->behavior.len) < 0 ||
		mp_peek(&r) != MP_ARRAY || mp_read_raw(&r, &ret->args, &ret->args_bytes) < 0)
		return -EINVAL;
	if (n > 2 && mp_read_bool(&r, &ret->links) < 0)
		return -EINVAL;
	return n > 3 && mp_read_bool(&r, &ret->watches) < 0 ? -EINVAL : 0;
}

static int guest_new(actor_group *group, const struct known *known, const struct ask *ask,
	const actor_msg *msg, struct guest **ret)
{
	struct guests *guests = group->guests;
	struct guest *guest = calloc(1, sizeof(*guest));
	struct actor *self;
	int r;

	if (!guest)
		return -ENOMEM;
	guest->group = group;
	guest->spawner = msg->sender;
	guest->id = msg->id;
	guest->links = ask->links;
	if (msg->sender.group != group->id) /* one of this group asks as soon as it is answered */
		guest->n_expected = ask->links + ask->watches;
	guest->wait.over = guest_started;
	guest->wait.trace = msg_trace(msg);
	r = msg_new_received(&guest->args, msg->sender, ask->behavior, ask->args, ask->args_bytes);
	if (r == 0)
		r = hash_insert(&guests->by_ask, &guest->by_ask, ask_hash(guests, msg->sender, msg->id));
	if (r < 0) {
		actor_msg_free(guest->args);
		free(guest);
		return r;
	}
	r = actor_new(group, known->behavior, guest->args, false, &self);
	if (r == 0) {
		guest->who = self->ref;
		r = hash_insert(&guests->by_serial, &guest->by_serial,
			hash_of_u64(&guests->by_serial, self->ref.serial));
		if (r < 0)
			actor_discard(self);
	}
	if (r < 0) {
		hash_remove(&guests->by_ask, &guest->by_ask);
		actor_msg_free(guest->args);
		free(guest);
		return r;
	}
	self->is_guest = true;
	guests->n_alive++;
	self->spawn_wait = &guest->wait;
	*ret = guest;
	return 0;
}

static void guests_asked(actor_group *group, actor_msg *take_ask)
{
	struct guests *guests = group->guests;
	struct guest *guest = NULL;
	const struct known *known;
	struct actor *self;
	struct ask ask;
	char text[300];

	if (take_ask->deadline_us && clock_now_us() > take_ask->deadline_us) {
		group->stats.calls_expired++; /* the caller has given up */
		actor_msg_free(take_ask);
		return;
	}
	if (ask_read(take_ask, &ask) < 0) {
		refuse(group, take_ask, ERROR_BAD_ARGS, "behavior str, args array, [link bool, watch bool]");
	} else if (!(known = known_find(guests, ask.behavior))) {
		snprintf(text, sizeof(text), "%.*s", (int)(ask.behavior.len < 255 ? ask.behavior.len : 255),
			ask.behavior.s);
		refuse(group, take_ask, ERROR_NO_BEHAVIOR, text);
	} else if (group->stop_begun || group->closing) {
		refuse(group, take_ask, ERROR_CLOSING, "");
	} else if (guests->n_alive >= group->guests_max) {
		snprintf(text, sizeof(text), "%zu actors that others have spawned live in this group",
			guests->n_alive);
		refuse(group, take_ask, ERROR_OVERLOADED, text);
	} else if (guest_new(group, known, &ask, take_ask, &guest) < 0) {
		refuse(group, take_ask, ERROR_OVERLOADED, "out of memory");
	}
	if (!guest) {
		actor_msg_free(take_ask);
		return;
	}
	guest->ask = take_ask;
	self = actor_find(group, guest->who.serial);
	if (ask.links && link_received(self, guest->spawner, 0) < 0) {
		guest->no_memory = true;
		actor_request_kill(self);
	}
}

static bool guests_cancel(actor_group *group, actor_ref caller, uint64_t id)
{
	struct guest *guest = group->guests ? guest_of_ask(group->guests, caller, id) : NULL;
	struct actor_cause cause = cause_make("abandoned");
	struct actor *self;

	if (!guest)
		return false;
	self = guest->links ? actor_find(group, guest->who.serial) : NULL;
	guest->n_expected = 0;
	if (!guest->ask)
		guest_forget(guest);
	if (self)
		exit_received(self, caller, &cause, 0, NULL);
	return true;
}

void guests_met(actor_group *group, actor_ref who, actor_ref spawner, struct actor_cause *cause)
{
	struct guest *guest = group->guests ? guest_of_serial(group->guests, who.serial) : NULL;

	if (!guest || guest->ask || !actor_ref_equal(guest->spawner, spawner))
		return;
	if (guest->cause.reason[0])
		*cause = guest->cause;
	if (--guest->n_expected == 0)
		guest_forget(guest);
}

static void guest_ended(struct actor *self, const struct actor_cause *cause)
{
	struct guests *guests = self->group->guests;
	struct guest *guest = guest_of_serial(guests, self->ref.serial);

	if (!guest || guest->ask)
		return;
	guest->cause = *cause;
	list_append(&guests->graves, &guest->by_age);
	if (++guests->n_graves > GRAVES_MAX)
		guest_forget(container_of(guests->graves.next, struct guest, by_age));
}

static void guest_freed(struct actor *self)
{
	self->group->guests->n_alive--;
}

static const struct guest_hooks hooks = {
	.asked = guests_asked, .cancelled = guests_cancel, .ended = guest_ended, .freed = guest_freed};

void guests_free(actor_group *group)
{
	struct guests *guests = group->guests;
	struct hash_node *node;

	if (!guests)
		return;
	while ((node = hash_any(&guests->by_ask)))
		guest_forget(container_of(node, struct guest, by_ask));
	while ((node = hash_any(&guests->known))) {
		hash_remove(&guests->known, node);
		free(container_of(node, struct known, node));
	}
	hash_deinit(&guests->known);
	hash_deinit(&guests->by_ask);
	hash_deinit(&guests->by_serial);
	free(guests);
	group->guests = NULL;
	group->guest_hooks = NULL;
}
