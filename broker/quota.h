/* SPDX-License-Identifier: Apache-2.0 */
/* What a group makes the broker remember is charged to that group, and only that group can run out of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct member;

enum quota_kind {
	QUOTA_NAMES,       /* registered */
	QUOTA_WATCHES,     /* names it looked up and process groups it watches: it is told about them */
	QUOTA_PATTERNS,    /* watches of names by a pattern */
	QUOTA_CALLS,       /* routed and not answered */
	QUOTA_MONITORS,    /* routed and not fired */
	QUOTA_PAIRS,       /* introductions, pipes and groups it monitors */
	QUOTA_MEMBERSHIPS, /* of its actors in process groups */
	QUOTA_META,        /* bytes of the metadata of those */
	/*
	 * bytes: its frames that wait or are held in the broker, and what the broker notes of pauses and
	 * admits
	 */
	QUOTA_WAITING,
	QUOTA_N
};

struct quota_limits {
	size_t max[QUOTA_N];
	size_t unread_bytes;  /* frames written to a group that does not read: over it, the pipe is cut */
	size_t groups;        /* of the whole broker */
	size_t spawner_links; /* of clients with the supervisor; more of them are routed */
	size_t farewells;     /* pipes that stay open only for their goodbye to be read; the oldest goes */
};

struct quota {
	size_t used[QUOTA_N];
	bool told[QUOTA_N]; /* logged; again only after it went below half */
};

const char *quota_word(enum quota_kind kind);           /* as in the answer of `quota` */
void quota_limits_default(struct quota_limits *limits); /* fills in fields that are 0 */
/* False (and logged): over the limit. */
bool quota_take(struct member *member, enum quota_kind kind, size_t n);
void quota_give(struct member *member, enum quota_kind kind, size_t n);
