/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor keeps the monitors of processes, so they outlive the broker. But if a group has no direct
 * link with the supervisor, the broker brings it the notice of an end. A notice that the supervisor has
 * handed over, and that lies in the broker's buffers, dies with the broker. So such a group tells the
 * supervisor its monitors again after each new link. A monitor that the supervisor already has is not
 * doubled. For a process that has ended the supervisor sends the DOWN.
 */
#pragma once

#include "actor/actor.h"

int process_monitors_init(actor_group *group);
void process_monitors_deinit(actor_group *group);
/*
 * There is a new link to the broker: tells the monitors, one by one, until the supervisor has answered for
 * each or the link ends.
 */
void process_monitors_say_again(actor_group *group);
