/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a tree of what one message causes, from copies of frames that come in any order and from any process.
 * It has no clock, and no I/O but printing.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/hash.h"
#include "tools/view/copy.h"

#define TRACE_SPANS_MAX 100000u /* further messages are counted as missed */

enum trace_outcome { TRACE_OPEN, TRACE_REPLY, TRACE_ERROR };

/* One message: a cast, or a call and its answer. Times are in µs of CLOCK_MONOTONIC. */
struct trace_span {
	struct hash_node node;
	uint64_t span, parent;
	bool is_call;
	actor_ref from;
	actor_ref *to; /* more than one for a cast to all members of a process group */
	size_t n_to;
	char *to_name; /* the name that the sender used; NULL: it used a ref */
	char *method;
	json_t *body;
	int64_t at_us; /* the earliest known time of the message */
	bool by_broker, got;
	enum trace_outcome outcome;
	int64_t answered_us; /* the latest known time of the answer */
	char *error;
	json_t *answer; /* the result, or the error's text */
	/* set by trace_arrange() */
	struct trace_span *up, *first, *last, *next;
	size_t depth;
	bool reached;
};

/* A process of an actor in the trace. */
struct trace_group {
	struct hash_node node;
	uint64_t id;
	bool ended;
	char cause[128];
};

struct trace {
	uint64_t id;
	struct hash by_span, groups;
	struct trace_span **spans; /* in the order of the tree after trace_arrange() */
	size_t n_spans;
	uint64_t n_missed; /* frames of which no copy came */
};

void trace_init(struct trace *trace, uint64_t id);
void trace_deinit(struct trace *trace);
/* Adds a copy. A copy of another trace, or of a frame that is no message, changes nothing. 0, -ENOMEM */
int trace_add(struct trace *trace, const struct copy *copy);
/*
 * Notes the process of @who. True: it is seen for the first time. False: it was seen before, or memory ran
 * out.
 */
bool trace_meet(struct trace *trace, actor_ref who);
void trace_ended(struct trace *trace, uint64_t id, const struct actor_cause *cause);

/* The sender's own result: the first calls of @from, which have no answer yet, ended with this error. */
void trace_failed(struct trace *trace, actor_ref from, const char *error, const char *text);

/*
 * Puts spans into an order: a cause comes before its effects, otherwise the order is by time. Spans whose
 * cause was not seen come last.
 */
void trace_arrange(struct trace *trace);
/*
 * The process to which @span was sent, if its end is the reason why there is no answer, or why the message
 * was not taken. NULL: there is no such reason.
 */
const struct trace_group *trace_lost_in(const struct trace *trace, const struct trace_span *span);
/* @names: an object from texts of refs to names. A ref with serial 0 stands for the process. */
void trace_print(const struct trace *trace, const json_t *names, bool colors);
/* The spans as an array. @wall_offset_us: child_clock_offset_us(). */
json_t *trace_json(const struct trace *trace, const json_t *names, int64_t wall_offset_us);
