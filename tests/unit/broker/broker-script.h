/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups that do anything at any time, sense and nonsense, driven by a stream of numbers: seeded for the
 * random test, the fuzzer's input there. After each step it looks whether the core's books are in order.
 */
#pragma once

#include "libactor/protocol/roll.h"
#include "tests/unit/broker/broker-world.h"

#define SCRIPT_PGS 3

/* What a client that watches a process group believes. */
struct script_copy {
	bool watched;   /* the answer to its watch came, by this link */
	uint64_t asked; /* id of the watch; 0: none */
	struct roll roll;
};

struct script {
	uint32_t (*next)(void *arg, uint32_t n); /* below n; 0 when there is no more */
	void *arg;
	struct world *world;
	struct client *clients[12];
	struct token tokens[12]; /* of who was there before */
	uint64_t supervised[12]; /* ids, 0: a newcomer */
	struct script_copy copies[12][SCRIPT_PGS];
	struct client *spawner;
	uint64_t spawner_group;
	uint64_t last_intro;
	uint64_t n_lives;
	uint64_t n_answers;
	struct answered *answered; /* the latest */
	size_t n_answered, max_answered;
};

void script_init(
	struct script *script, struct world *world, uint32_t (*next)(void *arg, uint32_t n), void *arg);
void script_step(struct script *script);
/* Everybody leaves; afterwards the broker must remember nothing of anybody. */
void script_finish(struct script *script);
