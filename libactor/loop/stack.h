/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks for handlers that wait, and switching between them.
 *
 * The loop always runs on a pool stack. A handler is called on it directly; if it waits, it keeps the stack
 * it is on and the loop goes on on another. Actors that never wait cost no stack. When a parked actor is
 * woken, the stack that the loop was on is abandoned and goes back to the pool. (The idea is that of parking
 * in scheduler activations and of Go's handing off a P; the cheap part is that the loop has no state on its
 * stack, so it can be entered afresh anywhere.)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "libactor/util/list.h"

#if defined(__SANITIZE_ADDRESS__)
#define STACK_ASAN   1
#define STACK_FACTOR 2u /* redzones */
#else
#define STACK_FACTOR 1u
#endif
#if defined(__SANITIZE_THREAD__)
#define STACK_TSAN 1
#endif

/* more than a page: a frame with a large array may begin beyond one. Addresses only, no memory */
#define STACK_GUARD_BYTES (64u << 10)
#define STACK_GUARDED_MAX 16000u /* a guard page costs a second mapping, and a process may have 65,530 */
#define STACK_CACHED_MAX  64u    /* idle stacks kept */
#define STACK_LARGE_MAX   4u     /* idle ones kept of those larger than the pool's size */

/* Where a flow of control stands. The thread's own stack is one too (zeroed struct). */
struct context {
	void *sp;
	void *fake_stack; /* ASan */
	const void *bottom;
	size_t size_bytes;
	void *fiber; /* TSan */
};

struct stack {
	struct list link;
	struct context context;
	void *mapping;
	size_t mapping_bytes;
	void *low;         /* lowest usable byte */
	size_t size_bytes; /* from there */
	bool guarded;
};

struct stack_pool {
	/* of the stacks in `cached`; the kernel gives memory only for the pages that are touched */
	size_t size_bytes;
	struct list cached; /* of that size */
	size_t n_cached;
	struct list large; /* larger ones, cached */
	size_t n_large;
	size_t n_stacks;
};

/* a stack without a guard page was found written over: the process is being aborted for it */
extern bool stack_overrun;

/* The size of a stack on which a handler may use @wanted_bytes: whole pages, and more for a sanitizer. */
size_t stack_size_bytes(size_t wanted_bytes);
void stack_pool_init(struct stack_pool *pool, size_t size_bytes);
void stack_pool_deinit(struct stack_pool *pool); /* all stacks must have been put back */
/* A stack that will enter entry(arg) when first switched to; entry must never return. 0, -ENOMEM */
/* The stack has at least @size_bytes, and never less than the pool's size. */
int stack_get(
	struct stack_pool *pool, size_t size_bytes, void (*entry)(void *arg), void *arg, struct stack **ret);
/* Is @address one that only running over the end of @stack gets to? */
bool stack_is_overflow(const struct stack *stack, const void *address);
void stack_put(struct stack_pool *pool, struct stack *stack); /* not the one we are on */
/*
 * First thing in every entry function: @from is the context that was switched from (its bounds are learnt
 * here under ASan).
 */
void context_entered(struct context *from);
/* Saves where we are in @from and goes on at @to. @leaving: @from will never be gone back to. */
void context_switch(struct context *from, struct context *to, bool leaving);
