/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t quantile(const struct bench_samples *s, double q)
{
	size_t rank = (size_t)(q * (double)s->n);

	if ((double)rank < q * (double)s->n)
		rank++;
	return s->ns[rank ? rank - 1 : 0];
}

/* Writes all samples into a file, since bench/compare pools the tails of many runs. */
static void samples_write(const struct bench_env *env, const struct bench_samples *s)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/samples", env->out_dir);
	f = fopen(path, "we");
	if (!f || fwrite(s->ns, sizeof(*s->ns), s->n, f) != s->n || fclose(f))
		bench_die("%s: %s", path, strerror(errno));
}

void bench_report_latency(
	const struct bench_env *env, struct bench_samples *s, uint64_t sent, uint64_t received)
{
	double sum = 0;

	if (!s->n)
		bench_die("%s: not one sample was taken", env->workload);
	qsort(s->ns, s->n, sizeof(*s->ns), compare_u32);
	samples_write(env, s);
	for (size_t i = 0; i < s->n; i++)
		sum += s->ns[i];
	printf("{\"workload\":\"%s\",\"size\":%zu,\"unit\":\"ns\",\"n\":%zu,\"p50\":%u,\"p99\":%u,\"p999\":%u,"
	       "\"mean\":%.1f,\"min\":%u,\"max\":%u,\"check\":{\"sent\":%" PRIu64 ",\"received\":%" PRIu64
	       ",\"errors\":0}}\n",
		env->workload, env->size_bytes, s->n, quantile(s, 0.5), quantile(s, 0.99), quantile(s, 0.999),
		sum / (double)s->n, s->ns[0], s->ns[s->n - 1], sent, received);
	fflush(stdout);
}

void bench_report_rate(const struct bench_env *env, double msgs_per_s, double cpu_s_per_mmsg, uint64_t n,
	bool whole, uint64_t sent, uint64_t received, uint64_t errors)
{
	printf("{\"workload\":\"%s\",\"size\":%zu,\"unit\":\"msgs/s\",\"n\":%" PRIu64
	       ",\"whole\":%s,\"senders\":%u,\"receivers\":%u,"
	       "\"msgs_per_s\":%.1f,\"cpu_s_per_mmsg\":%.4f,\"check\":{\"sent\":%" PRIu64
	       ",\"received\":%" PRIu64 ",\"errors\":%" PRIu64 "}}\n",
		env->workload, env->size_bytes, n, whole ? "true" : "false", env->n_senders, env->n_receivers,
		msgs_per_s, cpu_s_per_mmsg, sent, received, errors);
	fflush(stdout);
}

void bench_report_bytes(const struct bench_env *env, uint64_t bytes, uint64_t sent, uint64_t received)
{
	printf("{\"workload\":\"%s\",\"unit\":\"bytes\",\"n\":1,\"bytes\":%" PRIu64
	       ",\"check\":{\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"errors\":0}}\n",
		env->workload, bytes, sent, received);
	fflush(stdout);
}
