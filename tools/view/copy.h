/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of frames, as a tap gets them (docs/protocol.md §4, *Taps*). */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"

/* What one `tapped` says. Borrowed from the message. */
struct copy {
	uint64_t n_missed, id, body_bytes;
	int64_t at_us;
	struct wire_str path, kind, method, to_name, text;
	actor_ref from, to;
	const uint8_t *body; /* NULL: too large to be copied, or none */
	size_t copied_bytes;
	struct wire_trace trace; /* id 0: it belongs to none */
};

/* 0, -EPROTO: any group may send us what it likes. */
int copy_read(const actor_msg *msg, struct copy *ret);
/* Arguments, result or text; null if they were not copied. Never NULL but for want of memory. */
json_t *copy_body(const struct copy *copy);
/* A string, or null if there is none. */
json_t *copy_json_of(struct wire_str s);
/* Ids of traces and spans have 64 bits, more than a number of JSON: 16 hexadecimal digits. */
#define COPY_ID_TEXT_MAX 17
char *copy_id_format(uint64_t id, char text[COPY_ID_TEXT_MAX]);
