/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aftermath: what the broker still does when the keeper is gone
 *
 * When the keeper is gone, all other processes of the node must end. The supervisor sees to that, and holds
 * the lock of the runtime directory as long as it lives. If the supervisor died as well, the broker does it:
 * it ends all processes of the node and gives the directory back.
 */
#pragma once

#include <stdint.h>

void aftermath_run(const char *runtime_dir, uint64_t node_id);
