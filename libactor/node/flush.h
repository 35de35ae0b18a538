/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

void flushes_turn(actor_group *group); /* once a turn: wakes the actors whose flush is done */
