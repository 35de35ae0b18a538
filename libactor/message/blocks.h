/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of messages. While a group runs in a thread, that thread keeps some of the blocks that it frees
 * for its next messages: malloc keeps only seven blocks of a size at hand, and a burst of messages frees and
 * takes some tens. Blocks are malloc's own, so any thread may free them. Under AddressSanitizer none are
 * kept, so that the sanitizer sees a use after the message was freed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* *ret_size: to be passed to block_give(). NULL: out of memory. */
void *block_take(size_t size_bytes, uint8_t *ret_size);
void block_give(void *take, uint8_t size);
/* Blocks are kept in this thread between the two. They nest. The last end frees what was kept. */
void blocks_begin(void);
void blocks_end(void);
