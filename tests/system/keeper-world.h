/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper as a supervisor sees it.
 *
 * The keeper runs the fake supervisor, which passes its end of the socket on to this test. So the test speaks
 * the protocol itself, and its "supervisor" can be killed without the test. When all of a tree is gone, the
 * test sees EOF on the pipe that every process of the tree has as its stdout.
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

#define PATIENCE_MS  30000 /* this limit only turns a hang into a failure */
#define CHILDREN_MAX 1200

struct child {
	struct keeper_slot slot; /* the last report of the child */
	unsigned n_reports;
	int fds[3]; /* -1: not received */
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
	bool silent; /* pings are received, but not answered */
} node;

void wait_readable(int fd);
void keeper_start(const char *const *more);
void log_expect(const char *text);
void log_await(const char *text); /* the same, but waits until the text is there */
void fds_drop(struct child *child);
/* Forgets all that this supervisor knew. */
void supervisor_forget(void);
int setup(void **state);
int teardown(void **state);
/* Waits for the next supervisor of the node and its hello. */
void supervisor_accept(void);
void node_start(void);
void supervisor_kill(void);
/* The supervisor ends by its own fault. */
void supervisor_fail(void);
void send_record(union keeper_record *record, const int *fds, size_t n_fds);
void send_plain(enum keeper_type type);
void send_stop(int exit_code);
void send_signal(uint64_t cookie, int signo, uint32_t flags);
/* Sends TERM to the whole tree, which has the grace to end. */
void send_stop_tree(uint64_t cookie, uint32_t grace_ms);
void send_kill_tree(uint64_t cookie);
struct child *child_of(uint64_t cookie);
bool is_final(const struct child *child);
/* Receives one record of the keeper. 0: the keeper has hung up. */
int hear(void);
struct child *hear_final(uint64_t cookie);
struct child *hear_running(uint64_t cookie);
void hear_synced(void);
/* The keeper answers RESERVE when it has handled all that was sent before. */
void round_trip(void);
extern const char *const env_path[];

void spawn_with(uint64_t cookie, uint64_t group_id, struct keeper_spec *spec, struct keeper_spawn flags);
uint64_t spawn_argv(uint64_t cookie, const char *const *argv);
uint64_t spawn_shell(uint64_t cookie, const char *script);
/* Reads a non-blocking pipe until n_lines lines have come; n_lines 0: until EOF. */
void read_lines(int fd, unsigned n_lines, char *text, size_t size_bytes);
/* Waits until no process has the other end any more. */
void expect_eof(int fd);
unsigned count_fds(pid_t pid);
/* The children of a process, dead or alive. */
unsigned count_children(pid_t pid);
int keeper_wait(void);
/*
 * Descendants that are double-forked and have sessions of their own: only the environment is that of their
 * leader.
 */
#define DAEMONS                                                                                              \
	"for i in 1 2 3; do (setsid sh -c 'echo up; (setsid sh -c \"echo up; sleep 1000\" &) ; sleep 1000' " \
	"&); done;"
/* A process with a session of its own, an empty environment and no parent, while an older group lives. */
#define STRANGER "(env -i /usr/bin/setsid /bin/sh -c '(echo up; exec /bin/sleep 1000) &') & "

#define KEEPER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
