/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/keeper/policy.h"

static uint64_t policy_delay(unsigned n_quick)
{
	uint64_t delay_ns = KEEPER_POLICY_FIRST_NS;

	if (!n_quick)
		return 0;
	while (--n_quick > 0 && delay_ns < KEEPER_POLICY_MAX_NS)
		delay_ns *= 2;
	return delay_ns < KEEPER_POLICY_MAX_NS ? delay_ns : KEEPER_POLICY_MAX_NS;
}

static uint64_t policy_next_delay(struct keeper_policy *policy, const struct keeper_death *death)
{
	uint64_t delay_ns;

	if (death->ready && death->now_ns - death->started_ns >= KEEPER_POLICY_SERVED_NS) {
		policy->n_quick = 0;
		return 0;
	}
	if (death->ready && death->outside && policy->n_quick)
		return KEEPER_POLICY_FIRST_NS;
	delay_ns = policy_delay(policy->n_quick++);
	return death->outside && delay_ns > KEEPER_POLICY_OUTSIDE_MAX_NS ? KEEPER_POLICY_OUTSIDE_MAX_NS
									 : delay_ns;
}

enum keeper_verdict keeper_policy_death(
	struct keeper_policy *policy, const struct keeper_death *death, uint64_t *ret_delay_ns)
{
	uint64_t oldest_ns;

	if (death->now_ns - death->started_ns >= KEEPER_POLICY_WINDOW_NS) {
		policy->n_counted = 0;
		policy->n_quick = 0;
		policy->aside = false;
		policy->slow = false;
	}
	policy->n_deaths++;
	policy->served = policy->served || death->ready;
	*ret_delay_ns = policy_next_delay(policy, death);
	if (death->outside || (death->not_run && policy->served))
		return KEEPER_RESTART;
	if (policy->slow) {
		policy->n_faults++;
		*ret_delay_ns = KEEPER_POLICY_MAX_NS;
		return KEEPER_RESTART_SLOWLY;
	}
	policy->faults_ns[policy->n_faults++ % KEEPER_POLICY_DEATHS] = death->now_ns;
	policy->n_counted++;
	if (policy->n_counted < KEEPER_POLICY_DEATHS)
		return KEEPER_RESTART;
	oldest_ns = policy->faults_ns[policy->n_faults % KEEPER_POLICY_DEATHS];
	if (death->now_ns - oldest_ns > KEEPER_POLICY_WINDOW_NS)
		return KEEPER_RESTART;
	policy->n_counted = 0;
	if (policy->aside && !policy->served)
		return KEEPER_GIVE_UP;
	if (policy->aside) {
		policy->slow = true;
		*ret_delay_ns = KEEPER_POLICY_MAX_NS;
		return KEEPER_RESTART_SLOWLY;
	}
	policy->aside = true;
	return KEEPER_RESTART_ASIDE;
}
