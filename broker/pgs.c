/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pgs.h"

#include "broker/pg.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"

void pgs_init(struct pgs *pgs)
{
	*pgs = (struct pgs){0};
	hash_init(&pgs->scopes);
	hash_init(&pgs->table);
	hash_init(&pgs->joiners);
	hash_init(&pgs->shares);
	hash_init(&pgs->watches);
	list_init(&pgs->watches_of_all);
}

void pgs_deinit(struct pgs *pgs)
{
	hash_deinit(&pgs->watches);
	hash_deinit(&pgs->shares);
	hash_deinit(&pgs->joiners);
	hash_deinit(&pgs->table);
	hash_deinit(&pgs->scopes);
}

void pgs_put_members(const struct broker *broker, const struct pg_which *which, struct buf *b)
{
	const struct pg *pg = pg_find(&broker->pgs, which);

	mp_put_array(b, pg ? pg->roll.n_members : 0);
	if (pg)
		roll_put_all(b, &pg->roll);
}

static uint64_t count_of_pg(const struct order_node *node)
{
	return container_of(node, struct pg, by_name)->roll.n_members;
}

static uint64_t count_of_scope(const struct order_node *node)
{
	return container_of(node, struct scope, by_name)->n_pgs;
}

static void put_counts(const struct order *order, struct wire_str after, size_t max,
	uint64_t (*count)(const struct order_node *node), struct buf *b)
{
	const struct order_node *node = order_first(order, wire_str("", 0), after);
	struct buf entries = BUF_INIT;
	struct wire_str last = after;
	uint32_t n = 0;

	for (; node && n < max; node = order_next(node), n++) {
		last = order_text(node);
		mp_put_array(&entries, 2);
		mp_put_str(&entries, last.s, last.len);
		mp_put_uint(&entries, count(node));
	}
	order_put_list(b, &entries, n, max && node ? last : wire_str(NULL, 0));
	buf_deinit(&entries);
}

void pgs_put_groups(
	const struct broker *broker, struct wire_str scope, struct wire_str after, size_t max, struct buf *b)
{
	static const struct order none;
	const struct scope *in = scope_find(&broker->pgs, scope);

	put_counts(in ? &in->in_order : &none, after, max, count_of_pg, b);
}

void pgs_put_scopes(const struct broker *broker, struct wire_str after, size_t max, struct buf *b)
{
	put_counts(&broker->pgs.scopes_in_order, after, max, count_of_scope, b);
}

bool pgs_pick(struct broker *broker, const struct pg_which *which, enum roll_how how, struct wire_str key,
	actor_ref *ret)
{
	struct pgs *pgs = &broker->pgs;
	struct pg *pg = pg_find(pgs, which);

	return pg && roll_pick(&pg->roll, how, hash_of_u64(&pgs->table, ++pgs->random), key, ret);
}
