/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/broker-script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/life.h"
#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/cause.h"

#define N_CLIENTS 12
#define N_NAMES   10
#define LIFE_IDS  UINT64_C(1000000) /* each life of a client has so many ids of its own */

static uint32_t pick(struct script *s, uint32_t n)
{
	return s->next(s->arg, n);
}

void script_init(
	struct script *script, struct world *world, uint32_t (*next)(void *arg, uint32_t n), void *arg)
{
	*script = (struct script){.next = next, .arg = arg, .world = world, .spawner_group = 100};
	for (size_t i = 0; i < N_CLIENTS; i++)
		for (size_t k = 0; k < SCRIPT_PGS; k++)
			roll_init(&script->copies[i][k].roll, sizeof(struct roll_member));
}

/* ---- reading ---- */

struct answered {
	uint64_t group, id;
};

static void note_answer(struct script *s, const struct client *c, uint64_t id)
{
	for (size_t i = 0; i < s->n_answered; i++)
		assert_false(s->answered[i].group == c->group && s->answered[i].id == id);
	if (s->n_answered == s->max_answered) {
		/* Each answer is compared with the latest ones only. */
		memmove(s->answered, s->answered + s->max_answered / 2,
			s->max_answered / 2 * sizeof(*s->answered));
		s->n_answered = s->max_answered / 2;
	}
	s->answered[s->n_answered++] = (struct answered){c->group, id};
	s->n_answers++;
}

/* ---- process groups: each client keeps a copy of what it watches ---- */

static const char *const pg_names[SCRIPT_PGS] = {"pg one", "pg two", "pg three"};

static void copy_forget(struct script_copy *copy)
{
	roll_deinit(&copy->roll);
	roll_init(&copy->roll, sizeof(struct roll_member));
	copy->watched = false;
	copy->asked = 0;
}

static void copies_forget(struct script *s, size_t i)
{
	for (size_t k = 0; k < SCRIPT_PGS; k++)
		copy_forget(&s->copies[i][k]);
}

static size_t index_of(const struct script *s, const struct client *c)
{
	size_t i = 0;

	while (i < N_CLIENTS && s->clients[i] != c)
		i++;
	return i;
}

static struct script_copy *copy_of(struct script *s, const struct client *c, struct wire_str name)
{
	size_t i = index_of(s, c);

	for (size_t k = 0; i < N_CLIENTS && k < SCRIPT_PGS; k++)
		if (str_is(name, pg_names[k]))
			return &s->copies[i][k];
	return NULL;
}

static void copy_apply(struct script *s, const struct client *c, const struct wire_frame *frame)
{
	struct mp_reader r = mp_reader(frame->body, frame->body_bytes);
	struct wire_str kind, scope, name;
	struct script_copy *copy;
	struct roll_entry entry;
	uint32_t n;

	assert_int_equal(mp_read_array(&r, &n), 0);
	assert_int_equal(mp_read_str(&r, &kind.s, &kind.len), 0);
	assert_int_equal(mp_read_str(&r, &scope.s, &scope.len), 0);
	assert_int_equal(mp_read_str(&r, &name.s, &name.len), 0);
	assert_int_equal(mp_read_array(&r, &n), 0);
	copy = copy_of(s, c, name);
	if (!copy)
		return;
	if (str_is(kind, "is")) {
		roll_deinit(&copy->roll);
		roll_init(&copy->roll, sizeof(struct roll_member));
	}
	while (n--) {
		struct roll_member *member;

		assert_int_equal(roll_read(&r, &entry), 0);
		if (str_is(kind, "leave")) {
			member = roll_find(&copy->roll, entry.ref.group, entry.id);
			assert_true(member || !copy->watched); /* a member leaves once, after its join */
			if (member)
				roll_leave(&copy->roll, &member);
		} else if (roll_join(&copy->roll, &entry, NULL) < 0) {
			assert_false(copy->watched); /* a member joins once */
		}
	}
}

static void copy_answered(struct script *s, const struct client *c, const struct wire_frame *frame)
{
	size_t i = index_of(s, c);

	for (size_t k = 0; i < N_CLIENTS && k < SCRIPT_PGS; k++) {
		struct script_copy *copy = &s->copies[i][k];

		if (!copy->asked || copy->asked != frame->id)
			continue;
		copy->asked = 0;
		copy->watched = copy->watched || frame->type == WIRE_REPLY;
	}
}

/* A client that has read everything believes what is true. */
static void check_copies(struct script *s)
{
	for (size_t i = 0; i < N_CLIENTS; i++) {
		struct client *c = s->clients[i];

		if (!c || !c->up || !c->pipe || !c->pipe->member || c->in_taken != c->in.size_bytes ||
			c->unsent.size_bytes)
			continue; /* the client has not read everything, or its goodbye is on its way */
		for (size_t k = 0; k < SCRIPT_PGS; k++) {
			struct pg_which which = {wire_cstr("scope"), wire_cstr(pg_names[k])};
			struct script_copy *copy = &s->copies[i][k];
			struct buf truth = BUF_INIT, belief = BUF_INIT;

			if (!copy->watched)
				continue;
			pgs_put_members(s->world->broker, &which, &truth);
			mp_put_array(&belief, copy->roll.n_members);
			roll_put_all(&belief, &copy->roll);
			assert_int_equal(truth.size_bytes, belief.size_bytes);
			assert_memory_equal(truth.data, belief.data, truth.size_bytes);
			buf_deinit(&truth);
			buf_deinit(&belief);
		}
	}
}

static const char *any_pg(struct script *s)
{
	return pg_names[pick(s, SCRIPT_PGS)];
}

static void join_and_leave(struct script *s, struct client *c)
{
	struct world *w = s->world;
	uint64_t serial = 1 + pick(s, 3), id = 1 + pick(s, 6);
	const char *name = any_pg(s);

	switch (pick(s, 12)) {
	case 0:
	case 1:
	case 2:
		client_ask(c, "pg_join",
			pack(w, "a3ssa2a2rua3rus", "scope", name, client_ref(c, serial), id, client_ref(c, 1),
				id + 1, "metadata"));
		break;
	case 3:
	case 4:
		client_ask(c, "pg_leave", pack(w, "a3ssa2uu", "scope", name, id, id + 1));
		break;
	case 5:
		client_ask(c, "pg_leave_all", pack(w, "a1r", client_ref(c, serial)));
		break;
	case 6:
		id = client_ask(c, "pg_watch", pack(w, "a2ss", "scope", name));
		if (copy_of(s, c, wire_cstr(name)))
			copy_of(s, c, wire_cstr(name))->asked = id;
		break;
	case 7:
		client_ask(c, "pg_watch", pick(s, 2) ? pack(w, "a2nn") : pack(w, "a2sn", "scope"));
		break;
	case 8:
		client_ask(c, "pg_unwatch", pick(s, 2) ? pack(w, "a2nn") : pack(w, "a2sn", "scope"));
		break;
	case 9:
		client_tell(c, "pg_cast", pack(w, "a4sssa0", "scope", name, "m"));
		break;
	case 10:
		client_ask(c, pick(s, 2) ? "pg_members" : "pg_groups", pack(w, "a2sn", "scope"));
		client_ask(c, "pg_pick", pack(w, "a3sss", "scope", name, pick(s, 2) ? "any" : "random"));
		break;
	default:
		client_ask(c, "announce",
			pack(w, "a5a0a0a0na1a3ssa1a2ru", "scope", name, client_ref(c, serial), id));
		break;
	}
}

static void read_all(struct script *s, struct client *c)
{
	struct wire_frame frame;

	broker_flush(s->world->broker);
	while (client_next(c, &frame)) {
		assert_true(frame.type == WIRE_PAUSE || frame.type == WIRE_RESUME || frame.type == WIRE_BYE ||
			    frame.type == WIRE_PONG || frame.to.ref.group == c->group);
		if (frame.type == WIRE_REPLY || frame.type == WIRE_ERROR) {
			note_answer(s, c, frame.id);
			copy_answered(s, c, &frame);
		}
		if (frame.type == WIRE_CAST && str_is(frame.method, "introduce")) {
			struct mp_reader r = mp_reader(frame.body, frame.body_bytes);
			uint32_t n;

			assert_int_equal(mp_read_array(&r, &n), 0);
			assert_int_equal(mp_read_uint(&r, &s->last_intro), 0);
		}
		if (frame.type == WIRE_CAST && str_is(frame.method, "pg"))
			copy_apply(s, c, &frame);
		if (frame.type == WIRE_CALL && c->pipe && pick(s, 2))
			wire_put_reply(&c->out, frame.from, frame.to.ref, frame.id, NULL, 0);
	}
	if (c->out.size_bytes && c->pipe && c->up)
		client_send(c);
	buf_reset(&c->out, 4096);
	if (c->in_taken == c->in.size_bytes) {
		buf_reset(&c->in, 4096);
		c->in_taken = 0;
	}
}

/* ---- doing ---- */

static actor_ref any_ref(struct script *s)
{
	uint32_t i = pick(s, N_CLIENTS + 3);
	uint64_t serial = pick(s, 4);

	if (i < N_CLIENTS && s->clients[i])
		return client_ref(s->clients[i], serial);
	if (i == N_CLIENTS)
		return (actor_ref){WORLD_NODE, WORLD_BROKER, serial};
	if (i == N_CLIENTS + 1)
		return (actor_ref){WORLD_NODE, 1 + pick(s, 30), serial};
	return (actor_ref){WORLD_NODE + 1, 5, serial};
}

static const char *any_name(struct script *s)
{
	static const char *const names[N_NAMES] = {
		"a", "b", "c", "d", "e", "f", "g", "h", "$broker", "$spawner"};

	return names[pick(s, N_NAMES)];
}

/* An id that may be that of a call or monitor of some client. */
static uint64_t any_id(struct script *s)
{
	return (1 + pick(s, (uint32_t)s->n_lives + 1)) * LIFE_IDS + pick(s, 64);
}

static struct wire_dest any_dest(struct script *s)
{
	return pick(s, 3) ? to_ref(any_ref(s)) : to_name(any_name(s));
}

static uint64_t any_group(struct script *s)
{
	return any_ref(s).group;
}

static void come(struct script *s, uint32_t i)
{
	const struct token *token = NULL;
	struct token supervised;
	struct client *c;

	switch (pick(s, 4)) {
	case 0:
		supervised = world_token(s->world, 10 + i, "worker");
		token = &supervised;
		break;
	case 1:
		if (s->tokens[i].size_bytes)
			token = &s->tokens[i];
		break;
	default:
		break;
	}
	c = world_hello(s->world, "client", token);
	if (!c)
		return; /* another client of the script uses the token */
	s->tokens[i] = c->resume;
	s->clients[i] = c;
	copies_forget(s, i);
	c->ids = ++s->n_lives * LIFE_IDS;
	if (pick(s, 8) == 0) {
		client_break(c); /* this client never comes back */
		s->clients[i] = NULL;
	} else {
		client_up(c);
	}
}

static void service(struct script *s, struct client *c)
{
	struct world *w = s->world;

	switch (pick(s, 12)) {
	case 0:
	case 1:
		client_ask(c, "register",
			pack(w, "a2sr", any_name(s),
				pick(s, 8) ? client_ref(c, 1 + pick(s, 3)) : any_ref(s)));
		break;
	case 2:
		client_ask(c, "unregister", pack(w, "a2sr", any_name(s), client_ref(c, 1 + pick(s, 3))));
		break;
	case 3:
	case 4:
		client_ask(c, "whereis", pack(w, "a1s", any_name(s)));
		break;
	case 5:
		client_ask(c, "names", pack(w, "a2su", "", (uint64_t)pick(s, 20)));
		break;
	case 6:
	case 7:
		client_ask(c, "introduce", pack(w, "a1u", any_group(s)));
		break;
	case 8:
		if (pick(s, 2)) {
			client_ask(c, "admit",
				pack(w, "a3uuu", any_group(s), (uint64_t)WORLD_UID,
					(uint64_t)100 + pick(s, 50)));
			break;
		}
		client_ask(c, "announce",
			pack(w, pick(s, 2) ? "a4a1a2sra1ua2uus" : "a4a1a2sra1ua2uun", any_name(s),
				client_ref(c, 1), any_group(s), any_group(s), any_group(s),
				"/run/x/g/1/door.ipc"));
		break;
	case 9:
		client_ask(c, pick(s, 2) ? "announced" : "ready", pack(w, "a0"));
		break;
	case 10:
		client_ask(c, pick(s, 2) ? "stats" : "nonsense", pack(w, "a0"));
		break;
	default:
		client_ask(c, "whereis", pack(w, "a1u", (uint64_t)pick(s, 2)));
		break;
	}
}

static void tell(struct script *s, struct client *c)
{
	struct world *w = s->world;

	switch (pick(s, 6)) {
	case 2:
		client_tell(c, "door", pick(s, 3) ? pack(w, "a1s", "/run/x/g/1/door.ipc") : pack(w, "a1n"));
		break;
	case 0:
		client_tell(c, "listening",
			pack(w, "a1u", pick(s, 4) ? s->last_intro : s->last_intro - pick(s, 5)));
		break;
	case 1:
		client_tell(c, "introduce_failed", pack(w, "a2us", s->last_intro - pick(s, 3), "why not"));
		break;
	default:
		client_tell(c, "link_down", pack(w, "a1u", any_group(s)));
		break;
	}
}

static void route(struct script *s, struct client *c)
{
	struct wire_dest to = any_dest(s);
	actor_ref ref = client_ref(c, 1 + pick(s, 3));
	struct actor_cause cause = cause_make("done");
	struct buf body = BUF_INIT;
	uint64_t deadline_us = 0;

	switch (pick(s, 10)) {
	case 0:
	case 1:
		wire_put_cast(&c->out, &to, pick(s, 5) ? ref : ACTOR_NOBODY, wire_cstr("m"), NULL, 0);
		break;
	case 2:
	case 3:
	case 4:
		if (pick(s, 2))
			deadline_us = (uint64_t)s->world->now_ns / 1000 + pick(s, 1000000);
		wire_put_call(&c->out, &to, ref, wire_cstr("m"), NULL, 0, ++c->ids, (int64_t)deadline_us);
		break;
	case 5:
		wire_put_monitor(&c->out, &to, ref, ++c->ids);
		break;
	case 6:
		wire_put_demonitor(&c->out, any_ref(s), ref, c->ids - pick(s, 8));
		break;
	case 7:
		cause_put(&body, &cause);
		wire_put_down(&c->out, any_ref(s), ref, any_id(s), body.data, body.size_bytes);
		buf_deinit(&body);
		break;
	case 8:
		wire_put_reply(&c->out, any_ref(s), ref, any_id(s), NULL, 0);
		break;
	default:
		if (pick(s, 2))
			wire_put_stop(&c->out, &to, ref, wire_cstr("enough"));
		else
			wire_put_kill(&c->out, &to, ref);
		break;
	}
	client_send(c);
}

static void pause_or_resume(struct script *s, struct client *c)
{
	actor_ref ref = client_ref(c, pick(s, 3));
	const actor_ref *which = pick(s, 3) ? &ref : NULL;

	if (pick(s, 2))
		wire_put_pause(&c->out, which);
	else
		wire_put_resume(&c->out, which);
	client_send(c);
}

static void be_rude(struct script *s, struct client *c)
{
	uint8_t junk[24];

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (uint8_t)pick(s, 256);
	switch (pick(s, 4)) {
	case 0:
		wire_put_cast(&c->out, &(struct wire_dest){.ref = any_ref(s)}, (actor_ref){WORLD_NODE, 3, 3},
			wire_cstr("m"), NULL, 0);
		client_send(c);
		break;
	case 1:
		client_tell(c, "groups", pack(s->world, "a2a0a0"));
		break;
	default:
		client_send_bytes(c, junk, 1 + pick(s, sizeof(junk)));
		break;
	}
}

static void supervise(struct script *s)
{
	struct world *w = s->world;

	if (s->spawner && s->spawner->closed)
		s->spawner = NULL;
	if (!s->spawner) {
		struct token token;

		s->spawner_group += pick(s, 2);
		token = world_token(w, s->spawner_group, "$spawner");
		s->spawner = world_hello(w, "$spawner", &token);
		if (s->spawner) {
			client_up(s->spawner);
			s->spawner->ids = ++s->n_lives * LIFE_IDS;
		}
		return;
	}
	switch (pick(s, 5)) {
	case 0:
		client_break(s->spawner);
		s->spawner = NULL;
		break;
	case 1:
		client_tell(s->spawner, "groups",
			pack(w, "a2a2uua1a2um1ss", (uint64_t)10 + pick(s, N_CLIENTS),
				(uint64_t)10 + pick(s, 40), (uint64_t)10 + pick(s, 40), "reason", "exit"));
		break;
	case 2:
		client_tell(s->spawner, "group_down",
			pack(w, "a2um1ss", (uint64_t)10 + pick(s, 20), "reason", "signal"));
		break;
	default:
		service(s, s->spawner);
		break;
	}
	if (s->spawner)
		read_all(s, s->spawner);
}

/* ---- the books ---- */

struct totals {
	size_t used[QUOTA_N];
};

static void add_member(struct hash_node *node, void *arg)
{
	struct member *member = container_of(node, struct member, node);
	struct totals *totals = arg;
	size_t n = 0;

	for (int i = 0; i < QUOTA_N; i++)
		totals->used[i] += member->quota.used[i];
	list_for_each(it, &member->names) {
		struct name *name = container_of(it, struct name, owned);

		assert_ptr_equal(name->owner, member);
		assert_int_equal(name->ref.group, member->group);
		n++;
	}
	assert_int_equal(n, member->quota.used[QUOTA_NAMES]);
	assert_false(member->doomed);
	assert_true(
		(member->pipe != NULL) == (member->state == MEMBER_UP || member->state == MEMBER_JOINING));
	assert_true(
		member->state != MEMBER_LOST || list_is_linked(&member->timer) || member->broker->supervised);
	if (member->state == MEMBER_LOST || member->state == MEMBER_ABSENT)
		assert_true(member->group < GROUP_CLIENT || window_is_open(&member->broker->window));
}

static void check_books(struct script *s)
{
	struct broker *broker = s->world->broker;
	struct totals totals = {{0}};

	hash_each(&broker->members, add_member, &totals);
	assert_int_equal(totals.used[QUOTA_NAMES] + 1, broker->registry.n_registered);
	assert_int_equal(
		totals.used[QUOTA_WATCHES], broker->registry.watches.n_items + broker->pgs.watches.n_items);
	assert_int_equal(totals.used[QUOTA_MEMBERSHIPS], broker->pgs.n_memberships);
	check_copies(s);
	assert_int_equal(totals.used[QUOTA_CALLS], broker->routes.n_calls);
	assert_int_equal(totals.used[QUOTA_MONITORS], broker->routes.n_monitors);
	assert_int_equal(totals.used[QUOTA_PAIRS], broker->introductions.pairs.n_items);
	assert_true(list_is_empty(&broker->doomed));
}

void script_step(struct script *s)
{
	uint32_t i = pick(s, N_CLIENTS), what = pick(s, 64);
	struct client *c = s->clients[i];

	if (!s->answered) {
		s->max_answered = 256;
		s->answered = calloc(s->max_answered, sizeof(*s->answered));
		assert_non_null(s->answered);
	}
	if (c && c->closed) {
		read_all(s, c);
		buf_deinit(&c->in);
		c->in = (struct buf)BUF_INIT;
		c->in_taken = 0;
		c = s->clients[i] = NULL;
	}
	if (!c) {
		come(s, i);
	} else if (!c->up) {
		s->clients[i] = NULL;
	} else if (what < 14) {
		service(s, c);
	} else if (what < 24) {
		join_and_leave(s, c);
	} else if (what < 48) {
		route(s, c);
	} else if (what < 52) {
		tell(s, c);
	} else if (what < 55) {
		pause_or_resume(s, c);
	} else if (what < 56) {
		be_rude(s, c);
	} else if (what < 57) {
		client_bye(c);
	} else if (what < 59) {
		client_break(c);
		read_all(s, c);
		s->clients[i] = NULL;
	} else if (what < 61) {
		supervise(s);
	} else {
		world_advance(s->world, (int64_t)pick(s, 700) * MS);
	}
	if (s->clients[i] && pick(s, 3))
		read_all(s, s->clients[i]);
	check_books(s);
}

void script_finish(struct script *s)
{
	struct broker *broker = s->world->broker;
	struct list *it, *next;

	for (it = s->world->clients.next; it != &s->world->clients; it = next) {
		struct client *c = container_of(it, struct client, node);

		next = it->next;
		if (c->pipe)
			client_break(c);
	}
	world_advance(s->world, 10000 * MS);
	/* Left are the groups of which only the supervisor has spoken. */
	for (uint64_t group = 1; group < 64; group++) {
		struct member *member = member_find(broker, group);
		struct actor_cause cause = cause_make("exit");

		if (member)
			member_exited(member, &cause);
	}
	assert_int_equal(broker->members.n_items, 0);
	assert_int_equal(broker->registry.table.n_items, 1);
	assert_int_equal(broker->registry.watches.n_items, 0);
	assert_int_equal(broker->pgs.n_memberships, 0);
	assert_int_equal(broker->pgs.table.n_items, 0);
	assert_int_equal(broker->pgs.scopes.n_items, 0);
	assert_int_equal(broker->pgs.joiners.n_items, 0);
	assert_int_equal(broker->pgs.shares.n_items, 0);
	assert_int_equal(broker->pgs.watches.n_items, 0);
	assert_int_equal(broker->routes.open.n_items, 0);
	assert_int_equal(broker->introductions.pairs.n_items, 0);
	assert_int_equal(broker->introductions.open.n_items, 0);
	assert_int_equal(broker->pauses.by_ref.n_items, 0);
	assert_int_equal(broker->pauses.by_sender.n_items, 0);
	assert_int_equal(broker->waits.n, 0);
	assert_int_equal(broker->window.n_awaited, 0);
	assert_int_equal(s->world->n_open, 0);
	for (size_t i = 0; i < N_CLIENTS; i++)
		for (size_t k = 0; k < SCRIPT_PGS; k++)
			roll_deinit(&s->copies[i][k].roll);
	free(s->answered);
	s->answered = NULL;
}
