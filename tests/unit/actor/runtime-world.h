/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actors of one group, without a node. Each test runs its story in a "driver" actor, as straight-line code
 * that may call and wait. A `worker` has a method for everything that a story needs.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/call.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/transport/address.h"
#include "libactor/util/list.h"
#include "tests/fact.h"
#include "tests/unit/story.h"

struct driver {
	char log[1024]; /* the notes of what happened, one after the other */
};
extern uint64_t last_down_monitor;
extern struct actor_cause last_cause;
extern actor_from *held;

extern const struct actor_method driver_methods[];

void story(story_fn fn);

struct worker {
	int64_t total;
	actor_ref watcher;
};
extern const struct actor_behavior worker_behavior;

actor_ref worker(actor *self);
int call_i(actor *self, actor_ref to, const char *method, int64_t *ret);
