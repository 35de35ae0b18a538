/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output that waits for nobody: what a terminal or pipe does not take is kept, up to a bound. The shell
 * shares the description of stdout, so it is not made non-blocking; a terminal or pipe is opened once more.
 */
#pragma once

#include <stdbool.h>

#include "libactor/util/buf.h"

struct outlet {
	int fd;            /* -1: nobody reads any more */
	bool owned;        /* fd was opened here */
	bool socket;       /* written by send() */
	bool may_wait;     /* it could not be opened once more: a little at a time, when poll() says so */
	size_t room_bytes; /* the bound */
	size_t sent_bytes; /* of `waiting`, these are written */
	struct buf waiting;
};

void outlet_init(struct outlet *outlet, int fd, size_t room_bytes);
void outlet_deinit(struct outlet *outlet);

/* Where the caller appends what is to be written. The bound holds if it asks outlet_is_full() each time. */
static inline struct buf *outlet_buf(struct outlet *outlet)
{
	return &outlet->waiting;
}

static inline bool outlet_is_full(const struct outlet *outlet)
{
	return outlet->waiting.size_bytes - outlet->sent_bytes >= outlet->room_bytes;
}

/* Something waits: poll outlet->fd for POLLOUT. */
static inline bool outlet_waits(const struct outlet *outlet)
{
	return outlet->fd >= 0 && outlet->waiting.size_bytes > outlet->sent_bytes;
}

/* Writes what is taken at once. When the reader has gone, all is dropped, and fd becomes -1. */
void outlet_flush(struct outlet *outlet);
