/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks for handlers that wait, and switching between them.
 *
 * The loop always runs on a stack of the pool and calls handlers directly on it. A handler that waits keeps
 * this stack, and the loop goes on on another one. So actors that never wait cost no stack. When a parked
 * actor is woken, the loop abandons the stack that it is on, and that stack goes back to the pool. (The idea
 * is that of parking in scheduler activations, and of Go's handing off a P. Parking is cheap here because the
 * loop has no state on its stack, so it can be entered afresh anywhere.)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/util/list.h"

#if defined(__SANITIZE_ADDRESS__)
#define STACK_ASAN   1
#define STACK_FACTOR 2u /* room for redzones */
#else
#define STACK_FACTOR 1u
#endif
#if defined(__SANITIZE_THREAD__)
#define STACK_TSAN 1
#endif

/*
 * More than a page, because a frame with a large array may begin beyond one page. The guard takes addresses
 * only, no memory.
 */
#define STACK_GUARD_BYTES (64u << 10)
#define STACK_GUARDED_MAX 16000u /* a guard needs a second mapping, and a process may have 65,530 mappings */
#define STACK_CACHED_MAX  64u    /* idle stacks that are kept */
#define STACK_LARGE_MAX   4u     /* idle stacks that are kept of those larger than the pool's size */

/* A place where a flow of control can go on. The thread's own stack has one, too (a zeroed struct). */
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
	void *low;         /* the lowest usable byte */
	size_t size_bytes; /* counted from `low` */
	bool guarded;
};

struct stack_pool {
	/* The size of the stacks in `cached`. The kernel gives memory only for the pages that are touched. */
	size_t size_bytes;
	struct list cached; /* of that size */
	size_t n_cached;
	struct list large; /* idle stacks that are larger */
	size_t n_large;
	size_t n_stacks;
};

/* A stack without a guard page was found overwritten, and the process is being aborted. */
extern bool stack_overrun;

/*
 * The size of a stack on which a handler may use @wanted_bytes: whole pages, and more under AddressSanitizer.
 */
size_t stack_size_bytes(size_t wanted_bytes);
void stack_pool_init(struct stack_pool *pool, size_t size_bytes);
void stack_pool_deinit(struct stack_pool *pool); /* all stacks must have been put back */
#define STACK_MAX_BYTES (UINT32_C(1) << 31)
/*
 * Gets a stack of at least @size_bytes, and never less than the pool's size. The stack calls entry(arg) when
 * it is first switched to; entry must never return. Returns 0, or -ENOMEM: also above STACK_MAX_BYTES.
 */
int stack_get(
	struct stack_pool *pool, size_t size_bytes, void (*entry)(void *arg), void *arg, struct stack **ret);
/* Whether an access to @address means that code ran over the end of @stack. */
bool stack_is_overflow(const struct stack *stack, const void *address);
void stack_put(struct stack_pool *pool, struct stack *stack); /* @stack is not the one in use */
/*
 * Every entry function calls this first. @from is the context that was switched from; under ASan its bounds
 * are learnt here.
 */
void context_entered(struct context *from);
/* Saves the present place in @from and goes on at @to. @leaving: nothing will ever switch back to @from. */
void context_switch(struct context *from, struct context *to, bool leaving);
