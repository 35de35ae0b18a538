/* SPDX-License-Identifier: Apache-2.0 */
/* What `pg watch` and `names -w` share: an actor that shows changes until the command is ended. */
#pragma once

#include "actor/actor.h"
#include "tools/view/ctl.h"

struct watching {
	struct ctl *ctl;
	bool begun; /* the state at the start has been shown */
	int r;      /* the error if it cannot begin */
};

/* The separator of the fields of a line: a tab, unless stdout is a terminal. */
const char *watching_gap(const struct watching *watching);
/*
 * watching_run() - runs one actor until INT, TERM, or until nobody reads stdout any more
 * @arg: the argument of the actor's init
 * @what: the thing whose changes cannot be shown, for people
 *
 * Return: the exit status. A failure was reported.
 */
int watching_run(
	struct watching *watching, const struct actor_behavior *behavior, const void *arg, const char *what);
