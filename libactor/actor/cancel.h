/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

/*
 * Handles @token: calls the function that the actor gave to actor_call_on_cancel() or
 * actor_stream_on_credit(), if the call is open.
 */
int cancel_handle(actor *self, const actor_msg *token);
