/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many small objects of one size, without a malloc and its header for each. Cells are cut from blocks of 16
 * KiB. Empty blocks are freed, except one. Under AddressSanitizer each cell is a malloc of its own, so that
 * the sanitizer sees a use after the cell was given back.
 */
#pragma once

#include <stddef.h>

#include "libactor/util/list.h"

struct slab {
	size_t cell_bytes;
	struct list partial; /* blocks with a free cell */
	size_t n_cells;      /* number of taken cells */
	size_t n_blocks;
	size_t n_empty; /* number of blocks without a taken cell */
};

void slab_init(struct slab *slab, size_t cell_bytes); /* @cell_bytes is at most a hundredth of a block */
/* All cells must have been given back. */
void slab_deinit(struct slab *slab);
void *slab_take(
	struct slab *slab); /* the cell is not cleared; it is aligned for anything; NULL: out of memory */
void slab_give(struct slab *slab, void *cell);
