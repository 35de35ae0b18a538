/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervision engine in virtual time. Children are called a, b, c … The actions that the engine wants are
 * compared as text, such as "start a, stop b:sibling, gone c:ended*": the cause is after the colon, and a
 * star means that the handle is gone.
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

#include "libactor/supervision/engine.h"
#include "tests/fact.h"

#define MS UINT64_C(1000000)

enum { N_LETTERS = 26 };

struct world {
	struct supervision *supervision;
	uint64_t now_ns;
	struct supervision_child *child[N_LETTERS];
	struct supervision_action last_gone;
};

#define NORMAL   SUPERVISION_EXIT_NORMAL
#define SHUTDOWN SUPERVISION_EXIT_SHUTDOWN
#define CRASH    SUPERVISION_EXIT_ABNORMAL
#define KILLED   SUPERVISION_EXIT_KILLED
#define FATAL    SUPERVISION_EXIT_FATAL

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	supervision_free(w->supervision);
	w->supervision = NULL;
	return 0;
}

static inline int world_setup(void **state)
{
	static struct world w;

	w = (struct world){.now_ns = 1000000 * MS};
	*state = &w;
	return 0;
}

static inline void begin(struct world *w, struct supervision_config config)
{
	assert_null(supervision_config_check(&config));
	assert_int_equal(supervision_new(&w->supervision, &config), 0);
}

/* As in OTP: children start in order, 2 restarts are allowed in 5 s. */
static inline struct supervision_config otp(enum supervision_strategy strategy)
{
	return (struct supervision_config){
		.strategy = strategy, .intensity = 2, .period_ms = 5000, .start_in_order = true};
}

/* As the node supervisor of `actorctl spawn` has it. */
static inline struct supervision_config flat(void)
{
	return (struct supervision_config){
		.intensity = SUPERVISION_UNLIMITED, .parallel_stop = true, .retry_first_start = true};
}

static inline struct supervision_child_spec spec_of(enum supervision_restart restart)
{
	return (struct supervision_child_spec){.restart = restart, .shutdown_ms = 5000};
}

static inline void add(struct world *w, char letter, struct supervision_child_spec spec)
{
	char id[2] = {letter};

	spec.id = id;
	assert_null(supervision_child_spec_check(
		&(struct supervision_config){.auto_shutdown = SUPERVISION_AUTO_ANY_SIGNIFICANT}, &spec));
	assert_int_equal(supervision_child_add(w->supervision, &spec, &w->child[letter - 'a']), 0);
}

static inline void add_all(struct world *w, const char *letters, enum supervision_restart restart)
{
	for (; *letters; letters++)
		add(w, *letters, spec_of(restart));
}

static inline struct supervision_child *child(struct world *w, char letter)
{
	return w->child[letter - 'a'];
}

static inline void expect_(struct world *w, const char *want, const char *file, int line)
{
	struct supervision_action action;
	char got[4096] = "";
	size_t n = 0;

	while (supervision_next_action(w->supervision, &action)) {
		n += snprintf(got + n, sizeof(got) - n, "%s%s", n ? ", " : "",
			supervision_action_name(action.kind));
		if (action.child)
			n += snprintf(got + n, sizeof(got) - n, " %s", action.child->spec.id);
		if (action.cause)
			n += snprintf(got + n, sizeof(got) - n, ":%s", supervision_cause_name(action.cause));
		if (action.removed)
			n += snprintf(got + n, sizeof(got) - n, "*");
		if (action.kind == SUPERVISION_ACTION_GONE)
			w->last_gone = action;
		assert_true(n < sizeof(got));
	}
	_assert_string_equal(got, want, file, line);
}

#define expect(w, want) expect_(w, want, __FILE__, __LINE__)

static inline void exited(struct world *w, char letter, enum supervision_exit exit)
{
	assert_int_equal(supervision_child_exited(child(w, letter), w->now_ns, exit), 0);
}

static inline void started(struct world *w, const char *letters)
{
	for (; *letters; letters++)
		assert_int_equal(supervision_child_started(child(w, *letters), w->now_ns), 0);
}

static inline void ready(struct world *w, char letter)
{
	assert_int_equal(supervision_child_ready(child(w, letter), w->now_ns), 0);
}

static inline void start_failed(struct world *w, char letter)
{
	assert_int_equal(supervision_child_start_failed(child(w, letter), w->now_ns, false), 0);
}

static inline void pass_ms(struct world *w, uint64_t ms)
{
	w->now_ns += ms * MS;
	supervision_timer(w->supervision, w->now_ns);
	assert_true(supervision_next_deadline(w->supervision) > w->now_ns);
}

static inline uint64_t deadline_in_ms(struct world *w)
{
	return (supervision_next_deadline(w->supervision) - w->now_ns) / MS;
}

static inline void is_(struct world *w, char letter, enum supervision_state state, const char *file, int line)
{
	_assert_string_equal(
		supervision_state_name(child(w, letter)->state), supervision_state_name(state), file, line);
}

#define is(w, letter, state) is_(w, letter, SUPERVISION_##state, __FILE__, __LINE__)

/* Starts every child that was added and reports each as up, until the supervisor is ready. */
static inline void run(struct world *w)
{
	struct supervision_action action;

	assert_int_equal(supervision_start(w->supervision, w->now_ns), 0);
	while (supervision_next_action(w->supervision, &action)) {
		if (action.kind == SUPERVISION_ACTION_READY)
			return;
		assert_int_equal(action.kind, SUPERVISION_ACTION_START);
		supervision_child_started(action.child, w->now_ns);
	}
	fail_msg("the supervisor did not become ready");
}

static inline void begin_run(struct world *w, struct supervision_config config, const char *letters,
	enum supervision_restart restart)
{
	begin(w, config);
	add_all(w, letters, restart);
	run(w);
}

#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
