/* SPDX-License-Identifier: Apache-2.0 */
/* actor/types.h — what all parts need: refs, handles, error texts for people (a part of actor/actor.h) */
#ifndef ACTOR_TYPES_H
#define ACTOR_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ACTOR_EXPORT __attribute__((visibility("default")))
#else
#define ACTOR_EXPORT
#endif

#define ACTOR_FOREVER             INT64_C(-1)
#define ACTOR_TIMEOUT_DEFAULT     INT64_C(-2) /* 5,000 ms */
#define ACTOR_STACK_DEFAULT_BYTES (256u << 10)
#define ACTOR_STACK_MIN_BYTES     (64u << 10)
#define ACTOR_STACK_MAX_BYTES     (1u << 30)
#define ACTOR_BODY_MAX_BYTES      ((16u << 20) - 4096u) /* arguments or result of one message */

typedef struct actor_group actor_group; /* this process: its actors, its loop, its links */
typedef struct actor actor;             /* an actor, seen from its own handlers */
typedef struct actor_msg actor_msg;     /* a received message, a reply, or a body being written */
typedef struct actor_from actor_from;   /* the address of a caller, for its answer */

/*
 * An actor's address. A ref is plain data: a program may copy, compare, store, print and send it. A ref is
 * never reused for another actor. All zero means nobody. serial 0 means the group itself.
 */
typedef struct actor_ref {
	uint64_t node;
	uint64_t group;
	uint64_t serial;
} actor_ref;

#define ACTOR_NOBODY       ((actor_ref){0, 0, 0})
#define ACTOR_REF_TEXT_MAX 56 /* room for "<node.group.serial>" and its NUL */

static inline bool actor_ref_equal(actor_ref a, actor_ref b)
{
	return a.serial == b.serial && a.group == b.group && a.node == b.node;
}
static inline bool actor_ref_is_nobody(actor_ref a)
{
	return !a.serial && !a.group && !a.node;
}
/* Writes "<node.group.serial>" (lower-case hexadecimal) and returns @text. */
ACTOR_EXPORT char *actor_ref_format(actor_ref ref, char text[ACTOR_REF_TEXT_MAX]);
/* Returns 0, or -EINVAL when @text is not exactly what actor_ref_format() writes. */
ACTOR_EXPORT int actor_ref_parse(const char *text, actor_ref *ret);

/*
 * The meaning of a result of this library, for people: a static sentence without a full stop. @r: a result as
 * returned; -EBUSY and EBUSY give the same text.
 */
ACTOR_EXPORT const char *actor_strerror(int r);

#ifdef __cplusplus
}
#endif

#endif
