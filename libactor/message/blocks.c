/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/message/blocks.h"

#include <stdlib.h>

#define STEP_BYTES 32u
#define SIZES_MAX  16u  /* sizes of 32, 64, … 512 bytes; larger blocks are not kept */
#define KEPT_MAX   256u /* blocks of all sizes: at most 128 KiB */

struct spare {
	struct spare *next;
};

/* What the running thread keeps. The model of its address is the quick one: it is few bytes. */
static __thread struct {
	struct spare *first[SIZES_MAX];
	unsigned n;
	unsigned n_begun; /* 0: nothing is kept */
} kept __attribute__((tls_model("initial-exec")));

void *block_take(size_t size_bytes, uint8_t *ret_size)
{
	size_t size = (size_bytes - 1) / STEP_BYTES;
	struct spare *spare;

	if (size >= SIZES_MAX) {
		*ret_size = SIZES_MAX;
		return malloc(size_bytes);
	}
	*ret_size = (uint8_t)size;
	spare = kept.first[size];
	if (!spare)
		return malloc((size + 1) * STEP_BYTES);
	kept.first[size] = spare->next;
	kept.n--;
	return spare;
}

static void kept_free(void)
{
	for (size_t i = 0; i < SIZES_MAX; i++) {
		while (kept.first[i]) {
			struct spare *spare = kept.first[i];

			kept.first[i] = spare->next;
			free(spare);
		}
	}
	kept.n = 0;
}

void block_give(void *take, uint8_t size)
{
	struct spare *spare = take;

#ifndef __SANITIZE_ADDRESS__
	if (size < SIZES_MAX && kept.n_begun) {
		if (kept.n == KEPT_MAX && !kept.first[size])
			kept_free(); /* these sizes are not used any more */
		if (kept.n < KEPT_MAX) {
			spare->next = kept.first[size];
			kept.first[size] = spare;
			kept.n++;
			return;
		}
	}
#endif
	free(spare);
}

void blocks_begin(void)
{
	kept.n_begun++;
}

void blocks_end(void)
{
	if (--kept.n_begun == 0)
		kept_free();
}
