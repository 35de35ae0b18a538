/* SPDX-License-Identifier: Apache-2.0 */
/* The rendezvous request and answer ⇄ bytes (docs/protocol.md §2). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/protocol/token.h"
#include "libactor/protocol/wire.h"

struct hello {
	uint64_t version_min, version_max;
	struct wire_str name;
	uint64_t pid;
	const uint8_t *token; /* NULL: a newcomer */
	size_t token_bytes;
	bool single; /* feature "single": this group has one link only, and the daemon routes for it */
};

struct hello_answer {
	struct wire_str error; /* if set, the daemon has refused, with a text */
	struct wire_str text;
	uint64_t version;
	struct wire_str url; /* begins with ipc:// */
	uint64_t node, group;
	actor_ref self; /* of the daemon's service actor */
	const uint8_t *resume;
	size_t resume_bytes;
	bool restarted;
};

void hello_put(struct buf *b, const struct hello *hello);
int hello_parse(const void *data, size_t size_bytes, struct hello *ret); /* 0 or -EPROTO */
void hello_answer_put(struct buf *b, const struct hello_answer *answer);
int hello_answer_parse(const void *data, size_t size_bytes, struct hello_answer *ret);
