/* SPDX-License-Identifier: Apache-2.0 */
/* What a child is: the `spec` map of docs/protocol.md §5 ⇄ a plain struct. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/protocol/mp.h"
#include "libactor/supervision/engine.h"
#include "libactor/util/buf.h"

#define SPEC_NAME_MAX_BYTES 255
#define SPEC_BYTES_MAX      (1u << 20) /* argv and env together, as the kernel counts them for exec */
#define SPEC_TIMEOUT_MAX_MS (24u * 3600 * 1000)
#define SPEC_TEXT_BYTES     256

struct spec {
	char *name;  /* NULL: to be made from argv[0] */
	char **argv; /* NULL-terminated, at least one */
	char **env;  /* "K=V", NULL-terminated; NULL: none */
	char *cwd;   /* absolute; NULL: "/" */
	enum supervision_restart restart;
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
int spec_parse(struct mp_reader *r, struct spec *ret, char text[SPEC_TEXT_BYTES]);
/*
 * The same map again; spec_parse() reads it back equal (without owned and monitor, which belong to the call).
 */
void spec_put(struct buf *b, const struct spec *spec);
void spec_deinit(struct spec *spec);

/* Who may not set what: the variables that say which group a process is. */
bool spec_env_is_reserved(const char *variable, size_t len);
