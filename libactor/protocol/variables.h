/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment variables of a node. This file has only names, so every file may include it, also in rooms
 * that include no other room (tests/layers.py).
 */
#pragma once

/* Variables that people set: */
#define ENV_RUNTIME_DIR "ACTOR_RUNTIME_DIR" /* the node also sets it, in its children */
#define ENV_LOG_DIR     "ACTOR_LOG_DIR"     /* the keeper also sets it, in the supervisor */
#define ENV_LOG_LEVEL   "ACTOR_LOG_LEVEL"
#define ENV_SPIN_US     "ACTOR_SPIN_US" /* how long a daemon looks again before it sleeps */

/* Variables that the node sets: */
#define ENV_GROUP   "ACTOR_GROUP"   /* in a child, "<node>.<group>": shared/marks.h */
#define ENV_TOKEN   "ACTOR_TOKEN"   /* in a child, in hex: with it the child is admitted */
#define ENV_NODE_FD "ACTOR_NODE_FD" /* in the broker: shared/node-info.h */
#define ENV_BROKER  "ACTOR_BROKER"  /* in the supervisor: the path of the broker's program */
/*
 * in the supervisor: the pid of the broker at its start, in case the keeper dies before it reports that
 * broker
 */
#define ENV_DAEMON_PID "ACTOR_DAEMON_PID"

/* Variables that a pool sets in its workers: */
#define ENV_POOL        "ACTOR_POOL"        /* the pool's ref */
#define ENV_POOL_WORKER "ACTOR_POOL_WORKER" /* the worker's number */
