/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A script lets groups do anything at any time, sense and nonsense. A stream of numbers drives it: a seeded
 * one in the random test, the fuzzer's input in the fuzz target. After each step it checks that the core's
 * books are in order.
 */
#pragma once

#include "libactor/protocol/roll.h"
#include "tests/unit/broker/broker-world.h"

#define SCRIPT_PGS 3

/* What a client believes of a process group that it watches. */
struct script_copy {
	bool watched;   /* the answer to its watch has come by this link */
	uint64_t asked; /* the id of the watch; 0: none */
	struct roll roll;
};

struct script {
	uint32_t (*next)(void *arg, uint32_t n); /* a number below n; 0 when no more are left */
	void *arg;
	struct world *world;
	struct client *clients[12];
	struct token tokens[12]; /* the tokens of clients that were there before */
	struct script_copy copies[12][SCRIPT_PGS];
	struct client *spawner;
	uint64_t spawner_group;
	uint64_t last_intro;
	uint64_t n_lives;
	uint64_t n_answers;
	struct answered *answered; /* the latest answers */
	size_t n_answered, max_answered;
};

void script_init(
	struct script *script, struct world *world, uint32_t (*next)(void *arg, uint32_t n), void *arg);
void script_step(struct script *script);
/* All clients leave. Then the broker must remember nothing of any of them. */
void script_finish(struct script *script);
