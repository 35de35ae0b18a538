/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core of a pool in virtual time. Jobs are letters. The actions that the core wants are compared as text:
 * "start 0, run a@1, end b:crashed". A worker is up when up() says so; nothing happens by itself.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/pool/core.h"
#include "tests/fact.h"

#define MS INT64_C(1000000)

enum { N_LETTERS = 26 };

struct letter {
	struct job job;
	char key[8];
	bool is_in;
};

struct world {
	struct core core;
	int64_t now_ns;
	struct letter letters[N_LETTERS];
	int64_t retry_ms;
};

static const char *const end_words[] = {"done", "overloaded", "limited", "discarded", "expired", "crashed",
	"stuck", "draining", "shutdown", "no_memory"};

static inline struct letter *letter_of(struct world *w, char c)
{
	return &w->letters[c - 'a'];
}

static inline char letter_name(struct world *w, const struct job *job)
{
	return (char)('a' + (container_of(job, struct letter, job) - w->letters));
}

static inline struct core_settings plain(void)
{
	return (struct core_settings){
		.pipeline = 1,
		.queue_max = 1000,
		.queue_max_bytes = 1 << 20,
		.backoff = {.min_ms = 100, .max_ms = 800, .factor = 2},
	};
}

static inline void begin(struct world *w, struct core_settings settings)
{
	assert_int_equal(core_init(&w->core, &settings, 1, w->now_ns), 0);
}

/* Takes all actions that are wanted now, and returns them as text. */
static inline const char *wants(struct world *w)
{
	static char text[4096];
	struct core_action action;
	size_t at = 0;

	text[0] = '\0';
	while (core_next(&w->core, &action)) {
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s", at ? ", " : "");
		switch (action.kind) {
		case CORE_START:
		case CORE_STOP:
		case CORE_KILL:
		case CORE_STUCK:
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %u",
				action.kind == CORE_START  ? "start"
				: action.kind == CORE_STOP ? "stop"
				: action.kind == CORE_KILL ? "kill"
							   : "stuck",
				action.worker->number);
			break;
		case CORE_RUN:
			at += (size_t)snprintf(text + at, sizeof(text) - at, "run %c@%u",
				letter_name(w, action.job), action.worker->number);
			break;
		case CORE_RETRY:
			at += (size_t)snprintf(
				text + at, sizeof(text) - at, "again %c", letter_name(w, action.job));
			break;
		case CORE_END:
			at += (size_t)snprintf(text + at, sizeof(text) - at, "end %c:%s",
				letter_name(w, action.job), end_words[action.job->end]);
			container_of(action.job, struct letter, job)->is_in = false;
			break;
		case CORE_OVER:
			at += (size_t)snprintf(text + at, sizeof(text) - at, "over");
			break;
		case CORE_NONE:
			break;
		}
	}
	return text;
}

/* Submits the job @c. The fields of @of that are zero get a usual value. */
static inline enum actor_pool_end submit_as(struct world *w, char c, const char *key, struct job of)
{
	struct letter *letter = letter_of(w, c);
	enum actor_pool_end end;

	assert_false(letter->is_in);
	*letter = (struct letter){.job = of};
	snprintf(letter->key, sizeof(letter->key), "%s", key ? key : "");
	letter->job.key = letter->key;
	letter->job.key_bytes = (uint32_t)strlen(letter->key);
	if (!letter->job.level)
		letter->job.level = 3;
	if (!letter->job.bytes)
		letter->job.bytes = 10;
	if (!letter->job.expires_ns)
		letter->job.expires_ns = NEVER_NS;
	end = core_submit(&w->core, &letter->job, w->now_ns, &w->retry_ms);
	letter->is_in = end == ACTOR_POOL_DONE;
	return end;
}

static inline void submit(struct world *w, char c)
{
	assert_int_equal(submit_as(w, c, NULL, (struct job){0}), 0);
}

static inline void submit_key(struct world *w, char c, const char *key)
{
	assert_int_equal(submit_as(w, c, key, (struct job){0}), 0);
}

static inline void submit_all(struct world *w, const char *letters)
{
	for (; *letters; letters++)
		submit(w, *letters);
}

static inline void resize(struct world *w, uint32_t size)
{
	assert_int_equal(core_resize(&w->core, size, w->now_ns), 0);
}

static inline void up(struct world *w, uint32_t worker)
{
	core_worker_up(&w->core, worker, w->now_ns);
}

static inline void up_all(struct world *w, uint32_t n)
{
	resize(w, n);
	for (uint32_t i = 0; i < n; i++)
		up(w, i);
	(void)wants(w);
}

static inline void down(struct world *w, uint32_t worker)
{
	core_worker_down(&w->core, worker,
		&(struct actor_cause){.reason = "signal", .kind = ACTOR_EXIT_SIGNAL, .code = 11}, w->now_ns);
}

static inline void done(struct world *w, char c)
{
	core_done(&w->core, &letter_of(w, c)->job, w->now_ns);
}

static inline void broken(struct world *w, char c)
{
	core_broken(&w->core, &letter_of(w, c)->job, false, w->now_ns);
}

static inline void later(struct world *w, int64_t ms)
{
	w->now_ns += ms * MS;
	core_time(&w->core, w->now_ns);
}

static inline void wanted(struct world *w, const char *text)
{
	assert_string_equal(wants(w), text);
}

static inline int world_setup(void **state)
{
	static struct world w;

	w = (struct world){.now_ns = 1000000 * MS};
	*state = &w;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	core_stop(&w->core, w->now_ns);
	(void)wants(w);
	assert_int_equal(w->core.jobs.n_items, 0);
	assert_int_equal(w->core.n_queued, 0);
	assert_int_equal(w->core.n_running, 0);
	assert_int_equal(w->core.queued_bytes, 0);
	core_deinit(&w->core);
	return 0;
}

#define FACT_OF_WORLD(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
