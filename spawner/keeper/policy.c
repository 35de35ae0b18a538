#include "spawner/keeper/policy.h"

static uint64_t policy_delay(unsigned int n_quick)
{
	uint64_t delay_ns = KEEPER_POLICY_FIRST_NS;

	if (!n_quick)
		return 0;
	while (--n_quick > 0 && delay_ns < KEEPER_POLICY_MAX_NS)
		delay_ns *= 2;
	return delay_ns < KEEPER_POLICY_MAX_NS ? delay_ns : KEEPER_POLICY_MAX_NS;
}

enum keeper_verdict keeper_policy_death(
	struct keeper_policy *policy, uint64_t started_ns, uint64_t now_ns, uint64_t *ret_delay_ns)
{
	uint64_t oldest_ns;

	if (now_ns - started_ns >= KEEPER_POLICY_WINDOW_NS) {
		policy->n_counted = 0;
		policy->n_quick = 0;
		policy->aside = false;
	}
	policy->deaths_ns[policy->n_deaths++ % KEEPER_POLICY_DEATHS] = now_ns;
	policy->n_counted++;
	*ret_delay_ns = policy_delay(policy->n_quick++);

	if (policy->n_counted < KEEPER_POLICY_DEATHS)
		return KEEPER_RESTART;
	oldest_ns = policy->deaths_ns[policy->n_deaths % KEEPER_POLICY_DEATHS];
	if (now_ns - oldest_ns > KEEPER_POLICY_WINDOW_NS)
		return KEEPER_RESTART;
	policy->n_counted = 0;
	if (policy->aside)
		return KEEPER_GIVE_UP;
	policy->aside = true;
	return KEEPER_RESTART_ASIDE;
}
