/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps: an actor of a group is shown copies of what others send, at most so many a second. What the broker
 * routes it copies itself. What goes directly from group to group the receiving groups copy: they are told of
 * the tap, and send what they see.
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
 * @spec: what it wants. @direct: of the other groups too. 0; -EACCES: the watcher is of another group;
 * -EDQUOT: there are TAPS_MAX already; -ENOMEM.
 */
int taps_add(struct member *owner, actor_ref watcher, const struct tap *spec, bool direct, uint64_t *ret_id);
/* False: @owner has no such tap. */
bool taps_remove(struct member *owner, uint64_t id);
void taps_forget(struct member *owner); /* all of them: it has ended */
/* @member is up: it is told of the taps that want direct frames. */
void taps_came(struct member *member);
/* A frame of @sender has come, and was handled. */
void taps_see(struct member *sender, const struct wire_frame *frame);
/*
 * @sender has seen a direct frame and says so for the tap @id, after @n_missed others. @rest: the other
 * arguments of its `tapped`, TAP_COPY_REST_N values.
 */
void taps_copied(
	struct member *sender, uint64_t id, uint64_t n_missed, const uint8_t *rest, size_t rest_bytes);
