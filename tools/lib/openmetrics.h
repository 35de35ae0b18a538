/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text format of OpenMetrics 1.0, as Prometheus reads it. Pure. Families are written one after the other,
 * each with all its samples, and then openmetrics_end(). Whoever writes sees to it that a family comes once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libactor/util/buf.h"

#define OPENMETRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

enum openmetrics_type { OPENMETRICS_GAUGE, OPENMETRICS_COUNTER, OPENMETRICS_HISTOGRAM };

struct openmetrics_label {
	const char *name;
	const char *value; /* any bytes: what is no UTF-8 becomes '?' */
};

/*
 * @family: without the suffixes of its samples. A family whose name ends with "_bytes" or "_seconds" gets that
 * as its UNIT.
 */
void openmetrics_family(struct buf *b, const char *family, enum openmetrics_type type, const char *help);
/* @suffix: "" of a gauge, "_total" of a counter; of a histogram "_bucket", "_count", "_sum". */
void openmetrics_sample(struct buf *b, const char *family, const char *suffix,
	const struct openmetrics_label *labels, size_t n_labels, uint64_t value);
/* The same, in seconds. */
void openmetrics_sample_us(struct buf *b, const char *family, const char *suffix,
	const struct openmetrics_label *labels, size_t n_labels, uint64_t value_us);
/*
 * A whole histogram in seconds. @counts: one for each bound, not cumulative, and one more for what is beyond.
 */
void openmetrics_histogram_us(struct buf *b, const char *family, const uint64_t *bounds_us,
	const uint64_t *counts, size_t n_bounds, uint64_t sum_us);
void openmetrics_end(struct buf *b);
