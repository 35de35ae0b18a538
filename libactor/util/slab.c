/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/slab.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCK_BYTES 16384u

struct cell {
	struct cell *next;
};

struct block {
	struct list link; /* in slab.partial; unlinked: the block is full */
	struct cell *free;
	uint32_t n_taken;
	uint32_t n_cut; /* cells that were ever taken; the rest of the block was never touched */
	alignas(max_align_t) char cells[];
};

void slab_init(struct slab *slab, size_t cell_bytes)
{
	*slab = (struct slab){
		.cell_bytes = (cell_bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1)};
	assert(slab->cell_bytes <= BLOCK_BYTES / 100);
	list_init(&slab->partial);
}

#ifdef __SANITIZE_ADDRESS__

void slab_deinit(struct slab *slab)
{
	assert(slab->n_cells == 0);
}

void *slab_take(struct slab *slab)
{
	void *cell = malloc(slab->cell_bytes);

	slab->n_cells += cell != NULL;
	return cell;
}

void slab_give(struct slab *slab, void *cell)
{
	slab->n_cells--;
	free(cell);
}

#else

static uint32_t block_room(const struct slab *slab)
{
	return (uint32_t)((BLOCK_BYTES - sizeof(struct block)) / slab->cell_bytes);
}

static struct block *block_of(void *cell)
{
	return (struct block *)((uintptr_t)cell & ~(uintptr_t)(BLOCK_BYTES - 1));
}

static void block_free(struct slab *slab, struct block *block)
{
	list_remove(&block->link);
	slab->n_blocks--;
	slab->n_empty--;
	free(block);
}

void slab_deinit(struct slab *slab)
{
	assert(slab->n_cells == 0);
	while (!list_is_empty(&slab->partial))
		block_free(slab, container_of(slab->partial.next, struct block, link));
}

static struct block *block_new(struct slab *slab)
{
	struct block *block = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);

	if (!block)
		return NULL;
	*block = (struct block){0};
	list_prepend(&slab->partial, &block->link);
	slab->n_blocks++;
	slab->n_empty++;
	return block;
}

void *slab_take(struct slab *slab)
{
	struct block *block = list_is_empty(&slab->partial)
				      ? block_new(slab)
				      : container_of(slab->partial.next, struct block, link);
	struct cell *cell;

	if (!block)
		return NULL;
	if (block->free) {
		cell = block->free;
		block->free = cell->next;
	} else {
		cell = (struct cell *)(block->cells + block->n_cut++ * slab->cell_bytes);
	}
	if (!block->n_taken++)
		slab->n_empty--;
	slab->n_cells++;
	if (!block->free && block->n_cut == block_room(slab))
		list_remove(&block->link);
	return cell;
}

void slab_give(struct slab *slab, void *cell)
{
	struct block *block = block_of(cell);
	struct cell *given = cell;

	given->next = block->free;
	block->free = given;
	slab->n_cells--;
	if (!list_is_linked(&block->link))
		list_prepend(&slab->partial, &block->link);
	if (--block->n_taken)
		return;
	slab->n_empty++;
	if (slab->n_empty > 1)
		block_free(slab, block);
}

#endif
