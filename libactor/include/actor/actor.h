/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor — message passing between crash-isolated actors
 *
 * An actor is state, a mailbox and a behavior; an actor handles one message at a time. Actors live in a
 * *group*. A group is one operating-system process, so a crash ends one group and no other. The groups of one
 * node find each other through the node's broker and then talk directly.
 *
 * This file has the rules that hold for the whole API. The parts that this file includes at its end declare
 * the functions. A program includes this file, and besides it those of overload.h, pool.h, port.h,
 * supervisor.h, test.h and trace.h that it needs.
 *
 * Threads.  Only the thread that runs the group (actor_group_run) may call a function of this API, unless
 *           the function's comment says otherwise. Handlers run in that thread one at a time, so an actor
 *           needs no locks. A handler may wait (actor_call): only its own actor is parked, others go on.
 * Errors.   0 or a positive number is success, a negative errno is failure:
 *           -EINVAL      misuse
 *           -ENOMEM      out of memory
 *           -ESRCH       no such actor or name (noproc)
 *           -ECONNRESET  the target ended before it answered
 *           -ENOTCONN    no node is running, the node went away, or the node no longer knows this process
 *           -ETIMEDOUT   the time is over; the target may be alive or not
 *           -EREMOTEIO   the target answered with a named error (actor_msg_error)
 *           -EDEADLK     an actor called itself, or the calls form a circle
 *           -ECANCELED   the calling actor was killed
 *           -EBUSY       the target's mailbox stayed full
 *           -EAGAIN      the function would have to wait, but was called outside a handler
 *           -ENOBUFS     the daemon has no place for this group; the daemon's log says why
 *           -EEXIST      the name is taken
 *           -EMSGSIZE    too large
 *           -EPROTO      bad bytes
 *           -ERANGE      a number does not fit
 *           -EALREADY    the call was answered before
 *           -EPERM       not permitted
 *           -ESHUTDOWN   the target drains: it works off its queue, and takes nothing new (actor_drain)
 *           -EPIPE       nobody takes the items of a stream any more
 *           -EDQUOT      the broker keeps no more for this group (a limit of names, memberships, watches)
 * Memory.   The library borrows strings and arrays that are passed in, for the time of the call. The caller
 *           frees a message that a function returned through ret_msg, with actor_msg_free.
 * Names.    Names of actors, methods and errors are 1 to 255 bytes of UTF-8 without control characters. Any
 *           other name is -EINVAL.
 * Bytes.    Bodies are msgpack: the arguments of a message are an array, a result is one value
 *           (docs/protocol.md).
 * Limits.   A body has at most ACTOR_BODY_MAX_BYTES and is nested at most 64 deep (the array of arguments
 *           counts). For a mailbox see struct actor_behavior. A larger body is refused where it is made:
 *           the sender gets -EMSGSIZE; if the body is an answer, the caller gets the error `too_big`. While a
 *           group has over 4 MiB of answers unread, its further requests wait, unhandled. When 32 MiB of such
 *           requests wait, its link is ended, with a line in the log. Beyond 64 MiB of unread answers its
 *           calls are answered with the error `overloaded`. Where the broker routes for many groups, only
 *           those that have more than their share of that are refused. A group with a single link is not
 *           slowed by the broker: its calls are handled at once, however much it has unread, and beyond
 *           64 MiB they end with `overloaded`. A slow reader should ask for less at a time, or join directly.
 * Stacks.   Handlers run on stacks of 256 KiB, not on the thread's 8 MiB. The 256 KiB are reserved; only the
 *           touched pages cost memory. A behavior or a group may ask for more by stack_size_bytes. A handler
 *           that runs over the end of its stack causes SIGSEGV. Under actor_main(), stderr then says "stack
 *           overflow" with the actor, its method and the functions (of any program that was not stripped).
 *           Stacks beyond the first 16,000 have no guard; if a handler ran over the end of such a stack,
 *           abort() follows later.
 * Structs.  A behavior, the options of a group, the spec of a process and its description may get new fields
 *           at their ends. Functions that take such a struct are inline here and pass on the struct's size as
 *           this header has it (…_sized). So a program that was built before a field came still works. A
 *           library that is older than the header refuses with -E2BIG a field that it does not know, unless
 *           the field is zero. Other languages call the _sized functions.
 */
#ifndef ACTOR_ACTOR_H
#define ACTOR_ACTOR_H

#define ACTOR_VERSION "0.1.0"

#include <actor/types.h>    /* refs, handles */
#include <actor/cause.h>    /* why something ended */
#include <actor/dest.h>     /* where something is sent */
#include <actor/message.h>  /* bodies and their formats */
#include <actor/behavior.h> /* methods, callbacks; spawn, stop, kill */
#include <actor/life.h>     /* other ways to spawn; drain, wait, children */
#include <actor/send.h>     /* cast, call, request, reply, flush */
#include <actor/name.h>     /* register, whereis, watch */
#include <actor/pg.h>       /* process groups */
#include <actor/monitor.h>  /* monitors, links, exits */
#include <actor/timer.h>    /* timers, sleep */
#include <actor/stash.h>    /* messages for later, another behavior */
#include <actor/process.h>  /* programs that the node runs */
#include <actor/group.h>    /* this process and its loop; actor_main() */
#include <actor/outside.h>  /* descriptors, inlets, offload */
#include <actor/guest.h>    /* spawning in another group */
#include <actor/client.h>   /* blocking, without actors */
#include <actor/stream.h>   /* many answers to one call; calls that were given up */

#endif
