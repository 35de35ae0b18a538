/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state that must outlive a kill -9 of the supervisor, in a memfd that the keeper holds.
 *
 * The memory has two areas. An area has a snapshot and the changes after it. Each of these is a *chunk*:
 * sequence number, size, checksum, bytes. A commit appends one chunk. When an area is full, the next commit
 * puts a new snapshot into the other area, and the full area stays as it is. So the cost of a write depends
 * on the change and not on the whole state. A chunk that was half written when the writer died has a wrong
 * checksum, and reading stops before it. The area with the newest whole chunk counts.
 *
 * This file does not know what the bytes mean; see node_state_put_changes(), node_state_put_all() and
 * node_state_load().
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
	int fd;            /* -1: there is none yet */
	uint64_t seq;      /* sequence number of the newest chunk */
	unsigned area;     /* the area of the newest chunk */
	size_t used_bytes; /* used bytes of that area; 0: the next commit must be a snapshot */
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

/*
 * Takes over @fd (also on failure) and maps it. 0; -EPROTO: it is no state of this version; or an error of
 * mmap.
 */
int state_open(struct state *ret, int fd);
void state_deinit(struct state *state); /* closes and unmaps; the keeper still has the bytes */

/*
 * Gives the chunks of one area: @n 0 is the area with the newest whole chunk, 1 the other one. False: there
 * is no such area with a whole snapshot. The next commit does not overwrite the area that was given last.
 */
bool state_read(struct state *state, unsigned n, struct state_reader *ret);
bool state_next(struct state_reader *reader, const uint8_t **ret, size_t *ret_size_bytes);

/* Would a chunk of @size_bytes fit into the rest of the area? If not, the next commit must be a snapshot. */
bool state_fits(const struct state *state, size_t size_bytes);
/* Appends a chunk, which must fit. */
void state_append(struct state *state, const void *data, size_t size_bytes);
/*
 * Starts the other area with the snapshot @data. 0; 1: the state is now in a new, bigger memfd, which must be
 * sent to the keeper; -ENOMEM, -EFBIG …
 */
int state_snapshot(struct state *state, const void *data, size_t size_bytes);
