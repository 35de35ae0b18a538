/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "libactor/util/buf.h"

struct actor;

/* Appends the part of `$describe` about the actor's mailbox: a map (docs/protocol.md §3). */
void limits_put(struct buf *out, const struct actor *self);
