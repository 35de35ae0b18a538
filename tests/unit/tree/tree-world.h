/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Supervisors of one group, without a node. Children are actors named by a letter, and note what they do: "+a"
 * in init, "-a:reason" in terminate. What a letter does is set by the test (struct habit). The story runs in a
 * driver, which is no child of any supervisor.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/supervisor.h"
#include "tests/fact.h"
#include "tests/unit/story.h"

struct habit {
	int init;        /* the result of init */
	int n_fails;     /* init returns -EIO so many times first */
	int n_passes;    /* … after so many good ones */
	bool init_waits; /* init waits until `go` */
	int64_t end_ms;  /* how long terminate takes */
	bool deaf;       /* terminate does not end before it is killed */
};
extern struct habit habits[26];
#define HABIT(letter) habits[(letter) - 'a']
extern bool go;
extern int n_lives; /* kids that are alive */

extern const struct actor_behavior kid_behavior;

/* A spec of the kid @letters[0]. */
struct actor_child_spec kid(const char *letters, enum actor_restart restart);
#define KIDS_MAX 8
/* Options for permanent kids of these letters; @specs: room for them. Not too many restarts: 2 in 5 s. */
struct actor_supervisor_options family(const char *letters, struct actor_child_spec specs[KIDS_MAX]);
actor_ref family_spawn(actor *self, const struct actor_supervisor_options *options);

/* Waits until the notes are @want, at most 5 s, and clears them. */
void expect(actor *self, const char *want);
/* Waits until the child is in that state. */
void expect_state(actor *self, actor_ref supervisor, const char *name, enum actor_child_state state);
actor_ref child_ref(actor *self, actor_ref supervisor, const char *name);
int kid_seen(const void *state); /* how many calls of `count` a kid has had */
void crash(actor *self, actor_ref supervisor, const char *name);
void end(actor *self, actor_ref supervisor, const char *name, const char *reason);
/* Another actor, which notes "DOWN:reason" and "EXIT:reason" (it traps exits). */
actor_ref ear_of(actor *self);
void ear_forget(void);                  /* it has ended: the next one is a new one */
void watch(actor *self, actor_ref who); /* by the ear */
int spawn_link(actor *self, const struct actor_supervisor_options *options, actor_ref *ret); /* by the ear */
/* Stops the supervisor, waits for its end, and expects the notes @want before it. */
void stop(actor *self, actor_ref supervisor, const char *want);

void tree_story(story_fn fn);
extern struct actor_cause last_end; /* of the last DOWN or EXIT */
