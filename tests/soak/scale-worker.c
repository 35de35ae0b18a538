/* SPDX-License-Identifier: Apache-2.0 */
#include "scale.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "actor/actor.h"

#define SAMPLES_MAX 20000
#define BATCH       1000 /* this many short operations are timed together */
#define REFS_MAX    1000
#define LONG_MS     60000

static int64_t samples[SAMPLES_MAX];
static uint64_t n_noted; /* casts to all members that have come to actors of this process */

int64_t scale_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t scale_median(int64_t *of, int64_t n)
{
	qsort(of, (size_t)n, sizeof(*of), compare);
	return n ? of[n / 2] : 0;
}

static const char *name_of(const char *prefix, int64_t i, char text[32])
{
	snprintf(text, 32, "%s%" PRId64, prefix, i);
	return text;
}

/* ---- what is measured ---- */

static int do_one(actor *self, enum scale_what what, const char *prefix, int64_t i)
{
	actor_msg *reply = NULL;
	char name[32];
	actor_ref ref;
	int r;

	switch (what) {
	case SCALE_REGISTER:
		return actor_register(self, name_of(prefix, i, name));
	case SCALE_LOOK_UP:
		return actor_whereis(self, name_of(prefix, i, name), &ref);
	case SCALE_JOIN:
		return actor_pg_join(self, NULL, prefix);
	case SCALE_ROUND_TRIP:
		/* This is the cheapest question to the broker. */
		r = actor_call(self, actor_named("$broker"), "pg_groups", LONG_MS, &reply, "si", "pg", 0);
		actor_msg_free(reply);
		return r;
	}
	return -EINVAL;
}

/* ---- fillers: many actors that do it at once ---- */

static actor_from *asker;
static int64_t fill_start_ns;
static int n_filling, fill_result;

/* [whom to tell, what, prefix, from, to] */
static int filler_do(actor *self, const actor_msg *msg)
{
	int64_t from, to;
	const char *prefix;
	actor_ref whom;
	int what, r = 0;

	if (actor_msg_unpack(msg, "risII", &whom, &what, &prefix, &from, &to) < 0)
		return -EINVAL;
	for (int64_t i = from; i < to && r == 0; i++)
		r = do_one(self, (enum scale_what)what, prefix, i);
	return actor_cast(self, actor_to(whom), "filled", "i", r);
}

static int filler_join(actor *self, const actor_msg *msg)
{
	int64_t from, to;
	actor_ref whom;
	char name[32];
	int r = 0;

	if (actor_msg_unpack(msg, "rII", &whom, &from, &to) < 0)
		return -EINVAL;
	for (int64_t i = from; i < to && r == 0; i++)
		r = actor_pg_join(self, NULL, name_of("g", i, name));
	return actor_cast(self, actor_to(whom), "filled", "i", r);
}

static int filler_note(actor *self, const actor_msg *msg)
{
	n_noted++;
	return 0;
}

static const struct actor_method filler_methods[] = {
	{.name = "do", .on_cast = filler_do},
	{.name = "join", .on_cast = filler_join},
	{.name = "note", .on_cast = filler_note},
	{0},
};
static const struct actor_behavior filler = {.name = "filler", .methods = filler_methods};

static int worker_filled(actor *self, const actor_msg *msg)
{
	int r;

	if (actor_msg_unpack(msg, "i", &r) < 0)
		return -EINVAL;
	fill_result = fill_result ? fill_result : r;
	if (--n_filling)
		return 0;
	r = actor_reply(asker, "[iI]", fill_result, scale_now_ns() - fill_start_ns);
	asker = NULL;
	return r;
}

static int fill_begin(actor_from *from)
{
	asker = actor_from_keep(from);
	fill_start_ns = scale_now_ns();
	fill_result = 0;
	n_filling = 0;
	return asker ? 0 : -ENOMEM;
}

/* [what, prefix, from, to] → [result, ns]. All fillers do it at a time. */
static int worker_many(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t first, last;
	const char *prefix;
	int what, r;

	if (actor_msg_unpack(msg, "isII", &what, &prefix, &first, &last) < 0)
		return -EINVAL;
	r = fill_begin(from);
	for (int64_t i = 0; i < SCALE_FILLERS && r == 0; i++) {
		int64_t n = last - first;
		actor_ref one;

		r = actor_spawn(self, &filler, NULL, &one);
		if (r == 0)
			r = actor_cast(self, actor_to(one), "do", "risII", actor_self(self), what, prefix,
				first + n * i / SCALE_FILLERS, first + n * (i + 1) / SCALE_FILLERS);
		n_filling += r == 0;
	}
	return r;
}

/* [actors, from, to] → [result, ns]. So many actors join each of the process groups. */
static int worker_join_many(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n, first, last;
	int r;

	if (actor_msg_unpack(msg, "III", &n, &first, &last) < 0)
		return -EINVAL;
	r = fill_begin(from);
	for (int64_t i = 0; i < n && r == 0; i++) {
		actor_ref one;

		r = actor_spawn(self, &filler, NULL, &one);
		if (r == 0)
			r = actor_cast(self, actor_to(one), "join", "rII", actor_self(self), first, last);
		n_filling += r == 0;
	}
	return r;
}

/* ---- one after the other ---- */

/* [what, prefix, from, to, step] → [result, median ns] */
static int worker_each(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t first, last, step, n = 0;
	const char *prefix;
	int what, r = 0;

	if (actor_msg_unpack(msg, "isIII", &what, &prefix, &first, &last, &step) < 0)
		return -EINVAL;
	for (int64_t i = first; i < last && n < SAMPLES_MAX && r == 0; i += step) {
		int64_t start_ns = scale_now_ns();

		r = do_one(self, (enum scale_what)what, prefix, i);
		samples[n++] = scale_now_ns() - start_ns;
	}
	return actor_reply(from, "[iI]", r, scale_median(samples, n));
}

/* [name] → [result, ns]. The name was looked up before. */
static int worker_cached(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;
	actor_ref ref;
	int r = 0;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	for (int n = 0; n < 200 && r == 0; n++) {
		int64_t start_ns = scale_now_ns();

		for (int i = 0; i < BATCH && r == 0; i++)
			r = actor_whereis(self, name, &ref);
		samples[n] = (scale_now_ns() - start_ns) / BATCH;
	}
	return actor_reply(from, "[iI]", r, scale_median(samples, 200));
}

/* [group, max] → [members, ns]. The members come from the copy. */
static int worker_members(actor *self, const actor_msg *msg, actor_from *from)
{
	static actor_ref refs[REFS_MAX];
	const char *group;
	int64_t max;
	int n;

	if (actor_msg_unpack(msg, "sI", &group, &max) < 0 || max < 0 || max > REFS_MAX)
		return -EINVAL;
	n = actor_pg_members(self, NULL, group, NULL, 0); /* the first time, this asks the broker */
	for (int at = 0; at < 200 && n >= 0; at++) {
		int64_t start_ns = scale_now_ns();

		for (int i = 0; i < BATCH && n >= 0; i++)
			n = actor_pg_members(self, NULL, group, refs, (size_t)max);
		samples[at] = (scale_now_ns() - start_ns) / BATCH;
	}
	return actor_reply(from, "[iI]", n, scale_median(samples, 200));
}

/*
 * [group, times] → [result, ns]. The time ends when the links have taken all casts, which may not be handled
 * yet.
 */
static int worker_cast_all(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n, start_ns = scale_now_ns();
	const char *group;
	int r = 0;

	if (actor_msg_unpack(msg, "sI", &group, &n) < 0)
		return -EINVAL;
	while (n-- && r == 0)
		r = actor_cast(self, actor_to_pg_all(NULL, group), "note", "");
	return actor_reply(from, "[iI]", r, scale_now_ns() - start_ns);
}

static int worker_noted(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "[iI]", 0, (int64_t)n_noted);
}

static int worker_echo(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "[iI]", 0, INT64_C(0));
}

static const struct actor_method worker_methods[] = {
	{.name = "many", .on_call = worker_many},
	{.name = "join_many", .on_call = worker_join_many},
	{.name = "filled", .on_cast = worker_filled},
	{.name = "each", .on_call = worker_each},
	{.name = "cached", .on_call = worker_cached},
	{.name = "members", .on_call = worker_members},
	{.name = "cast_all", .on_call = worker_cast_all},
	{.name = "noted", .on_call = worker_noted},
	{.name = "echo", .on_call = worker_echo},
	{0},
};
static const struct actor_behavior worker = {.name = "worker", .methods = worker_methods};

int scale_worker_main(const char *name)
{
	return actor_main(&worker, NULL, name);
}
