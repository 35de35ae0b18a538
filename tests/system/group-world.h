/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness of test-group*: another group, as a process of its own beside a real broker. That is the test
 * program again, run as `server NAME`. So main() of each program begins with server_main() if is_server()
 * says so.
 */
#pragma once

#include "tests/system/node-world.h"

#define FLOODERS_N 3

/* Whether main() was called for the other group. */
bool is_server(int argc, char **argv);
/* Runs the other group. Returns its exit status. */
int server_main(char **argv);

/* Starts the process of a group that registers @name. */
pid_t server_start(const char *name);
/* Starts a group as the supervisor does: it has an id of its own, and keeps that when it comes back. */
pid_t server_start_supervised(uint64_t group, const char *name);

/*
 * Stops @server. Before that, it waits until the server runs: a group that is stopped before it has read that
 * it has its name gives up when it goes on.
 */
void server_stop(actor_client *client, actor_ref ref, pid_t server);
/* Asserts that @to lives, and answers @text. */
void expect_echo(actor_client *client, actor_ref to, const char *text);
/* Asserts that the next message is the DOWN of that monitor. */
void expect_down(actor_client *client, uint64_t monitor, const char *reason);
/* Calls a method that answers a number. */
int64_t ask_number(actor_client *client, actor_ref to, const char *method);
/* Asks again until the answer is @number. */
void expect_number(actor_client *client, actor_ref to, const char *method, int64_t number);

/* A group called "echo", a client that looked it up, and one that has not met it yet. */
struct contact {
	actor_client *finder, *stranger;
	pid_t server;
	actor_ref to;
};

struct contact contact_begin(void);
/* The server, unless it has ended, ends with TERM. */
void contact_end(struct contact *contact);

/* Whether groups of this build have doors. */
bool has_doors(void);

/* This fact has a node of its own. */
#define fact(name) cmocka_unit_test_setup_teardown(name, node_setup, node_teardown)
