/* SPDX-License-Identifier: Apache-2.0 */
/* node-info: what a daemon of the node is told at its start */
#pragma once

#include <stdint.h>

/* What a child started with KEEPER_SPAWN_DAEMON reads from fd 3 (a sealed memfd, offset 0). */
#define KEEPER_NODE_INFO_MAGIC 0x4e504141u

struct keeper_node_info {
	uint32_t magic;
	uint32_t version; /* KEEPER_VERSION */
	uint64_t node_id;
	uint64_t group_id; /* the child's own */
	uint8_t node_key[16];
	int32_t keeper_pid; /* the daemon's parent, as long as the keeper lives */
	uint32_t reserved;
};
