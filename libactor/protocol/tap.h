/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap: somebody is shown copies of the frames that pass (docs/protocol.md §4). The broker and the groups
 * share this: which frames a tap wants, how many a second it gets, and what a copy looks like. No I/O, no
 * clock, no allocation but that of the buffer that is written to.
 */
#pragma once

#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"

#define TAP_RATE_DEFAULT   1000u    /* copies a second */
#define TAP_RATE_MAX       10000u   /* of those who ask for more */
#define TAP_BODY_MAX_BYTES 1024u    /* a longer body is not copied; its size is */
#define TAP_COPY_REST_N    10u      /* arguments of `tapped` after the first two */
#define TAP_MISSED         "missed" /* the kind of a copy without a frame */
#define TAPS_MAX           16u      /* at a time, of everybody together */

/* Where a copy was made. */
enum tap_path {
	TAP_BROKER, /* on the way, by the broker */
	TAP_DIRECT, /* where it came to from another process, directly */
	/* of a tap of one trace also: */
	TAP_SENT,  /* where it was sent to another process */
	TAP_LOCAL, /* from one actor of a process to another one */
};

struct tap {
	uint64_t id;
	actor_ref from, to; /* ACTOR_NOBODY: of all, for all; serial 0: a whole group */
	char method[WIRE_NAME_MAX_BYTES];
	size_t method_len; /* 0: any */
	uint64_t trace;    /* the id of one; 0: any, and none */
	uint32_t rate;
	int64_t due_ns;    /* the next copy is due then; see tap_take() */
	bool open;         /* no frame was left out since the last copy */
	uint64_t n_missed; /* frames that it wanted and did not get since the last copy */
};

/* Reads a filter {from: ref, to: ref, method: str, trace: uint}, all optional, and then a rate, or nil. */
int tap_read(struct mp_reader *args, struct tap *ret);
/* Writes the same, as two values. */
void tap_put(struct buf *b, const struct tap *tap);
bool tap_wants(const struct tap *tap, const struct wire_frame *frame, actor_ref to);
/*
 * False: not now; it is counted. A tap that was idle gets a tenth of a second's copies at once. One that
 * would get more than its rate gets as many in a row, and then none until that many are due: so what is shown
 * belongs together, and those who carry the copies are woken ten times a second and not a thousand.
 */
bool tap_take(struct tap *tap, int64_t now_ns);
/* Writes the arguments of `tapped`. @to: whom the frame is for, or ACTOR_NOBODY if only a name is known. */
void tap_put_copy(struct buf *b, struct tap *tap, const struct wire_frame *frame, actor_ref to,
	enum tap_path path, int64_t now_ns);
/* The same with no frame: it only says how many were left out, when none comes any more that could. */
void tap_put_missed(struct buf *b, struct tap *tap, int64_t now_ns);
