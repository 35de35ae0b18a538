/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unread answers, by who asked. Answers cannot be paused, so a link with more than 64 MiB of unread bytes
 * gets no more answers. The broker's link carries answers to many groups, and one that asks for much must
 * not have the others refused. So from 4 MiB on the bytes of each asking group are counted, until the link
 * has fewer again. Beyond 64 MiB a group is refused whose part of what is unread is more than 64 MiB divided
 * by the number of askers; beyond 128 MiB each is.
 *
 * Which bytes of the link are read is not known by group. So a group's part is taken to be what it was sent
 * in that time, in proportion.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer;
struct answer_shares;

/*
 * Whether an answer, or an item of a stream, of @size_bytes to the group @asker may be written to @peer's
 * pipe. True: it is counted. If memory is short, the limit is 64 MiB for all.
 */
bool answer_share_take(struct peer *peer, uint64_t asker, size_t size_bytes);
struct answer_shares *answer_shares_free(struct answer_shares *shares);
