/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a node in virtual time, with a keeper that does what the test says. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/mp.h"
#include "spawner/node/node.h"
#include "tests/fact.h"

#define MS        UINT64_C(1000000)
#define NODE_ID   0xabcu
#define WORDS_MAX 4096

#define CLIENT(n) (UINT64_C(1) << 63 | (n)) /* a group that the broker admitted */

static const actor_ref caller = {NODE_ID, CLIENT(77), 5};

/* @words holds what the node did, as words in order. */
struct fixture {
	struct node *node;
	uint64_t now_ns;
	uint64_t next_group;
	uint64_t seq;
	char words[WORDS_MAX];
	uint64_t last_notice;
	int32_t down_pid; /* of the last end that the broker was told, and what its name was */
	char down_name[sizeof(((struct node_action *)0)->text)];
	struct buf state[2]; /* the chunks of a state, one after the other: the snapshot and the changes */
};

extern int from_token[8]; /* its addresses stand for callers */
#define FROM(n) (&from_token[n])
extern bool with_broker;
extern size_t max_processes;   /* 0: no limit */
extern uint64_t charged_group; /* the group whose wait is charged; 0: none */

struct node *fresh_node(void);
int setup(void **arg);
int teardown(void **arg);
/* Runs one turn of the shell: early actions, the state, late actions. */
const char *turn(struct fixture *f);
void spec_make(struct child_spec *spec, const char *name, enum actor_restart restart);
void spawn(struct fixture *f, const char *name, enum actor_restart restart, enum node_wait wait);
struct keeper_slot slot_of(struct fixture *f, uint64_t group, enum keeper_stage stage);
void runs(struct fixture *f, uint64_t group);
void ends(struct fixture *f, uint64_t group, int code, int status);
void fails(struct fixture *f, uint64_t group, int error);
void advance(struct fixture *f, uint64_t ms);
const char *state_of(struct fixture *f, const char *name);
const char *field(struct fixture *f, const char *name, const char *key);
/* As kill -9 of the supervisor does it: a new one reads the state that was written. */
void die(struct fixture *f);

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
