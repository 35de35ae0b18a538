/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of frames, which a tap gets (docs/protocol.md §4, *Taps*). */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"

/* The contents of one `tapped`. They point into the message. */
struct copy {
	uint64_t n_missed, id, body_bytes;
	int64_t at_us;
	struct wire_str path, kind, method, to_name, text;
	actor_ref from, to;
	const uint8_t *body; /* NULL: the body was too large to be copied, or there is none */
	size_t copied_bytes;
	struct wire_trace trace; /* id 0: the frame belongs to no trace */
};

/* 0; -EPROTO: the message is no `tapped`, since any group may send such a cast with any content. */
int copy_read(const actor_msg *msg, struct copy *ret);
/* The arguments, the result or the text; a JSON null if they were not copied. NULL: out of memory. */
json_t *copy_body(const struct copy *copy);
/* A JSON string, or a JSON null if there is none. */
json_t *copy_json_of(struct wire_str s);
/*
 * Ids of traces and spans have 64 bits, too many for a JSON number. So they are shown as 16 hexadecimal
 * digits.
 */
#define COPY_ID_TEXT_MAX 17
char *copy_id_format(uint64_t id, char text[COPY_ID_TEXT_MAX]);
