#pragma once

#include <stdint.h>

#include "actor/actor.h"

struct fd_watch;
void fd_watch_ready(struct fd_watch *watch, uint32_t events);
void fd_watch_handled(actor_group *group, uint64_t id); /* its message has been handled: look again */
void fd_watches_end(struct actor *self);
