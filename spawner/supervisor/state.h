/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor must still know after a kill -9 of itself, in a memfd that the keeper holds.
 *
 * The memory has two areas. An area is a snapshot followed by the changes since, each one a *chunk*: sequence
 * number, size, checksum, bytes. A commit appends one chunk; when an area is full, a new snapshot goes into
 * the other one and the old area stays as it was until then. So a write costs what changed, not what there
 * is, and a chunk that was half written when the writer died has a wrong checksum: reading stops before it.
 * The area that can be read furthest is the truth; a broken one is ignored.
 *
 * The bytes mean nothing here; see node_state_put_changes(), node_state_put_all() and node_state_load().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/util/buf.h"

#define STATE_AREA_MIN_BYTES (64u << 10)
#define STATE_AREA_MAX_BYTES (1u << 30)

struct state {
	uint8_t *base; /* mapped, shared */
	size_t area_bytes;
	int fd;            /* -1: none yet */
	uint64_t seq;      /* of the newest chunk */
	unsigned area;     /* where it is */
	size_t used_bytes; /* of that area; 0: the next commit must be a snapshot */
};

#define STATE_INIT                                                                                           \
	{                                                                                                    \
		.fd = -1                                                                                     \
	}

/* The chunks of one area, oldest (the snapshot) first. */
struct state_reader {
	const uint8_t *at, *end;
	uint64_t next_seq;
};

/* Takes @fd (also on failure) and maps it. 0; -EPROTO when it is no state of this version; what mmap says. */
int state_open(struct state *ret, int fd);
void state_deinit(struct state *state); /* closes and unmaps; the bytes live on with the keeper */

/*
 * The areas by age of their newest whole chunk: @n 0 is the newest, 1 the other one. Return: false when there
 * is no such area with at least a whole snapshot. The one given last is the one that the next commit does not
 * overwrite.
 */
bool state_read(struct state *state, unsigned n, struct state_reader *ret);
bool state_next(struct state_reader *reader, const uint8_t **ret, size_t *ret_size_bytes);

/* Would a chunk of @size_bytes fit behind what is there? Otherwise the next commit must be a snapshot. */
bool state_fits(const struct state *state, size_t size_bytes);
/* Appends. Must fit. */
void state_append(struct state *state, const void *data, size_t size_bytes);
/*
 * Starts the other area with @data. 1: in a new memfd, bigger than before, that the keeper must be given; 0;
 * -ENOMEM, -EFBIG …
 */
int state_snapshot(struct state *state, const void *data, size_t size_bytes);
