/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/node-world.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char node_dir[64];
pid_t broker_pid;
void (*client_log)(const char *line, void *arg);
static int broker_start_number;

pid_t process_start_to(const char *const *argv, int fd, int as)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd >= 0)
			dup2(fd, as);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

pid_t process_start(const char *const *argv)
{
	return process_start_to(argv, -1, -1);
}

void reap(pid_t pid, int signo)
{
	int status;

	kill(pid, signo);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

actor_client *client_new(enum actor_join_mode mode)
{
	struct actor_group_options options = {
		.name = "test", .runtime_dir = node_dir, .mode = mode, .log = client_log};
	actor_client *made = NULL;
	int64_t tries = 0;
	int r;

	/* The broker may still be starting. Its socket is waited for. */
	while ((r = actor_client_new(&made, &options)) == -ENOTCONN && tries++ < LONG_MS)
		usleep(1000);
	assert_int_equal(r, 0);
	return made;
}

actor_ref find(actor_client *client, const char *name)
{
	actor_ref ref = ACTOR_NOBODY;
	int tries = 0;

	while (actor_client_whereis(client, name, &ref) == -ESRCH && tries++ < LONG_MS)
		usleep(1000);
	assert_false(actor_ref_is_nobody(ref));
	return ref;
}

void broker_start(void)
{
	char group[16];

	snprintf(group, sizeof(group), "%d", ++broker_start_number);
	broker_pid = process_start((const char *const[]){getenv("ACTOR_BROKER"), "--runtime-dir", node_dir,
		"--node-id", "77", "--key-hex", "000102030405060708090a0b0c0d0e0f", "--group", group, NULL});
	actor_client_free(client_new(ACTOR_JOIN_BROKER)); /* returns when the broker answers */
}

void broker_kill(void)
{
	reap(broker_pid, SIGKILL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int node_dir_setup(void **state)
{
	snprintf(node_dir, sizeof(node_dir), "/tmp/actor-%s-XXXXXX", program_invocation_short_name);
	if (!mkdtemp(node_dir))
		return -1;
	setenv("ACTOR_RUNTIME_DIR", node_dir, 1);
	return 0;
}

int node_setup(void **state)
{
	if (node_dir_setup(state) < 0)
		return -1;
	broker_start();
	return 0;
}

int node_dir_teardown(void **state)
{
	pid_t pid = waitpid(-1, NULL, WNOHANG);

	/* No process may be left. */
	if (pid != -1 || errno != ECHILD)
		return -1;
	return nftw(node_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int node_teardown(void **state)
{
	kill(broker_pid, SIGKILL);
	waitpid(broker_pid, NULL, 0);
	return node_dir_teardown(state);
}
