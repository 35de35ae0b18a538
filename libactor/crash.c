/*
 * The last words of a crashing group: which actor, which method, where. On stderr, which the supervisor keeps, so that the cause of a
 * group's end says more than a signal number. Then the signal does what it would have done: same wait status, same core.
 */
#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime.h"

#define FRAMES_MAX 48
#define ALT_STACK_BYTES (64u << 10) /* a handler that ran over its stack has none left to report on */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

/* The sanitizer has its own last words. */
void crash_report_start(actor_group *group)
{
}

void crash_report_stop(void)
{
}

#else

static actor_group *crash_group;
static pid_t crash_thread;

struct line {
	char text[512];
	size_t length;
};

/* No stdio in a signal handler. */
static void line_add_str(struct line *line, const char *s)
{
	size_t n = strnlen(s, 256);

	if (n > sizeof(line->text) - 1 - line->length)
		n = sizeof(line->text) - 1 - line->length;
	memcpy(line->text + line->length, s, n);
	line->length += n;
}

static void line_add_hex(struct line *line, uint64_t v)
{
	char digits[17];
	int at = sizeof(digits) - 1;

	digits[at] = 0;
	do {
		digits[--at] = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	line_add_str(line, digits + at);
}

static void crash(int signo, siginfo_t *info, void *context)
{
	struct actor *self = crash_group && gettid() == crash_thread ? crash_group->current : NULL;
	struct line line = {0};
	char scratch[16];
	void *frames[FRAMES_MAX];
	int n;

	line_add_str(&line, "crash: ");
	line_add_str(&line, cause_signal_name(signo, scratch));
	if (signo == SIGSEGV || signo == SIGBUS) {
		line_add_str(&line, " at address 0x");
		line_add_hex(&line, (uint64_t)(uintptr_t)info->si_addr);
	}
	if (self) {
		line_add_str(&line, " in actor <");
		line_add_hex(&line, self->ref.node);
		line_add_str(&line, ".");
		line_add_hex(&line, self->ref.group);
		line_add_str(&line, ".");
		line_add_hex(&line, self->ref.serial);
		line_add_str(&line, "> (");
		line_add_str(&line, self->behavior->name ? self->behavior->name : "?");
		line_add_str(&line, "), method '");
		line_add_str(&line, self->method ? self->method : "-");
		line_add_str(&line, "'");
	} else {
		line_add_str(&line, " outside of any actor");
	}
	line_add_str(&line, "\n");
	n = backtrace(frames, FRAMES_MAX);
	/* ours and the trampoline's come first */
	if (n > 2)
		backtrace_symbols_fd(frames + 2, n - 2, STDERR_FILENO);
	/* last, because the last line is what the cause of the end quotes */
	(void)!write(STDERR_FILENO, line.text, line.length);
	/* SA_RESETHAND: returning runs the faulting instruction again, now with the default action; a sent signal is sent again */
	if (info->si_code <= 0 || signo == SIGABRT)
		raise(signo);
}

void crash_report_start(actor_group *group)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	struct sigaction action = {.sa_sigaction = crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER};
	static char *alt_stack;
	void *frame;

	(void)backtrace(&frame, 1); /* loads what it needs now, not in the handler */
	if (!alt_stack)
		alt_stack = malloc(ALT_STACK_BYTES);
	if (!alt_stack)
		return;
	sigaltstack(&(stack_t){.ss_sp = alt_stack, .ss_size = ALT_STACK_BYTES}, NULL);
	crash_group = group;
	crash_thread = gettid();
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

void crash_report_stop(void)
{
	crash_group = NULL;
}

#endif
