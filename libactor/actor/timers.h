/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"

struct actor;

/* What a timer for others does when it is due. @text is a method with the arguments @body, or a reason. */
typedef void (*alarm_fn)(
	struct actor *self, const actor_dest *to, const char *text, const void *body, size_t body_bytes);

/* The description of a timer that is to be made. */
struct alarm_spec {
	int64_t delay_ms;  /* until it is due for the first time */
	int64_t period_ms; /* 0: once */
	const actor_dest *to;
	const char *text;
	const void *body;
	size_t body_bytes;
	alarm_fn act;  /* called in the loop, at once; must not wait */
	alarm_fn send; /* called in the turn of the timer's actor; may wait */
};

/* Copies everything. Returns 0, -EINVAL or -ENOMEM. */
int alarm_new(struct actor *self, const struct alarm_spec *spec, uint64_t *ret_id);
/* The same for a cast, whose method is spec->text: checks the method, and packs the arguments. */
int alarm_new_cast(
	struct actor *self, struct alarm_spec *spec, uint64_t *ret_id, const char *format, va_list args);

/* A message of an interval or an idle timer (MSG_TICK) is about to be handled. */
void alarm_taken(actor_group *group, uint64_t id);
/* A timer for others is due, and it is the turn of its actor (MSG_DUE). May wait. */
void alarm_send(struct actor *self, uint64_t id);
/* All messages were handled. Called only if self->idle is set. */
void idle_begins(struct actor *self);

void alarms_init(actor_group *group);
void alarms_deinit(actor_group *group);
void alarms_end(struct actor *self);
