/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/order.h"

#include <stdbool.h>
#include <string.h>

#include "libactor/protocol/mp.h"

static int compare(struct wire_str a, struct wire_str b)
{
	int c = memcmp(a.s, b.s, a.len < b.len ? a.len : b.len);

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static void replace_child(
	struct order *order, struct order_node *parent, struct order_node *old, struct order_node *new)
{
	if (!parent)
		order->root = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
	if (new)
		new->parent = parent;
}

/* @child takes its parent's place. */
static void rotate_up(struct order *order, struct order_node *child)
{
	struct order_node *parent = child->parent;
	struct order_node *moved;

	replace_child(order, parent->parent, parent, child);
	if (parent->left == child) {
		moved = child->right;
		child->right = parent;
		parent->left = moved;
	} else {
		moved = child->left;
		child->left = parent;
		parent->right = moved;
	}
	if (moved)
		moved->parent = parent;
	parent->parent = child;
}

void order_insert(struct order *order, struct order_node *node, struct wire_str text, uint64_t hash)
{
	struct order_node *parent = NULL;
	struct order_node **at = &order->root;

	while (*at) {
		parent = *at;
		at = compare(order_text(parent), text) > 0 ? &parent->left : &parent->right;
	}
	*at = node;
	*node = (struct order_node){.parent = parent,
		.text = text.s,
		.priority = (uint32_t)(hash >> 32),
		.len = (uint8_t)text.len};
	while (node->parent && node->parent->priority < node->priority)
		rotate_up(order, node);
}

void order_remove(struct order *order, struct order_node *node)
{
	while (node->left && node->right)
		rotate_up(order, node->left->priority > node->right->priority ? node->left : node->right);
	replace_child(order, node->parent, node, node->left ? node->left : node->right);
}

struct order_node *order_first(const struct order *order, struct wire_str at_least, struct wire_str after)
{
	/*
	 * Only the greater bound must be checked, since a name that fits the greater one fits the other too.
	 */
	bool from_after = compare(after, at_least) >= 0;
	struct wire_str bound = from_after ? after : at_least;
	struct order_node *best = NULL;

	for (struct order_node *at = order->root; at;) {
		if (compare(order_text(at), bound) >= from_after) {
			best = at;
			at = at->left;
		} else {
			at = at->right;
		}
	}
	return best;
}

struct order_node *order_next(const struct order_node *node)
{
	struct order_node *next = node->right;

	if (next) {
		while (next->left)
			next = next->left;
		return next;
	}
	while (node->parent && node->parent->right == node)
		node = node->parent;
	return node->parent;
}

void order_put_list(struct buf *b, const struct buf *items, uint32_t n, struct wire_str cut)
{
	mp_put_array(b, n + !!cut.s);
	mp_put_raw(b, items->data, items->size_bytes);
	if (cut.s)
		mp_put_str(b, cut.s, cut.len);
	if (items->failed)
		b->failed = true;
}
