/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last words of a crashing group: the actor, the method, the function, and whether the stack was too
 * small. They go to stderr, which the supervisor keeps, so that the cause of a group's end says more than a
 * signal number. Then the signal has its usual effect: the same wait status, the same core.
 */
#include "libactor/crash.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/stack.h"
#include "libactor/protocol/cause.h"
#include "libactor/util/log.h"
#include "libactor/util/symbol.h"

#define FRAMES_MAX      48
#define ALT_STACK_BYTES (64u << 10) /* a handler that ran over its stack has no stack left for the report */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

/* The sanitizer writes its own report. */
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

/* A signal handler must not use stdio. */
static void line_add_str(struct line *line, const char *s)
{
	size_t n = strnlen(s, 256);

	if (n > sizeof(line->text) - 1 - line->length)
		n = sizeof(line->text) - 1 - line->length;
	memcpy(line->text + line->length, s, n);
	line->length += n;
}

static void line_add_dec(struct line *line, uint64_t v)
{
	char digits[21];
	int at = sizeof(digits) - 1;

	digits[at] = 0;
	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	line_add_str(line, digits + at);
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

static void line_add_symbol(struct line *line, const struct symbol *symbol)
{
	line_add_str(line, symbol->name);
	line_add_str(line, "+0x");
	line_add_hex(line, symbol->offset);
}

static void line_write(struct line *line)
{
	line_add_str(line, "\n");
	log_put(line->text, line->length);
}

/*
 * Writes one line for each frame. @ret: the first function of the program itself, which the program's author
 * knows; if there is none, the first function with a name.
 */
static void frames_write(void *const *frames, int n, struct symbol *ret)
{
	struct symbol symbol;
	int n_same = 0;

	*ret = (struct symbol){.name = ""};
	for (int i = 0; i < n; i++) {
		struct line line = {0};

		/* a function that called itself until the stack was full is written twice at most */
		n_same = i && frames[i] == frames[i - 1] ? n_same + 1 : 0;
		if (n_same > 1)
			continue;
		symbol_find(frames[i], i > 0, &symbol);
		if (symbol.name[0] && (!ret->name[0] || (symbol.in_program && !ret->in_program)))
			*ret = symbol;
		line_add_str(&line, "  ");
		if (symbol.name[0])
			line_add_symbol(&line, &symbol);
		else
			line_add_str(&line, "?");
		line_add_str(&line, " (");
		line_add_str(&line, symbol.file[0] ? symbol.file : "?");
		line_add_str(&line, "+0x");
		line_add_hex(&line, symbol.file[0] ? symbol.file_offset : (uintptr_t)frames[i]);
		line_add_str(&line, ")");
		line_write(&line);
	}
}

struct frames {
	void *at[FRAMES_MAX];
	int n;
};

/*
 * The compiler's own unwinder is linked into the library. backtrace() would have to load it as a separate
 * library at every start of a group, because a signal handler cannot load libraries. That took 100 µs of each
 * start.
 */
static _Unwind_Reason_Code frame_add(struct _Unwind_Context *context, void *arg)
{
	struct frames *frames = arg;
	void *at = (void *)_Unwind_GetIP(context);

	if (!at || frames->n == FRAMES_MAX)
		return _URC_END_OF_STACK;
	frames->at[frames->n++] = at;
	return _URC_NO_REASON;
}

static void crash(int signo, siginfo_t *info, void *context)
{
	const struct stack *stack = crash_group && gettid() == crash_thread ? crash_group->loop.stack : NULL;
	struct actor *self = stack && crash_group->loop.current
				     ? container_of(crash_group->loop.current, struct actor, task)
				     : NULL;
	struct symbol where;
	struct line line = {0};
	char scratch[16];
	struct frames frames = {.n = 0};

	_Unwind_Backtrace(frame_add, &frames);
	/* The first two frames are this handler and the trampoline. */
	frames_write(frames.at + 2, frames.n > 2 ? frames.n - 2 : 0, &where);
	line_add_str(&line, "crash: ");
	line_add_str(&line, cause_signal_name(signo, scratch));
	if (stack_overrun) {
		line_add_str(&line, ": stack overflow, seen too late to say of whom");
	} else if ((signo == SIGSEGV || signo == SIGBUS) && info->si_code > 0 && stack &&
		   stack_is_overflow(stack, info->si_addr)) {
		line_add_str(&line, ": stack overflow (it has ");
		line_add_dec(&line, stack->size_bytes >> 10);
		line_add_str(&line, " KiB)");
	} else if (signo == SIGSEGV || signo == SIGBUS) {
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
	if (where.name[0]) {
		line_add_str(&line, ", in ");
		line_add_str(&line, where.name);
	}
	/* this line comes last, because the cause of the end quotes the last line */
	line_write(&line);
	/*
	 * SA_RESETHAND is set. After the return the faulting instruction runs again, now with the default
	 * action. A signal that was sent has to be sent again.
	 */
	if (info->si_code <= 0 || signo == SIGABRT)
		raise(signo);
}

void crash_report_start(actor_group *group)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	struct sigaction action = {
		.sa_sigaction = crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER};
	static char *alt_stack;

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
