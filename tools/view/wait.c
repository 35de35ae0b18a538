/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/wait.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <unistd.h>

void wait_signals_begin(struct wait_signals *signals)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &signals->before);
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd < 0)
		sigprocmask(SIG_SETMASK, &signals->before, NULL);
}

int wait_signals_take(const struct wait_signals *signals)
{
	struct signalfd_siginfo info;

	return signals->fd >= 0 && read(signals->fd, &info, sizeof(info)) == sizeof(info)
		       ? (int)info.ssi_signo
		       : 0;
}

void wait_signals_end(struct wait_signals *signals)
{
	if (signals->fd < 0)
		return;
	close(signals->fd);
	signals->fd = -1;
	sigprocmask(SIG_SETMASK, &signals->before, NULL);
}

void wait_die(int signo)
{
	sigset_t set;

	fflush(stdout);
	signal(signo, SIG_DFL);
	raise(signo);
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + signo);
}

bool wait_is_watched(const struct ctl *ctl)
{
	return ctl->stderr_is_tty && !ctl->json;
}

/* ---- notes, written from an alarm ---- */

static char note[600];
static size_t note_bytes;

static void note_write(int signo)
{
	(void)signo;
	(void)!write(STDERR_FILENO, note, note_bytes);
}

void wait_note_later(const struct ctl *ctl, const char *format, ...)
{
	struct itimerval after = {.it_value = {.tv_sec = WAIT_QUIET_MS / 1000}};
	struct sigaction action = {.sa_handler = note_write, .sa_flags = SA_RESTART};
	va_list list;

	if (!wait_is_watched(ctl))
		return;
	va_start(list, format);
	vsnprintf(note, sizeof(note) - 1, format, list);
	va_end(list);
	for (char *c = note; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	note_bytes = strlen(note);
	note[note_bytes++] = '\n';
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &after, NULL);
}

void wait_note_cancel(void)
{
	const struct itimerval never = {0};

	setitimer(ITIMER_REAL, &never, NULL);
}
