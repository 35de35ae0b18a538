/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

struct actor;
struct loop;

void fd_watch_ready(struct loop *loop, void *tag, uint32_t events); /* @tag: the watch */
void fd_watch_handled(
	actor_group *group, uint64_t id); /* the actor has handled the message: watches the fd again */
void fd_watches_end(struct actor *self);
