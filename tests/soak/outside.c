/* SPDX-License-Identifier: Apache-2.0 */
#include "outside.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STARTED_MAX 1024
#define LONG_MS     600000

pid_t outside_broker;
char outside_log[96];
static const char *program = "outside";
static char dir[64];
static pid_t started[STARTED_MAX];
static int n_started;

void outside_open(const char *name)
{
	program = name;
	snprintf(dir, sizeof(dir), "/tmp/actor-%s-XXXXXX", program);
	if (!mkdtemp(dir))
		outside_fail("directory: %s", strerror(errno));
	setenv("ACTOR_RUNTIME_DIR", dir, 1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void outside_close(void)
{
	while (n_started > 0) {
		kill(started[n_started - 1], SIGKILL);
		outside_reap(started[n_started - 1]);
	}
	outside_broker = 0;
	if (*dir)
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void outside_fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	outside_close();
	exit(1);
}

pid_t outside_start(const char *const *argv)
{
	pid_t pid;

	if (n_started == STARTED_MAX)
		outside_fail("more than %d processes", STARTED_MAX);
	pid = fork();
	if (pid == 0) {
		int fd = *outside_log ? open(outside_log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
				      : -1;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd >= 0)
			dup2(fd, STDERR_FILENO);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0)
		outside_fail("fork: %s", strerror(errno));
	started[n_started++] = pid;
	return pid;
}

void outside_reap(pid_t pid)
{
	waitpid(pid, NULL, 0);
	for (int i = 0; i < n_started; i++)
		if (started[i] == pid)
			started[i] = started[--n_started];
}

void outside_broker_start(void)
{
	outside_broker = outside_start((const char *const[]){getenv("ACTOR_BROKER"), "--runtime-dir", dir,
		"--node-id", "77", "--key-hex", "000102030405060708090a0b0c0d0e0f", "--group", "1", NULL});
}

static bool broker_lives(void)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)outside_broker, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && !info.si_pid;
}

actor_client *outside_client(enum actor_join_mode mode)
{
	struct actor_group_options options = {.name = program, .runtime_dir = dir, .mode = mode};
	actor_client *client = NULL;
	int r;

	do
		r = actor_client_new(&client, &options);
	while (r == -ENOTCONN && broker_lives());
	if (r < 0)
		outside_fail("client: %s", actor_strerror(r));
	return client;
}

void outside_find(actor_client *client, const char *name, actor_ref *ret)
{
	int r = actor_client_whereis_wait(client, name, LONG_MS, ret);

	if (r < 0)
		outside_fail("%s: %s", name, actor_strerror(r));
}
