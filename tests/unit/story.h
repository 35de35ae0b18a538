/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A story is straight-line code that may call and wait. It runs in an actor of a group without a node, the
 * driver. A program whose stories need more methods or callbacks has a driver of its own.
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

extern char story_log[8192]; /* the notes of what happened, one after the other */
extern bool story_stays;     /* the group runs on after its story, until the driver gets the cast `end` */

void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Each driver has `.init = driver_init` and these methods. */
#define DRIVER_METHODS                                                                                       \
	{.name = "run", .on_cast = driver_run},                                                              \
	{                                                                                                    \
		.name = "end", .on_cast = driver_end                                                         \
	}
int driver_init(actor *self, const void *arg);
int driver_run(actor *self, const actor_msg *msg);
int driver_end(actor *self, const actor_msg *msg);

/* This driver has nothing else. */
extern const struct actor_behavior story_driver;

/* Runs a group until it has ended. story_group() returns the group to be looked at and freed. */
actor_group *story_group(const struct actor_behavior *driver, story_fn fn);
void story_of(const struct actor_behavior *driver, story_fn fn);
