/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness of test-group*: another group, as a process of its own beside a real broker. It is the test
 * program again, run as `server NAME`, so main() of each begins with server_main() where is_server() says so.
 */
#pragma once

#include "tests/system/node-world.h"

#define FLOODERS_N 3

/* What main() was called for. */
bool is_server(int argc, char **argv);
/* The life of the other group: the exit status. */
int server_main(char **argv);

/* The process of a group that registers @name. */
pid_t server_start(const char *name);
/* As the supervisor starts it: with an id of its own, that may come back. */
pid_t server_start_supervised(uint64_t group, const char *name);

/* Waits until somebody has that name. */
actor_ref find(actor_client *client, const char *name);
/* @to lives, and answers @text. */
/*
 * @server stands still from here on. It has started: one that is stopped before it reads that it has its name
 * gives up when it goes on.
 */
void server_stop(actor_client *client, actor_ref ref, pid_t server);
void expect_echo(actor_client *client, actor_ref to, const char *text);
/* The next that comes is the DOWN of that monitor. */
void expect_down(actor_client *client, uint64_t monitor, const char *reason);
/* A method that answers a number. */
int64_t ask_number(actor_client *client, actor_ref to, const char *method);
/* Asks until it is that number. */
void expect_number(actor_client *client, actor_ref to, const char *method, int64_t number);

/* Does this build have doors? */
bool has_doors(void);

/* A fact with a node of its own. */
#define fact(name) cmocka_unit_test_setup_teardown(name, node_setup, node_teardown)
