/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answerer NAME: an actor whose answers are as big as the caller wants. `big` [bytes] answers so many bytes;
 * `slow` [ms] takes so long; `note` does nothing; `items` [n, bytes]
 * answers with a stream of so many items; `handled` answers how many of `big`, `note` and `items` there were.
 */
#include <actor/actor.h>
#include <errno.h>
#include <stdlib.h>

static uint64_t n_handled;

static int on_big(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t size_bytes;
	void *body;
	int r;

	if (actor_msg_unpack(msg, "I", &size_bytes) < 0 || size_bytes < 0)
		return actor_reply_error(from, "bad_args", "how many bytes?");
	body = calloc(1, (size_t)size_bytes + 1);
	if (!body)
		return -ENOMEM;
	n_handled++;
	r = actor_reply(from, "y#", (const void *)body, (size_t)size_bytes);
	free(body);
	return r;
}

static int on_items(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n, size_bytes;
	void *body;
	int r = 0;

	if (actor_msg_unpack(msg, "II", &n, &size_bytes) < 0 || size_bytes < 0)
		return actor_reply_error(from, "bad_args", "how many items of how many bytes?");
	body = calloc(1, (size_t)size_bytes + 1);
	if (!body)
		return -ENOMEM;
	/* A producer that does not wait is the one that can fill the link. */
	while (n-- > 0 && r == 0)
		r = actor_stream_send(self, from, 0, "y#", (const void *)body, (size_t)size_bytes);
	free(body);
	n_handled++;
	return r < 0 ? 0 : actor_stream_end(from);
}

static int on_handled(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "U", n_handled);
}

static int on_slow(actor *self, const actor_msg *msg)
{
	int64_t ms;

	return actor_msg_unpack(msg, "I", &ms) < 0 ? 0 : actor_sleep(self, ms);
}

static int on_note(actor *self, const actor_msg *msg)
{
	n_handled++;
	return 0;
}

static const struct actor_method methods[] = {
	{.name = "big", .on_call = on_big},
	{.name = "items", .on_call = on_items},
	{.name = "handled", .on_call = on_handled},
	{.name = "slow", .on_cast = on_slow},
	{.name = "note", .on_cast = on_note},
	{0},
};
static const struct actor_behavior behavior = {.name = "answerer", .methods = methods};

int main(int argc, char **argv)
{
	return argc == 2 ? actor_main(&behavior, NULL, argv[1]) : 2;
}
