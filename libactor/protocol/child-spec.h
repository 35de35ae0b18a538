/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of a child: the `spec` map of docs/protocol.md §5 ⇄ a plain struct. Pure. libactor and
 * actorctl write the map to ask for a child. The supervisor reads the map, and writes it again for its
 * successor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/child-limits.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/buf.h"

#define CHILD_SPEC_NAME_MAX_BYTES 255
#define CHILD_SPEC_BYTES_MAX      (1u << 20) /* argv and env together, as the kernel counts them for exec */
#define CHILD_SPEC_TIMEOUT_MAX_MS (24u * 3600 * 1000)
#define CHILD_SPEC_TEXT_BYTES     256

/*
 * The values of a spec without these keys. docs/protocol.md, actor/process.h and actorctl's help repeat the
 * numbers.
 */
#define CHILD_BACKOFF_MIN_DEFAULT_MS   100
#define CHILD_BACKOFF_MAX_DEFAULT_MS   30000
#define CHILD_BACKOFF_FACTOR_DEFAULT   2
#define CHILD_BACKOFF_JITTER_DEFAULT   20
#define CHILD_BACKOFF_RESET_DEFAULT_MS 60000
#define CHILD_STOP_TIMEOUT_DEFAULT_MS  10000

#define CHILD_BACKOFF_FACTOR_MAX 100
#define CHILD_INTENSITY_MAX      1000 /* the supervisor's state has the time of each restart that counts */

/* A set of ends of a process: exit statuses, and signals that ended it. */
struct child_exits {
	uint64_t statuses[4]; /* bit s % 64 of [s / 64] */
	uint64_t signals;     /* bit signo - 1 */
};

struct child_spec {
	const char *name;        /* NULL: the name is made from argv[0] */
	const char *const *argv; /* NULL-terminated, at least one */
	const char *const *env;  /* "K=V", NULL-terminated; NULL: none */
	const char *cwd;         /* absolute; NULL: "/" */
	const char *input;       /* "pipe", or the absolute path of a file; NULL: /dev/null */
	enum actor_restart restart;
	uint64_t backoff_min_ms, backoff_max_ms; /* both 0: restart at once */
	uint64_t backoff_factor, backoff_jitter_pct;
	uint64_t backoff_reset_ms; /* a child that served so long begins a new series of delays; 0: never */
	/* after @intensity restarts in @period_ms one more failure is the last; period_ms 0: no limit */
	uint64_t intensity, period_ms;
	struct child_exits fatal_on; /* after these ends it is not started again */
	struct child_exits ok_exit;  /* these ends are as good as exit status 0 */
	uint64_t stop_timeout_ms;
	uint64_t ready_timeout_ms; /* 0: none */
	bool ready_actor;          /* ready when its group says so; false: ready when exec() has succeeded */
	uint64_t up_for_ms;        /* ready when it has been up so long; 0: not this way */
	int stop_signal;           /* 0: SIGTERM */
	const char *user, *group;  /* names or numbers; NULL: those of the node */
	struct child_limits limits;
	bool has_umask, has_nice, has_oom_score_adj;
	unsigned umask;
	int nice, oom_score_adj;
	bool no_new_privs;
	bool clear_env; /* of the node's variables it gets only those of the language and the time zone */
	/* true: no stamps of the log's lines; beginnings and ends of lives are noted all the same */
	bool no_stamps;
	/* of the request: a repeated request with the same cookie means the same child; 0: none */
	uint64_t cookie;
	bool owned;
	bool monitor;
	uint64_t monitor_id;
};

/* The defaults without a program. A writer of a spec begins with them. */
#define CHILD_SPEC_DEFAULT                                                                                   \
	((struct child_spec){                                                                                \
		.restart = ACTOR_PERMANENT,                                                                  \
		.backoff_min_ms = CHILD_BACKOFF_MIN_DEFAULT_MS,                                              \
		.backoff_max_ms = CHILD_BACKOFF_MAX_DEFAULT_MS,                                              \
		.backoff_factor = CHILD_BACKOFF_FACTOR_DEFAULT,                                              \
		.backoff_jitter_pct = CHILD_BACKOFF_JITTER_DEFAULT,                                          \
		.backoff_reset_ms = CHILD_BACKOFF_RESET_DEFAULT_MS,                                          \
		.stop_timeout_ms = CHILD_STOP_TIMEOUT_DEFAULT_MS,                                            \
	})

/*
 * Reads one map from @r. Every time is at most CHILD_SPEC_TIMEOUT_MAX_MS. The strings of @ret are copies,
 * which child_spec_deinit() frees. Returns 0; -EINVAL, with one line for people in @text; -ENOMEM.
 */
int child_spec_parse(struct mp_reader *r, struct child_spec *ret, char text[CHILD_SPEC_TEXT_BYTES]);
/* Only for a spec that child_spec_parse() made. */
void child_spec_deinit(struct child_spec *spec);

/*
 * Writes the map; child_spec_parse() would read the same spec from it. Each string of env must be NAME=VALUE.
 */
void child_spec_put(struct buf *b, const struct child_spec *spec);

/* What a change of a key of a spec asks for. */
enum child_key {
	CHILD_KEY_UNKNOWN, /* the key cannot be changed, or there is none of this name */
	CHILD_KEY_POLICY,  /* it counts from now on */
	CHILD_KEY_LIFE,    /* it counts from the next start on */
};

enum child_key child_spec_key(const char *key, size_t length);

/* Writes a map of these keys of @spec, whatever their values are: a change, for child_spec_change(). */
void child_spec_put_keys(struct buf *b, const struct child_spec *spec, const char *const *keys, size_t n);

/*
 * child_spec_change() - makes a changed copy of a spec
 * @r:        a map of keys that may be changed; limits replace all limits of @spec
 * @ret:      the copy; child_spec_deinit() frees it
 * @ret_life: true: the copy differs in what counts from the next start on
 *
 * Return: 0; -EINVAL, with one line for people in @text; -ENOMEM.
 */
int child_spec_change(const struct child_spec *spec, struct mp_reader *r, struct child_spec *ret,
	bool *ret_life, char text[CHILD_SPEC_TEXT_BYTES]);

/* Adds the exit status @status, 0 to 255, or the signal @signo. Returns 0, or -EINVAL for another number. */
int child_exits_add_status(struct child_exits *exits, uint64_t status);
int child_exits_add_signal(struct child_exits *exits, int signo);
/* Adds one word: a number is an exit status, a name a signal. Returns 0, or -EINVAL. */
int child_exits_add_word(struct child_exits *exits, const char *word);
bool child_exits_has(const struct child_exits *exits, const struct actor_cause *cause);

/* Whether @variable has the form "NAME=VALUE". */
bool child_variable_is_valid(const char *variable);

/* Returns "permanent", "transient" or "temporary"; "?" for an invalid value. */
const char *child_restart_name(enum actor_restart restart);
/* Returns 0, or -EINVAL when there is no such word. */
int child_restart_parse(const char *s, size_t len, enum actor_restart *ret);
