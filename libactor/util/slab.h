/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many small things of one size, without a malloc and its header for each. Cells are cut from blocks of 16
 * KiB; a block that is empty again goes back, but for one. Under AddressSanitizer each cell is a malloc, so
 * that it sees what is used after it was given back.
 */
#pragma once

#include <stddef.h>

#include "libactor/util/list.h"

struct slab {
	size_t cell_bytes;
	struct list partial; /* blocks with a free cell */
	size_t n_cells;      /* taken */
	size_t n_blocks;
	size_t n_empty; /* of the blocks */
};

void slab_init(struct slab *slab, size_t cell_bytes); /* at most a hundredth of a block */
/* All cells have been given back. */
void slab_deinit(struct slab *slab);
void *slab_take(struct slab *slab); /* not cleared; aligned for anything; NULL: out of memory */
void slab_give(struct slab *slab, void *cell);
