/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-policy: what to do when the supervisor died; arithmetic, no clock, no I/O
 *
 * A supervisor that had said READY and lived for a second is no crash loop: the next one starts at once. One
 * that died sooner is followed at once the first time, then after 0.1, 0.2 ... 5 s. But one that had said
 * READY and was killed from outside did nothing wrong, so its successor never waits longer than 0.1 s. If it
 * was killed from outside before READY, its successor waits for 1 s at most: the supervisor may be what takes
 * all memory.
 *
 * Five deaths by its own fault within 30 s: once more with its state set aside, for the state may be what
 * kills it. Five more like that: it is not the state, the node stops. A SIGKILL that the keeper did not send
 * says nothing about the state, and is not counted. A supervisor that lived for 30 s clears the record.
 *
 * If the program cannot be run (it is being replaced), neither does that, once a supervisor had served: the
 * processes of the node do without one until it can be run again. At the start of a node somebody waits, so
 * there it is counted like any other death.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KEEPER_POLICY_DEATHS         5
#define KEEPER_POLICY_WINDOW_NS      (30 * 1000000000ull)
#define KEEPER_POLICY_SERVED_NS      (1 * 1000000000ull)
#define KEEPER_POLICY_FIRST_NS       (100 * 1000000ull)
#define KEEPER_POLICY_MAX_NS         (5 * 1000000000ull)
#define KEEPER_POLICY_OUTSIDE_MAX_NS (1 * 1000000000ull)

enum keeper_verdict {
	KEEPER_RESTART,
	KEEPER_RESTART_ASIDE,
	KEEPER_GIVE_UP,
};

struct keeper_policy {
	uint64_t faults_ns[KEEPER_POLICY_DEATHS]; /* the latest deaths by its own fault; ring */
	uint64_t n_faults;                        /* all of them */
	uint64_t n_deaths;                        /* and those from outside */
	unsigned n_counted;                       /* in the ring since it was last emptied */
	unsigned n_quick;                         /* steps of the delay */
	bool aside;                               /* state was set aside, and since then nobody lived long */
	bool served;                              /* some supervisor has said READY */
};

struct keeper_death {
	uint64_t started_ns;
	uint64_t now_ns;
	bool ready;   /* it had said that it serves */
	bool outside; /* SIGKILL, and not ours */
	bool not_run; /* its program could not be run: exit status 127 before it served */
};

enum keeper_verdict keeper_policy_death(
	struct keeper_policy *policy, const struct keeper_death *death, uint64_t *ret_delay_ns);
