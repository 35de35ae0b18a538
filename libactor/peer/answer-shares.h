/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unread answers, counted by the group that asked. Answers cannot be paused, so a link with more than 64 MiB
 * of unread bytes gets no more answers. The link to the broker carries answers for many groups. If one of
 * them asks for much, the answers to the others must not be refused. So while a link has more than 4 MiB of
 * unread bytes, the answers to each group are counted. Beyond 64 MiB an answer is refused if its group has
 * more than its share, which is 64 MiB divided by the number of asking groups. Beyond 128 MiB every answer is
 * refused.
 *
 * It is not known whose bytes the link has already sent. So the unread bytes are divided among the groups in
 * proportion to their counts.
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
