/* SPDX-License-Identifier: Apache-2.0 */
/* What the scenarios of alloc-fails use. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "actor/actor.h"
#include "short.h"

/* A scenario runs in an actor. Each call of it either works or gives one of the errors that are expected. */
struct scenario {
	const char *name;
	void (*fn)(actor *self);
	enum actor_join_mode mode;
};

/* Says which scenario, which allocation and which line, and ends the program. */
__attribute__((noreturn)) void scenario_fails(const char *file, int line, const char *what, int r);

/* Must hold. */
#define must(condition) ((condition) ? (void)0 : scenario_fails(__FILE__, __LINE__, #condition, 0))
#define must_work(call)                                                                                      \
	({                                                                                                   \
		int r_ = (call);                                                                             \
		if (r_ != 0)                                                                                 \
			scenario_fails(__FILE__, __LINE__, #call, r_);                                       \
	})
/* 0 or more; or -ENOMEM; or what a call gives whose target could not answer for want of memory. */
bool result_is_expected(int r);
/* The same, or @other. */
#define may_also(other, call)                                                                                \
	({                                                                                                   \
		int r_ = (call);                                                                             \
		if (r_ != (other) && !result_is_expected(r_))                                                \
			scenario_fails(__FILE__, __LINE__, #call, r_);                                       \
		r_;                                                                                          \
	})
#define may(call) may_also(0, call)

void client_scenario(void);
extern const struct scenario local_scenarios[], node_scenarios[]; /* each ends with one without a name */

/* The actor that the scenarios call: `echo`, `late`, `note`, `fail`, `wait`. */
extern const struct actor_behavior server;
extern size_t n_notes; /* how many `note` have come to servers of this process */
