/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the time while actorctl waits: signals that end it are caught, and a person is told what it waits for.
 */
#pragma once

#include <signal.h>

#include "tools/view/ctl.h"

#define WAIT_QUIET_MS 1000 /* shorter waits need no explanation */

/* INT and TERM as a descriptor that can be polled. */
struct wait_signals {
	/*
	 * readable when a signal has come; -1: there is no such descriptor, and the signals end the program
	 * as usual
	 */
	int fd;
	sigset_t before;
};

void wait_signals_begin(struct wait_signals *signals);
/* The signal that has come, or 0. */
int wait_signals_take(const struct wait_signals *signals);
void wait_signals_end(struct wait_signals *signals);
/*
 * Ends the program by the signal itself, so that a loop in a shell ends too. Before this the caller says what
 * goes on without actorctl.
 */
void wait_die(int signo) __attribute__((noreturn));

/* True: notes about waiting are wanted, since stderr is a terminal and there is no --json. */
bool wait_is_watched(const struct ctl *ctl);
/*
 * wait_note_later() - writes "waiting for …" to stderr after a second, unless wait_note_cancel() comes first
 *
 * This is for waits that do not poll. There is at most one such note at a time.
 */
void wait_note_later(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
void wait_note_cancel(void);
