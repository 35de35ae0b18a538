/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child is: the `spec` map of docs/protocol.md §5 ⇄ a plain struct. Pure. libactor and actorctl write
 * the map to ask for a child. The supervisor reads it, and writes it again for its successor.
 */
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

/* What a spec without these keys means. docs/protocol.md, actor.h and actorctl's help say the numbers too. */
#define CHILD_BACKOFF_MIN_DEFAULT_MS  100
#define CHILD_BACKOFF_MAX_DEFAULT_MS  30000
#define CHILD_STOP_TIMEOUT_DEFAULT_MS 10000

struct child_spec {
	const char *name;        /* NULL: to be made from argv[0] */
	const char *const *argv; /* NULL-terminated, at least one */
	const char *const *env;  /* "K=V", NULL-terminated; NULL: none */
	const char *cwd;         /* absolute; NULL: "/" */
	enum actor_restart restart;
	uint64_t backoff_min_ms, backoff_max_ms; /* 0 0: restart at once */
	uint64_t stop_timeout_ms;
	uint64_t ready_timeout_ms; /* 0: none */
	bool ready_actor;          /* ready when its group says so; false: ready when exec() has succeeded */
	bool no_stamps;  /* do not note when each line of its log came; when lives begin and end is noted */
	uint64_t cookie; /* of the request: asked again with it, the child is the same; 0: none */
	bool owned;
	bool monitor;
	uint64_t monitor_id;
};

/* The defaults, without a program: where a writer of a spec begins. */
#define CHILD_SPEC_DEFAULT                                                                                   \
	((struct child_spec){                                                                                \
		.restart = ACTOR_PERMANENT,                                                                  \
		.backoff_min_ms = CHILD_BACKOFF_MIN_DEFAULT_MS,                                              \
		.backoff_max_ms = CHILD_BACKOFF_MAX_DEFAULT_MS,                                              \
		.stop_timeout_ms = CHILD_STOP_TIMEOUT_DEFAULT_MS,                                            \
	})

/*
 * Reads one map from @r. Every time is at most CHILD_SPEC_TIMEOUT_MAX_MS. The strings of @ret are copies,
 * freed by child_spec_deinit(). 0; -EINVAL, with one line for people in @text; -ENOMEM.
 */
int child_spec_parse(struct mp_reader *r, struct child_spec *ret, char text[CHILD_SPEC_TEXT_BYTES]);
/* Only of what child_spec_parse() made. */
void child_spec_deinit(struct child_spec *spec);

/* Writes the map; child_spec_parse() reads the same spec from it. Each string of env must be NAME=VALUE. */
void child_spec_put(struct buf *b, const struct child_spec *spec);

/* Whether it is "NAME=VALUE". */
bool child_variable_is_valid(const char *variable);

/* "permanent", "transient", "temporary"; "?" out of range */
const char *child_restart_name(enum actor_restart restart);
/* The way back. 0, or -EINVAL: no such word. */
int child_restart_parse(const char *s, size_t len, enum actor_restart *ret);
