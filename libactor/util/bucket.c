/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/bucket.h"

#define NS_PER_S INT64_C(1000000000)

/* Rounded up, so that the rate is never exceeded. */
static uint64_t token_ns(uint32_t rate_per_s)
{
	return ((uint64_t)NS_PER_S + rate_per_s - 1) / rate_per_s;
}

void bucket_init(struct bucket *bucket, uint32_t rate_per_s, uint32_t burst, uint32_t initial, int64_t now_ns)
{
	*bucket = (struct bucket){.rate_per_s = rate_per_s, .burst = burst ? burst : 1, .at_ns = now_ns};
	if (initial > bucket->burst)
		initial = bucket->burst;
	if (rate_per_s)
		bucket->credit_ns = initial * token_ns(rate_per_s);
}

bool bucket_take(struct bucket *bucket, int64_t now_ns, int64_t *ret_wait_ns)
{
	uint64_t one_ns, most_ns;

	*ret_wait_ns = 0;
	if (!bucket->rate_per_s)
		return true;
	one_ns = token_ns(bucket->rate_per_s);
	most_ns = bucket->burst * one_ns;
	if (now_ns > bucket->at_ns) {
		bucket->credit_ns += (uint64_t)(now_ns - bucket->at_ns);
		bucket->at_ns = now_ns;
	}
	if (bucket->credit_ns > most_ns)
		bucket->credit_ns = most_ns;
	if (bucket->credit_ns >= one_ns) {
		bucket->credit_ns -= one_ns;
		return true;
	}
	*ret_wait_ns = (int64_t)(one_ns - bucket->credit_ns);
	return false;
}
