/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps: an actor is sent copies of frames that others send, at most so many a second. The broker copies the
 * frames that it routes. Frames that go directly from group to group are copied by the receiving groups,
 * which are told of the tap.
 */
#pragma once

#include "libactor/protocol/tap.h"
#include "libactor/util/list.h"

struct broker;
struct member;

struct taps {
	struct list all;
	unsigned n;
	uint64_t last_id;
};

void taps_init(struct taps *taps);
void taps_deinit(struct taps *taps);
/*
 * @spec: the wanted frames. @direct: also those that do not go through the broker. 0; -EACCES: the watcher is
 * of another group; -EDQUOT: there are TAPS_MAX taps already; -ENOMEM.
 */
int taps_add(struct member *owner, actor_ref watcher, const struct tap *spec, bool direct, uint64_t *ret_id);
/* False: @owner has no such tap. */
bool taps_remove(struct member *owner, uint64_t id);
void taps_forget(struct member *owner); /* removes all taps of @owner, which has ended */
/* @member is up. It is told of the taps that want direct frames. */
void taps_came(struct member *member);
/* An answer that the broker makes itself: to whoever follows its trace. Its body may be the shared one. */
void taps_answered(struct broker *broker, const struct wire_frame *frame);
/* A frame of @sender has come, and was handled. @to: whom it is for; nobody: a name that nobody has. */
void taps_see(struct member *sender, const struct wire_frame *frame, actor_ref to);
/*
 * @sender has sent a copy of a direct frame for the tap @id, and has missed @n_missed frames before. @rest:
 * the other arguments of its cast `tapped`, TAP_COPY_REST_N values.
 */
void taps_copied(
	struct member *sender, uint64_t id, uint64_t n_missed, const uint8_t *rest, size_t rest_bytes);
