/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes, process groups and memberships: the structs that the files of pgs.h share. */
#pragma once

#include "broker/pgs.h"

struct scope {
	struct hash_node node;     /* pgs.scopes */
	struct list pgs;           /* struct pg.in_scope */
	struct list watches;       /* struct pg_watch.by_target */
	struct order in_order;     /* the process groups that have members */
	size_t n_pgs;              /* how many process groups have members */
	struct order_node by_name; /* pgs.scopes_in_order, if n_pgs is not 0 */
	uint8_t len;
	char text[];
};

struct pg {
	struct hash_node node; /* pgs.table */
	struct scope *scope;
	struct list in_scope;
	struct order_node by_name; /* scope->in_order, if it has members */
	struct roll roll;          /* of struct membership */
	struct list shares;        /* struct share.by_pg */
	struct list watches;       /* struct pg_watch.by_target */
	uint8_t len;
	char text[];
};

struct share;
struct joiner;

struct membership {
	struct roll_member in_roll;
	struct share *share;
	struct joiner *joiner;
	struct list by_share;
	struct list by_joiner;
	uint32_t epoch; /* member.pg_epoch when it was last said */
};

struct scope *scope_find(const struct pgs *pgs, struct wire_str text);
struct scope *scope_make(struct pgs *pgs, struct wire_str text);
/* Frees *at unless it has process groups or is watched. */
void scope_settle(struct pgs *pgs, struct scope **at);
struct pg *pg_find(const struct pgs *pgs, const struct pg_which *which);
struct pg *pg_find_in(const struct pgs *pgs, const struct scope *scope, struct wire_str name);
struct pg *pg_make(struct pgs *pgs, const struct pg_which *which);
/* Frees *at unless it has members or is watched. */
void pg_settle(struct pgs *pgs, struct pg **at);
/* To be called when @pg gets its first member. */
void pg_begin(struct pgs *pgs, struct pg *pg);
/* To be called when @pg has lost its last member. */
void pg_end(struct pgs *pgs, struct pg *pg);
