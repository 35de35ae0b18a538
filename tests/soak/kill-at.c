/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill-at PROGRAM [NAME:]N COMMAND [ARG]...: runs COMMAND and waits for the first of its descendants that
 * becomes PROGRAM (by the last part of its name). That process gets SIGKILL as it enters its N-th system call
 * after that exec, counted over all its threads. The call itself is not made. N 0: the calls are only
 * counted. NAME:N: only those calls count that send a signal to a process of the program NAME.
 *
 * The last line on stdout says what happened, and the exit status is COMMAND's:
 *   killed pid PID at N: call NUMBER
 *   ended after M                 PROGRAM made fewer calls
 *   never started                 no process became PROGRAM
 *
 * If PROGRAM outlives COMMAND, kill-at waits for it. SIGTERM is passed on to COMMAND. All other processes run
 * untouched: each is let go as soon as it is known to be another program, and all are let go with the kill.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRACEES_MAX 4096
#define OPTIONS                                                                                              \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |               \
		PTRACE_O_TRACESYSGOOD)

struct tracee {
	pid_t tid;
	bool counted; /* the thread is one of the victim's */
	bool in_call; /* the thread is in a system call, so its next stop is the way out of that call */
};

static struct tracee tracees[TRACEES_MAX];
static int n_tracees;
static pid_t victim;
static long n_calls, kill_at;
/* @signalled: only signals to this program are counted; NULL: all calls are. */
static const char *program, *signalled;
static pid_t command;
static bool command_ended;
static int command_status;

static struct tracee *tracee_of(pid_t tid)
{
	for (int i = 0; i < n_tracees; i++)
		if (tracees[i].tid == tid)
			return &tracees[i];
	if (n_tracees == TRACEES_MAX) {
		fprintf(stderr, "kill-at: more than %d processes\n", TRACEES_MAX);
		exit(2);
	}
	tracees[n_tracees] = (struct tracee){.tid = tid};
	return &tracees[n_tracees++];
}

static void tracee_forget(pid_t tid)
{
	struct tracee *tracee = tracee_of(tid);

	*tracee = tracees[--n_tracees];
}

static void let_go(pid_t tid, int signo)
{
	ptrace(PTRACE_DETACH, tid, NULL, (void *)(long)signo);
	tracee_forget(tid);
}

static void on_term(int signo)
{
	kill(command, signo);
}

/* The signal that was to be delivered when the tracee stopped; 0: it stopped for ptrace only. */
static int signal_of_stop(int status)
{
	return status >> 16 || WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
}

static void command_end(int status)
{
	command_ended = true;
	command_status = status;
}

/* Lets go of all tracees. Those that run are interrupted first. */
static void let_all_go(void)
{
	while (n_tracees > 0) {
		pid_t tid = tracees[0].tid;
		int status;

		ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		if (waitpid(tid, &status, __WALL) == tid) {
			if (WIFSTOPPED(status))
				ptrace(PTRACE_DETACH, tid, NULL, (void *)(long)signal_of_stop(status));
			else if (tid == command)
				command_end(status);
		}
		tracee_forget(tid);
	}
}

static bool is_of(pid_t pid, const char *wanted)
{
	char link[64], path[4096];
	const char *name;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = 0;
	name = strrchr(path, '/');
	return !strcmp(name ? name + 1 : path, wanted);
}

struct call {
	long number, first; /* the call's number, and its first argument */
};

static struct call call_of(pid_t tid)
{
	struct call call = {-1, -1};
#if defined(__x86_64__)
	struct user_regs_struct regs;
	struct iovec iov = {&regs, sizeof(regs)};

	if (ptrace(PTRACE_GETREGSET, tid, (void *)(long)NT_PRSTATUS, &iov) == 0)
		call = (struct call){(long)regs.orig_rax, (long)regs.rdi};
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec iov = {&regs, sizeof(regs)};

	if (ptrace(PTRACE_GETREGSET, tid, (void *)(long)NT_PRSTATUS, &iov) == 0)
		call = (struct call){(long)regs.regs[8], (long)regs.regs[0]};
#endif
	return call;
}

static pid_t pid_of_pidfd(pid_t owner, long fd)
{
	char path[64], line[128];
	int pid = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%ld", (int)owner, fd);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, "Pid: %d", &pid) != 1)
		;
	if (file)
		fclose(file);
	return pid;
}

static bool call_counts(pid_t tid)
{
	struct call call;

	if (!signalled)
		return true;
	call = call_of(tid);
	return (call.number == SYS_kill && is_of((pid_t)call.first, signalled)) ||
	       (call.number == SYS_pidfd_send_signal && is_of(pid_of_pidfd(tid, call.first), signalled));
}

static void go_on(struct tracee *tracee, int signo)
{
	ptrace(tracee->counted ? PTRACE_SYSCALL : PTRACE_CONT, tracee->tid, NULL, (void *)(long)signo);
}

int main(int argc, char **argv)
{
	bool killed = false;
	char *colon;
	int status;
	pid_t tid;

	if (argc < 4) {
		fprintf(stderr, "usage: kill-at PROGRAM [NAME:]N COMMAND [ARG]...\n");
		return 2;
	}
	program = argv[1];
	colon = strchr(argv[2], ':');
	if (colon) {
		*colon = 0;
		signalled = argv[2];
	}
	kill_at = atol(colon ? colon + 1 : argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	command = fork();
	if (command == 0) {
		raise(SIGSTOP);
		execvp(argv[3], argv + 3);
		perror(argv[3]);
		_exit(127);
	}
	if (command < 0 || waitpid(command, &status, WUNTRACED) != command ||
		ptrace(PTRACE_SEIZE, command, NULL, (void *)(long)OPTIONS) < 0) {
		perror("kill-at");
		return 2;
	}
	kill(command, SIGCONT);
	tracee_of(command);

	signal(SIGTERM, on_term); /* SIGTERM restarts the calls that it interrupts */
	while ((!command_ended || (victim > 0 && !killed)) && (tid = waitpid(-1, &status, __WALL)) > 0) {
		struct tracee *tracee;
		int event = status >> 16;

		if (!WIFSTOPPED(status)) {
			if (tid == command)
				command_end(status);
			if (tid == victim && !killed) {
				printf("ended after %ld\n", n_calls);
				victim = -1;
			}
			tracee_forget(tid);
			continue;
		}
		if (killed) {
			/* This child was being made when the victim was killed. */
			let_go(tid, signal_of_stop(status));
			continue;
		}
		tracee = tracee_of(tid);
		if (event == PTRACE_EVENT_EXEC) {
			tracee->counted = false;
			if (!victim && is_of(tid, program)) {
				victim = tid;
				tracee->counted = true;
				tracee->in_call = true; /* its next stop is the way out of exec */
			} else if (victim && tid != command) {
				let_go(tid, 0);
				continue;
			}
			go_on(tracee, 0);
		} else if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK ||
			   event == PTRACE_EVENT_VFORK) {
			unsigned long child = 0;

			ptrace(PTRACE_GETEVENTMSG, tid, NULL, &child);
			tracee_of((pid_t)child)->counted = tracee->counted && event == PTRACE_EVENT_CLONE;
			go_on(tracee_of(tid), 0);
		} else if (event == PTRACE_EVENT_STOP) {
			if (WSTOPSIG(status) == SIGTRAP)
				go_on(tracee, 0);
			else
				/* A process that job control has stopped must stay stopped. */
				ptrace(PTRACE_LISTEN, tid, NULL, NULL);
		} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			tracee->in_call = !tracee->in_call;
			if (tracee->counted && tracee->in_call && call_counts(tid) && ++n_calls == kill_at) {
				long number = call_of(tid).number;

				kill(victim, SIGKILL);
				printf("killed pid %d at %ld: call %ld\n", (int)victim, n_calls, number);
				killed = true;
				let_all_go();
				continue;
			}
			go_on(tracee, 0);
		} else {
			go_on(tracee, WSTOPSIG(status));
		}
	}
	if (!command_ended && waitpid(command, &status, 0) == command)
		command_end(status);
	if (!killed && !victim)
		printf("never started\n");
	return WIFEXITED(command_status) ? WEXITSTATUS(command_status) : 128 + WTERMSIG(command_status);
}
