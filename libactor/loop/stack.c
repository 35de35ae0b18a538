/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/loop/stack.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef STACK_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#ifdef STACK_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define STACK_VALGRIND 1
#endif

#define CANARY UINT64_C(0x5afe57ac6ca9a21e)

/*
 * void context_jump(void **save_sp, void *sp): pushes the callee-saved registers and the floating-point
 * control words onto the stack and stores the stack pointer in *save_sp. Then it does the same backwards from
 * @sp. A fresh stack is laid out as if it had jumped away just before context_enter. context_enter moves
 * entry and arg from callee-saved registers to where the ABI wants them.
 */
void context_jump(void **save_sp, void *sp);
void context_enter(void);

#if defined(__x86_64__)
__asm__(".text\n"
	".globl context_jump\n.hidden context_jump\n.type context_jump,@function\n"
	"context_jump:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	pushq %rbp\n	pushq %rbx\n	pushq %r12\n	pushq %r13\n	pushq %r14\n	pushq %r15\n"
	"	subq $8, %rsp\n"
	"	stmxcsr (%rsp)\n	fnstcw 4(%rsp)\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	ldmxcsr (%rsp)\n	fldcw 4(%rsp)\n"
	"	addq $8, %rsp\n"
	"	popq %r15\n	popq %r14\n	popq %r13\n	popq %r12\n	popq %rbx\n	popq %rbp\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size context_jump,.-context_jump\n"
	".globl context_enter\n.hidden context_enter\n.type context_enter,@function\n"
	"context_enter:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n" /* the bottom of the stack, for unwinders */
	"	movq %r12, %rdi\n"
	"	xorl %ebp, %ebp\n"
	"	callq *%r13\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	".size context_enter,.-context_enter\n");

static void *context_layout(void *top, void (*entry)(void *), void *arg)
{
	uint64_t *sp = (uint64_t *)((uintptr_t)top & ~(uintptr_t)15);
	uint32_t mxcsr = 0x1f80;
	uint16_t fpucw = 0x37f;

	*--sp = 0; /* keeps the stack 16-byte aligned at the call in context_enter */
	*--sp = 0;
	*--sp = (uint64_t)(uintptr_t)context_enter;
	*--sp = 0;                          /* rbp */
	*--sp = 0;                          /* rbx */
	*--sp = (uint64_t)(uintptr_t)arg;   /* r12 */
	*--sp = (uint64_t)(uintptr_t)entry; /* r13 */
	*--sp = 0;                          /* r14 */
	*--sp = 0;                          /* r15 */
	*--sp = (uint64_t)fpucw << 32 | mxcsr;
	return sp;
}
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl context_jump\n.hidden context_jump\n.type context_jump,%function\n"
	"context_jump:\n"
	"	.cfi_startproc\n"
	"	sub sp, sp, #176\n"
	"	stp x19, x20, [sp, #0]\n	stp x21, x22, [sp, #16]\n	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n	stp x27, x28, [sp, #64]\n	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n	stp d10, d11, [sp, #112]\n	stp d12, d13, [sp, #128]\n	stp d14, d15, [sp, #144]\n"
	"	mrs x9, fpcr\n	str x9, [sp, #160]\n"
	"	mov x9, sp\n	str x9, [x0]\n"
	"	mov sp, x1\n"
	"	ldr x9, [sp, #160]\n	msr fpcr, x9\n"
	"	ldp x19, x20, [sp, #0]\n	ldp x21, x22, [sp, #16]\n	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n	ldp x27, x28, [sp, #64]\n	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n	ldp d10, d11, [sp, #112]\n	ldp d12, d13, [sp, #128]\n	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #176\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size context_jump,.-context_jump\n"
	".globl context_enter\n.hidden context_enter\n.type context_enter,%function\n"
	"context_enter:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined x30\n"
	"	mov x0, x19\n	mov x29, #0\n	blr x20\n	brk #0\n"
	"	.cfi_endproc\n"
	".size context_enter,.-context_enter\n");

static void *context_layout(void *top, void (*entry)(void *), void *arg)
{
	uint64_t *sp = (uint64_t *)((uintptr_t)top & ~(uintptr_t)15) - 22;

	memset(sp, 0, 22 * sizeof(*sp));
	sp[0] = (uint64_t)(uintptr_t)arg;
	sp[1] = (uint64_t)(uintptr_t)entry;
	sp[11] = (uint64_t)(uintptr_t)context_enter; /* x30 */
	return sp;
}
#else
#error "stack.c knows x86_64 and aarch64"
#endif

bool stack_overrun;

size_t stack_size_bytes(size_t wanted_bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (wanted_bytes + page - 1) / page * page * STACK_FACTOR;
}

void stack_pool_init(struct stack_pool *pool, size_t size_bytes)
{
	*pool = (struct stack_pool){.size_bytes = size_bytes};
	list_init(&pool->cached);
	list_init(&pool->large);
}

static void stack_free(struct stack_pool *pool, struct stack *stack)
{
#ifdef STACK_ASAN
	__asan_unpoison_memory_region(
		stack->low, (size_t)((char *)stack->mapping + stack->mapping_bytes - (char *)stack->low));
	__lsan_unregister_root_region(
		stack->low, (size_t)((char *)stack->mapping + stack->mapping_bytes - (char *)stack->low));
#endif
#ifdef STACK_TSAN
	if (stack->context.fiber)
		__tsan_destroy_fiber(stack->context.fiber);
#endif
	munmap(stack->mapping, stack->mapping_bytes);
	free(stack);
	pool->n_stacks--;
}

void stack_pool_deinit(struct stack_pool *pool)
{
	struct list *node;

	while ((node = list_pop(&pool->cached)) || (node = list_pop(&pool->large)))
		stack_free(pool, container_of(node, struct stack, link));
	assert(pool->n_stacks == 0);
}

static int stack_new(struct stack_pool *pool, size_t size_bytes, struct stack **ret)
{
	struct stack *stack = calloc(1, sizeof(*stack));

	if (!stack)
		return -ENOMEM;
	stack->guarded = pool->n_stacks < STACK_GUARDED_MAX;
	stack->size_bytes = size_bytes;
	stack->mapping_bytes = size_bytes + (stack->guarded ? STACK_GUARD_BYTES : 0);
	stack->mapping = mmap(NULL, stack->mapping_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (stack->mapping == MAP_FAILED) {
		free(stack);
		return -ENOMEM;
	}
	stack->low = stack->mapping;
	if (stack->guarded) {
		if (mprotect(stack->mapping, STACK_GUARD_BYTES, PROT_NONE) < 0) {
			munmap(stack->mapping, stack->mapping_bytes);
			free(stack);
			return -ENOMEM;
		}
		stack->low = (char *)stack->mapping + STACK_GUARD_BYTES;
	} else {
		/*
		 * Without guard pages the kernel merges neighbouring stacks into one mapping. The canary lets
		 * stack_put() find an overflow.
		 */
		*(uint64_t *)stack->low = CANARY;
	}
	pool->n_stacks++;
#ifdef STACK_ASAN
	__lsan_register_root_region(stack->low, stack->size_bytes);
#endif
#ifdef STACK_VALGRIND
	VALGRIND_STACK_REGISTER(stack->low, (char *)stack->mapping + stack->mapping_bytes);
#endif
	*ret = stack;
	return 0;
}

/* An idle stack that is larger than the pool's size and large enough, or NULL. */
static struct stack *stack_get_large(struct stack_pool *pool, size_t size_bytes)
{
	list_for_each(it, &pool->large) {
		struct stack *stack = container_of(it, struct stack, link);

		if (stack->size_bytes >= size_bytes) {
			list_remove(&stack->link);
			pool->n_large--;
			return stack;
		}
	}
	return NULL;
}

int stack_get(
	struct stack_pool *pool, size_t size_bytes, void (*entry)(void *arg), void *arg, struct stack **ret)
{
	bool large = size_bytes > pool->size_bytes;
	struct stack *stack;
	int r;

	if (size_bytes > STACK_MAX_BYTES)
		return -ENOMEM;
	if (large) {
		stack = stack_get_large(pool, size_bytes);
		r = stack ? 0 : stack_new(pool, size_bytes, &stack);
		if (r < 0)
			return r;
	} else if (!list_is_empty(&pool->cached)) {
		/* the stack that was put back last is still in the caches */
		stack = container_of(pool->cached.prev, struct stack, link);
		list_remove(&stack->link);
		pool->n_cached--;
	} else {
		r = stack_new(pool, pool->size_bytes, &stack);
		if (r < 0)
			return r;
	}
#ifdef STACK_ASAN
	/* Abandoned frames on this stack have left their redzones. */
	__asan_unpoison_memory_region(stack->low, stack->size_bytes);
#endif
	stack->context.bottom = stack->low;
	stack->context.size_bytes = stack->size_bytes;
	stack->context.fake_stack = NULL;
#ifdef STACK_TSAN
	if (stack->context.fiber)
		__tsan_destroy_fiber(stack->context.fiber);
	stack->context.fiber = __tsan_create_fiber(0);
#endif
	stack->context.sp = context_layout((char *)stack->mapping + stack->mapping_bytes, entry, arg);
	*ret = stack;
	return 0;
}

void stack_put(struct stack_pool *pool, struct stack *stack)
{
	if (!stack->guarded && *(uint64_t *)stack->low != CANARY) {
		stack_overrun =
			true; /* a handler has overwritten memory below this stack that belongs to others */
		abort();
	}
	if (stack->size_bytes > pool->size_bytes) {
		if (pool->n_large >= STACK_LARGE_MAX) {
			stack_free(pool, stack);
			return;
		}
		list_append(&pool->large, &stack->link);
		pool->n_large++;
		return;
	}
	if (pool->n_cached >= STACK_CACHED_MAX) {
		stack_free(pool, stack);
		return;
	}
	list_append(&pool->cached, &stack->link);
	pool->n_cached++;
}

bool stack_is_overflow(const struct stack *stack, const void *address)
{
	return stack->guarded && (const char *)address >= (const char *)stack->mapping &&
	       (const char *)address < (const char *)stack->low;
}

void context_entered(struct context *from)
{
#ifdef STACK_ASAN
	const void *bottom;
	size_t size_bytes;

	__sanitizer_finish_switch_fiber(NULL, &bottom, &size_bytes);
	if (!from->bottom) {
		from->bottom = bottom;
		from->size_bytes = size_bytes;
	}
#else
	(void)from;
#endif
}

void context_switch(struct context *from, struct context *to, bool leaving)
{
	int saved_errno = errno;

#ifdef STACK_ASAN
	__sanitizer_start_switch_fiber(leaving ? NULL : &from->fake_stack, to->bottom, to->size_bytes);
#endif
#ifdef STACK_TSAN
	if (!from->fiber)
		from->fiber = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	(void)leaving;
	context_jump(&from->sp, to->sp);
#ifdef STACK_ASAN
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
	errno = saved_errno;
}
