/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

void announce_group(actor_group *group); /* the link is up, and nothing else has been said on it */
void announce_ready(actor_group *group); /* once announced; each new broker is told again */
