/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one message causes: copies of frames go in, in any order and from whatever processes, a tree comes
 * out. No I/O but printing, no clock.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/hash.h"
#include "tools/view/copy.h"

#define TRACE_SPANS_MAX 100000u /* what is more is counted as missed */

enum trace_outcome { TRACE_OPEN, TRACE_REPLY, TRACE_ERROR };

/* One message: a cast, or a call and its answer. Times are in µs of CLOCK_MONOTONIC. */
struct trace_span {
	struct hash_node node;
	uint64_t span, parent;
	bool is_call;
	actor_ref from;
	actor_ref *to; /* more than one: a cast to all members of a process group */
	size_t n_to;
	char *to_name; /* what the sender called it; NULL: it had a ref */
	char *method;
	json_t *body;
	int64_t at_us; /* the earliest time that is known of it */
	bool by_broker, got;
	enum trace_outcome outcome;
	int64_t answered_us; /* the latest that is known of the answer */
	char *error;
	json_t *answer; /* the result, or the error's text */
	/* set by trace_arrange() */
	struct trace_span *up, *first, *last, *next;
	size_t depth;
	bool reached;
};

/* A process that somebody of the trace is in. */
struct trace_group {
	struct hash_node node;
	uint64_t id;
	bool ended;
	char cause[128];
};

struct trace {
	uint64_t id;
	struct hash by_span, groups;
	struct trace_span **spans; /* after trace_arrange() in the order of the tree */
	size_t n_spans;
	uint64_t n_missed; /* copies that did not come */
};

void trace_init(struct trace *trace, uint64_t id);
void trace_deinit(struct trace *trace);
/* What is of another trace, or no message, changes nothing. 0, -ENOMEM */
int trace_add(struct trace *trace, const struct copy *copy);
/* True: it is seen for the first time. False also without memory. */
bool trace_meet(struct trace *trace, actor_ref who);
void trace_ended(struct trace *trace, uint64_t group, const struct actor_cause *cause);

/* The sender's own word: the calls of @from that caused all else have no answer but this. */
void trace_failed(struct trace *trace, actor_ref from, const char *error, const char *text);

/* Causes before what they cause, else by time; what has a cause that was not seen comes last. */
void trace_arrange(struct trace *trace);
/* The process for which it was sent ended, and that is why it has no answer, or was not taken. NULL: no. */
const struct trace_group *trace_lost_in(const struct trace *trace, const struct trace_span *span);
/* @names: an object of texts of refs, in which that of serial 0 is the process. */
void trace_print(const struct trace *trace, const json_t *names, bool colors);
/* An array. @wall_offset_us: child_clock_offset_us(). */
json_t *trace_json(const struct trace *trace, const json_t *names, int64_t wall_offset_us);
