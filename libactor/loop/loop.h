#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"

struct actor;

void scheduler_make_runnable(struct actor *self);
/* Parks the running actor. Returns what scheduler_wake() was given, -ETIMEDOUT at the deadline, -ECANCELED, -ENOMEM (no stack). */
int scheduler_park(struct actor *self, int64_t deadline_ns);
void scheduler_wake(struct actor *self, int result); /* no effect when it is not parked or woken already */
/* From outside: runs the loop until done(arg), or the deadline (-ETIMEDOUT). -EDEADLK inside a handler. */
int scheduler_pump(actor_group *group, bool (*done)(void *arg), void *arg, int64_t deadline_ns);
/* Handles what is there, without waiting. */
void scheduler_poll(actor_group *group);
int scheduler_init(actor_group *group);
void scheduler_deinit(actor_group *group);
