/* SPDX-License-Identifier: Apache-2.0 */
/* While actorctl waits: signals that end it are heard, and a person is told what it waits for. */
#pragma once

#include <signal.h>

#include "tools/view/ctl.h"

#define WAIT_QUIET_MS 1000 /* before that nobody wonders what goes on */

/* INT and TERM as something to poll for. */
struct wait_signals {
	int fd; /* readable when one came; -1 when that cannot be had: they end the program as ever */
	sigset_t before;
};

void wait_signals_begin(struct wait_signals *signals);
/* The signal that came, or 0. */
int wait_signals_take(const struct wait_signals *signals);
void wait_signals_end(struct wait_signals *signals);
/*
 * Ends the program by the signal itself, so that a loop in a shell ends too. The caller has said before what
 * goes on without us.
 */
void wait_die(int signo) __attribute__((noreturn));

/* Whether notes about waiting are wanted: on a terminal, and not with --json. */
bool wait_is_watched(const struct ctl *ctl);
/*
 * wait_note_later() - "waiting for …" on stderr after a second, unless wait_note_cancel() comes first
 * For waits that do not poll. One at a time.
 */
void wait_note_later(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
void wait_note_cancel(void);
