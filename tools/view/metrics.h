/* SPDX-License-Identifier: Apache-2.0 */
/* What a node has to say of itself in numbers: asked for, and as the text that Prometheus reads. */
#pragma once

#include "libactor/util/buf.h"
#include "tools/view/ctl.h"

struct metrics {
	json_t *broker;   /* the answer of its `metrics`; NULL: it did not answer */
	json_t *node;     /* the supervisor's `status`; NULL likewise */
	json_t *children; /* its `ls` */
};

/*
 * Asks broker and supervisor, one after the other. Says nothing. 0 when one of them has answered, else the
 * negative errno of the broker.
 */
int metrics_ask(const struct ctl *ctl, uint64_t max, int64_t timeout_ms, struct metrics *ret);
void metrics_deinit(struct metrics *metrics);

/*
 * As OpenMetrics. Pure. @max: how many groups, and how many processes, have lines of their own: as many as
 * the broker was asked for. buf_error(): no memory.
 */
void metrics_text(const struct metrics *metrics, uint64_t max, struct buf *ret);
