/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper as a supervisor sees it.
 *
 * The keeper runs the fake supervisor, which passes its end of the socket on to this test. So the test
 * speaks the protocol itself, and can have its "supervisor" killed without dying. That all of a tree is gone
 * is seen by EOF on the pipe that every member of it has as its stdout.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "spawner/shared/client.h"
#include "spawner/shared/node-info.h"
#include "spawner/shared/sweep.h"
#include "tests/fact.h"

#define PATIENCE_MS  30000 /* turns a hang into a failure */
#define CHILDREN_MAX 1200

struct child {
	struct keeper_slot slot; /* as last told */
	unsigned n_reports;
	int fds[3]; /* -1 = not had */
};

extern struct node {
	char root[64], dir[80], log[96];
	pid_t pid;
	int listen_fd, socket_fd, control_fd, ready_fd;
	pid_t supervisor_pid;
	struct keeper_hello hello;
	int state_fd;
	uint64_t next_group_id, end_group_id;
	bool synced;
	struct keeper_refused refused;
	struct keeper_reserved reserved;
	struct keeper_terminate terminate;
	struct child children[CHILDREN_MAX];
	unsigned n_children;
	bool ack;
	unsigned n_pings;
	bool silent; /* pings are heard, and not answered */
} node;

void wait_readable(int fd);
void keeper_start(const char *const *more);
void log_expect(const char *text);
void fds_drop(struct child *child);
/* As if this supervisor knew nothing. */
void supervisor_forget(void);
int setup(void **state);
int teardown(void **state);
/* The next supervisor of the node comes and says what it is. */
void supervisor_accept(void);
void node_start(void);
void supervisor_kill(void);
/* By its own fault. */
void supervisor_fail(void);
void send_record(union keeper_record *record, const int *fds, size_t n_fds);
void send_plain(enum keeper_type type);
void send_stop(int exit_code);
void send_signal(uint64_t cookie, int signo, uint32_t flags);
/* TERM to the whole tree, which then has the grace. */
void send_stop_tree(uint64_t cookie, uint32_t grace_ms);
void send_kill_tree(uint64_t cookie);
struct child *child_of(uint64_t cookie);
bool is_final(const struct child *child);
/* Hears one record of the keeper. 0 when it hung up. */
int hear(void);
struct child *hear_final(uint64_t cookie);
struct child *hear_running(uint64_t cookie);
void hear_synced(void);
/* A RESERVE is answered after everything sent before was dealt with. */
void round_trip(void);
extern const char *const env_path[];

void spawn_with(uint64_t cookie, uint64_t group_id, struct keeper_spec *spec, struct keeper_spawn flags);
uint64_t spawn_argv(uint64_t cookie, const char *const *argv);
uint64_t spawn_shell(uint64_t cookie, const char *script);
/* Reads from a non-blocking pipe until it has n_lines of them; n_lines 0: until EOF. */
void read_lines(int fd, unsigned n_lines, char *text, size_t size_bytes);
/* Nobody has the other end any more. */
void expect_eof(int fd);
unsigned count_fds(pid_t pid);
/* Children of a process, dead or alive. */
unsigned count_children(pid_t pid);
int keeper_wait(void);
/* A double-forked descendant in a session of its own, which has nothing of its leader's but the environment.
 */
#define DAEMONS                                                                                              \
	"for i in 1 2 3; do (setsid sh -c 'echo up; (setsid sh -c \"echo up; sleep 1000\" &) ; sleep 1000' " \
	"&); done;"
/* A session of its own, an empty environment, no parent, and an older group that lives. */
#define STRANGER "(env -i /usr/bin/setsid /bin/sh -c '(echo up; exec /bin/sleep 1000) &') & "

#define KEEPER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
