/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/pg-pick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/pg.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/roll.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"

/* How many calls our actors have open to one actor. */
struct pg_load {
	struct hash_node node; /* group->pg_loads */
	actor_ref ref;
	uint64_t n_calls;
};

static struct pg_load *load_find(const actor_group *group, actor_ref ref)
{
	struct hash_node *node =
		hash_first(&group->pg_loads, hash_of_bytes(&group->pg_loads, &ref, sizeof(ref)));

	for (; node; node = hash_next(node)) {
		struct pg_load *load = container_of(node, struct pg_load, node);

		if (actor_ref_equal(load->ref, ref))
			return load;
	}
	return NULL;
}

void pg_call_begin(actor_group *group, actor_ref to)
{
	struct pg_load *load = load_find(group, to);

	if (!load) {
		load = calloc(1, sizeof(*load));
		if (!load || hash_insert(&group->pg_loads, &load->node,
				     hash_of_bytes(&group->pg_loads, &to, sizeof(to))) < 0) {
			free(load);
			return;
		}
		load->ref = to;
	}
	load->n_calls++;
}

void pg_call_end(actor_group *group, actor_ref to)
{
	struct pg_load *load = load_find(group, to);

	if (!load || --load->n_calls)
		return;
	hash_remove(&group->pg_loads, &load->node);
	free(load);
}

void pg_loads_init(actor_group *group)
{
	hash_init(&group->pg_loads);
}

void pg_loads_deinit(actor_group *group)
{
	struct hash_node *node;

	/* These are left from calls whose actors were discarded before the answer. */
	while ((node = hash_any(&group->pg_loads))) {
		hash_remove(&group->pg_loads, node);
		free(container_of(node, struct pg_load, node));
	}
	hash_deinit(&group->pg_loads);
}

static uint64_t load_of(actor_ref ref, void *arg)
{
	const struct pg_load *load = load_find(arg, ref);

	return load ? load->n_calls : 0;
}

static int pick_from_copy(
	actor_group *group, struct actor *self, const actor_dest *to, int64_t timeout_ms, actor_ref *ret)
{
	struct pg_copy *copy;
	bool picked;
	int r;

	r = pg_know(
		group, self, to->to.by.scope ? to->to.by.scope : ACTOR_PG_SCOPE, to->name, timeout_ms, &copy);
	if (r < 0)
		return r;
	switch (to->to.by.how) {
	case ACTOR_DEST_PG_LEAST:
		picked = roll_pick_least(&copy->roll, load_of, group, ret);
		break;
	case ACTOR_DEST_PG_RANDOM:
		picked = roll_pick(&copy->roll, ROLL_RANDOM, hash_of_u64(&group->pg_loads, ++group->n_picked),
			wire_cstr(""), ret);
		break;
	case ACTOR_DEST_PG_KEY:
		picked = roll_pick(&copy->roll, ROLL_KEY, 0, wire_cstr(to->to.by.key), ret);
		break;
	default:
		picked = roll_pick(&copy->roll, ROLL_ANY, 0, wire_cstr(""), ret);
	}
	return picked ? 0 : -ESRCH;
}

static int pick_by_broker(
	actor_group *group, struct actor *self, const actor_dest *to, int64_t timeout_ms, actor_ref *ret)
{
	bool by_key = to->to.by.how == ACTOR_DEST_PG_KEY;
	const char *scope = to->to.by.scope ? to->to.by.scope : ACTOR_PG_SCOPE;
	struct buf args = BUF_INIT;
	actor_msg *reply = NULL;
	int r;

	r = by_key ? body_pack(&args, BODY_ARGS, "ssss", scope, to->name, "key", to->to.by.key)
		   : body_pack(&args, BODY_ARGS, "sss", scope, to->name,
			     to->to.by.how == ACTOR_DEST_PG_RANDOM ? "random" : "any");
	if (r == 0)
		r = broker_ask_wait(group, self, "pg_pick", &args, timeout_ms, &reply);
	buf_deinit(&args);
	if (r == 0 && actor_msg_unpack(reply, "r", ret) < 0)
		r = -ESRCH;
	actor_msg_free(reply);
	return r;
}

int pg_pick(actor_group *group, struct actor *self, const actor_dest *to, int64_t timeout_ms, actor_ref *ret)
{
	const char *scope = to->to.by.scope;
	int r = pg_check_names(&scope, to->name);

	if (r < 0 || (to->to.by.how == ACTOR_DEST_PG_KEY && !to->to.by.key))
		return -EINVAL;
	return group->mode == ACTOR_JOIN_DIRECT ? pick_from_copy(group, self, to, timeout_ms, ret)
						: pick_by_broker(group, self, to, timeout_ms, ret);
}
