/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shop [--name NAME]: takes orders at any time, and serves them while it is open
 *   actorctl send shop order '"tea"'    an order. While the shop is closed, the order is put aside
 *   actorctl call shop open             answers how many orders had been put aside; they are served now
 *   actorctl call shop served           what was served, in this order
 *   actorctl call shop close
 *
 * A closed and an open shop are two behaviors with one state: actor_become() goes from one to the other. The
 * messages that the closed shop cannot handle yet wait in the stash of the actor (actor_stash()).
 */
#include <actor/actor.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 1024

struct shop {
	char served[LINE_MAX_BYTES]; /* what was served, with blanks between */
};

static const struct actor_behavior closed_shop, open_shop;

static int shop_served(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "s", ((struct shop *)actor_state(self))->served);
}

/* ---- a closed shop ---- */

static int closed_order(actor *self, const actor_msg *msg)
{
	if (actor_stash(self, msg) < 0)
		fprintf(stderr, "shop: too many orders wait: one was dropped\n");
	return 0;
}

static int closed_open(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_become(self, &open_shop);

	/* The orders come before everything that was sent later, and the open shop handles them. */
	return r < 0 ? r : actor_reply(from, "i", actor_unstash_all(self));
}

static const struct actor_method closed_methods[] = {
	{.name = "order",
		.on_cast = closed_order,
		.args = "what:str",
		.doc = "is served when the shop opens"},
	{.name = "open", .on_call = closed_open, .args = "", .doc = "answers how many orders waited"},
	{.name = "served", .on_call = shop_served, .args = ""},
	{0},
};

static const struct actor_behavior closed_shop = {
	.name = "closed shop", .state_size = sizeof(struct shop), .methods = closed_methods};

/* ---- an open shop ---- */

static int open_order(actor *self, const actor_msg *msg)
{
	struct shop *shop = actor_state(self);
	size_t n = strlen(shop->served);
	const char *what;

	if (actor_msg_unpack(msg, "s", &what) == 0)
		snprintf(shop->served + n, sizeof(shop->served) - n, "%s%s", n ? " " : "", what);
	return 0;
}

static int open_close(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_become(self, &closed_shop);

	return r < 0 ? r : actor_reply(from, "");
}

static const struct actor_method open_methods[] = {
	{.name = "order", .on_cast = open_order, .args = "what:str", .doc = "is served at once"},
	{.name = "close", .on_call = open_close, .args = "", .doc = "orders wait from now on"},
	{.name = "served", .on_call = shop_served, .args = ""},
	{0},
};

static const struct actor_behavior open_shop = {
	.name = "open shop", .state_size = sizeof(struct shop), .methods = open_methods};

int main(int argc, char **argv)
{
	const char *name = argc == 3 && !strcmp(argv[1], "--name") ? argv[2] : "shop";

	if (argc != 1 && name != argv[2])
		return fprintf(stderr, "usage: shop [--name NAME]\n"), 2;
	return actor_main(&closed_shop, NULL, name);
}
