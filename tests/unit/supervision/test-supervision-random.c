/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random lives of random supervisors: events come in any order, and the promises must hold. The model knows
 * only what a caller knows: which actions were taken and what was reported. SUPERVISION_SEED=N runs one life,
 * SUPERVISION_LIVES=N so many lives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/supervision/engine.h"
#include "tests/fact.h"

#define MS UINT64_C(1000000)

enum { N_LIVES = 2000, N_STEPS = 240, MAX_CHILDREN = 10 };

struct model_child {
	struct supervision_child *child; /* NULL: the slot is free */
	bool live;                       /* its START was taken, and no end was reported */
	bool stop, kill;                 /* whether STOP and KILL were taken */
	bool stopped_by_command;         /* a command stopped it, and none has started it since */
	uint64_t stop_ns;
};

struct model {
	struct supervision *supervision;
	struct supervision_config config;
	struct model_child children[MAX_CHILDREN];
	uint64_t now_ns;
	uint64_t random;
	unsigned n_ready, n_done, n_escalate;
	bool shutdown, forced;
};

static unsigned chance(struct model *m, unsigned n)
{
	m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (m->random >> 33) % n;
}

static size_t model_live(const struct model *m)
{
	size_t n = 0;

	for (int i = 0; i < MAX_CHILDREN; i++)
		n += m->children[i].live;
	return n;
}

/* Children are stopped one after the other, from the last to the first: all after this one must be gone. */
static void check_reverse_order(const struct model *m, const struct supervision_action *action)
{
	const struct supervision_child *later;

	if (m->config.parallel_stop || m->forced)
		return;
	if (action->cause != SUPERVISION_CAUSE_SHUTDOWN && action->cause != SUPERVISION_CAUSE_SIBLING)
		return;
	for (later = supervision_child_next(action->child); later; later = supervision_child_next(later))
		assert_false(((struct model_child *)later->spec.data)->live);
}

static void take_action(struct model *m, const struct supervision_action *action)
{
	struct model_child *c = action->child ? action->child->spec.data : NULL;

	assert_int_equal(m->n_done, 0); /* nothing comes after DONE */
	switch (action->kind) {
	case SUPERVISION_ACTION_START:
		assert_false(c->live);
		assert_true(action->child->wanted);
		assert_false(c->stopped_by_command);
		assert_false(m->shutdown);
		c->live = true;
		c->stop = c->kill = false;
		break;
	case SUPERVISION_ACTION_STOP:
		assert_true(c->live);
		assert_false(c->stop);
		assert_false(c->kill);
		assert_true(action->shutdown_ms >= SUPERVISION_INFINITY);
		check_reverse_order(m, action);
		c->stop = true;
		c->stop_ns = m->now_ns;
		break;
	case SUPERVISION_ACTION_KILL:
		assert_true(c->live);
		assert_false(c->kill);
		if (!c->stop)
			check_reverse_order(m, action);
		c->kill = true;
		break;
	case SUPERVISION_ACTION_GONE:
		assert_false(c->live);
		assert_int_not_equal(action->cause, SUPERVISION_CAUSE_NONE);
		if (action->removed)
			c->child = NULL;
		break;
	case SUPERVISION_ACTION_READY:
		assert_int_equal(++m->n_ready, 1);
		break;
	case SUPERVISION_ACTION_ESCALATE:
		assert_int_not_equal(m->config.intensity, SUPERVISION_UNLIMITED);
		assert_int_equal(++m->n_escalate, 1);
		break;
	case SUPERVISION_ACTION_DONE:
		assert_int_equal(model_live(m), 0);
		m->n_done++;
		break;
	default:
		fail();
	}
}

static void drain(struct model *m)
{
	struct supervision_action action;
	unsigned n = 0;

	while (supervision_next_action(m->supervision, &action)) {
		take_action(m, &action);
		assert_true(++n <= 3 * MAX_CHILDREN + 3);
	}
	assert_int_equal(supervision_count(m->supervision).n_live, model_live(m));
	for (int i = 0; i < MAX_CHILDREN; i++) {
		const struct model_child *c = &m->children[i];
		enum supervision_state state;

		if (!c->child)
			continue;
		state = c->child->state;
		assert_int_equal(c->live, state >= SUPERVISION_STARTING);
		if (state == SUPERVISION_STOPPING)
			assert_true(c->stop || c->kill);
		if (state == SUPERVISION_BACKOFF || state == SUPERVISION_WAITING)
			assert_true(c->child->wanted);
	}
}

static void look_at_the_clock(struct model *m)
{
	supervision_timer(m->supervision, m->now_ns);
	assert_true(supervision_next_deadline(m->supervision) > m->now_ns);
	drain(m);
	for (int i = 0; i < MAX_CHILDREN; i++) {
		const struct model_child *c = &m->children[i];

		if (c->live && c->stop && c->child->spec.shutdown_ms >= 0 &&
			m->now_ns >= c->stop_ns + c->child->spec.shutdown_ms * MS)
			assert_true(c->kill);
	}
}

static void add_child(struct model *m, struct model_child *c)
{
	static const int32_t shutdowns_ms[] = {SUPERVISION_BRUTAL_KILL, SUPERVISION_INFINITY, 0, 20, 500};
	struct supervision_child_spec spec = {
		.data = c,
		.restart = chance(m, _SUPERVISION_RESTART_N),
		.await_ready = chance(m, 2),
		.shutdown_ms = shutdowns_ms[chance(m, 5)],
	};
	int r;

	if (spec.await_ready && chance(m, 2))
		spec.ready_timeout_ms = 30;
	if (chance(m, 2))
		spec.backoff = (struct backoff_spec){
			.min_ms = 10, .max_ms = 80, .factor = 2, .jitter_pct = 20, .reset_after_ms = 200};
	spec.significant = m->config.auto_shutdown != SUPERVISION_AUTO_NEVER &&
			   spec.restart != SUPERVISION_PERMANENT && chance(m, 8) == 0;
	r = supervision_child_add(m->supervision, &spec, &c->child);
	if (r)
		assert_int_equal(r, -ESHUTDOWN);
	else
		*c = (struct model_child){.child = c->child};
}

static void command(struct model *m, struct model_child *c)
{
	int r;

	switch (chance(m, 4)) {
	case 0:
		if (supervision_child_start(c->child, m->now_ns) == 0)
			c->stopped_by_command = false;
		break;
	case 1:
		r = supervision_child_stop(c->child, m->now_ns);
		if (r >= 0)
			c->stopped_by_command = true;
		break;
	case 2:
		if (supervision_child_restart(c->child, m->now_ns) == 0)
			c->stopped_by_command = false;
		break;
	default:
		if (supervision_child_remove(c->child) == 0) {
			assert_false(c->live);
			c->child = NULL;
		}
	}
}

static void report(struct model *m, struct model_child *c)
{
	int r;

	switch (chance(m, 6)) {
	case 0:
		r = supervision_child_start_failed(c->child, m->now_ns, chance(m, 8) == 0);
		break;
	case 1:
		r = supervision_child_exited(
			c->child, m->now_ns, SUPERVISION_EXIT_NORMAL + chance(m, SUPERVISION_EXIT_FATAL));
		break;
	case 2:
	case 3:
		r = supervision_child_ready(c->child, m->now_ns);
		if (!c->live)
			assert_int_equal(r, -EINVAL);
		return;
	default:
		r = supervision_child_started(c->child, m->now_ns);
		if (!c->live)
			assert_int_equal(r, -EINVAL);
		return;
	}
	if (!c->live)
		assert_int_equal(r, -EINVAL);
	if (r == 0)
		c->live = false;
}

static void step(struct model *m)
{
	struct model_child *c = &m->children[chance(m, MAX_CHILDREN)];
	unsigned what = chance(m, 100);

	if (what < 20) {
		m->now_ns += chance(m, 60) * MS;
		look_at_the_clock(m);
	} else if (what < 25) {
		if (!c->child && !c->live)
			add_child(m, c);
	} else if (what < 40) {
		if (c->child)
			command(m, c);
	} else if (c->child) {
		report(m, c);
	}
	if (chance(m, 4))
		drain(m);
}

/* Children do all that they are asked to and time passes. In the end nothing may hang or be half done. */
static void settle(struct model *m)
{
	bool moved = true;

	for (int round = 0; moved; round++) {
		assert_true(round < 1000);
		drain(m);
		moved = false;
		for (int i = 0; i < MAX_CHILDREN; i++) {
			struct model_child *c = &m->children[i];

			if (!c->child || !c->live)
				continue;
			if (c->stop || c->kill) {
				assert_int_equal(supervision_child_exited(
							 c->child, m->now_ns, SUPERVISION_EXIT_SHUTDOWN),
					0);
				c->live = false;
				moved = true;
			} else if (c->child->state != SUPERVISION_READY) {
				assert_int_equal(supervision_child_ready(c->child, m->now_ns), 0);
				moved = true;
			}
			drain(m);
		}
		if (supervision_next_deadline(m->supervision) != SUPERVISION_NEVER) {
			m->now_ns = supervision_next_deadline(m->supervision);
			look_at_the_clock(m);
			moved = true;
		}
	}
}

/* true: the supervisor was still there, and was shut down at the end */
static bool live(uint64_t seed)
{
	struct model m = {.now_ns = 1000 * MS, .random = seed};
	bool lasted;

	for (int i = 0; i < 8; i++)
		chance(&m, 2);
	m.config = (struct supervision_config){
		.strategy = chance(&m, _SUPERVISION_STRATEGY_N),
		.auto_shutdown = chance(&m, _SUPERVISION_AUTO_N),
		.intensity = chance(&m, 3) ? SUPERVISION_UNLIMITED : 4,
		.period_ms = 40,
		.start_in_order = chance(&m, 2),
		.parallel_stop = chance(&m, 3) == 0,
		.retry_first_start = chance(&m, 2),
		.keep_ended = chance(&m, 2),
		.seed = seed,
	};
	assert_int_equal(supervision_new(&m.supervision, &m.config), 0);
	for (int i = 0; i < MAX_CHILDREN / 2; i++)
		add_child(&m, &m.children[i]);
	assert_int_equal(supervision_start(m.supervision, m.now_ns), 0);

	for (int i = 0; i < N_STEPS; i++)
		step(&m);

	settle(&m);
	lasted = !m.n_done;
	if (lasted) {
		assert_true(supervision_is_running(m.supervision));
		assert_int_equal(m.n_ready, 1);
		for (int i = 0; i < MAX_CHILDREN; i++) {
			const struct supervision_child *child = m.children[i].child;

			if (!child)
				continue;
			if (!child->wanted)
				assert_int_equal(child->state, SUPERVISION_DOWN);
			else if (child->state == SUPERVISION_DOWN)
				assert_int_equal(child->spec.restart, SUPERVISION_TRANSIENT);
			else
				assert_true(child->serves);
		}
		m.forced = chance(&m, 2);
		assert_int_equal(supervision_shutdown(m.supervision, m.now_ns, m.forced), 0);
		m.shutdown = true;
		for (int i = 0; i < 20; i++)
			step(&m);
		settle(&m);
	}
	assert_int_equal(m.n_done, 1);
	assert_true(supervision_is_done(m.supervision));
	assert_int_equal(supervision_count(m.supervision).n_live, 0);
	supervision_free(m.supervision);
	return lasted;
}

static uint64_t running_seed;

static int tell_the_last_seed(void **state)
{
	print_message("# last seed %llu\n", (unsigned long long)running_seed);
	return 0;
}

static void test_the_promises_hold_over_random_lives(void **state)
{
	unsigned n_lasted = 0;
	const char *only = getenv("SUPERVISION_SEED"), *many = getenv("SUPERVISION_LIVES");
	uint64_t n_lives = many ? strtoull(many, NULL, 0) : N_LIVES;

	if (only) {
		live(strtoull(only, NULL, 0));
		return;
	}
	for (uint64_t seed = 0; seed < n_lives; seed++) {
		running_seed = seed;
		n_lasted += live(seed);
	}
	print_message("# %u of %llu lasted\n", n_lasted, (unsigned long long)n_lives);
	/* A life that ends early tests little. */
	assert_in_range(n_lasted, n_lives / 3, n_lives);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_the_promises_hold_over_random_lives, tell_the_last_seed),
	};
	return run_facts_of("supervision, random", tests);
}
