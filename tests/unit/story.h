/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A story: straight-line code that may call and wait, in an actor of a group without a node. That actor is
 * the driver; a program gives it more methods and callbacks if its stories need them.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "actor/actor.h"

typedef void (*story_fn)(actor *self);

extern char story_log[8192]; /* what happened, a word each */
extern bool story_stays;     /* the group runs on after its story, until the driver is cast `end` */

void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a driver needs: `.init = driver_init` and these methods. */
#define DRIVER_METHODS                                                                                       \
	{.name = "run", .on_cast = driver_run},                                                              \
	{                                                                                                    \
		.name = "end", .on_cast = driver_end                                                         \
	}
int driver_init(actor *self, const void *arg);
int driver_run(actor *self, const actor_msg *msg);
int driver_end(actor *self, const actor_msg *msg);

/* A driver that has nothing else. */
extern const struct actor_behavior story_driver;

/* Runs a group to its end: it is returned to be looked at, and freed by actor_group_free(). */
actor_group *story_group(const struct actor_behavior *driver, story_fn fn);
void story_of(const struct actor_behavior *driver, story_fn fn);
