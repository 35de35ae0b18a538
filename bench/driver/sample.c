/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* Every sample is kept, without buckets or interpolation. The memory is touched before the first sample. */
void bench_samples_init(struct bench_samples *s, size_t n_max)
{
	s->ns = malloc(n_max * sizeof(*s->ns));
	if (!s->ns)
		bench_die("no memory for %zu samples", n_max);
	memset(s->ns, 1, n_max * sizeof(*s->ns));
	s->n = 0;
	s->n_max = n_max;
}

void bench_samples_deinit(struct bench_samples *s)
{
	free(s->ns);
	s->ns = NULL;
}

void bench_samples_add(struct bench_samples *s, uint64_t ns)
{
	if (s->n < s->n_max)
		s->ns[s->n++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}
