/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of a process group, and the existing process groups: from a copy if there is one, else from the
 * broker.
 */
#include "libactor/actor/pg.h"

#include <errno.h>
#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/roll.h"
#include "libactor/util/buf.h"

/* A group whose link is to the supervisor gets no changes, so it asks each time. */
static int members_ask(actor_group *group, struct actor *self, const char *scope, const char *name,
	int64_t timeout_ms, struct roll *ret)
{
	struct buf args = BUF_INIT;
	actor_msg *reply = NULL;
	struct roll_entry entry;
	struct mp_reader read;
	uint32_t n = 0;
	int r;

	pg_put_which(&args, wire_cstr(scope), wire_cstr(name));
	r = broker_ask_wait(group, self, "pg_members", &args, timeout_ms, &reply);
	buf_deinit(&args);
	if (r == 0) {
		read = mp_reader(reply->body, reply->body_bytes);
		r = mp_read_array(&read, &n);
	}
	while (r == 0 && n--) {
		r = roll_read(&read, &entry);
		if (r == 0)
			r = roll_join(ret, &entry, NULL);
		if (r == -EEXIST)
			r = 0;
	}
	actor_msg_free(reply);
	return r;
}

static size_t refs_of(const struct roll *roll, actor_ref *refs, size_t max)
{
	const struct roll_member *member;
	uint32_t at = 0;
	size_t n = 0;

	while (n < max && (member = roll_next(roll, &at)))
		refs[n++] = member->ref;
	return n;
}

/*
 * *ret_n: the number of members; at most @max are written to @refs. @ret_all: all members, which the caller
 * frees.
 */
static int members_get(actor_group *group, struct actor *self, const char *scope, const char *name,
	int64_t timeout_ms, actor_ref *refs, size_t max, actor_ref **ret_all, size_t *ret_n)
{
	struct pg_copy *copy;
	struct roll asked;
	const struct roll *roll = NULL;
	int r;

	if (group->mode == ACTOR_JOIN_DIRECT || group->mode == ACTOR_JOIN_BROKER) {
		r = pg_know(group, self, scope, name, timeout_ms, &copy);
		if (r == 0)
			roll = &copy->roll;
	} else {
		r = pg_check_names(&scope, name);
		if (r < 0)
			return r;
		roll_init(&asked, sizeof(struct roll_member));
		r = members_ask(group, self, scope, name, timeout_ms, &asked);
		roll = &asked;
	}
	if (r == 0 && ret_all) {
		max = roll->n_members;
		refs = *ret_all = calloc(max ? max : 1, sizeof(*refs));
		if (!refs)
			r = -ENOMEM;
	}
	if (r == 0) {
		*ret_n = roll->n_members;
		(void)refs_of(roll, refs, max);
	}
	if (roll == &asked)
		roll_deinit(&asked);
	return r;
}

int actor_pg_members(actor *self, const char *scope, const char *name, actor_ref *refs, size_t max)
{
	size_t n;
	int r = members_get(self->group, self, scope, name, CALL_TIMEOUT_DEFAULT_MS, refs, max, NULL, &n);

	return r < 0 ? r : (int)n;
}

struct place {
	actor_ref ref;
	size_t index;
};

static int place_by_ref(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->ref.group != y->ref.group)
		return x->ref.group < y->ref.group ? -1 : 1;
	if (x->ref.serial != y->ref.serial)
		return x->ref.serial < y->ref.serial ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int place_by_index(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

int pg_actors(actor_group *group, struct actor *self, const char *scope, const char *name, int64_t timeout_ms,
	actor_ref **ret, size_t *ret_n)
{
	struct place *places;
	size_t n, n_actors = 0;
	int r = members_get(group, self, scope, name, timeout_ms, NULL, 0, ret, &n);

	if (r < 0)
		return r;
	places = calloc(n ? n : 1, sizeof(*places));
	if (!places) {
		free(*ret);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		places[i] = (struct place){(*ret)[i], i};
	qsort(places, n, sizeof(*places), place_by_ref);
	for (size_t i = 0; i < n; i++) {
		if (!n_actors || !actor_ref_equal(places[n_actors - 1].ref, places[i].ref))
			places[n_actors++] = places[i];
	}
	qsort(places, n_actors, sizeof(*places), place_by_index);
	for (size_t i = 0; i < n_actors; i++)
		(*ret)[i] = places[i].ref;
	free(places);
	*ret_n = n_actors;
	return 0;
}

int actor_pg_groups(actor *self, const char *scope, actor_msg **ret)
{
	struct buf head = BUF_INIT;
	int r;

	if (!ret || pg_check_names(&scope, "x") < 0)
		return -EINVAL;
	*ret = NULL;
	mp_put_cstr(&head, scope);
	r = broker_list_wait(self->group, self, "pg_groups", &head, 1, CALL_TIMEOUT_DEFAULT_MS, ret);
	buf_deinit(&head);
	return r;
}

int actor_pg_scopes(actor *self, actor_msg **ret)
{
	struct buf head = BUF_INIT;

	if (!ret)
		return -EINVAL;
	*ret = NULL;
	return broker_list_wait(self->group, self, "pg_scopes", &head, 0, CALL_TIMEOUT_DEFAULT_MS, ret);
}
