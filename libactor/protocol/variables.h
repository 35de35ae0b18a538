/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment variables of a node. This file has names alone, so the keeper and util/, which include
 * nothing else of libactor, may include it too (tests/layers.py).
 */
#pragma once

/* people set */
#define ENV_RUNTIME_DIR "ACTOR_RUNTIME_DIR" /* and the node, in its children */
#define ENV_LOG_DIR     "ACTOR_LOG_DIR"     /* and the keeper, in the supervisor */
#define ENV_LOG_LEVEL   "ACTOR_LOG_LEVEL"
#define ENV_SPIN_US     "ACTOR_SPIN_US" /* for so long a daemon looks again before it sleeps */

/* the node sets */
#define ENV_GROUP   "ACTOR_GROUP"   /* in a child, "<node>.<group>": shared/marks.h */
#define ENV_TOKEN   "ACTOR_TOKEN"   /* in a child, in hex: its way in */
#define ENV_NODE_FD "ACTOR_NODE_FD" /* in the broker: shared/node-info.h */
#define ENV_BROKER  "ACTOR_BROKER"  /* in the supervisor: the broker's program */
/* in the supervisor: pid of the broker at its start, in case the keeper dies before it reports that broker */
#define ENV_DAEMON_PID "ACTOR_DAEMON_PID"

/* a pool sets */
#define ENV_POOL        "ACTOR_POOL"        /* in its workers: its ref */
#define ENV_POOL_WORKER "ACTOR_POOL_WORKER" /* and their number */
