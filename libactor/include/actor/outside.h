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
 * Watch a file descriptor: @method is cast to the actor with [fd, events] each time poll says so
 * (level-triggered, one at a time). events: POLLIN, POLLOUT. 0, -EINVAL, -EEXIST or another error of
 * epoll_ctl(2). unwatch: 0, -ENOENT.
 */
ACTOR_EXPORT int actor_watch_fd(actor *self, int fd, int events, const char *method);
ACTOR_EXPORT int actor_unwatch_fd(actor *self, int fd);

/*
 * An inlet is an actor's way in for other threads and for signal handlers of its process. What is posted
 * there is cast to the actor, in the order posted; its sender is the group (serial 0). An inlet may be used
 * for as long as one holds a reference, also when the actor, or the whole group, has ended: posting is -ESRCH
 * then. While the last reference is held, a descriptor stays open (one for all inlets of a group).
 */
typedef struct actor_inlet actor_inlet;

#define ACTOR_POST_BYTES_MAX 64

/*
 * @method: of what actor_post_bytes() posts. *ret: a reference, given up with actor_inlet_free(). 0; -EINVAL;
 * -ENOMEM (also: no descriptor).
 */
ACTOR_EXPORT int actor_inlet_new(actor *self, const char *method, actor_inlet **ret);
/* Another reference, for another thread. Any thread. Returns @inlet. */
ACTOR_EXPORT actor_inlet *actor_inlet_keep(actor_inlet *inlet);
/* Any thread, but no signal handler. NULL is fine; returns NULL. */
ACTOR_EXPORT actor_inlet *actor_inlet_free(actor_inlet *inlet);
/*
 * actor_post() - cast to the actor of an inlet from any thread
 * 0: it is cast, unless the actor ends before. It waits for nobody: -EBUSY when the mailbox is full and 4,096
 * posts, or 1 MiB, of this inlet wait before it; try again later. -ESRCH the actor has ended, -EINVAL,
 * -EMSGSIZE, -ENOMEM. Not in a signal handler: it allocates.
 */
ACTOR_EXPORT int actor_post(actor_inlet *inlet, const char *method, const char *format, ...);
ACTOR_EXPORT int actor_vpost(actor_inlet *inlet, const char *method, const char *format, va_list args);
/*
 * actor_post_bytes() - the same, async-signal-safe
 * Casts the inlet's method with one argument, the bytes (unpacked with "y#"): at most ACTOR_POST_BYTES_MAX.
 * Takes no lock and allocates nothing: an inlet has room for 64 of them that wait. 0, -ESRCH, -EMSGSIZE,
 * -EBUSY all 64 wait. Leaves errno as it was.
 */
ACTOR_EXPORT int actor_post_bytes(actor_inlet *inlet, const void *data, size_t size_bytes);

/*
 * actor_offload() - run a function that blocks on a helper thread; only this actor waits (parks)
 * @work is given a copy of @data (@data_bytes, aligned for anything) and may do what any thread may, but call
 * nothing of this library except what is for any thread. 0: it has returned, and @data is what it made of it.
 * @timeout_ms: or ACTOR_FOREVER, ACTOR_TIMEOUT_DEFAULT: how long to wait. A function cannot be ended from
 * outside: when the time is over (-ETIMEDOUT), or the actor is killed (-ECANCELED), it goes on and what it
 * returns with is dropped. Also -ENOMEM, -EAGAIN (no thread could be started).
 * @drop: may be NULL. In all these cases it gets the data, once: what the function made of the copy, or what
 * it was if the function never ran. So it frees what the data points to. It may run in any thread. -EINVAL
 * (also: outside a handler of @self): nothing was done.
 * Threads are started when needed, at most offload_threads_max of struct actor_group_options, and end when
 * they are idle for a second; more functions than threads wait in order. Signals are blocked in them. The
 * end of the group (actor_group_free) waits for functions that run, up to 8 s after its beginning; then they
 * are left to themselves, with a line in the log. Source: Erlang's dirty schedulers, tokio's spawn_blocking.
 */
ACTOR_EXPORT int actor_offload(actor *self, void (*work)(void *data), void *data, size_t data_bytes,
	void (*drop)(void *data), int64_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
