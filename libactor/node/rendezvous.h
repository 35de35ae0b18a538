/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"
#include "libactor/transport/transport.h"

int rendezvous_start(actor_group *group);
void rendezvous_hello(actor_group *group, const struct transport_event *event);
