/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

void announce_group(actor_group *group); /* the link has come up: tells the broker all that it must know */
void announce_ready(actor_group *group); /* tells the broker, and each new broker again, that we are ready */
