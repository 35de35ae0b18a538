/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor keeps the monitors of processes, so they outlive the broker. But the broker brings the
 * notice of an end to a group that has no direct link with the supervisor. A notice that lay in the broker's
 * buffers dies with the broker, and the supervisor had handed it over. So such a group says its monitors
 * again after each new link. The supervisor takes one that it has for the same one, and answers one of a
 * process that has ended by the DOWN.
 */
#pragma once

#include "actor/actor.h"

int process_monitors_init(actor_group *group);
void process_monitors_deinit(actor_group *group);
/* There is a new link to the broker. Goes on until the supervisor has answered each, or the link ends. */
void process_monitors_say_again(actor_group *group);
