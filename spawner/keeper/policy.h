/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-policy: what to do after the supervisor died; arithmetic, no clock, no I/O
 *
 * If the supervisor had said READY and lived for a second, there is no crash loop, and the next one starts at
 * once. After earlier deaths the first successor starts at once, the later ones after 0.1, 0.2 ... 5 s. A
 * supervisor that had said READY and was killed from outside did nothing wrong, so its successor waits 0.1 s
 * at most. If it was killed from outside before READY, its successor waits 1 s at most, since the supervisor
 * may be the process that takes all memory.
 *
 * After five deaths by its own fault within 30 s the supervisor is started with its state set aside, since
 * the state may be the reason. After five more such deaths the state was not the reason. A node in which no
 * supervisor has served yet stops then, since somebody waits for its start. In another node processes and
 * broker work without a supervisor: they go on, and one is started every 5 s, since what kills it may pass (a
 * full disk, no memory) or be mended (another program). A SIGKILL that the keeper did not send says nothing
 * about the state, and is not counted. When a supervisor has lived for 30 s, the count begins anew.
 *
 * A program that cannot be run, for instance because it is being replaced, is not counted either, if a
 * supervisor has served before. Nor is a supervisor whose socket cannot be made, for instance because the
 * runtime directory is full or read-only: its state is not the reason. Then the processes of the node run
 * without a supervisor until one can be run again. At the start of a node somebody waits for the node, so
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
	KEEPER_RESTART_SLOWLY, /* it does not help, but others do their work */
	KEEPER_GIVE_UP,
};

struct keeper_policy {
	uint64_t faults_ns[KEEPER_POLICY_DEATHS]; /* times of the latest deaths by its own fault, a ring */
	uint64_t n_faults;                        /* all deaths by its own fault */
	uint64_t n_deaths;                        /* all deaths, those from outside included */
	unsigned n_counted;                       /* deaths in the ring since the count began anew */
	unsigned n_quick;                         /* steps of the delay */
	/* the state was set aside, and since then no supervisor has lived for 30 s */
	bool aside;
	bool slow;   /* five deaths more: setting the state aside did not help */
	bool served; /* some supervisor has said READY */
};

struct keeper_death {
	uint64_t started_ns;
	uint64_t now_ns;
	bool ready;   /* the supervisor had said READY */
	bool outside; /* a SIGKILL that the keeper did not send */
	bool not_run; /* before READY: its program could not be run, or its service had no place */
};

enum keeper_verdict keeper_policy_death(
	struct keeper_policy *policy, const struct keeper_death *death, uint64_t *ret_delay_ns);
