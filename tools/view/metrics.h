/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a node: asks for them, and writes them as the text that Prometheus reads. */
#pragma once

#include "libactor/util/buf.h"
#include "tools/view/ctl.h"

struct metrics {
	json_t *broker;   /* the broker's answer to `metrics`; NULL: it did not answer */
	json_t *node;     /* the supervisor's answer to `status`; NULL: it did not answer */
	json_t *children; /* the supervisor's answer to `ls` */
};

/*
 * Asks the broker, then the supervisor. Prints nothing. 0: at least one of them has answered; else the
 * negative errno of the broker.
 */
int metrics_ask(const struct ctl *ctl, uint64_t max, int64_t timeout_ms, struct metrics *ret);
void metrics_deinit(struct metrics *metrics);

/*
 * Writes @metrics as OpenMetrics. Pure. @max: for how many groups and how many processes lines are written;
 * the broker was asked for as many. If memory runs out, buf_error() says so.
 */
void metrics_text(const struct metrics *metrics, uint64_t max, struct buf *ret);
