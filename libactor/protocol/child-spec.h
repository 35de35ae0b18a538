/* SPDX-License-Identifier: Apache-2.0 */
/* What a child is: the `spec` map of docs/protocol.md §5 ⇄ a plain struct. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"

#define CHILD_SPEC_NAME_MAX_BYTES 255
#define CHILD_SPEC_BYTES_MAX      (1u << 20) /* argv and env together, as the kernel counts them for exec */
#define CHILD_SPEC_TIMEOUT_MAX_MS (24u * 3600 * 1000)
#define CHILD_SPEC_TEXT_BYTES     256

struct child_spec {
	char *name;  /* NULL: to be made from argv[0] */
	char **argv; /* NULL-terminated, at least one */
	char **env;  /* "K=V", NULL-terminated; NULL: none */
	char *cwd;   /* absolute; NULL: "/" */
	enum actor_restart restart;
	uint32_t backoff_min_ms, backoff_max_ms; /* 0 0: restart at once */
	uint32_t stop_timeout_ms;
	uint32_t ready_timeout_ms; /* 0: none */
	bool ready_actor;          /* ready when its group says so; false: as soon as it was exec'd */
	bool no_stamps;            /* of the lines in its log; lives have theirs */
	uint64_t cookie; /* of the request: the same one asked again means the same child; 0: none */
	bool owned;
	bool monitor;
	uint64_t monitor_id;
};

/* Takes one map from @r. 0; -EINVAL and one line for people in @text; -ENOMEM. */
int child_spec_parse(struct mp_reader *r, struct child_spec *ret, char text[CHILD_SPEC_TEXT_BYTES]);
/*
 * The same map again. child_spec_parse() reads it back equal, without owned and monitor, which belong to the
 * call.
 */
void child_spec_put(struct buf *b, const struct child_spec *spec);
void child_spec_deinit(struct child_spec *spec);

/* "permanent", "transient", "temporary"; "?" out of range */
const char *child_restart_name(enum actor_restart restart);
/* The way back. 0, or -EINVAL: no such word. */
int child_restart_parse(const char *s, size_t len, enum actor_restart *ret);
