/*
 * keeper-policy: what to do when the supervisor died; arithmetic, no clock, no I/O
 *
 * At once the first time, then after 0.1, 0.2 … 5 s. Five deaths within 30 s: once more with its state set
 * aside, for the state may be what kills it. Five more like that: it is not the state, the node stops. A
 * supervisor that lived for 30 s clears the record.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KEEPER_POLICY_DEATHS    5
#define KEEPER_POLICY_WINDOW_NS (30 * 1000000000ull)
#define KEEPER_POLICY_FIRST_NS  (100 * 1000000ull)
#define KEEPER_POLICY_MAX_NS    (5 * 1000000000ull)

enum keeper_verdict {
	KEEPER_RESTART,
	KEEPER_RESTART_ASIDE,
	KEEPER_GIVE_UP,
};

struct keeper_policy {
	uint64_t deaths_ns[KEEPER_POLICY_DEATHS]; /* the latest; ring */
	uint64_t n_deaths;                        /* all of them */
	unsigned int n_counted;                   /* in the ring since it was last emptied */
	unsigned int n_quick;                     /* in a row, each after less than the window */
	bool aside;                               /* state was set aside, and since then nobody lived long */
};

/* A supervisor started at started_ns is dead at now_ns. */
enum keeper_verdict keeper_policy_death(
	struct keeper_policy *policy, uint64_t started_ns, uint64_t now_ns, uint64_t *ret_delay_ns);
