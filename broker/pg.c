/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct scope *scope_find(const struct pgs *pgs, struct wire_str text)
{
	struct hash_node *node = hash_first(&pgs->scopes, hash_of_bytes(&pgs->scopes, text.s, text.len));

	for (; node; node = hash_next(node)) {
		struct scope *scope = container_of(node, struct scope, node);

		if (scope->len == text.len && !memcmp(scope->text, text.s, text.len))
			return scope;
	}
	return NULL;
}

struct scope *scope_make(struct pgs *pgs, struct wire_str text)
{
	struct scope *scope = scope_find(pgs, text);

	if (scope)
		return scope;
	assert(text.len <= WIRE_NAME_MAX_BYTES);
	scope = calloc(1, sizeof(*scope) + text.len);
	if (!scope)
		return NULL;
	list_init(&scope->pgs);
	list_init(&scope->watches);
	scope->len = (uint8_t)text.len;
	memcpy(scope->text, text.s, text.len);
	if (hash_insert(&pgs->scopes, &scope->node, hash_of_bytes(&pgs->scopes, text.s, text.len)) < 0) {
		free(scope);
		return NULL;
	}
	return scope;
}

void scope_settle(struct pgs *pgs, struct scope **at)
{
	struct scope *scope = *at;

	if (!list_is_empty(&scope->pgs) || !list_is_empty(&scope->watches))
		return;
	hash_remove(&pgs->scopes, &scope->node);
	free(scope);
	*at = NULL;
}

static uint64_t pg_hash(const struct pgs *pgs, const struct scope *scope, struct wire_str name)
{
	uint8_t key[sizeof(scope) + WIRE_NAME_MAX_BYTES];

	memcpy(key, &scope, sizeof(scope));
	memcpy(key + sizeof(scope), name.s, name.len);
	return hash_of_bytes(&pgs->table, key, sizeof(scope) + name.len);
}

struct pg *pg_find_in(const struct pgs *pgs, const struct scope *scope, struct wire_str name)
{
	struct hash_node *node = hash_first(&pgs->table, pg_hash(pgs, scope, name));

	for (; node; node = hash_next(node)) {
		struct pg *pg = container_of(node, struct pg, node);

		if (pg->scope == scope && pg->len == name.len && !memcmp(pg->text, name.s, name.len))
			return pg;
	}
	return NULL;
}

struct pg *pg_find(const struct pgs *pgs, const struct pg_which *which)
{
	struct scope *scope = scope_find(pgs, which->scope);

	return scope ? pg_find_in(pgs, scope, which->name) : NULL;
}

struct pg *pg_make(struct pgs *pgs, const struct pg_which *which)
{
	struct scope *scope = scope_make(pgs, which->scope);
	struct pg *pg = scope ? pg_find_in(pgs, scope, which->name) : NULL;

	if (pg || !scope)
		return pg;
	assert(which->name.len <= WIRE_NAME_MAX_BYTES);
	pg = calloc(1, sizeof(*pg) + which->name.len);
	if (!pg || hash_insert(&pgs->table, &pg->node, pg_hash(pgs, scope, which->name)) < 0) {
		free(pg);
		scope_settle(pgs, &scope);
		return NULL;
	}
	pg->scope = scope;
	list_append(&scope->pgs, &pg->in_scope);
	roll_init(&pg->roll, sizeof(struct membership));
	list_init(&pg->shares);
	list_init(&pg->watches);
	pg->len = (uint8_t)which->name.len;
	memcpy(pg->text, which->name.s, which->name.len);
	return pg;
}

void pg_settle(struct pgs *pgs, struct pg **at)
{
	struct pg *pg = *at;
	struct scope *scope = pg->scope;

	if (pg->roll.n_members || !list_is_empty(&pg->watches))
		return;
	hash_remove(&pgs->table, &pg->node);
	list_remove(&pg->in_scope);
	roll_deinit(&pg->roll);
	free(pg);
	*at = NULL;
	scope_settle(pgs, &scope);
}

void pg_begin(struct pgs *pgs, struct pg *pg)
{
	struct scope *scope = pg->scope;

	order_insert(&scope->in_order, &pg->by_name, wire_str(pg->text, pg->len), pg->node.hash);
	if (scope->n_pgs++ == 0)
		order_insert(&pgs->scopes_in_order, &scope->by_name, wire_str(scope->text, scope->len),
			scope->node.hash);
}

void pg_end(struct pgs *pgs, struct pg *pg)
{
	order_remove(&pg->scope->in_order, &pg->by_name);
	if (--pg->scope->n_pgs == 0)
		order_remove(&pgs->scopes_in_order, &pg->scope->by_name);
}
