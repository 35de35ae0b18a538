/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct actor;

/*
 * From now on the actor takes no casts and calls. It handles those that it has, and then ends with the reason
 * `normal`. A stop or a kill ends it earlier. Nothing happens if the actor already drains or is to end.
 */
void actor_request_drain(struct actor *self);
