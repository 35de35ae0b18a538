/* SPDX-License-Identifier: Apache-2.0 */
/* For test programs of the broker: each fact has a world of its own, which is `w`. */
#pragma once

#include "tests/fact.h"
#include "tests/unit/broker/broker-world.h"

static struct world w;

static inline int world_setup(void **state)
{
	world_init(&w, 0, NULL);
	return 0;
}

/* The broker has a recovery window. */
static inline int world_setup_with_window(void **state)
{
	world_init(&w, 1000, NULL);
	return 0;
}

static inline int world_teardown(void **state)
{
	world_deinit(&w);
	return 0;
}
