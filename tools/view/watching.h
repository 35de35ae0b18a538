/* SPDX-License-Identifier: Apache-2.0 */
/* What `pg watch` and `names -w` share: an actor that shows what it is told, until somebody ends it. */
#pragma once

#include "actor/actor.h"
#include "tools/view/ctl.h"

struct watching {
	struct ctl *ctl;
	bool begun; /* what was there has been shown */
	int r;      /* why it cannot begin */
};

/* What stands between the fields of a line: a tab, unless stdout is a terminal. */
const char *watching_gap(const struct watching *watching);
/*
 * watching_run() - runs one actor until INT, TERM, or until nobody reads stdout any more
 * @arg: of its init
 * @what: whose changes cannot be shown, for people
 *
 * Return: the exit status, after a failure was told.
 */
int watching_run(
	struct watching *watching, const struct actor_behavior *behavior, const void *arg, const char *what);
