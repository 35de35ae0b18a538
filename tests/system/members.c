/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/members.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

actor_client *client;
pid_t pids[NAMES_MAX];
actor_ref refs[NAMES_MAX];
pid_t broker_pid;
static char dir[64];
static int broker_start_number;

static pid_t start(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

void reap(pid_t pid, int signo)
{
	int status;

	kill(pid, signo);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

actor_client *client_new(enum actor_join_mode mode)
{
	struct actor_group_options options = {.name = "test", .runtime_dir = dir, .mode = mode};
	actor_client *made = NULL;
	int64_t tries = 0;
	int r;

	/* the broker may be starting still: its socket is the event we wait for */
	while ((r = actor_client_new(&made, &options)) == -ENOTCONN && tries++ < LONG_MS)
		usleep(1000);
	assert_int_equal(r, 0);
	return made;
}

void broker_start(void)
{
	char group[16];

	snprintf(group, sizeof(group), "%d", ++broker_start_number);
	broker_pid = start((const char *const[]){getenv("ACTOR_BROKER"), "--runtime-dir", dir, "--node-id",
		"77", "--key-hex", "000102030405060708090a0b0c0d0e0f", "--group", group, NULL});
	actor_client_free(client_new(ACTOR_JOIN_BROKER)); /* it answers */
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void member_start_as(int i, const char *role)
{
	actor_msg *reply = NULL;
	char name[16];

	snprintf(name, sizeof(name), "m%d", i);
	pids[i] = start((const char *const[]){"/proc/self/exe", role, name, NULL});
	assert_int_equal(actor_client_call(client, actor_named_wait(name), "who", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "r", &refs[i]), 0);
	actor_msg_free(reply);
}

void member_start(int i)
{
	member_start_as(i, "member");
}

void member_end(int i, int signo)
{
	reap(pids[i], signo);
	pids[i] = 0;
}

int members_setup(void **state)
{
	strcpy(dir, "/tmp/actor-test-members-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	setenv("ACTOR_RUNTIME_DIR", dir, 1);
	broker_start();
	client = client_new(ACTOR_JOIN_DIRECT);
	return 0;
}

int members_teardown(void **state)
{
	pid_t pid;

	client = actor_client_free(client); /* first, or each that ends waits for it to say `bye` */
	for (int i = 0; i < NAMES_MAX; i++) {
		if (pids[i])
			member_end(i, SIGTERM);
	}
	reap(broker_pid, SIGKILL);
	pid = waitpid(-1, NULL, WNOHANG);
	if (pid != -1 || errno != ECHILD)
		return -1;
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
