/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the text format of OpenMetrics 1.0, which Prometheus reads. Pure. The caller writes one family after
 * the other, each with all its samples and each only once, and then calls openmetrics_end().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libactor/util/buf.h"

#define OPENMETRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

enum openmetrics_type { OPENMETRICS_GAUGE, OPENMETRICS_COUNTER, OPENMETRICS_HISTOGRAM };

struct openmetrics_label {
	const char *name;
	const char *value; /* any bytes; those that are no UTF-8 become '?' */
};

/*
 * @family: the name without the suffixes of its samples. If it ends with "_bytes" or "_seconds", that is its
 * UNIT.
 */
void openmetrics_family(struct buf *b, const char *family, enum openmetrics_type type, const char *help);
/* @suffix: "" for a gauge; "_total" for a counter; "_bucket", "_count" or "_sum" for a histogram. */
void openmetrics_sample(struct buf *b, const char *family, const char *suffix,
	const struct openmetrics_label *labels, size_t n_labels, uint64_t value);
/* The same for a value in µs, which is written in seconds. */
void openmetrics_sample_us(struct buf *b, const char *family, const char *suffix,
	const struct openmetrics_label *labels, size_t n_labels, uint64_t value_us);
/*
 * Writes a whole histogram in seconds. @counts: one for each bound, not cumulative, and one more for values
 * above the last bound.
 */
void openmetrics_histogram_us(struct buf *b, const char *family, const uint64_t *bounds_us,
	const uint64_t *counts, size_t n_bounds, uint64_t sum_us);
void openmetrics_end(struct buf *b);
