/*
 * Stacks for handlers that wait, and switching between them.
 *
 * The loop always runs on a pool stack. A handler is called on it directly; if it waits, it keeps the stack it is on and the loop goes on
 * on another. Actors that never wait cost no stack; waking one up abandons the stack the loop was on, which goes back to the pool.
 * (The idea is that of parking in scheduler activations and of Go's handing off a P; the cheap part is that the loop has no state on
 * its stack, so it can be entered afresh anywhere.)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/list.h"

#if defined(__SANITIZE_ADDRESS__)
#define STACK_SIZE_BYTES (512u << 10)
#define STACK_ASAN 1
#else
#define STACK_SIZE_BYTES (256u << 10) /* reserved; the kernel commits what is touched */
#endif
#if defined(__SANITIZE_THREAD__)
#define STACK_TSAN 1
#endif

#define STACK_GUARDED_MAX 16000u /* a guard page costs a second mapping, and a process may have 65,530 */
#define STACK_CACHED_MAX 64u     /* idle stacks kept */

/* Where a flow of control stands. The thread's own stack is one too (zeroed struct). */
struct context {
	void *sp;
	void *fake_stack; /* ASan */
	const void *bottom;
	size_t size_bytes;
	void *fiber;      /* TSan */
};

struct stack {
	struct list link;
	struct context context;
	void *mapping;
	size_t mapping_bytes;
	void *low; /* lowest usable byte */
	bool guarded;
};

struct stack_pool {
	struct list cached;
	size_t n_cached;
	size_t n_stacks;
};

void stack_pool_init(struct stack_pool *pool);
void stack_pool_deinit(struct stack_pool *pool); /* all stacks must have been put back */
/* A stack that will enter entry(arg) when first switched to; entry must never return. 0, -ENOMEM */
int stack_get(struct stack_pool *pool, void (*entry)(void *arg), void *arg, struct stack **ret);
void stack_put(struct stack_pool *pool, struct stack *stack); /* not the one we are on */
/* First thing in every entry function: @from is the context that was switched from (its bounds are learnt here under ASan). */
void context_entered(struct context *from);
/* Saves where we are in @from and goes on at @to. @leaving: @from will never be gone back to. */
void context_switch(struct context *from, struct context *to, bool leaving);
