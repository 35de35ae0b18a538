/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/outside.h — descriptors, other threads, signal handlers, functions that block (a part of
 * actor/actor.h)
 */
#ifndef ACTOR_OUTSIDE_H
#define ACTOR_OUTSIDE_H

#include <actor/types.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Watches a file descriptor: each time poll reports an event, @method is cast to the actor with [fd, events]
 * (level-triggered, one cast at a time). @events: POLLIN, POLLOUT. Returns 0; -EINVAL; -EEXIST or another
 * error of epoll_ctl(2). actor_unwatch_fd() returns 0 or -ENOENT.
 */
ACTOR_EXPORT int actor_watch_fd(actor *self, int fd, int events, const char *method);
ACTOR_EXPORT int actor_unwatch_fd(actor *self, int fd);

/*
 * An inlet lets other threads and signal handlers of the process send to an actor. What they post is cast to
 * the actor, in the order of the posts; the sender of such a cast is the group (serial 0). A holder of a
 * reference may use the inlet even when the actor, or the whole group, has ended: posting is then -ESRCH.
 * Until the last reference is given up, a descriptor stays open (one for all inlets of a group).
 */
typedef struct actor_inlet actor_inlet;

#define ACTOR_POST_BYTES_MAX 64

/*
 * @method: the method of the casts of actor_post_bytes(). *ret: a reference, given up with
 * actor_inlet_free(). Returns 0; -EINVAL; -ENOMEM (also when no descriptor is free).
 */
ACTOR_EXPORT int actor_inlet_new(actor *self, const char *method, actor_inlet **ret);
/* Makes another reference, for another thread. May be called in any thread. Returns @inlet. */
ACTOR_EXPORT actor_inlet *actor_inlet_keep(actor_inlet *inlet);
/* May be called in any thread, but not in a signal handler. NULL is allowed. Returns NULL. */
ACTOR_EXPORT actor_inlet *actor_inlet_free(actor_inlet *inlet);
/*
 * actor_post() - cast to the actor of an inlet from any thread
 *
 * Never waits. Returns 0: the message will be cast, unless the actor ends before. -EBUSY: the mailbox is full
 * and 4,096 posts, or 1 MiB, of this inlet wait; try again later. -ESRCH: the actor has ended. -EINVAL;
 * -EMSGSIZE; -ENOMEM. Not for signal handlers, because the function allocates memory.
 */
ACTOR_EXPORT int actor_post(actor_inlet *inlet, const char *method, const char *format, ...);
ACTOR_EXPORT int actor_vpost(actor_inlet *inlet, const char *method, const char *format, va_list args);
/*
 * actor_post_bytes() - cast bytes to the actor of an inlet; async-signal-safe
 *
 * Casts the inlet's method with one argument, the bytes (unpacked with "y#"): at most ACTOR_POST_BYTES_MAX.
 * The function takes no lock and allocates nothing: an inlet has room for 64 such posts that wait. Returns 0;
 * -ESRCH; -EMSGSIZE; -EBUSY when all 64 wait. Leaves errno unchanged.
 */
ACTOR_EXPORT int actor_post_bytes(actor_inlet *inlet, const void *data, size_t size_bytes);

/*
 * actor_offload() - run a function that blocks on a helper thread; only this actor waits (it is parked)
 *
 * @work gets a copy of @data (@data_bytes, aligned for anything). It may do what any thread may do, but of
 * this library it may call only the functions that are for any thread. @timeout_ms: how long to wait; or
 * ACTOR_FOREVER, ACTOR_TIMEOUT_DEFAULT. Nothing can end the function from outside: after the time-out
 * (-ETIMEDOUT), or when the actor is killed (-ECANCELED), the function goes on, and its result is dropped.
 * @drop: frees what the data points to; may be NULL. Gets the data once when the result is dropped or the
 * function never runs (-ENOMEM, -EAGAIN): the copy as the function left it, or the data as given if the
 * function never ran. @drop may run in any thread.
 *
 * Returns 0: @work has returned, and @data is the copy as @work left it. -ETIMEDOUT, -ECANCELED: see above.
 * -ENOMEM; -EAGAIN when no thread could be started. -EINVAL (also outside a handler of @self): nothing was
 * done, and @drop is not called.
 *
 * Threads start when they are needed, at most offload_threads_max of struct actor_group_options, and end
 * after a second without work. Functions beyond that number wait in order. Signals are blocked in the
 * threads. actor_group_free() waits for functions that run, up to 8 s after its beginning; then it leaves
 * them running, with a line in the log. Source: Erlang's dirty schedulers, tokio's spawn_blocking.
 */
ACTOR_EXPORT int actor_offload(actor *self, void (*work)(void *data), void *data, size_t data_bytes,
	void (*drop)(void *data), int64_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
