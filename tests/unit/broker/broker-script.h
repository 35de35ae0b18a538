/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups that do anything at any time, sense and nonsense, driven by a stream of numbers: seeded for the
 * random test, the fuzzer's input there. After each step it looks whether the core's books are in order.
 */
#pragma once

#include "tests/unit/broker/broker-world.h"

struct script {
	uint32_t (*next)(void *arg, uint32_t n); /* below n; 0 when there is no more */
	void *arg;
	struct world *world;
	struct client *clients[12];
	struct token tokens[12]; /* of who was there before */
	uint64_t supervised[12]; /* ids, 0: a newcomer */
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
