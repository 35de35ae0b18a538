/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aftermath: what the broker still does when the keeper is gone
 *
 * Whoever of a node is left ends it. That is the supervisor's work, which holds the lock of the runtime
 * directory as long as it lives. If it died as well, before or after, the broker does it: it ends all
 * processes of the node and leaves the directory.
 */
#pragma once

#include <stdint.h>

void aftermath_run(const char *runtime_dir, uint64_t node_id);
