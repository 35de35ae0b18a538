/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap: an observer gets copies of the frames that pass (docs/protocol.md §4). The broker and the groups
 * share this code. It decides which frames a tap wants and how many a second it gets, and writes the copies.
 * It does no I/O, reads no clock, and allocates memory only in the buffer that it writes to.
 */
#pragma once

#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"

#define TAP_RATE_DEFAULT   1000u    /* copies a second */
#define TAP_RATE_MAX       10000u   /* the limit for taps that ask for more */
#define TAP_BODY_MAX_BYTES 1024u    /* of a longer body only the size is copied */
#define TAP_COPY_REST_N    10u      /* number of arguments of `tapped` after the first two */
#define TAP_MISSED         "missed" /* the kind of a copy without a frame */
#define TAPS_MAX           16u      /* of all observers together, at a time */

/* Where a copy was made. */
enum tap_path {
	TAP_BROKER, /* by the broker, which routed the frame */
	TAP_DIRECT, /* by the group to which the frame came directly from another group */
	/* Only for a tap of one trace: */
	TAP_SENT,  /* by the group that sent the frame to another group */
	TAP_LOCAL, /* by the group in which one actor sent to another actor */
};

struct tap {
	uint64_t id;
	actor_ref from, to; /* ACTOR_NOBODY: any actor; serial 0: a whole group */
	char method[WIRE_NAME_MAX_BYTES];
	size_t method_len; /* 0: any */
	uint64_t trace;    /* the id of a trace; 0: any frame, with or without a trace */
	uint32_t rate;
	int64_t due_ns;    /* the next copy is due then, see tap_take() */
	bool open;         /* no frame was left out since the last copy */
	uint64_t n_missed; /* frames since the last copy that the tap wanted and did not get */
};

/*
 * Reads a filter {from: ref, to: ref, method: str, trace: uint}, whose keys are all optional, and then a rate
 * or nil.
 */
int tap_read(struct mp_reader *args, struct tap *ret);
/* Writes the same two values. */
void tap_put(struct buf *b, const struct tap *tap);
bool tap_wants(const struct tap *tap, const struct wire_frame *frame, actor_ref to);
/*
 * Whether the tap gets a copy now. If not, the frame is counted as missed. Copies come in bursts: a burst has
 * as many copies as the rate allows in a tenth of a second. A tap that was idle gets a burst at once. After a
 * burst the tap gets no copy until a whole burst is due again. So the copies in a burst are of frames that
 * followed each other, and the processes that pass copies on wake ten times a second, not a thousand times.
 */
bool tap_take(struct tap *tap, int64_t now_ns);
/*
 * Writes the arguments of `tapped`. @to: the receiver of the frame, or ACTOR_NOBODY if only a name is known.
 */
void tap_put_copy(struct buf *b, struct tap *tap, const struct wire_frame *frame, actor_ref to,
	enum tap_path path, int64_t now_ns);
/*
 * Writes the arguments of `tapped` without a frame. They only say how many frames were missed, for the case
 * that no later copy says it.
 */
void tap_put_missed(struct buf *b, struct tap *tap, int64_t now_ns);
