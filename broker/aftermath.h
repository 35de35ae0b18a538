/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aftermath: what the broker does after the keeper is gone
 *
 * When the keeper is gone, all other processes of the node must end. The supervisor ends them, and holds the
 * lock of the runtime directory as long as it lives. If the supervisor died as well, the broker ends all
 * processes of the node and gives the directory back.
 */
#pragma once

#include <stdint.h>

void aftermath_run(const char *runtime_dir, uint64_t node_id);
