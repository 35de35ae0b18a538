/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct actor;

/*
 * From now on the actor takes no casts and calls. It handles those that it has, and then ends with the reason
 * `normal`. A stop or kill still counts. Does nothing for an actor that drains, or that is to end, already.
 */
void actor_request_drain(struct actor *self);
