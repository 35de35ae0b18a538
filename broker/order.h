/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in order: a treap. Its priorities are seeded hashes, so nobody outside can choose its shape. A list
 * that is sent in parts goes on after the last name that was sent, whatever names came or went in between.
 */
#pragma once

#include <stdint.h>

#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"

struct order_node {
	struct order_node *left, *right, *parent;
	const char *text;
	uint32_t priority;
	uint8_t len;
};

struct order {
	struct order_node *root;
};

static inline struct wire_str order_text(const struct order_node *node)
{
	return wire_str(node->text, node->len);
}

/* @text: not in @order yet; it must live as long as @node is in @order. @hash: seeded. */
void order_insert(struct order *order, struct order_node *node, struct wire_str text, uint64_t hash);
void order_remove(struct order *order, struct order_node *node);
/*
 * The first node whose text comes after @after and not before @at_least. "" comes before all texts. NULL:
 * there is none.
 */
struct order_node *order_first(const struct order *order, struct wire_str at_least, struct wire_str after);
struct order_node *order_next(const struct order_node *node);

/*
 * Writes an array of the @n values in @items. If @cut is not NULL, it is one more element: the name after
 * which the next part goes on.
 */
void order_put_list(struct buf *b, const struct buf *items, uint32_t n, struct wire_str cut);
